"""Synthetic movies: the truth is exact, every parameter does what it says, and seeds decide everything."""

from itertools import islice

import cv2
import numpy as np
import pytest

from flowroi import synthetic_movie
from flowroi.errors import InvalidParameterError
from flowroi.synthetic import iter_synthetic

SIZE = {"height": 260, "width": 300, "cells": 24}


@pytest.fixture(scope="module")
def movie():
    return synthetic_movie(frames=8, seed=4, **SIZE)


def test_truth_is_exact(movie):
    assert movie.frames.shape == movie.labels.shape == movie.clean.shape == (8, 260, 300)
    assert movie.frames.dtype == np.uint8
    tracks = movie.tracks.reshape(8, 24)
    for t in range(8):
        assert set(np.unique(movie.labels[t])) == set(range(25))
        for row in tracks[t]:
            ys, xs = np.nonzero(movie.labels[t] == row["id"])
            assert np.hypot(ys.mean() - row["y"], xs.mean() - row["x"]) < 5
    assert tracks["frame"].tolist() == [[t] * 24 for t in range(8)]
    assert movie.pixel_size_um == 0.641
    assert movie.frame_interval_s == 8


def test_cells_look_like_the_real_ones(movie):
    areas = np.concatenate([np.bincount(x.ravel())[1:] for x in movie.labels])
    assert 180 < np.median(areas) < 230
    inside = movie.clean[movie.labels > 0] - 96
    assert -40 < inside.mean() < -25
    assert 10 < inside.std() < 22


def test_cells_move_at_the_speed_asked_for(movie):
    tracks = movie.tracks.reshape(8, 24)
    steps = np.hypot(np.diff(tracks["y"], axis=0), np.diff(tracks["x"], axis=0))
    assert 3 < steps.mean() < 6
    slow = synthetic_movie(frames=6, seed=4, speed_um_per_min=5, **SIZE).tracks.reshape(6, 24)
    slow_steps = np.hypot(np.diff(slow["y"], axis=0), np.diff(slow["x"], axis=0))
    assert slow_steps.mean() < steps.mean() / 3


def test_seeds_decide_and_longer_movies_begin_alike(movie):
    again = synthetic_movie(frames=3, seed=4, **SIZE)
    assert np.array_equal(again.frames, movie.frames[:3])
    assert np.array_equal(again.labels, movie.labels[:3])
    streamed = np.stack([f.frame for f in islice(iter_synthetic(seed=4, **SIZE), 3)])
    assert np.array_equal(streamed, again.frames)
    assert not np.array_equal(synthetic_movie(frames=1, seed=5, **SIZE).frames[0], movie.frames[0])


@pytest.mark.parametrize("noise", [0.0, 2.0, 4.0])
def test_noise_is_as_asked(noise):
    made = synthetic_movie(frames=1, seed=1, noise=noise, **SIZE)
    assert (made.frames - made.clean).std() == pytest.approx(np.hypot(noise, 0.29), rel=0.05)


def test_clean_is_what_a_sensor_could_record():
    made = synthetic_movie(frames=1, seed=1, noise=0, contrast=2.5, **SIZE)
    assert made.clean.min() == 0
    assert np.abs(made.frames - made.clean).max() <= 0.5


def test_noise_and_contrast_leave_the_cells_where_they_are():
    loud = synthetic_movie(frames=2, seed=1, noise=5, contrast=0.3, **SIZE)
    plain = synthetic_movie(frames=2, seed=1, **SIZE)
    assert np.array_equal(loud.labels, plain.labels)
    signals = [np.abs(m.clean[m.labels > 0] - 96).mean() for m in (loud, plain)]
    assert signals[0] == pytest.approx(0.3 * signals[1], rel=0.15)


def test_still_cells_stay():
    made = synthetic_movie(frames=4, seed=2, still_fraction=0.5, **SIZE)
    tracks = made.tracks.reshape(4, 24)
    moved = np.hypot(tracks["y"][-1] - tracks["y"][0], tracks["x"][-1] - tracks["x"][0])
    assert (moved == 0).sum() >= 12
    assert (moved > 1).sum() >= 6


