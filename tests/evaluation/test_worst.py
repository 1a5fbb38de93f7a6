"""What to look at first."""

import numpy as np
import pytest

from flowroi.evaluation.measure import CellMeasures
from flowroi.evaluation.worst import cells_outside, worst_cells, worst_frames
from flowroi.metrics.coverage import Coverage
from tests.evaluation.test_gains import subject


def archive(*frames):
    """Frames of cells: (y, mse, covered) each."""
    base = subject("archive:0", 100, 16, 1, kind="archive", frames=range(len(frames)))
    measures = []
    for measure, cells in zip(base.frames, frames, strict=True):
        y, mse, covered = (np.array(column, float) for column in zip(*cells, strict=True))
        per_cell = CellMeasures(
            ids=np.arange(1, len(y) + 1),
            pixels=np.full(len(y), 200),
            centres=np.column_stack([y, y]),
            mse=mse,
            covered=covered,
            found=np.ones(len(y), bool),
        )
        missed = int((covered < 0.1).sum())
        coverage = Coverage(cells=len(y), missed=missed)
        measures.append(
            type(measure)(
                **{n: getattr(measure, n) for n in measure.__slots__} | {"per_cell": per_cell, "coverage": coverage}
            )
        )
    return type(base)(base.key, base.name, base.kind, base.rate, base.peak, tuple(measures))


def test_cells_outside_come_first_then_the_largest_errors():
    result = archive([(10, 5.0, 1.0), (200, 1.0, 0.05)], [(10, 9.0, 1.0), (400, 7.0, 0.5)])
    worst = worst_cells(result, 3)
    assert [(c.t, c.label) for c in worst] == [(0, 2), (1, 1), (1, 2)]
    assert [c.outside for c in worst] == [True, False, False]
    assert worst[1].psnr == pytest.approx(10 * np.log10(255**2 / 9))


def test_a_cell_is_shown_once():
    result = archive(*[[(10 + t, 5.0 + t, 1.0), (300, 1.0, 1.0)] for t in range(6)])
    assert [(c.t, c.label) for c in worst_cells(result, 5)] == [(5, 1), (0, 2)]


def test_worst_frames():
    result = archive([(10, 1.0, 1.0)], [(10, 1.0, 0.0)], [(10, 1.0, 1.0)])
    assert worst_frames(result, 2)[0] == 1
    assert cells_outside(result) == (1, 3)
    unknown = archive([(10, 1.0, np.nan)])
    assert cells_outside(unknown) is None
