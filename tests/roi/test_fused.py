"""The fused method on whole movies: what it covers, what it leaves out, what it knows when, and what it admits."""

import cv2
import numpy as np
import pytest

from flowroi import RoiParams, extract_roi, synthetic_movie
from flowroi.roi import iter_roi
from flowroi.roi.fused_extraction import ALONE, CROWDED, FLICKER, STILL

SMALL = {"frames": 14, "height": 288, "width": 384, "cells": 34}
HARD = {"still_fraction": 0.3, "drift_px": 1.0, "flicker": 0.02, "illumination": 0.3, "debris": 12}


def rois(movie, **params):
    return [roi for _, roi in iter_roi(movie, RoiParams(**params))]


def shares(masks, labels):
    found = []
    for mask, truth in zip(masks, labels, strict=True):
        pixels = np.bincount(truth.ravel())
        inside = np.bincount(truth[mask], minlength=len(pixels))
        cells = np.flatnonzero(pixels[1:]) + 1
        found.append(inside[cells] / pixels[cells])
    return np.concatenate(found)


def area(masks, labels):
    return masks.sum() / (labels > 0).sum()


@pytest.mark.parametrize(
    ("options", "covered", "largest"),
    [
        ({}, 1.0, 2.8),
        ({"contrast": 0.3, "noise": 4.0}, 0.98, 2.8),
        (HARD, 0.99, 3.0),
        ({"frame_interval_s": 1.0}, 0.99, 3.0),
        ({"frame_interval_s": 60.0}, 0.99, 2.8),
        ({"cell_area_px": 2000.0, "cells": 8}, 0.99, 2.0),
    ],
    ids=["default", "faint", "hard", "short intervals", "long intervals", "large cells"],
)
@pytest.mark.parametrize("seed", [11, 12])
def test_masks_are_complete_and_tight(options, covered, largest, seed):
    movie = synthetic_movie(**{**SMALL, **options, "seed": seed})
    masks = extract_roi(movie.frames)
    assert np.mean(shares(masks, movie.labels) >= 0.9) >= covered
    assert area(masks, movie.labels) <= largest


def test_the_real_crop(shared_data):
    import tifffile

    movie = tifffile.imread(shared_data / "complexeye" / "example.tiff")
    labels = tifffile.imread(shared_data / "complexeye" / "example_seg.tiff")
    masks = extract_roi(movie)
    assert (shares(masks, labels) >= 0.9).all()
    assert area(masks, labels) <= 3.3


def test_a_real_dense_movie(shared_data):
    folder = shared_data / "t98g"
    movie, labels = (
        np.stack([cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted((folder / name).iterdir())[:12]])
        for name in ("images8", "masks_tracked_auto")
    )
    masks = extract_roi(movie)
    assert np.mean(shares(masks, labels) >= 0.9) >= 0.97
    assert area(masks, labels) <= 2.0


def test_deep_frames_give_the_same_masks():
    movie = synthetic_movie(**SMALL, seed=3).frames
    deep = movie.astype(np.uint16) * 40 + 300
    masks, deeper = extract_roi(movie), extract_roi(deep)
    assert (masks & deeper).sum() / (masks | deeper).sum() > 0.97


@pytest.mark.parametrize("look_ahead", [0, 3, 8])
def test_a_mask_knows_the_past_and_no_more_than_the_look_ahead(look_ahead):
    movie = synthetic_movie(**{**SMALL, "frames": 24}, seed=4).frames
    known = 10 + look_ahead + 1
    whole = rois(movie, look_ahead=look_ahead)[:11]
    cut = rois(movie[:known], look_ahead=look_ahead)[:11]
    for a, b in zip(whole, cut, strict=True):
        assert np.array_equal(a.mask, b.mask)
        assert np.array_equal(a.weights, b.weights)
        assert a.diagnostics == b.diagnostics


def scene(frames=30, *, seed=0):
    """Grainy squares on a noisy ground: three that walk, one that walks and then pauses; two static pieces of dirt."""
    rng = np.random.default_rng(seed)
    movie = 100 + rng.normal(0, 2, (frames, 160, 200))
    grain = rng.normal(-40, 12, (14, 14))
    dirt = rng.normal(-40, 12, (9, 9))
    movie[:, 130:139, 20:29] += dirt
    movie[:, 130:139, 150:159] += dirt
    for t in range(frames):
        for k, y in enumerate((10, 40, 70)):
            x = 5 + (k * 17 + 6 * t) % 170
            movie[t, y : y + 14, x : x + 14] += grain
        # Alive, it changes a little while it pauses.
        x = 20 + 6 * min(t, 10)
        movie[t, 100:114, x : x + 14] += grain + rng.normal(0, 8, grain.shape)
    return np.clip(np.rint(movie), 0, 255).astype(np.uint8)


def test_a_cell_that_pauses_stays():
    masks = extract_roi(scene())
    for t in range(30):
        x = 20 + 6 * min(t, 10)
        assert masks[t, 101:113, x + 1 : x + 13].mean() > 0.9


