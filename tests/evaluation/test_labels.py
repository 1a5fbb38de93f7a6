"""Label images of all kinds, and those that do not fit."""

import cv2
import numpy as np
import pytest
import tifffile

from flowroi.errors import CorruptDataError, InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.evaluation.labels import SUFFIXES, open_labels
from flowroi.sources import open_source


@pytest.fixture
def movie(tmp_path):
    """A folder of four frames, t0 to t3."""
    (tmp_path / "movie").mkdir()
    for t in range(4):
        cv2.imwrite(str(tmp_path / "movie" / f"t{t}.png"), np.full((6, 8), 10 * t, np.uint8))
    with open_source(tmp_path / "movie") as source:
        yield source


@pytest.fixture
def truth():
    labels = np.zeros((4, 6, 8), np.int64)
    for t in range(4):
        labels[t, 1:3, t : t + 2] = 300 + t
    return labels


def check(path, movie, truth):
    with open_labels(path, movie) as labels:
        assert labels.frames == (0, 1, 2, 3)
        for t in range(4):
            read = labels.read(t)
            assert read.dtype == np.int32
            np.testing.assert_array_equal(read, truth[t])


def test_a_folder(movie, truth, tmp_path):
    (tmp_path / "labels").mkdir()
    for t in range(4):
        cv2.imwrite(str(tmp_path / "labels" / f"any_{t}.png"), truth[t].astype(np.uint16))
    check(tmp_path / "labels", movie, truth)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32])
def test_a_tiff(movie, truth, tmp_path, dtype):
    tifffile.imwrite(tmp_path / "labels.tif", truth.astype(dtype), photometric="minisblack")
    check(tmp_path / "labels.tif", movie, truth)


def test_npy_and_array(movie, truth, tmp_path):
    np.save(tmp_path / "labels.npy", truth)
    check(tmp_path / "labels.npy", movie, truth)
    check(truth, movie, truth)


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_some_frames_by_name(movie, truth, tmp_path, suffix):
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "labels" / f"t1{suffix}.png"), truth[1].astype(np.uint16))
    cv2.imwrite(str(tmp_path / "labels" / f"t3{suffix}.png"), truth[3].astype(np.uint16))
    with open_labels(tmp_path / "labels", movie) as labels:
        assert labels.frames == (1, 3)
        assert labels.read(0) is None
        np.testing.assert_array_equal(labels.read(1), truth[1])
        np.testing.assert_array_equal(labels.read(3), truth[3])


def test_a_folder_of_deep_tiffs_beside_their_frames(movie, truth, tmp_path):
    (tmp_path / "labels").mkdir()
    for t in range(4):
        tifffile.imwrite(tmp_path / "labels" / f"t{t}.tif", np.full((6, 8), 7, np.uint8))
        tifffile.imwrite(tmp_path / "labels" / f"t{t}_masks.tif", truth[t].astype(np.int32))
    check(tmp_path / "labels", movie, truth)


def test_names_count_before_the_order(movie, truth, tmp_path):
    """As many labels as frames, but of other frames, are not paired one by one."""
    (tmp_path / "labels").mkdir()
    for t in range(1, 5):
        cv2.imwrite(str(tmp_path / "labels" / f"t{t}.png"), truth[t % 4].astype(np.uint16))
    with pytest.raises(InvalidParameterError, match=r"'t4\.png' is the name of none"):
        open_labels(tmp_path / "labels", movie)


def test_metadata_that_points_elsewhere_is_not_followed(movie, truth, tmp_path):
    secret = tmp_path / "secret.ome.tif"
    tifffile.imwrite(secret, truth.astype(np.int32), ome=True, metadata={"axes": "TYX"}, photometric="minisblack")
    (tmp_path / "sub").mkdir()
    lure = tmp_path / "sub" / "labels.ome.tif"
    with tifffile.TiffFile(secret) as file:
        description = file.ome_metadata.replace("<TiffData", '<TiffData FirstT="0" IFD="0" PlaneCount="4"', 1)
        uuid = '<UUID FileName="../secret.ome.tif">urn:uuid:11111111-1111-1111-1111-111111111111</UUID>'
    description = description.replace("/>", f">{uuid}</TiffData>", 1) if "UUID" not in description else description
    tifffile.imwrite(
        lure, np.zeros((4, 6, 8), np.int32), description=description.encode(), metadata=None, photometric="minisblack"
    )
    with open_labels(lure, movie) as labels:
        assert all(not labels.read(t).any() for t in range(4))


def test_numbers_that_do_not_fit_a_table_are_counted_anew(movie):
    big = np.zeros((4, 6, 8), np.int64)
    big[:, 0, 0], big[:, 5, 5] = 2**40, 2**32
    with open_labels(big, movie) as labels:
        assert np.unique(labels.read(2)).tolist() == [0, 1, 2]
        assert labels.read(2)[5, 5] == 1
    with open_labels(big - 1, movie) as labels, pytest.raises(UnsupportedFormatError, match="hold -1"):
        labels.read(0)


def test_what_does_not_fit_is_refused(movie, truth, tmp_path):
    with pytest.raises(InvalidParameterError, match="4x8; expected 6x8"):
        open_labels(truth[:, :4], movie)
    with pytest.raises(InvalidParameterError, match="3 label images for 4 frames"):
        open_labels(truth[:3], movie)
    with pytest.raises(UnsupportedFormatError, match="whole numbers"):
        open_labels(truth.astype(float), movie)
    for content in (b"no array", b""):
        for name in ("broken.npy", "broken.tif"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(CorruptDataError, match="cannot be read"):
                open_labels(tmp_path / name, movie)
    with pytest.raises(MissingInputError):
        open_labels(tmp_path / "nowhere", movie)
    tifffile.imwrite(tmp_path / "real.tif", truth.astype(np.float32), photometric="minisblack")
    with open_labels(tmp_path / "real.tif", movie) as labels, pytest.raises(UnsupportedFormatError, match="float32"):
        labels.read(0)
