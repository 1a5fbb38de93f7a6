"""One frame of one subject, measured: numbers only, which pool over frames by adding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, QualityTargetError
from flowroi.evaluation.subjects import Material, Subject, View
from flowroi.metrics.coverage import Coverage, cell_shares, coverage
from flowroi.metrics.image import PooledError, PooledMean, ssim_within
from flowroi.metrics.matching import Matches, match_cells, matched, overlaps
from flowroi.metrics.tracking import FrameCells, frame_cells
from flowroi.segmenters import Segmenter


@dataclass(frozen=True, slots=True)
class CellMeasures:
    """The true cells of a frame, one by one, (N,) each.

    Attributes
    ----------
    ids, pixels : ndarray of int
        Label, and size in px.
    centres : ndarray, shape (N, 2)
        (y, x), px.
    mse : ndarray
        Mean squared error on the cell, grey levels².
    covered : ndarray
        Share of the cell in the RoI, 0 to 1; NaN where no RoI is known.
    found : ndarray of bool
        Whether the segmenter finds it, at an IoU of 0.5; all False without a segmenter.
    """

    ids: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    centres: npt.NDArray[np.float64]
    mse: npt.NDArray[np.float64]
    covered: npt.NDArray[np.float64]
    found: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FrameMeasure:
    """What was measured on one frame.

    Attributes
    ----------
    t : int
    raw_bytes, size_bytes : int
    cells, background, clean : PooledError
        On the true cells, elsewhere, and on the cells against the frame before noise.
    ssim : PooledMean
        On the true cells.
    matches : Matches or None
        Of the cells that the segmenter finds.
    coverage : Coverage or None
        Of the true cells by the RoI, where there is one.
    per_cell : CellMeasures or None
        For archives.
    found : FrameCells or None
        The cells that the segmenter finds.
    """

    t: int
    raw_bytes: int
    size_bytes: int
    cells: PooledError
    background: PooledError
    clean: PooledError
    ssim: PooledMean
    matches: Matches | None
    coverage: Coverage | None
    per_cell: CellMeasures | None
    found: FrameCells | None


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How frames are measured: the segmenter if any, PSNR's peak, and whether the SSIM is wanted."""

    segmenter: Segmenter | None
    peak: int
    ssim: bool = True


def measure_frame(material: Material, subjects: tuple[Subject, ...], by: Yardstick) -> dict[str, FrameMeasure]:
    """Measure one frame of every subject.

    Parameters
    ----------
    material : Material
        Without labels, the cells that the segmenter finds on the raw frame are taken for the true ones.
    subjects : tuple of Subject
    by : Yardstick

    Returns
    -------
    dict
        By the subject's key.
    """
    found_raw = None if by.segmenter is None else by.segmenter.segment(material.frame)
    truth = material.labels if material.labels is not None else found_raw
    material = replace(material, labels=truth)
    if truth is None:
        raise InvalidParameterError("there are neither labels nor a segmenter", frame=material.t)
    measures = {}
    for subject in subjects:
        try:
            view = subject.view(material)
        except QualityTargetError:
            if subject.kind != "baseline":
                raise
            # A codec that cannot go so low has no point on its curve there.
            continue
        found = None
        if by.segmenter is not None:
            found = found_raw if subject.kind == "raw" else by.segmenter.segment(view.frame)
        measures[subject.key] = _measured(material, subject, view, truth, found, by)
    return measures


def _measured(
    material: Material,
    subject: Subject,
    view: View,
    truth: npt.NDArray[np.int32],
    found: npt.NDArray[np.int32] | None,
    by: Yardstick,
) -> FrameMeasure:
    inside = truth > 0
    clean = PooledError()
    if material.clean is not None:
        clean = PooledError.between(material.clean, view.frame, inside)
    lossy = by.ssim and subject.kind in ("archive", "baseline")
    return FrameMeasure(
        t=material.t,
        raw_bytes=material.frame.nbytes,
        size_bytes=view.size_bytes,
        cells=PooledError.between(material.frame, view.frame, inside),
        background=PooledError.between(material.frame, view.frame, ~inside),
        clean=clean,
        ssim=ssim_within(material.frame, view.frame, inside, by.peak) if lossy else PooledMean(),
        matches=None if found is None else match_cells(truth, found),
        coverage=None if view.mask is None else coverage(view.mask, truth),
        per_cell=_per_cell(material.frame, view, truth, found) if subject.kind == "archive" else None,
        found=None if found is None else frame_cells(found),
    )


def _per_cell(
    frame: npt.NDArray[Any], view: View, truth: npt.NDArray[np.int32], found: npt.NDArray[np.int32] | None
) -> CellMeasures:
    pixels = np.bincount(truth.ravel())
    ids = np.flatnonzero(pixels[1:]) + 1
    squared = np.square(np.subtract(frame, view.frame, dtype=np.float64))
    errors = np.bincount(truth.ravel(), squared.ravel())
    covered = np.full(len(ids), np.nan)
    if view.mask is not None:
        covered = cell_shares(view.mask, truth).shares
    hit = np.zeros(len(ids), np.bool_)
    if found is not None:
        hit = matched(overlaps(truth, found)) >= 0
    cells = frame_cells(truth)
    centres = np.column_stack([cells.y_px, cells.x_px])
    return CellMeasures(ids, pixels[ids], centres, errors[ids] / pixels[ids], covered, hit)
