"""Whole movies: moving things are found, still ones not; streaming is bounded and independent of threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from flowroi import RoiParams, extract_roi
from flowroi.errors import InvalidParameterError
from flowroi.roi import iter_roi


def movie_of_blob(frames=6, speed=4, size=20, dtype=np.uint8):
    rng = np.random.default_rng(0)
    movie = 120 + rng.normal(0, 0.7, (frames, 96, 128))
    grain = rng.normal(50, 15, (size, size))
    movie[:, 60 : 60 + size, 90 : 90 + size] -= grain
    for t in range(frames):
        movie[t, 20 : 20 + size, 10 + speed * t : 10 + size + speed * t] -= grain
    return np.clip(movie, 0, 255).astype(dtype)


SMALL = {"min_area_px": 50}


def test_moving_cells_are_found_and_still_ones_are_not():
    movie = movie_of_blob()
    roi = extract_roi(movie, method="flow", roi_threshold=0.1, **SMALL)
    assert roi.shape == movie.shape
    assert roi.dtype == bool
    for t in range(len(movie)):
        assert roi[t, 24:36, 14 + 4 * t : 26 + 4 * t].mean() > 0.9
        assert roi[t].mean() <= 0.12
    assert roi[:, 66:74, 96:104].mean() < 0.15


def test_sixteen_bits_give_nearly_the_same_masks():
    movie = movie_of_blob()
    deep = movie.astype(np.uint16) * 16
    a, b = (extract_roi(m, method="flow", **SMALL) for m in (movie, deep))
    assert (a & b).sum() / (a | b).sum() > 0.8


def test_nothing_moves_nothing_is_kept():
    still = np.repeat(movie_of_blob(1), 4, axis=0)
    assert not extract_roi(still, method="flow").any()


def test_one_frame_shows_no_motion():
    one = movie_of_blob(1)
    assert extract_roi(one, method="flow").all()
    roi = extract_roi(one, method="fused")[0]
    assert roi[22:38, 12:28].mean() > 0.9
    assert roi.mean() < 0.15


@pytest.mark.parametrize("shape", [(3, 1, 1), (2, 1, 50), (4, 3, 3), (2, 40, 2)])
def test_tiny_frames_work(shape):
    frames = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    assert extract_roi(frames).shape == shape


def test_adjacent_masks_are_united():
    movie = movie_of_blob()
    alone = extract_roi(movie, **SMALL)
    for n in (1, 2, 9):
        united = extract_roi(movie, adjacent_factor=n, **SMALL)
        for t in range(len(movie)):
            assert np.array_equal(united[t], alone[max(0, t - n) : t + n + 1].any(axis=0))


def test_steps_pair_frames_further_apart():
    movie = movie_of_blob(8, speed=1)
    every_second = extract_roi(movie[::2], method="flow", **SMALL)
    stepped = extract_roi(movie, method="flow", step=2, **SMALL)
    assert np.array_equal(stepped[0], every_second[0])
    assert np.array_equal(stepped[6], extract_roi(movie[[6, 4]], method="flow", **SMALL)[0])
    assert extract_roi(movie[:2], method="flow", step=5, **SMALL).shape == (2, 96, 128)


@pytest.mark.parametrize("method", ["flow", "fused"])
def test_masks_do_not_depend_on_threads_or_on_how_frames_come(method):
    movie = movie_of_blob(25)
    params = RoiParams(adjacent_factor=1, step=2, look_ahead=3, **SMALL)
    expected = list(iter_roi(movie, params, method=method))
    assert np.array_equal(extract_roi(iter(list(movie)), params, method=method), [roi.mask for _, roi in expected])
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as pool:
            pairs = list(iter_roi(iter(movie), params, method=method, executor=pool, look_ahead=2 * workers))
        for (frame, roi), (_, same), original in zip(pairs, expected, movie, strict=True):
            assert np.array_equal(roi.mask, same.mask)
            assert np.array_equal(roi.weights, same.weights)
            assert roi.diagnostics == same.diagnostics
            assert np.array_equal(frame, original)


@pytest.mark.parametrize(("method", "needed"), [("flow", 3 + 2), ("fused", 6 + 2)])
def test_reading_ahead_is_bounded(method, needed):
    read = []

    def frames():
        for t, frame in enumerate(np.repeat(movie_of_blob(2), 20, axis=0)):
            read.append(t)
            yield frame

    params = RoiParams(step=3, adjacent_factor=2, look_ahead=6)
    for out, _ in enumerate(iter_roi(frames(), params, method=method, look_ahead=4)):
        assert max(read) <= out + needed + 4


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.zeros((2, 4, 4)), "float64"),
        (np.zeros((0, 4, 4), np.uint8), "no frames"),
        (np.zeros((4, 4), np.uint8), r"\(4,\)"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], r"frame 1.*\(4, 5\)"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)], "uint16"),
        ([None], "NoneType"),
    ],
)
def test_bad_frames_are_refused(frames, words):
    with pytest.raises(InvalidParameterError, match=words):
        extract_roi(frames)


@pytest.mark.parametrize(
    "bad",
    [
        {"roi_threshold": 0},
        {"roi_threshold": 1.0},
        {"roi_threshold": "some"},
        {"roi_threshold": float("nan")},
        {"adjacent_factor": -1},
        {"adjacent_factor": 1.5},
        {"step": 0},
        {"step": "some"},
        {"min_area_px": -1},
        {"look_ahead": -1},
        {"look_ahead": "auto"},
        {"alpha": 2},
        {"denoise": 1},
        {"margin": -1},
        {"colour": 3},
        {"method": "magic"},
    ],
)
def test_bad_parameters_are_refused(bad):
    with pytest.raises(InvalidParameterError):
        extract_roi(np.zeros((2, 8, 8), np.uint8), **bad)


def test_the_real_crop_is_covered(shared_data):
    import tifffile

    movie = tifffile.imread(shared_data / "complexeye" / "example.tiff")
    labels = tifffile.imread(shared_data / "complexeye" / "example_seg.tiff")
    roi = extract_roi(movie, method="flow")
    covered = [
        roi[t][labels[t] == cell].mean() for t in range(len(movie)) for cell in np.unique(labels[t]) if cell != 0
    ]
    assert np.mean(np.array(covered) >= 0.9) >= 0.98
    assert roi.mean() <= 0.22
