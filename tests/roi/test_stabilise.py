"""The stage's drift: found to a fraction of a pixel where the background shows it, and nowhere else."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from flowroi import synthetic_movie
from flowroi.roi.reduced import REDUCTION, reduce_frame
from flowroi.roi.stabilise import (
    LEAST_SIGNIFICANCE,
    Pattern,
    Shift,
    StageTracker,
    move,
    pattern_of,
    shift_between,
)

FLAT = {"texture": 0.0, "debris": 0, "illumination": 0.0}


def patterns(frames):
    return [pattern_of(reduce_frame(frame)) for frame in frames]


def shifts(frames, max_drift_px=16.0):
    return [shift_between(a, b, max_drift_px) for a, b in pairwise(patterns(frames))]


def scenes(offsets, shape=(300, 400), texture=3.0, noise=2.0, seed=0):
    """One textured scene seen from several positions, each with noise of its own."""
    rng = np.random.default_rng(seed)
    room = 50
    scene = ndimage.gaussian_filter(rng.standard_normal([n + 2 * room for n in shape]), 2)
    scene *= texture / scene.std()
    seen = [ndimage.shift(scene, offset, order=3)[room:-room, room:-room] for offset in offsets]
    return np.stack([np.clip(120 + s + rng.normal(0, noise, shape), 0, 255).astype(np.uint8) for s in seen])


def disagreement(shift, expected):
    return max(abs(shift.dy - expected[0]), abs(shift.dx - expected[1]))


@pytest.mark.parametrize("drift", [(0.5, 0.4), (3, -2), (-5, 4.5), (0.3, -0.7), (10.25, 7.6), (0, 12)])
def test_known_shifts_are_found_to_a_fraction_of_a_pixel(drift):
    frames = scenes([(0, 0), drift])
    for movie in (frames, frames.astype(np.uint16) * 250):
        (found,) = shifts(movie)
        assert found.believed
        assert disagreement(found, drift) < 0.15


def test_what_was_shifted_can_be_moved_back():
    first, second = (reduce_frame(frame) for frame in scenes([(0, 0), (4.5, -3)], noise=0))
    found = shift_between(pattern_of(first), pattern_of(second), 16)
    back = move(second, -found.dy / REDUCTION, -found.dx / REDUCTION)
    inner = (slice(5, -5), slice(5, -5))
    assert np.abs(back[inner] - first[inner]).mean() < np.abs(second[inner] - first[inner]).mean() / 5


@pytest.mark.parametrize("depth", [1, 16])
def test_drift_adds_up_over_a_movie_without_its_errors(depth):
    movie = synthetic_movie(frames=60, seed=3, drift_px=1)
    tracker = StageTracker(16)
    frames = movie.frames if depth == 1 else movie.frames.astype(np.uint16) * depth
    found = np.array([(p.dy, p.dx) for p in (tracker.add(pattern) for pattern in patterns(frames))])
    steady = found[-1] / 59
    assert np.hypot(*steady) == pytest.approx(1, abs=0.02)
    assert np.abs(found - np.arange(60)[:, None] * steady).max() < 0.25


def test_a_tracker_starts_anew_when_the_view_has_moved_on():
    offsets = [(0, 9.0 * t) for t in range(12)]
    tracker = StageTracker(16)
    wide = scenes([(0, 0)], shape=(160, 400), noise=0)[0]
    rng = np.random.default_rng(1)
    frames = [np.rint(wide[:, 150 - int(dx) :][:, :160] + rng.normal(0, 1, (160, 160))) for _, dx in offsets]
    for frame, offset in zip(frames, offsets, strict=True):
        position = tracker.add(pattern_of(reduce_frame(frame.astype(np.uint8))))
        assert disagreement(position, offset) < 0.6


def test_a_tracker_keeps_its_place_where_nothing_can_be_told():
    first, second = scenes([(0, 0), (4, 2)])
    tracker = StageTracker(16)
    seen = [tracker.add(pattern) for pattern in patterns([first, second, np.full_like(first, 120)])]
    assert disagreement(seen[1], (4, 2)) < 0.15
    assert (seen[2].dy, seen[2].dx) == (seen[1].dy, seen[1].dx)
    assert not seen[2].believed


@pytest.mark.parametrize("noise", [0.5, 2.0])
@pytest.mark.parametrize("view", [{}, {"cells": 6, "height": 190, "width": 250}])
def test_cells_on_a_flat_background_are_not_the_stage(view, noise):
    movie = synthetic_movie(frames=5, seed=3, noise=noise, **view, **FLAT)
    for found in shifts(movie.frames):
        assert found.significance < LEAST_SIGNIFICANCE / 1.5
        assert (found.dy, found.dx) == (0, 0)


@pytest.mark.parametrize("texture", [0, 3])
def test_cells_that_move_together_are_not_the_stage(texture):
    first, second = scenes([(0, 0), (0, 0)], texture=texture or 1e-3)
    for y, x in np.random.default_rng(1).integers(20, 260, (12, 2)):
        first[y : y + 12, x : x + 12] = 60
        second[y + 2 : y + 14, x + 6 : x + 18] = 60
    (found,) = shifts([first, second])
    assert (found.dy, found.dx) == (0, 0)


@pytest.mark.parametrize("shape", [(40, 40), (64, 64), (190, 250), (648, 864)])
def test_noise_alone_is_not_drift(shape):
    noise = np.random.default_rng(0).normal(100, 3, (6, *shape)).astype(np.uint8)
    assert max(found.significance for found in shifts(noise)) < LEAST_SIGNIFICANCE / 1.5


def test_flicker_and_still_cells_are_not_drift():
    for movie in (
        synthetic_movie(frames=5, seed=3, flicker=0.1),
        synthetic_movie(frames=5, seed=3, speed_um_per_min=5),
    ):
        for found in shifts(movie.frames):
            assert found.believed
            assert (found.dy, found.dx) == (0, 0)


def test_the_real_crop_does_not_drift(shared_data):
    import tifffile

    for found in shifts(tifffile.imread(shared_data / "complexeye" / "example.tiff")):
        assert disagreement(found, (0, 0)) < 0.35


def test_larger_shifts_than_asked_for_are_not_believed():
    frames = scenes([(0, 0), (0, 12)])
    (found,) = shifts(frames, max_drift_px=10)
    assert found == Shift()
    assert not found.believed


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (31, 30), (7, 90)])
def test_tiny_frames_show_no_drift(shape):
    frame = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    assert pattern_of(reduce_frame(frame)) == Pattern(None)
    assert shifts([frame, frame]) == [Shift()]


@pytest.mark.parametrize("level", [0, 77, 255])
def test_constant_frames_show_no_drift(level):
    frame = np.full((90, 100), level, np.uint8)
    assert shifts([frame, frame]) == [Shift()]
    assert StageTracker(16).add(pattern_of(reduce_frame(frame))) == Shift()


@pytest.mark.parametrize("shape", [(33, 47), (71, 119), (38, 1000)])
def test_sizes_that_the_transform_does_not_like(shape):
    frames = scenes([(0, 0), (1, -2)], shape=shape, noise=0.5)
    (found,) = shifts(frames)
    assert not found.believed or disagreement(found, (1, -2)) < 0.5


def test_moving_repeats_the_border():
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert move(plane, 0, 0) is plane
    assert move(plane, 0, 1).tolist() == [[0, 0, 1, 2], [4, 4, 5, 6], [8, 8, 9, 10]]
    assert move(plane.astype(np.uint8), -1, 0).tolist() == [[4, 5, 6, 7], [8, 9, 10, 11], [8, 9, 10, 11]]
