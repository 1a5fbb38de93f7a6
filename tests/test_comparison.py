"""`verify --against`: a raw file is safe when the archive holds every frame of it, sound, made of its very bytes."""

import shutil

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.comparison import compare
from flowroi.errors import UnsupportedFormatError
from flowroi.png import write_png
from flowroi.sources import open_source
from flowroi.synthetic import write_synthetic_plate


@pytest.fixture(scope="module")
def frames():
    return flowroi.synthetic_movie(frames=6, height=96, width=120, cells=4, seed=2).frames


@pytest.fixture
def raw(tmp_path, frames):
    folder = tmp_path / "raw"
    folder.mkdir()
    for t, frame in enumerate(frames):
        write_png(folder / f"img{t}.png", frame)
    return folder


@pytest.fixture
def archive(tmp_path, raw):
    flowroi.compress(raw, tmp_path / "a", rate=10, format="jp2")
    return tmp_path / "a"


def test_all_files_are_safe_and_none_is_touched(archive, raw):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in raw.iterdir()}
    found = compare(archive, raw)
    assert found.all_safe
    assert list(found.safe) == sorted(raw.iterdir())
    assert found.kept == ()
    assert 20 < found.least_psnr < 60
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in raw.iterdir()} == before


def test_what_was_not_read_is_kept_and_keeps_the_folder(archive, raw):
    (raw / "second movie").mkdir()
    (raw / "second movie" / "t0.png").write_bytes((raw / "img0.png").read_bytes())
    found = compare(archive, raw)
    assert "t0.png" in [file.name for file, _ in found.kept]
    assert len(found.safe) == 6
    assert not found.all_safe


def test_an_exact_archive_has_no_error(tmp_path, raw):
    flowroi.compress(raw, tmp_path / "a.ome.tif", lossless="all")
    found = compare(tmp_path / "a.ome.tif", raw)
    assert found.all_safe
    assert found.least_psnr is None


def test_a_file_that_was_changed_is_kept(archive, raw, frames):
    write_png(raw / "img2.png", frames[3])
    found = compare(archive, raw)
    assert [(file.name, "other bytes" in why) for file, why in found.kept] == [("img2.png", True)]
    assert len(found.safe) == 5
    assert not found.all_safe


def test_files_that_changed_places_are_kept(archive, raw):
    (raw / "img2.png").rename(raw / "x.png")
    (raw / "img3.png").rename(raw / "img2.png")
    (raw / "x.png").rename(raw / "img3.png")
    assert [file.name for file, _ in compare(archive, raw).kept] == ["img2.png", "img3.png"]


