"""Matching of cells, by hand and against StarDist's on random label images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stardist.matching import matching as stardist_matching

from flowroi.metrics.matching import THRESHOLDS, Matches, match_cells, matched, overlaps


def labels(*rows):
    return np.array([[int(c) for c in row] for row in rows])


def test_by_hand():
    truth = labels("1111000", "1111022", "0000022", "3330000")
    found = labels("0555000", "0555099", "0000099", "0000040")
    counts = match_cells(truth, found)
    assert (counts.truth, counts.found) == (3, 3)
    # 6 of 8 pixels, and 4 of 4: both at 0.75, the second alone at 0.8.
    assert counts.true_positives == (2, 2, 2, 2, 2, 2, 1, 1, 1, 1)
    assert counts.precision() == counts.recall() == counts.f1() == pytest.approx(2 / 3)
    assert counts.average_precision(0.5) == pytest.approx(2 / 4)
    assert counts.mean_average_precision == pytest.approx((6 * 2 / 4 + 4 * 1 / 5) / 10)
    assert matched(overlaps(truth, found)).tolist() == [1, 2, -1]


def test_at_one_half_exactly_a_cell_is_matched_once():
    truth, found = labels("1111"), labels("2233")
    counts = match_cells(truth, found)
    assert counts.true_positives[0] == 1
    assert counts.precision() == 0.5
    assert counts.recall() == 1


def test_nothing_to_find():
    empty, one = np.zeros((4, 4), int), labels("1100", "0000", "0000", "0000")
    assert match_cells(empty, empty).f1() is None
    assert match_cells(empty, empty).mean_average_precision is None
    assert match_cells(empty, one).precision() == 0
    assert match_cells(empty, one).recall() is None
    assert match_cells(one, empty).recall() == 0
    assert match_cells(one, empty).f1() == 0
    everywhere = np.ones((4, 4), int)
    assert match_cells(everywhere, everywhere * 9).f1() == 1


def test_frames_pool_by_adding():
    a, b = match_cells(labels("1100"), labels("1100")), match_cells(labels("1100"), labels("0011"))
    assert (a + b).f1() == 0.5
    assert sum((a, b), Matches()) == a + b


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 4))
def test_random_cells_as_stardist_matches_them(seed, cells, shift):
    rng = np.random.default_rng(seed)
    truth = np.zeros((48, 60), np.int32)
    for n in range(cells):
        y, x, h, w = rng.integers(0, 40), rng.integers(0, 50), rng.integers(2, 12), rng.integers(2, 12)
        truth[y : y + h, x : x + w] = 3 * n + 2
    found = np.roll(truth, rng.integers(-shift, shift + 1, 2), (0, 1))
    found[found == rng.integers(0, 40)] = 0
    found = np.where(found > 0, rng.permutation(100)[found] + 1, 0)
    counts = match_cells(truth, found)
    for place, threshold in enumerate(THRESHOLDS):
        theirs = stardist_matching(truth, found, thresh=threshold)
        assert counts.true_positives[place] == theirs.tp
        assert counts.found - counts.true_positives[place] == theirs.fp
        assert counts.truth - counts.true_positives[place] == theirs.fn
        if counts.truth + counts.found:
            assert counts.f1(threshold) == pytest.approx(theirs.f1)
            assert counts.average_precision(threshold) == pytest.approx(theirs.accuracy)
