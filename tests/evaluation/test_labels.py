"""Label images of all kinds, and those that do not fit."""

import cv2
import numpy as np
import pytest
import tifffile

from flowroi.errors import CorruptDataError, FlowRoIError, InvalidParameterError, UnsupportedFormatError
from flowroi.evaluation.labels import open_labels
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


@pytest.mark.parametrize("suffix", ["", "_masks", "_seg"])
def test_some_frames_by_name(movie, truth, tmp_path, suffix):
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "labels" / f"t1{suffix}.png"), truth[1].astype(np.uint16))
    cv2.imwrite(str(tmp_path / "labels" / f"t3{suffix}.png"), truth[3].astype(np.uint16))
    with open_labels(tmp_path / "labels", movie) as labels:
        assert labels.frames == (1, 3)
        assert labels.read(0) is None
        np.testing.assert_array_equal(labels.read(1), truth[1])
        np.testing.assert_array_equal(labels.read(3), truth[3])


def test_what_does_not_fit_is_refused(movie, truth, tmp_path):
    with pytest.raises(InvalidParameterError, match="4x8; expected 6x8"):
        open_labels(truth[:, :4], movie)
    with pytest.raises(InvalidParameterError, match="3 label images for 4 frames"):
        open_labels(truth[:3], movie)
    with pytest.raises(UnsupportedFormatError, match="whole numbers"):
        open_labels(truth.astype(float), movie)
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(CorruptDataError, match="cannot be read"):
        open_labels(tmp_path / "broken.npy", movie)
    tifffile.imwrite(tmp_path / "real.tif", truth.astype(np.float32), photometric="minisblack")
    with pytest.raises(FlowRoIError):
        open_labels(tmp_path / "real.tif", movie)
