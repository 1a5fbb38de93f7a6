"""The evidence for cells: noise is measured rightly on any frame, and its units are the movie's own."""

import cv2
import numpy as np
import pytest

from flowroi.roi.background import Background, BackgroundModel
from flowroi.roi.evidence import STRONG, appearance_of, commonest_deviation, evidence_of
from flowroi.roi.reduced import reduce_frame
from flowroi.roi.stabilise import Shift

SHAPE = (240, 320)


def recorded(image, dtype=np.uint8):
    return np.clip(np.rint(image), 0, np.iinfo(dtype).max).astype(dtype)


def noisy(sigma, seed=0, level=120.0):
    return level + sigma * np.random.default_rng(seed).standard_normal(SHAPE)


def with_cells(image, depth=30.0, seed=1):
    """Draw granular cells, a quarter of the way apart; a tenth of the pixels."""
    y, x = np.indices(SHAPE)
    cells = (y % 40 < 14) & (x % 40 < 12)
    assert 0.09 < cells.mean() < 0.12
    grain = np.random.default_rng(seed).normal(-depth, depth / 2, SHAPE)
    return np.where(cells, image + grain, image), cells


def empty_background(sigma, frames=9):
    model = BackgroundModel()
    for t in range(frames):
        model.learn(t, reduce_frame(recorded(noisy(sigma, seed=100 + t))), Shift())
    return model.at(Shift())


def evidence_in(frame, background=None):
    plane = reduce_frame(frame)
    appearance = appearance_of(plane)
    return evidence_of(plane, appearance, background, appearance.noise)


@pytest.mark.parametrize("sigma", [1, 2, 4, 8, 20])
@pytest.mark.parametrize("scene", ["empty", "cells", "half black", "half saturated"])
def test_white_noise_is_measured_whatever_else_is_seen(sigma, scene):
    image = noisy(sigma)
    if scene == "cells":
        image, _ = with_cells(image)
    frame = recorded(image)
    if scene == "half black":
        frame[:, :160] = 0
    elif scene == "half saturated":
        frame[:120] = 255
    # Four pixels are averaged, each with the noise of rounding.
    true = np.sqrt(sigma**2 + 1 / 12) / 2
    assert appearance_of(reduce_frame(frame)).noise == pytest.approx(true, rel=0.15)


@pytest.mark.parametrize("value", [0, 7, 255, 40_000, 65_535])
def test_constant_frames_have_the_least_noise_and_show_nothing(value):
    frame = np.full((60, 80), value, np.uint16)
    plane = reduce_frame(frame)
    appearance = appearance_of(plane)
    assert 0 < appearance.noise < 0.2
    assert appearance.strength == 0
    assert appearance.level == value
    for background in (None, Background(plane, np.zeros_like(plane), Shift(), 9)):
        evidence = evidence_in(frame, background)
        for seen in (evidence.ratio, evidence.around, evidence.motion):
            assert not seen.any()


def test_without_any_variance_there_is_still_a_noise():
    assert commonest_deviation(np.zeros((5, 5), np.float32)) == commonest_deviation(np.zeros((0, 5), np.float32)) > 0


@pytest.mark.parametrize("scale", [16, 250, 257])
def test_deep_frames_give_the_same_ratios(scale):
    frame = recorded(with_cells(noisy(2))[0])
    background = empty_background(2)
    deep = Background(background.plate * scale, background.change * scale, background.position, background.samples)
    shallow, scaled = evidence_in(frame, background), evidence_in(frame.astype(np.uint16) * np.uint16(scale), deep)
    # The noise comes in steps of 1/16 octave.
    for a, b in ((shallow.ratio, scaled.ratio), (shallow.around, scaled.around), (shallow.motion, scaled.motion)):
        assert a[a > STRONG] == pytest.approx(b[a > STRONG], rel=0.06)


def test_cells_stand_out_of_noise_and_noise_does_not():
    frame, cells = with_cells(noisy(2))
    background = empty_background(2)
    far = cv2.dilate(cells.astype(np.uint8), np.ones((17, 17)))[::2, ::2] == 0
    inside = cv2.erode(cells.astype(np.uint8), np.ones((5, 5)))[::2, ::2] == 1
    for known in (None, background):
        ratio = evidence_in(recorded(frame), known).ratio
        assert ratio[inside].min() > STRONG
        assert ratio[far].max() < STRONG


def test_flat_bodies_are_seen_against_the_background_only():
    image = noisy(2)
    image[80:140, 100:180] -= 12
    middle = (slice(48, 62), slice(60, 80))
    assert evidence_in(recorded(image)).ratio[middle].max() < STRONG
    assert evidence_in(recorded(image), empty_background(2)).ratio[middle].min() > STRONG


@pytest.mark.parametrize("offset", [-30, 3, 30])
def test_a_brighter_frame_is_no_evidence_in_the_background(offset):
    background = empty_background(2)
    usual = evidence_in(recorded(noisy(2)), background)
    shifted = evidence_in(recorded(noisy(2) + offset), background)
    assert np.median(shifted.ratio) == pytest.approx(np.median(usual.ratio), rel=0.05)
    assert shifted.ratio.max() < STRONG
    assert shifted.motion.max() == pytest.approx(usual.motion.max(), rel=0.1)


def test_only_what_changes_moves():
    image, cells = with_cells(noisy(0.5))
    still = recorded(image)
    model = BackgroundModel()
    for t in range(9):
        model.learn(t, reduce_frame(still), Shift())
    background = model.at(Shift())
    moved = still.copy()
    moved[100:130, 102:132] = 60
    evidence = evidence_in(moved, background)
    changed = np.zeros(evidence.ratio.shape, bool)
    changed[49:67, 50:68] = True
    assert evidence.motion[52:63, 53:64].min() > STRONG
    assert evidence.motion[~changed].max() < 1
    inside = cv2.erode(cells.astype(np.uint8), np.ones((5, 5)))[::2, ::2] == 1
    assert evidence.ratio[inside & ~changed].min() > STRONG
    assert not evidence_in(moved).motion.any()


def test_what_moved_before_still_counts_as_motion():
    background = empty_background(2)
    change = background.change.copy()
    change[40:60, 40:60] += 50
    evidence = evidence_in(recorded(noisy(2)), Background(background.plate, change, background.position, 9))
    assert evidence.motion[42:58, 42:58].min() > 40
    assert evidence.ratio[42:58, 42:58].max() < STRONG


def test_the_strength_of_cells_is_told_in_units_of_noise():
    weak, strong = (appearance_of(reduce_frame(recorded(with_cells(noisy(2), d)[0]))).strength for d in (20, 40))
    assert appearance_of(reduce_frame(recorded(noisy(2)))).strength == 0
    assert strong == pytest.approx(2 * weak, rel=0.15)


def test_the_neighbourhood_holds_its_strongest_place():
    evidence = evidence_in(recorded(with_cells(noisy(2))[0]))
    assert (evidence.around >= cv2.erode(cv2.dilate(evidence.ratio, np.ones((9, 9))), np.ones((9, 9)))).all()
    assert evidence.around.max() <= evidence.ratio.max() * (1 + 1e-5)