def test_dirt_that_never_moves_is_left_out():
    found = rois(scene())
    for roi in found:
        assert not roi.mask[126:143, 16:33].any()
        assert not roi.mask[126:143, 146:163].any()
        assert roi.diagnostics.warning == ""
        assert roi.diagnostics.components == 4


def test_where_nothing_moves_everything_stays_and_that_is_said():
    still = np.repeat(scene(1), 12, axis=0)
    noisy = np.clip(still + np.random.default_rng(1).normal(0, 2, still.shape), 0, 255).astype(np.uint8)
    for roi in rois(noisy)[2:]:
        assert roi.diagnostics.warning == STILL
        assert roi.mask[131:138, 21:28].mean() > 0.9
        assert roi.mask[11:23, 6:18].mean() > 0.9


def test_a_dense_layer_is_coded_plainly():
    rng = np.random.default_rng(2)
    blocks = rng.integers(0, 2, (6, 30, 40)).repeat(6, axis=1).repeat(6, axis=2)
    for roi in rois((60 + 90 * blocks).astype(np.uint8)):
        assert roi.mask.all()
        assert roi.weights is None
        assert roi.diagnostics.warning == CROWDED
        assert roi.diagnostics.confidence == 0
        assert roi.diagnostics.roi_share == 1


@pytest.mark.parametrize(("contrast", "noise"), [(1.0, 8.0), (0.6, 4.0), (0.3, 2.0)])
def test_many_noisy_cells_are_found_all_the_same(contrast, noise):
    movie = synthetic_movie(frames=8, height=240, width=320, cells=80, seed=0, contrast=contrast, noise=noise)
    masks = extract_roi(movie.frames)
    assert np.mean(shares(masks, movie.labels) >= 0.9) >= 0.98


def test_a_flash_is_said_and_does_not_spoil_the_others():
    movie = synthetic_movie(**SMALL, seed=6)
    flashed = movie.frames.copy()
    flashed[7] = np.clip(flashed[7] * 1.6, 0, 255)
    found = rois(flashed)
    assert [roi.diagnostics.warning for roi in found] == [FLICKER if t == 7 else "" for t in range(14)]
    masks = np.stack([roi.mask for roi in found])
    assert np.mean(shares(masks, movie.labels) >= 0.9) >= 0.99
    assert area(masks, movie.labels) <= 3.0


def test_one_frame_goes_by_appearance():
    movie = synthetic_movie(**{**SMALL, "frames": 1}, seed=7)
    (roi,) = rois(movie.frames)
    assert roi.diagnostics.warning == ALONE
    assert np.mean(shares(roi.mask[None], movie.labels) >= 0.9) >= 0.97
    assert area(roi.mask[None], movie.labels) <= 3.5


@pytest.mark.parametrize("value", [0, 77, 255])
def test_constant_frames_have_no_roi(value):
    found = rois(np.full((4, 50, 60), value, np.uint8))
    assert not any(roi.mask.any() for roi in found)
    assert all(roi.weights is None for roi in found)


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (3, 3), (2, 40), (17, 5), (63, 65)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size(shape, dtype):
    frames = np.random.default_rng(0).integers(0, 250, (11, *shape)).astype(dtype)
    found = rois(frames)
    assert len(found) == 11
    assert all(roi.mask.shape == shape for roi in found)


def test_a_number_is_the_share_that_is_kept():
    movie = synthetic_movie(**SMALL, seed=8).frames
    small, large = (extract_roi(movie, roi_threshold=share).mean() for share in (0.05, 0.15))
    assert 0.02 < small < 0.07
    assert 0.08 < large < 0.2


def test_margins_grow_the_mask():
    movie = synthetic_movie(**SMALL, seed=9).frames
    tight, wide = extract_roi(movie), extract_roi(movie, margin=3)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    for a, b in zip(tight, wide, strict=True):
        assert np.array_equal(cv2.dilate(a.astype(np.uint8), disc) > 0, b)


def test_small_pieces_can_be_left_out():
    movie = synthetic_movie(**SMALL, seed=9).frames
    for mask in extract_roi(movie, min_area_px=400):
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        assert (stats[1:, cv2.CC_STAT_AREA] > 300).all()


def test_diagnostics_are_those_of_the_mask_and_the_movie():
    movie = synthetic_movie(**SMALL, drift_px=1.0, noise=3.0, seed=10)
    found = rois(movie.frames)
    for roi in found:
        known = roi.diagnostics
        assert known.roi_share == pytest.approx(roi.mask.mean())
        assert abs(known.components - (cv2.connectedComponents(roi.mask.astype(np.uint8))[0] - 1)) <= 1
        assert 0.5 < known.confidence <= 1
        assert known.noise == pytest.approx(3.0, rel=0.35)
        assert roi.weights.shape == (144, 192)
    assert np.hypot(*found[-1].diagnostics.drift_px) == pytest.approx(13, abs=0.6)