def test_a_damaged_frame_keeps_its_file(archive, raw):
    data = bytearray((archive / "img4.jp2").read_bytes())
    data[len(data) // 2] ^= 1
    (archive / "img4.jp2").write_bytes(data)
    found = compare(archive, raw)
    assert [(file.name, why) for file, why in found.kept] == [("img4.png", "frame 4 is damaged in the archive")]


def test_a_damaged_archive_vouches_for_none(archive, raw):
    (archive / "note.txt").write_text("x")
    found = compare(archive, raw)
    assert found.safe == ()
    assert found.differences == ("the archive itself is damaged",)


def test_a_frame_too_few_or_too_many_keeps_all(archive, raw, frames):
    write_png(raw / "img6.png", frames[5])
    assert compare(archive, raw).safe == ()
    (raw / "img6.png").unlink()
    (raw / "img5.png").unlink()
    assert compare(archive, raw).safe == ()


def test_pixels_that_are_of_another_frame_are_seen_even_where_checksums_fit(archive, raw, frames, monkeypatch):
    # As after a fault that nobody thought of: everything fits, but the frame is not the one.
    wrong = 255 - frames
    monkeypatch.setattr("flowroi.archives.base.Archive.__getitem__", lambda self, t: wrong[t])
    found = compare(archive, raw)
    assert found.safe == ()
    assert all("looks nothing like" in why for _, why in found.kept)


def test_a_file_of_which_one_channel_was_archived_is_kept(tmp_path, frames):
    both = np.stack([frames, frames[::-1]], axis=1)
    tifffile.imwrite(tmp_path / "two.ome.tif", both, metadata={"axes": "TCYX"}, photometric="minisblack")
    flowroi.compress(tmp_path / "two.ome.tif", tmp_path / "a.ome.tif", rate=10, channel=1)
    found = compare(tmp_path / "a.ome.tif", tmp_path / "two.ome.tif")
    assert found.safe == ()
    assert "other channels" in found.kept[0][1]
    assert found.least_psnr > 20, "the channel that the archive was made of was compared"


def test_colour_images_of_which_one_channel_was_archived_are_kept(tmp_path, frames):
    folder = tmp_path / "rgb"
    folder.mkdir()
    for t, frame in enumerate(frames):
        write_png(folder / f"img{t}.png", np.stack([frame, frame // 2, frame], axis=-1))
    flowroi.compress(folder, tmp_path / "a.ome.tif", rate=10, channel=0)
    found = compare(tmp_path / "a.ome.tif", folder)
    assert found.safe == ()
    assert len(found.kept) == 6


def test_a_tiff_with_a_second_image_is_kept(tmp_path, frames):
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(frames, photometric="minisblack", metadata={"axes": "TYX"})
    with open_source(path) as source:
        assert source.left_out is None
    archive = flowroi.compress(path, tmp_path / "a.ome.tif", rate=10, keep_masks=True)
    assert archive.frames == 6


def test_an_array_has_no_files(tmp_path, frames):
    flowroi.compress(frames, tmp_path / "a.ome.tif", rate=10)
    from flowroi.comparison import compare_with

    with open_source(frames) as source, pytest.raises(UnsupportedFormatError, match="no files"):
        compare_with(tmp_path / "a.ome.tif", source)


@pytest.mark.parametrize("name", ["p.ome.zarr", "p"])
def test_a_plate_against_the_raw_one(tmp_path, name):
    raw = tmp_path / "plate"
    write_synthetic_plate(raw, wells=["A1", "B2"], frames=3, height=48, width=64, cells=2)
    flowroi.compress(raw, tmp_path / name, rate=8)
    from flowroi.plates.comparison import compare_plate

    found = compare_plate(tmp_path / name, raw)
    assert found.all_safe, (found.problems, found.kept)
    files = sorted(p for p in raw.rglob("*") if p.is_file())
    assert sorted(found.safe) == files
    # A well that was not archived, and a stray beside the archives.
    changed = files[0]
    changed.write_bytes(files[1].read_bytes())
    found = compare_plate(tmp_path / name, raw)
    assert [file for file, _ in found.kept] == [changed]
    (tmp_path / name / "stray.txt").write_text("x")
    found = compare_plate(tmp_path / name, raw)
    assert found.safe == ()
    assert not found.all_safe


def test_the_other_channel_of_a_raw_plate_is_kept(tmp_path):
    raw = tmp_path / "plate"
    write_synthetic_plate(raw, wells=["A1", "A2"], frames=2, channels=2, height=32, width=32, cells=1)
    flowroi.compress(raw, tmp_path / "p", lossless="all", roi_method="none", channel=1)
    from flowroi.plates.comparison import compare_plate

    found = compare_plate(tmp_path / "p", raw)
    assert sorted(file.name for file, _ in found.kept) == sorted(p.name for p in raw.glob("*_c0.png"))
    assert sorted(file.name for file in found.safe) == sorted(p.name for p in raw.glob("*_c1.png"))
    assert not found.all_safe


def test_a_raw_well_that_was_not_archived_is_told(tmp_path):
    raw = tmp_path / "plate"
    write_synthetic_plate(raw, wells=["A1", "A2"], frames=2, height=32, width=32, cells=1)
    flowroi.compress(raw, tmp_path / "p", lossless="all", roi_method="none")
    write_synthetic_plate(tmp_path / "more", wells=["A3"], frames=2, height=32, width=32, cells=1)
    for entry in (tmp_path / "more").rglob("*"):
        if entry.is_file():
            place = raw / entry.relative_to(tmp_path / "more")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(entry, place)
    from flowroi.plates.comparison import compare_plate

    found = compare_plate(tmp_path / "p", raw)
    assert found.problems == (("A3_f0", "is in the raw plate, and was not archived"),)
    assert len(found.safe) == 4
    assert not found.all_safe
