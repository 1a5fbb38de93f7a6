"""`flowroi decompress` through the command line."""

import cv2
import numpy as np
import pytest
import tifffile
import zarr

import flowroi


@pytest.fixture
def decoded(archive):
    with flowroi.open_archive(archive) as opened:
        return opened[:]


def test_to_a_tiff_that_needs_no_jpeg_2000(flow, archive, decoded):
    result = flow("decompress", archive, "-o", "out.tif", "--json")
    assert result.code == 0
    assert result.objects[0]["type"] == "export"
    assert result.objects[0]["frames"] == 4
    with tifffile.TiffFile("out.tif") as tiff:
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert np.array_equal(tiff.asarray(), decoded)


def test_to_png_files(flow, archive, decoded, tmp_path):
    assert flow("decompress", archive, "-o", "out").code == 0
    files = sorted((tmp_path / "out").glob("*.png"))
    assert [file.name for file in files] == ["t000.png", "t001.png", "t002.png", "t003.png"]
    assert np.array_equal(np.stack([cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in files]), decoded)


def test_format_may_be_asked_for(flow, archive, tmp_path):
    assert flow("decompress", archive, "-o", "out", "--format", "tiff").code == 0
    assert tifffile.imread(tmp_path / "out").shape == (4, 120, 160)
    assert flow("decompress", archive, "-o", "out2", "--format", "gif").code == 2


@pytest.mark.parametrize(("asked", "first", "last"), [("1:3", 1, 3), ("2:", 2, 4), (":1", 0, 1), (":", 0, 4)])
def test_some_frames(flow, archive, decoded, asked, first, last):
    (report,) = flow("decompress", archive, "-o", "out.tif", "--frames", asked, "--json").objects
    assert (report["first_frame"], report["frames"]) == (first, last - first)
    assert np.array_equal(tifffile.imread("out.tif").reshape(-1, 120, 160), decoded[first:last])


@pytest.mark.parametrize("asked", ["3", "2:2", "3:1", "0:5", "-1:2", "a:b", "0:2:1", "", "9" * 30 + ":"])
def test_bad_ranges_are_usage_errors(flow, archive, tmp_path, asked):
    assert flow("decompress", archive, "-o", "out.tif", f"--frames={asked}").code == 2
    assert not (tmp_path / "out.tif").exists()


def test_nothing_is_overwritten_unasked(flow, archive, tmp_path):
    (tmp_path / "out.tif").write_text("mine")
    assert flow("decompress", archive, "-o", "out.tif").code == 1
    assert (tmp_path / "out.tif").read_text() == "mine"
    assert flow("decompress", archive, "-o", "out.tif", "--overwrite").code == 0


def test_the_archive_itself_is_never_replaced(flow, movie, archive, tmp_path):
    before = archive.read_bytes()
    assert flow("decompress", archive, "-o", archive, "--overwrite").code == 2
    assert archive.read_bytes() == before
    flow("compress", movie, "-o", "jp2", "--rate", "10")
    for target in ("jp2", "jp2/out"):
        assert flow("decompress", "jp2", "-o", target, "--overwrite").code == 2
    assert (tmp_path / "jp2" / "t000.jp2").exists()


def test_a_folder_of_other_things_is_never_replaced(flow, archive, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.jpg").write_text("meow")
    assert flow("decompress", archive, "-o", "pictures", "--overwrite").code == 1
    assert (tmp_path / "pictures" / "cat.jpg").exists()


def test_a_changed_frame_is_found_and_nothing_is_left(flow, archive, tmp_path):
    with flowroi.open_archive(archive) as opened:
        stream = opened.codestream(2)
    content = archive.read_bytes()
    at = content.index(stream) + len(stream) // 2
    archive.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    result = flow("decompress", archive, "-o", "out", "--json")
    assert result.code == 1
    assert result.objects[0]["frame"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.ome.tif", "movie.tif"]


def test_what_is_no_archive_says_so(flow, movie, tmp_path):
    (tmp_path / "empty").mkdir()
    for source in (movie, "empty", "missing"):
        result = flow("decompress", source, "-o", "out.tif")
        assert result.code == 1
        assert str(source) in result.err


def test_to_ome_zarr(flow, archive, decoded):
    (report,) = flow("decompress", archive, "-o", "out.ome.zarr", "--json").objects
    assert report["format"] == "ome-zarr"
    assert np.array_equal(zarr.open_group("out.ome.zarr", mode="r")["0"][:, 0, 0], decoded)
    assert flow("decompress", archive, "-o", "out", "--format", "ome-zarr-0.4").code == 0
    assert zarr.open_group("out", mode="r").metadata.zarr_format == 2


def test_for_h4tracks(flow, archive, decoded, tmp_path):
    result = flow("decompress", archive, "-o", "out.zarr", "--for", "h4tracks", "--json")
    assert "tracking_data is empty" in result.err
    assert result.objects[0]["warnings"]
    labels = np.zeros(decoded.shape, np.uint16)
    labels[:, 10:20, 10:20] = 4
    np.save(tmp_path / "labels.npy", labels)
    result = flow(
        *("decompress", archive, "-o", "out.zarr", "--for", "h4tracks", "--overwrite"),
        *("--labels", "labels.npy", "--labels-are-tracks"),
    )
    assert (result.code, result.err) == (0, "")
    group = zarr.open_group("out.zarr", mode="r")
    assert np.array_equal(group["raw_data"][:], decoded)
    assert np.array_equal(group["segmentation_data"][:], labels)
    assert group["tracking_data"].shape == (4, 4)


@pytest.mark.parametrize(
    "options",
    [
        ("out.zarr", "--for", "imagej"),
        ("out.zarr", "--for", "h4tracks", "--format", "tiff"),
        ("out.zarr", "--format", "h4tracks"),
        ("out.tif", "--for", "h4tracks"),
        ("out.tif", "--labels", "."),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(flow, archive, tmp_path, options):
    assert flow("decompress", archive, "-o", *options).code == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []
