"""How masks cover cells, by hand."""

import numpy as np
import pytest

from flowroi.metrics.coverage import Coverage, cell_shares, coverage


def test_by_hand():
    labels = np.zeros((4, 10), np.uint16)
    labels[0, :], labels[1, :], labels[3, :] = 5, 900, 7
    mask = np.zeros((4, 10), bool)
    mask[0, :9] = mask[1, :5] = mask[2, :3] = True
    cells = cell_shares(mask, labels)
    assert cells.ids.tolist() == [5, 7, 900]
    assert cells.pixels.tolist() == [10, 10, 10]
    assert cells.shares.tolist() == [0.9, 0, 0.5]
    counts = coverage(mask, labels)
    assert counts == Coverage(cells=3, covered=1, half_covered=2, missed=1, cell_pixels=30, roi_pixels=17)
    both = counts + coverage(np.ones((4, 10), bool), labels)
    assert both.covered_share == pytest.approx(4 / 6)
    assert both.area_ratio == pytest.approx(57 / 60)


def test_without_cells():
    counts = coverage(np.ones((3, 3), bool), np.zeros((3, 3), int))
    assert counts.covered_share is None
    assert counts.area_ratio is None
    assert counts.roi_pixels == 9