def test_drift_moves_the_scene_by_as_much():
    base = {"frames": 3, "seed": 2, "texture": 8, "noise": 0, "cells": 0, "height": 80, "width": 90, "illumination": 0}
    still = synthetic_movie(**base, drift_px=0)
    assert np.array_equal(still.frames[0], still.frames[2])
    clean = synthetic_movie(**base, drift_px=3).clean
    for t in (1, 2):
        warp = np.eye(2, 3, dtype=np.float32)
        _, warp = cv2.findTransformECC(clean[0], clean[t], warp, cv2.MOTION_TRANSLATION)
        assert np.hypot(*warp[:, 2]) == pytest.approx(3 * t, abs=0.1)


def test_drift_carries_still_cells_with_it():
    tracks = synthetic_movie(frames=2, seed=2, still_fraction=1, drift_px=3, **SIZE).tracks.reshape(2, 24)
    steps = np.hypot(np.diff(tracks["y"], axis=0), np.diff(tracks["x"], axis=0))
    assert steps == pytest.approx(np.full((1, 24), 3), abs=1e-3)


def test_cells_leave_and_enter_a_drifting_view_without_meeting():
    last_seen, positions = {}, {}
    for t, made in enumerate(islice(iter_synthetic(seed=3, drift_px=4, **SIZE), 80)):
        assert set(np.unique(made.labels)) - {0} == set(made.ids.tolist())
        apart = np.hypot(*(made.positions[:, None] - made.positions[None]).transpose(2, 0, 1))
        assert apart[~np.eye(len(apart), dtype=bool)].min() > 16
        for cell, position in zip(made.ids.tolist(), made.positions, strict=True):
            if last_seen.get(cell) == t - 1:
                assert np.hypot(*(position - positions[cell])) < 40
            last_seen[cell], positions[cell] = t, position
    assert len(last_seen) > 30
    assert len(made.ids) >= 15


def test_flicker_illumination_and_debris_show():
    base = {"cells": 0, "noise": 0, "texture": 0, "height": 100, "width": 120, "debris": 0}
    flicker = synthetic_movie(frames=40, seed=1, flicker=0.02, illumination=0, **base).clean.mean(axis=(1, 2))
    assert flicker.std() / flicker.mean() == pytest.approx(0.02, rel=0.4)
    light = synthetic_movie(frames=1, seed=1, illumination=0.2, **base).clean[0]
    assert np.ptp(light) / light.mean() == pytest.approx(0.2, rel=0.15)
    clean, dirty = (synthetic_movie(frames=1, seed=1, **base | {"debris": n}).clean[0] for n in (0, 30))
    assert dirty.min() < clean.min() - 8


@pytest.mark.parametrize("size", [(1, 1, 0), (32, 40, 1), (64, 64, 2), (20, 300, 3)])
def test_small_movies_work(size):
    height, width, cells = size
    made = synthetic_movie(frames=3, height=height, width=width, cells=cells)
    assert made.labels.max() == cells
    assert len(made.tracks) == 3 * cells


@pytest.mark.parametrize(
    "bad",
    [
        {"frames": 0},
        {"height": 0},
        {"cells": -1},
        {"cells": 5000},
        {"noise": -1},
        {"contrast": float("nan")},
        {"still_fraction": 1.5},
        {"seed": 1.5},
        {"height": True},
        {"colour": 3},
    ],
)
def test_bad_parameters_are_refused(bad):
    name = next(iter(bad))
    with pytest.raises(InvalidParameterError, match=name if name != "cells" else "cells|fit"):
        synthetic_movie(**bad)
    if name != "frames":
        with pytest.raises(InvalidParameterError):
            iter_synthetic(**bad)  # at once, not at the first frame


def test_numpy_numbers_are_taken():
    made = synthetic_movie(frames=1, seed=np.int64(4), noise=np.float32(2), **SIZE)
    assert np.array_equal(made.frames, synthetic_movie(frames=1, seed=4, noise=2, **SIZE).frames)
