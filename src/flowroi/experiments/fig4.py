"""Figure 4: the masks of the paper's method by denoising, RoI threshold and adjacent factor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.archives import open_archive
from flowroi.experiments.configuration import Configuration, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods
from flowroi.experiments.statements import Statement
from flowroi.experiments.views import densest, frame_and_truth, middle_frame
from flowroi.experiments.workbench import Workbench
from flowroi.report.blocks import Figure, Section, Table, Text
from flowroi.report.image_grid import GridImage, image_grid
from flowroi.roi.overlay import OUTLINE_RGB

NAME = "fig4"
_TITLE = "Figure 4: masks by parameter"
_CELL_RGB = (86, 180, 233)
_CROP_PX = 288
_THRESHOLDS, _FACTORS = (0.1, 0.2, 0.3), (0, 1, 2)
_LOW = 0.1
# Cells may lose so much of their cover to denoising and still count as unaffected.
_UNAFFECTED = 0.01
_ROWS: dict[str, dict[str, Configuration]] = {
    "denoise": {"off": usual("flow", denoise=False), "on": usual("flow")},
    "RoI threshold": {f"{value:g}": usual("flow", roi_threshold=value) for value in _THRESHOLDS},
    "adjacent factor": {f"{n}": usual("flow", roi_threshold=_LOW, adjacent_factor=n) for n in _FACTORS},
}


def _needs(methods: Methods) -> Sequence[Subject]:  # noqa: ARG001 - always about flow
    return [configuration for line in _ROWS.values() for configuration in line.values()]


def _conclude(bench: Workbench, methods: Methods) -> Finding:  # noqa: ARG001
    frames = [(t, *frame_and_truth(bench, t)) for t in _few(bench.frames)]
    rows = [
        {"parameter": name, "value": value, **_mask_figures(bench, configuration, frames)}
        for name, line in _ROWS.items()
        for value, configuration in line.items()
    ]
    picture = _picture(bench)
    columns = ("parameter", "value", "RoI share", "cells' pixels in the RoI", "pieces that touch no cell, a frame")
    section = Section(
        _TITLE,
        (
            Text(
                (
                    "Method flow, threshold 0.2 and adjacent factor 0 where they are not what is varied; the adjacent "
                    f"factor at threshold {_LOW:g}. The table counts {len(frames)} frames.",
                )
            ),
            Figure(
                "The RoI (orange) over the true cells (blue).", "Masks over a place of a frame, by parameter", picture
            ),
            Table("Masks by parameter", columns, tuple(tuple(one.values()) for one in rows)),
        ),
        NAME,
    )
    return Finding(section, {"fig4.csv": rows}, {"fig4.png": picture}, tuple(_statements(rows)))


def _few(frames: Sequence[int]) -> list[int]:
    return [frames[place] for place in np.unique(np.linspace(0, len(frames) - 1, 10).astype(int))]


def _mask_figures(bench: Workbench, configuration: Configuration, frames: Sequence[Any]) -> dict[str, float | None]:
    path = bench.archive(configuration)
    if path is None:
        return {"roi_share": None, "cell_share": None, "empty_pieces": None}
    area = pixels = inside = cell_pixels = empty = 0
    with open_archive(path) as archive:
        for t, _, truth in frames:
            mask = archive.roi(t)
            area, pixels = area + int(mask.sum()), pixels + mask.size
            inside, cell_pixels = inside + int((truth[mask] > 0).sum()), cell_pixels + int((truth > 0).sum())
            empty += empty_pieces(mask, truth)
    return {
        "roi_share": area / pixels,
        "cell_share": inside / cell_pixels if cell_pixels else None,
        "empty_pieces": empty / len(frames),
    }


def empty_pieces(mask: npt.NDArray[np.bool_], truth: npt.NDArray[Any]) -> int:
    """Return how many connected pieces of a mask touch no cell.

    Examples
    --------
    >>> empty_pieces(np.array([[True, False, True, True]]), np.array([[0, 0, 0, 7]]))
    1
    """
    count, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1 - len(set(np.unique(pieces[(truth > 0) & mask]).tolist()) - {0})


def _picture(bench: Workbench) -> bytes:
    t = middle_frame(bench)
    frame, truth = frame_and_truth(bench, t)
    place = densest(truth, _CROP_PX)
    cells = (truth[place] > 0, _CELL_RGB)
    images = []
    for name, line in _ROWS.items():
        if len(line) < len(_THRESHOLDS):
            images.append(GridImage("the true cells", frame[place], (cells,)))
        for value, configuration in line.items():
            path = bench.archive(configuration)
            contours = [cells]
            if path is not None:
                with open_archive(path) as archive:
                    contours.append((archive.roi(t)[place], OUTLINE_RGB))
            images.append(GridImage(f"{name} {value}", frame[place], tuple(contours)))
    return image_grid(images, len(_THRESHOLDS))


def _statements(rows: Sequence[dict[str, Any]]) -> list[Statement]:
    by = {(one["parameter"], one["value"]): one for one in rows}
    off, on = by["denoise", "off"], by["denoise", "on"]
    found = []
    claim = "denoising removes scattered artefacts and leaves the cells' regions as they are"
    if None in (off["cell_share"], on["cell_share"]):
        found.append(Statement(NAME, "flow", claim, "not measured", None))
    else:
        fewer = on["empty_pieces"] < off["empty_pieces"]
        kept = on["cell_share"] >= off["cell_share"] - _UNAFFECTED
        text = (
            f"{off['empty_pieces']:.1f} to {on['empty_pieces']:.1f} pieces without a cell a frame; "
            f"{off['cell_share']:.1%} to {on['cell_share']:.1%} of the cells' pixels in the RoI"
        )
        # Where there are no artefacts without it, there is nothing that denoising could remove.
        agrees = None if off["empty_pieces"] == 0 and kept else fewer and kept
        found.append(Statement(NAME, "flow", claim, text, agrees))
    for name, claim in (
        ("RoI threshold", "higher thresholds enlarge the masks"),
        ("adjacent factor", "larger adjacent factors expand the masks"),
    ):
        shares = [(value, by[name, value]["roi_share"]) for value in _ROWS[name]]
        known = [share for _, share in shares if share is not None]
        text = ", ".join(f"{share:.1%} at {value}" for value, share in shares if share is not None)
        grows = all(a < b for a, b in pairwise(known)) if len(known) > 1 else None
        found.append(Statement(NAME, "flow", claim, text or "not measured", grows))
    return found


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
