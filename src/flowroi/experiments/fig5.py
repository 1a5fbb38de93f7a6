"""Figure 5: the cells that the masks miss: how many, how faint, and whether they can be found at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.archives import open_archive
from flowroi.evaluation.labels import open_labels
from flowroi.experiments.configuration import LABELS, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods
from flowroi.experiments.statements import Statement, unusable
from flowroi.experiments.views import around, frame_and_truth
from flowroi.experiments.workbench import Workbench, decoded
from flowroi.metrics.coverage import MISSED, Coverage, coverage
from flowroi.metrics.matching import matched, overlaps
from flowroi.params import RoiMethod
from flowroi.report.blocks import Block, Figure, Section, Table, Text
from flowroi.report.image_grid import GridImage, image_grid
from flowroi.report.pictures import grey_range
from flowroi.roi.overlay import OUTLINE_RGB
from flowroi.sources import open_source

NAME = "fig5"
_TITLE = "Figure 5: missed cells"
_PAPER_MISSED, _PAPER_CELLS = 107, 409_968
_SHOWN, _CROP_PX = 6, 48
_RING_PX = 10
_CELL_RGB = (86, 180, 233)


@dataclass(frozen=True, slots=True)
class Cell:
    """A true cell in a measured frame; `contrast` in grey levels; `found_raw` and `found` None without a segmenter."""

    t: int
    centre_yx: tuple[float, float]
    pixels: int
    covered: float
    contrast: float
    found_raw: bool | None
    found: bool | None

    @property
    def missed(self) -> bool:
        """Whether less than 10 % of it are in the RoI."""
        return self.covered < MISSED


def _needs(methods: Methods) -> Sequence[Subject]:
    return [usual(method) for method in methods]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    known = [_of_frame(bench, t) for t in bench.frames]
    cells = {method: _cells(bench, method, known) for method in methods}
    counts = {method: _counted(bench, method) for method in methods}
    rows = [_row(method, cell) for method, of in cells.items() for cell in _worst(of)]
    blocks: list[Block] = [
        Text(
            (
                "At 40:1 and the usual parameters. A cell is missed in a frame if less than 10 % of it are in the RoI; "
                f"the paper misses {_PAPER_MISSED} of {_PAPER_CELLS:,}. Contrast: root mean square difference of the "
                f"cell's pixels from the median of what is no cell within {_RING_PX} pixels.",
            )
        ),
        _counts_table(counts),
        _contrast_table(cells),
    ]
    pictures = {}
    for method in methods:
        path = bench.archive(usual(method))
        shown = _apart(_worst(cells[method]))[:_SHOWN]
        if path is not None and shown:
            name = f"fig5_{method}.png"
            pictures[name] = _picture(bench, path, shown)
            caption = f"{LABELS[method]}: the cells that the RoI covers least, uncompressed above, decoded below"
            blocks.append(
                Figure(
                    f"{caption}; the cells in blue, the RoI in orange. TP: found by the segmenter, FN: not found.",
                    caption,
                    pictures[name],
                )
            )
    tables = {"fig5.csv": rows, "fig5_counts.csv": [_count_row(method, of) for method, of in counts.items()]}
    statements = [s for method in methods for s in _statements(bench, method, counts[method], cells[method])]
    return Finding(Section(_TITLE, tuple(blocks), NAME), tables, pictures, tuple(statements))


def _counted(bench: Workbench, method: RoiMethod) -> Coverage:
    """Return the coverage on every labelled frame, measured or not; of the measured ones where there are no labels."""
    result, path = bench.result(usual(method)), bench.archive(usual(method))
    total = Coverage()
    if result is None or path is None:
        return total
    if bench.movie.labels is None:
        for frame in result.frames:
            total += frame.coverage or Coverage()
        return total
    with (
        open_source(bench.movie.path) as source,
        open_labels(bench.movie.labels, source) as labels,
        open_archive(path) as archive,
    ):
        for t in labels.frames:
            truth = labels.read(t)
            assert truth is not None
            total += coverage(archive.roi(t), truth)
    return total


def _of_frame(bench: Workbench, t: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_] | None]:
    """Return the contrast of each true cell of a frame, and whether it is found on the frame itself."""
    frame, truth = frame_and_truth(bench, t)
    found = None
    if bench.segmenter is not None:
        found = matched(overlaps(truth, bench.segmenter.segment(frame))) >= 0
    return contrasts(frame, truth), found


def contrasts(frame: npt.NDArray[Any], truth: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return the contrast of each true cell, in the order of the labels, grey levels.

    Examples
    --------
    >>> frame = np.full((20, 20), 100, np.uint8); truth = np.zeros((20, 20), np.int32)
    >>> frame[8:12, 8:12], truth[8:12, 8:12] = 90, 3
    >>> contrasts(frame, truth).tolist()
    [10.0]
    """
    ids = np.flatnonzero(np.bincount(truth.ravel())[1:]) + 1
    found = np.zeros(len(ids))
    for place, cell in enumerate(ids):
        y, x = np.nonzero(truth == cell)
        box = (
            slice(max(int(y.min()) - _RING_PX, 0), int(y.max()) + _RING_PX + 1),
            slice(max(int(x.min()) - _RING_PX, 0), int(x.max()) + _RING_PX + 1),
        )
        ours = (truth[box] == cell).astype(np.uint8)
        side = 2 * _RING_PX + 1
        near = cv2.dilate(ours, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0
        ring = frame[box][near & (truth[box] == 0)]
        level = float(np.median(ring)) if ring.size else float(np.median(frame))
        found[place] = math.sqrt(float(np.square(frame[box][ours > 0] - level).mean()))
    return found


def _cells(bench: Workbench, method: RoiMethod, known: Sequence[Any]) -> list[Cell]:
    result = bench.result(usual(method))
    cells: list[Cell] = []
    for frame, (contrast, found_raw) in zip(result.frames if result else (), known, strict=False):
        of = frame.per_cell
        assert of is not None
        cells += [
            Cell(
                t=frame.t,
                centre_yx=(float(of.centres[i, 0]), float(of.centres[i, 1])),
                pixels=int(of.pixels[i]),
                covered=float(of.covered[i]),
                contrast=float(contrast[i]),
                found_raw=None if found_raw is None else bool(found_raw[i]),
                found=None if found_raw is None else bool(of.found[i]),
            )
            for i in range(len(of.ids))
        ]
    return cells


def _worst(cells: Sequence[Cell]) -> list[Cell]:
    """Return the missed cells, least covered first; where fewer are than can be shown, the next ones too."""
    order = sorted(cells, key=lambda cell: cell.covered)
    return order[: max(sum(cell.missed for cell in cells), 4 * _SHOWN)]


def _apart(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells in their order, each place once: a cell that lies still is missed in frame after frame."""
    chosen: list[Cell] = []
    for cell in cells:
        if all(math.dist(cell.centre_yx, other.centre_yx) > 2 * math.sqrt(cell.pixels / math.pi) for other in chosen):
            chosen.append(cell)
    return chosen


def _picture(bench: Workbench, path: Any, cells: Sequence[Cell]) -> bytes:
    above, below, shown = [], [], []
    for cell in cells:
        frame, truth = frame_and_truth(bench, cell.t)
        view, mask = decoded(path, cell.t)
        place = around(cell.centre_yx, _CROP_PX, frame.shape)
        contours = ((truth[place] > 0, _CELL_RGB), (mask[place], OUTLINE_RGB))
        above.append(GridImage(f"frame {cell.t}{_word(cell.found_raw)}", frame[place], contours))
        below.append(GridImage(f"{cell.covered:.0%} in RoI{_word(cell.found)}", view[place], contours))
        shown.append(frame)
    low, high = grey_range(*shown)
    return image_grid([*above, *below], len(cells), row_labels=("uncompressed", "decoded"), low=low, high=high)


def _word(found: bool | None) -> str:
    return "" if found is None else ", TP" if found else ", FN"


def _row(method: RoiMethod, cell: Cell) -> dict[str, Any]:
    return {
        "method": method,
        "frame": cell.t,
        "y_px": round(cell.centre_yx[0], 2),
        "x_px": round(cell.centre_yx[1], 2),
        "area_px": cell.pixels,
        "covered": round(cell.covered, 4),
        "contrast": round(cell.contrast, 3),
        "found_uncompressed": None if cell.found_raw is None else int(cell.found_raw),
        "found_decoded": None if cell.found is None else int(cell.found),
    }


def _count_row(method: str, of: Coverage) -> dict[str, Any]:
    return {
        "method": method,
        "cells": of.cells,
        "covered": of.covered,
        "half_covered": of.half_covered,
        "missed": of.missed,
        "missed_share": of.missed / of.cells if of.cells else None,
    }


def _counts_table(counts: dict[RoiMethod, Coverage]) -> Table:
    rows = [
        (LABELS[m], *list(_count_row(m, of).values())[1:5], _share(of.missed, of.cells)) for m, of in counts.items()
    ]
    paper = ("the paper (reported)", _PAPER_CELLS, None, None, _PAPER_MISSED, _share(_PAPER_MISSED, _PAPER_CELLS))
    columns = ("method", "cells", "covered to 90 %", "covered to 50 %", "missed", "share missed")
    return Table("Cells in all labelled frames, one a frame", columns, (*rows, paper))


def _share(part: int, whole: int) -> str | None:
    return f"{part / whole:.3%}" if whole else None


def _contrast_table(cells: dict[RoiMethod, list[Cell]]) -> Table:
    rows = []
    for method, of in cells.items():
        for name, group in (("all", of), ("missed", [cell for cell in of if cell.missed])):
            rows.append(
                (
                    LABELS[method],
                    name,
                    len(group),
                    _contrast(group),
                    _recall(group, "found_raw"),
                    _recall(group, "found"),
                )
            )
    columns = ("method", "cells", "how many", "median contrast", "found, uncompressed", "found, decoded")
    return Table("Missed cells against all cells, on the measured frames", columns, tuple(rows))


def _contrast(cells: Sequence[Cell]) -> float | None:
    return float(np.median([cell.contrast for cell in cells])) if cells else None


def _recall(cells: Sequence[Cell], field: str) -> float | None:
    found = [getattr(cell, field) for cell in cells]
    return float(np.mean(found)) if found and None not in found else None


def _statements(bench: Workbench, method: RoiMethod, counted: Coverage, cells: Sequence[Cell]) -> list[Statement]:
    paper = _PAPER_MISSED / _PAPER_CELLS
    claim = f"hardly any cell is missed: {_PAPER_MISSED} of {_PAPER_CELLS:,}, {paper:.3%}"
    text, agrees = "not measured", None
    if counted.cells:
        text = f"{counted.missed:,} of {counted.cells:,}, {_share(counted.missed, counted.cells)}"
        agrees = counted.missed / counted.cells <= paper
    found = [Statement(NAME, method, claim, text, agrees)]
    missed = [cell for cell in cells if cell.missed]
    claim = "missed cells have very low contrast"
    if missed:
        low, usual_contrast = _contrast(missed), _contrast(cells)
        assert low is not None
        assert usual_contrast is not None
        text = f"median {low:.1f} grey levels, {usual_contrast:.1f} of all cells (low: below half of that)"
        found.append(Statement(NAME, method, claim, text, low < usual_contrast / 2))
    else:
        found.append(Statement(NAME, method, claim, "no cell is missed on the measured frames", None))
    claim = "missed cells are not reliably found on the uncompressed frames either"
    useless = unusable(bench.raw.summary().f1)
    if missed and bench.segmenter is not None and not useless:
        theirs, everyone = _recall(missed, "found_raw"), _recall(cells, "found_raw")
        decoded_recall = _recall(missed, "found")
        assert theirs is not None
        assert everyone is not None
        text = f"{theirs:.1%} of them found uncompressed, {decoded_recall:.1%} decoded; of all cells {everyone:.1%}"
        found.append(Statement(NAME, method, claim, f"{text} (reliably: 90 %)", theirs < 0.9))
    else:
        text = "no cell is missed on the measured frames" if not missed else useless or "not measured"
        found.append(Statement(NAME, method, claim, text, None))
    return found


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
