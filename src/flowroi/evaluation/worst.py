"""The cells and frames that came off worst: those to look at first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flowroi.evaluation.results import SubjectResult
from flowroi.metrics.coverage import MISSED

_MSE_FLOOR = 1e-9


@dataclass(frozen=True, slots=True)
class WorstCell:
    """One cell in one frame.

    Attributes
    ----------
    t, label : int
    centre_yx : (float, float), px
    pixels : int
    psnr : float
        On the cell, dB.
    covered : float or None
        Share in the RoI.
    found : bool
        By the segmenter.
    """

    t: int
    label: int
    centre_yx: tuple[float, float]
    pixels: int
    psnr: float
    covered: float | None
    found: bool

    @property
    def outside(self) -> bool:
        """Whether less than 10 % of it are in the RoI."""
        return self.covered is not None and self.covered < MISSED


def worst_cells(archive: SubjectResult, count: int) -> list[WorstCell]:
    """Return the worst cells of an archive: those outside its RoI first, then those with the largest errors.

    Of cells at one place, as one cell is in frame after frame, the worst stands for all.
    """
    parts = [(frame.t, frame.per_cell) for frame in archive.frames if frame.per_cell is not None]
    if not parts:
        return []
    frames = np.concatenate([np.full(len(cells.ids), t) for t, cells in parts])
    columns = ("ids", "pixels", "centres", "mse", "covered", "found")
    ids, pixels, centres, mse, covered, found = (
        np.concatenate([getattr(cells, column) for _, cells in parts]) for column in columns
    )
    chosen: list[WorstCell] = []
    for i in np.lexsort((-mse, ~(covered < MISSED))):
        if len(chosen) == count:
            break
        centre = (float(centres[i, 0]), float(centres[i, 1]))
        reach = 2 * math.sqrt(pixels[i] / math.pi)
        if all(math.dist(centre, other.centre_yx) > reach for other in chosen):
            chosen.append(
                WorstCell(
                    t=int(frames[i]),
                    label=int(ids[i]),
                    centre_yx=centre,
                    pixels=int(pixels[i]),
                    psnr=10 * math.log10(archive.peak**2 / max(float(mse[i]), _MSE_FLOOR)),
                    covered=None if math.isnan(covered[i]) else float(covered[i]),
                    found=bool(found[i]),
                )
            )
    return chosen


def worst_frames(archive: SubjectResult, count: int) -> list[int]:
    """Return the frames to look at first: most cells outside the RoI, then the least PSNR on the cells."""

    def badness(place: int) -> tuple[int, float]:
        frame = archive.frames[place]
        missed = frame.coverage.missed if frame.coverage else 0
        return -missed, -(frame.cells.mse or 0.0)

    order = sorted(range(len(archive.frames)), key=badness)
    return [archive.frames[place].t for place in order[:count]]


def cells_outside(archive: SubjectResult) -> tuple[int, int] | None:
    """Return how many cells lie outside the RoI, and how many there are (one a frame each); None without a RoI."""
    shares = [frame.per_cell.covered for frame in archive.frames if frame.per_cell is not None]
    known = np.concatenate(shares) if shares else np.zeros(0)
    if not len(known) or np.isnan(known).all():
        return None
    return int((known < MISSED).sum()), len(known)
