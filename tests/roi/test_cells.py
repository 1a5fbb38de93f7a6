"""From evidence to the mask: each rule on a map whose answer is known."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from flowroi.roi.cells import find_cells
from flowroi.roi.evidence import STRONG, Evidence

WEAK = 2.0  # reaches the mask's threshold, but not that of a cell
SHAPE = (120, 160)


def flat(value=0.0):
    return np.full(SHAPE, value, np.float32)


def found_in(ratio, *, around=None, motion=None, typical=0.0, share=None, min_area=8):
    evidence = Evidence(ratio, flat() if around is None else around, flat() if motion is None else motion)
    return find_cells(evidence, typical, share=share, min_area=min_area, motion_known=motion is not None)


def squares(*tops, side=12, value=6.0):
    ratio = flat()
    for top in tops:
        ratio[top : top + side, 20 : 20 + side] = value
    return ratio


def test_weak_places_belong_to_a_cell_if_a_strong_one_is_among_them():
    ratio = flat()
    ratio[10:30, 10:40] = ratio[60:80, 10:40] = WEAK
    ratio[12:15, 36:39] = STRONG + 1
    found = found_in(ratio)
    assert found.mask[12:28, 12:38].all()
    assert not found.mask[35:].any()
    assert found.pieces == 1
    ratio[60, 10] = STRONG + 1
    assert found_in(ratio).pieces == 2


def test_places_that_touch_by_a_corner_belong_together():
    ratio = flat()
    ratio[10:20, 10:20] = STRONG + 1
    ratio[20:30, 20:30] = WEAK
    assert found_in(ratio).mask[22:28, 22:28].all()


def test_a_typical_cell_sets_what_is_asked_for():
    ratio = squares(10, value=6.0) + squares(60, value=40.0)
    assert found_in(ratio, typical=20.0).pieces == 2
    assert found_in(ratio, typical=40.0).mask[:50].sum() == 0
    assert found_in(ratio, typical=40.0).mask[62:70, 22:30].all()


def test_beside_a_bright_cell_its_halo_is_left_out():
    ratio = squares(40, side=40, value=5.0)
    ratio[50:70, 30:50] = 100
    around = flat(40)
    found = found_in(ratio, around=around)
    assert found.mask[52:68, 32:48].all()
    assert found.mask.sum() <= 20 * 20
    assert found_in(ratio).mask.sum() > 30 * 30


def test_the_evidence_is_told_as_a_multiple_of_what_is_asked_for():
    ratio = np.random.default_rng(0).uniform(0, 9, SHAPE).astype(np.float32)
    around = flat(30)
    around[:60] = 1
    before = ratio.copy(), around.copy()
    relative = found_in(ratio, around=around, typical=20.0).relative
    assert relative[60:] == pytest.approx(ratio[60:] / 6, rel=1e-4)
    assert relative[:60] == pytest.approx(ratio[:60] / 2.4, rel=1e-4)
    assert np.array_equal((ratio, around), before)


@pytest.mark.parametrize(("side", "filled"), [(1, True), (8, True), (13, True), (17, False), (40, False)])
def test_holes_are_filled_up_to_a_share_of_the_frame(side, filled):
    ratio = squares(20, side=60)
    hole = (slice(40, 40 + side), slice(40, 40 + side))
    ratio[hole] = 0
    assert (side**2 <= 0.01 * ratio.size) == filled
    mask = found_in(ratio).mask
    assert mask[hole].all() == filled
    assert mask[hole].any() == filled
    assert mask[24:36, 24:36].all()


def test_pieces_within_holes_do_not_confuse():
    ratio = squares(20, side=80)
    ratio[30:43, 30:43] = 0  # filled, with what it holds
    ratio[34:38, 34:38] = 6
    ratio[55:95, 45:85] = 0  # stays, around what it holds
    ratio[70:80, 60:70] = 6
    mask = found_in(ratio).mask
    assert mask[30:43, 30:43].all()
    assert mask[72:78, 62:68].all()
    assert not mask[57:68, 47:83].any()


def test_a_bay_is_no_hole_but_what_the_border_closes_is():
    ratio = squares(20, side=60)
    ratio[48:54, 30:] = 0
    ratio[:10, :30] = 6
    ratio[:6, 10:20] = 0
    mask = found_in(ratio).mask
    assert not mask[48:54, 40:].any()
    assert mask[:8, 2:28].all()


def test_pieces_much_smaller_than_the_others_go_unless_the_border_cuts_them():
    ratio = flat()
    ratio[20:100, 20:100] = 6
    ratio[:7, 120:127] = ratio[60:67, 130:137] = 6
    mask = found_in(ratio).mask
    assert mask[:5, 122:125].all()
    assert not mask[55:70, 125:140].any()
    assert found_in(np.where(np.arange(160) > 110, ratio, 0).astype(np.float32)).pieces == 2


@pytest.mark.parametrize("corner", [(0, 0), (0, 145), (105, 0), (105, 145)])
def test_cells_reach_the_border(corner):
    y, x = corner
    ratio = flat()
    ratio[y : y + 15, x : x + 15] = 6
    assert found_in(ratio).mask[corner[0] and 119, corner[1] and 159] == 1


def test_specks_and_threads_are_left_out():
    ratio = squares(10, side=4) + squares(40)
    ratio[80:82, 10:150] = 6
    assert found_in(ratio, min_area=20).pieces == 1
    assert found_in(ratio, min_area=0).pieces == 1
    assert found_in(squares(10, side=6), min_area=17).pieces == 0
    assert found_in(squares(10, side=6), min_area=16).pieces == 1


def test_what_lies_still_goes_where_others_move():
    ratio = squares(10, 40, 70)
    motion = squares(10, 70)
    found = found_in(ratio, motion=motion)
    assert not found.mask[35:60].any()
    assert found.mask[12:20, 22:30].all()
    assert found.mask[72:80, 22:30].all()
    assert (found.pieces, found.removed, found.still) == (2, 1, False)


def test_what_lies_still_stays_where_nothing_moves():
    ratio = squares(10, 40, 70)
    found = found_in(ratio, motion=flat())
    assert (found.pieces, found.removed, found.still) == (3, 0, True)
    assert np.array_equal(found.mask, found_in(ratio).mask)


def test_where_next_to_nothing_moves_stillness_tells_nothing():
    ratio = squares(5, 25, 45, 65, 85)
    few = found_in(ratio, motion=squares(5))
    assert (few.pieces, few.removed, few.still) == (5, 0, True)
    more = found_in(ratio, motion=squares(5, 25))
    assert (more.pieces, more.removed, more.still) == (2, 3, False)


def test_before_motion_is_known_nothing_is_still():
    found = found_in(squares(10, 40))
    assert (found.pieces, found.removed, found.still) == (2, 0, False)


def test_slow_change_is_enough_to_be_a_cell():
    ratio = squares(10, 40)
    slow = found_in(ratio, motion=squares(10) + squares(40, value=3.0))
    assert (slow.pieces, slow.removed) == (2, 0)
    slower = found_in(ratio, motion=squares(10) + squares(40, value=1.0))
    assert (slower.pieces, slower.removed) == (1, 1)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_share_is_kept_strongest_first_and_never_exceeded(share):
    y, x = np.indices(SHAPE)
    hills = [(20, 20, 25), (30, 120, 60), (90, 60, 90)]
    ratio = np.max([h - np.hypot(y - cy, x - cx) for cy, cx, h in hills], axis=0).clip(0).astype(np.float32)
    mask = found_in(ratio, share=share).mask.astype(bool)
    assert share / 2 < mask.mean() <= share
    assert ratio[mask].min() >= np.quantile(ratio, 1 - share) - 0.1


def test_a_share_of_nothing_is_nothing():
    found = found_in(flat(), share=0.3)
    assert (found.mask.sum(), found.pieces, found.peak, found.still) == (0, 0, 0, False)


@pytest.mark.parametrize("motion", [None, flat()])
def test_nothing_is_found_in_noise(motion):
    ratio = np.random.default_rng(0).uniform(0, STRONG - 0.1, SHAPE).astype(np.float32)
    found = found_in(ratio, motion=motion)
    assert (found.mask.sum(), found.pieces, found.removed, found.peak, found.still) == (0, 0, 0, 0, False)


def test_the_peak_is_that_of_the_typical_piece():
    ratio = squares(10, value=6) + squares(40, value=12) + squares(70, value=20)
    assert found_in(ratio).peak == pytest.approx(12 / STRONG)
    assert found_in(ratio, motion=squares(10, 40)).peak == pytest.approx(9 / STRONG)


@pytest.mark.parametrize("seed", range(5))
def test_pieces_are_counted_as_opencv_counts_them(seed):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 2.5)
    ratio = (4 * smooth / smooth.std()).astype(np.float32)
    found = found_in(np.maximum(ratio, 0))
    assert found.pieces == cv2.connectedComponents(found.mask, connectivity=8)[0] - 1 > 5
    assert set(np.unique(found.mask)) == {0, 1}


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2)])
def test_tiny_maps_work(shape):
    for value in (0, 9):
        plane = np.full(shape, value, np.float32)
        for share in (None, 0.5):
            evidence = Evidence(plane, plane, plane)
            found = find_cells(evidence, 0.0, share=share, min_area=1, motion_known=True)
            assert found.mask.shape == shape
            assert found.pieces <= (value > 0)
