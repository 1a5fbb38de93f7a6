"""What goes into an archive comes out, in order, with its masks, its metadata and its proofs."""

import threading

import numpy as np
import pytest
import tifffile

from flowroi import open_archive
from flowroi.archives import create_archive, format_of
from flowroi.errors import (
    CorruptDataError,
    InvalidParameterError,
    MissingInputError,
    OutputExistsError,
    UnsupportedFormatError,
    VerificationError,
)
from flowroi.exports import export
from tests.archives.conftest import NAMES, file_of_frame


@pytest.mark.parametrize("shape", [(12, 33, 47), (1, 1, 1), (2, 1, 70), (3, 65, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frames_come_back_in_order(maker, archive_format, shape, dtype):
    frames = maker.movie(shape, dtype)
    with open_archive(maker.write(archive_format, frames)) as archive:
        assert archive.shape == shape
        assert archive.dtype == dtype
        assert archive.format == archive_format
        assert len(archive) == shape[0]
        assert np.array_equal(archive[:], frames)
        assert np.array_equal(archive[-1], frames[-1])
        assert archive[5:5].shape == (0, *shape[1:])
        assert [f[0, 0] for f in archive] == [100 + t for t in range(shape[0])]
        with pytest.raises(IndexError):
            archive[shape[0]]


def test_masks_come_back(maker, archive_format):
    frames = maker.movie()
    masks = np.random.default_rng(1).random(frames.shape) < 0.3
    with open_archive(maker.write(archive_format, frames, masks=masks)) as archive:
        for t in range(len(frames)):
            assert np.array_equal(archive.roi(t), masks[t])
        assert archive.roi(-1).dtype == bool
        assert np.array_equal(archive[:], frames)
    with (
        open_archive(
            maker.write(archive_format, frames, name="no.tif" if archive_format == "ome-tiff" else "no")
        ) as plain,
        pytest.raises(MissingInputError, match="--keep-masks"),
    ):
        plain.roi(0)


def test_the_manifest_tells_all(maker, archive_format):
    frames = maker.movie()
    with open_archive(maker.write(archive_format, frames)) as archive:
        manifest = archive.manifest
        assert manifest["shape"] == [12, 33, 47]
        assert manifest["pixel_size_um"] == 0.641
        assert [f["name"] for f in manifest["frames"]] == [f"t{t:03d}" for t in range(12)]
        assert all(f["size_bytes"] == len(archive.stored(t)) for t, f in enumerate(manifest["frames"]))


def test_archives_are_the_same_bytes_every_time(maker, archive_format):
    frames = maker.movie()
    names = ("1.tif", "2.tif") if archive_format == "ome-tiff" else ("1", "2")
    first, second = (maker.write(archive_format, frames, name=name) for name in names)
    if first.is_dir():
        contents = [
            {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()} for path in (first, second)
        ]
        assert contents[0] == contents[1]
    else:
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.filterwarnings("ignore:As of version")  # of a library behind bioio
def test_other_readers_see_the_same_pixels(maker):
    from bioio import BioImage

    frames = maker.movie(dtype=np.uint16)
    masks = np.random.default_rng(1).random(frames.shape) < 0.3
    path = maker.write("ome-tiff", frames, masks=masks)
    assert np.array_equal(tifffile.imread(path), frames)
    image = BioImage(path)
    assert np.array_equal(image.get_image_data("TYX"), frames)
    assert image.physical_pixel_sizes.X == 0.641
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_bigtiff
        assert tiff.pages[3].compression == 34712
        assert np.array_equal(tiff.series[1].asarray() > 0, masks)
        assert 'TimeIncrement="8.0"' in tiff.ome_metadata
        assert 'SignificantBits="12"' in tiff.ome_metadata


def test_threads_may_share_an_archive(maker, archive_format):
    frames = maker.movie()
    wrong = []
    with open_archive(maker.write(archive_format, frames)) as archive:

        def read():
            order = np.random.default_rng().permutation(len(frames))
            wrong.extend(t for t in order if not np.array_equal(archive[int(t)], frames[t]))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_an_abandoned_archive_leaves_nothing(maker, archive_format, tmp_path):
    frames = maker.movie()
    target = tmp_path / NAMES[archive_format]
    with create_archive(target, archive_format, maker.layout(frames)) as writer:
        writer.add(b"\xff\x4f", pixels_sha256="0" * 64)
        assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_archive_is_not_finished(maker, archive_format, tmp_path):
    frames = maker.movie()
    target = tmp_path / NAMES[archive_format]
    with create_archive(target, archive_format, maker.layout(frames)) as writer:
        writer.add(b"\xff\x4f", pixels_sha256="0" * 64)
        with pytest.raises(InvalidParameterError, match="1 of 12 frames"):
            writer.finish({})
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(maker, archive_format):
    frames = maker.movie()
    path = maker.write(archive_format, frames)
    with pytest.raises(OutputExistsError, match="nothing was written"):
        maker.write(archive_format, frames)
    fewer = frames[:2]
    maker.write(archive_format, fewer, overwrite=True)
    with open_archive(path) as archive:
        assert len(archive) == 2
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_damaged_frame_is_named(maker, archive_format):
    frames = maker.movie()
    path = maker.write(archive_format, frames)
    with open_archive(path) as archive:
        stored = archive.stored(7)
    file = file_of_frame(path, archive_format, 7)
    data = bytearray(file.read_bytes())
    data[data.index(stored) + len(stored) // 2] ^= 4
    file.write_bytes(data)
    with open_archive(path) as archive:
        assert np.array_equal(archive[6], frames[6])
        with pytest.raises(CorruptDataError, match=r"frame 7.*checksum mismatch"):
            archive[7]


def test_a_damaged_mask_is_named(maker):
    frames = maker.movie()
    masks = np.random.default_rng(1).random(frames.shape) < 0.3
    path = maker.write("jp2", frames, masks=masks)
    (path / "roi" / "t002_roi.png").write_bytes((path / "roi" / "t003_roi.png").read_bytes())
    with open_archive(path) as archive:
        assert np.array_equal(archive.roi(3), masks[3])
        with pytest.raises(CorruptDataError, match=r"frame 2.*mask"):
            archive.roi(2)


def test_a_changed_manifest_is_found(maker, archive_format):
    path = maker.write(archive_format, maker.movie())
    if path.is_dir():
        data = (path / "manifest.json").read_bytes()
        (path / "manifest.json").write_bytes(data.replace(b"t004", b"t444", 1))
    else:
        data = bytearray(path.read_bytes())
        data[-60] ^= 1
        path.write_bytes(data)
    with pytest.raises(CorruptDataError, match="manifest"):
        open_archive(path)


def test_an_archive_without_its_mark_is_not_complete(maker):
    path = maker.write("jp2", maker.movie())
    assert (path / "COMPLETE").read_text() == open_archive(path).manifest["digest"] + "\n"
    (path / "COMPLETE").unlink()
    with pytest.raises(CorruptDataError, match="COMPLETE"):
        open_archive(path)


def test_files_of_nobody_missing_and_linked_are_told(maker, tmp_path):
    frames = maker.movie()
    path = maker.write("jp2", frames, masks=np.zeros(frames.shape, bool))
    (path / "note.txt").write_text("mine")
    (path / "roi" / "t001_roi.png").unlink()
    (path / "roi" / "t002_roi.png").rename(tmp_path / "elsewhere.png")
    (path / "roi" / "t002_roi.png").symlink_to(tmp_path / "elsewhere.png")
    with open_archive(path) as archive:
        assert [name for name, _ in archive.faults()] == ["note.txt", "roi/t001_roi.png", "roi/t002_roi.png"]
        assert not archive.is_intact()


def test_pixels_are_proven_not_only_bytes(maker, archive_format, monkeypatch):
    frames = maker.movie()
    path = maker.write(archive_format, frames)
    monkeypatch.setattr("flowroi.archives.base.decode", lambda data, **_: frames[0])
    with open_archive(path) as archive:
        archive[0]
        with pytest.raises(CorruptDataError, match=r"frame 3.*other pixels"):
            archive[3]


def test_another_release_of_the_decoder_may_round_otherwise(maker, monkeypatch):
    frames = maker.movie()
    path = maker.write("jp2", frames)
    monkeypatch.setattr("flowroi.archives.base.decode", lambda data, **_: frames[0])
    monkeypatch.setattr("flowroi.archives.base.codec_versions", lambda: {"openjpeg": "9.9"})
    with open_archive(path) as archive:
        assert np.array_equal(archive[3], frames[0])


def test_what_the_disk_made_of_it_is_read_back(maker, archive_format, monkeypatch, tmp_path):
    def spoilt(path):
        file = file_of_frame(path, archive_format, 4)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    monkeypatch.setattr("flowroi.archives.base.to_disk", spoilt)
    with pytest.raises(VerificationError, match="read back"):
        maker.write(archive_format, maker.movie())
    assert list(tmp_path.iterdir()) == []


def test_every_truncation_of_a_tiff_is_an_error_of_ours(maker):
    path = maker.write("ome-tiff", maker.movie((3, 20, 20)))
    data = path.read_bytes()
    for length in range(0, len(data), 61):
        path.write_bytes(data[:length])
        with pytest.raises((CorruptDataError, UnsupportedFormatError)), open_archive(path) as archive:
            _ = archive[:]


def test_a_missing_frame_is_named(maker):
    path = maker.write("jp2", maker.movie())
    (path / "t003.jp2").unlink()
    with open_archive(path) as archive, pytest.raises(MissingInputError, match=r"t003\.jp2, frame 3"):
        archive[3]


def test_what_is_no_archive_is_refused(tmp_path, maker):
    with pytest.raises(MissingInputError):
        open_archive(tmp_path / "none")
    with pytest.raises(UnsupportedFormatError, match=r"manifest\.json"):
        open_archive(tmp_path)
    foreign = tmp_path / "foreign.tif"
    tifffile.imwrite(foreign, np.zeros((4, 4), np.uint8))
    with pytest.raises(UnsupportedFormatError, match="without a FlowRoI manifest"):
        open_archive(foreign)
    (tmp_path / "text.tif").write_text("hello")
    with pytest.raises(CorruptDataError):
        open_archive(tmp_path / "text.tif")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\\b"])
def test_frame_names_stay_in_the_folder(maker, name):
    frames = maker.movie((1, 5, 5))
    with pytest.raises(InvalidParameterError, match="cannot be a file name"):
        maker.write("jp2", frames, frame_names=(name,))


@pytest.mark.parametrize("name", ["<script>alert(1)", "new\nline", "-dash", "ünïcode", "a&b"])
def test_odd_names_are_kept(maker, archive_format, name):
    frames = maker.movie((1, 5, 5))
    with open_archive(maker.write(archive_format, frames, frame_names=(name,), name="x.ome.tif")) as archive:
        assert archive.manifest["frames"][0]["name"] == name
        assert np.array_equal(archive[0], frames[0])


def test_formats_are_told_by_name_or_refused(tmp_path):
    assert format_of(tmp_path / "a.ome.tif", "jp2") == "jp2"
    with pytest.raises(InvalidParameterError, match="cannot be told"):
        format_of(tmp_path / "a.xyz", None)
    with pytest.raises(InvalidParameterError, match=r"ome-zarr-0\.4"):
        format_of(tmp_path / "a", "ome-zarr-0.3")
    assert format_of(tmp_path / "a.zarr", None) == "ome-zarr"


class TestExport:
    def test_tiff_and_png_hold_the_same_pixels(self, maker, tmp_path):
        import cv2

        frames = maker.movie(dtype=np.uint16)
        with open_archive(maker.write("ome-tiff", frames)) as archive:
            export(archive, tmp_path / "out.tif", frames=range(2, 7))
            export(archive, tmp_path / "png")
        assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), frames[2:7])
        with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
            assert 'PhysicalSizeX="0.641"' in tiff.ome_metadata
        names = sorted(p.name for p in (tmp_path / "png").glob("*.png"))
        assert names == [f"t{t:03d}.png" for t in range(12)]
        assert np.array_equal(cv2.imread(str(tmp_path / "png" / names[4]), cv2.IMREAD_UNCHANGED), frames[4])

    def test_a_damaged_frame_leaves_nothing(self, maker, tmp_path):
        path = maker.write("jp2", maker.movie())
        (path / "t005.jp2").write_bytes(b"damaged")
        with open_archive(path) as archive, pytest.raises(CorruptDataError, match="frame 5"):
            export(archive, tmp_path / "out.tif")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]

    def test_it_guards_what_is_there(self, maker, tmp_path):
        path = maker.write("ome-tiff", maker.movie())
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "thesis.txt").write_text("x")
        with open_archive(path) as archive:
            with pytest.raises(InvalidParameterError):
                export(archive, path, overwrite=True)
            with pytest.raises(OutputExistsError, match=r"thesis\.txt"):
                export(archive, precious, overwrite=True)
            with pytest.raises(InvalidParameterError, match="0:12"):
                export(archive, tmp_path / "out.tif", frames=range(5, 20))
        assert (precious / "thesis.txt").exists()
