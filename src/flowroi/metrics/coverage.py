"""How a RoI covers the true cells: those it holds, those it misses, and how much more than the cells it marks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

# A cell counts as covered from this share of its pixels on, as half covered from the second, as missed below the third.
COVERED, HALF, MISSED = 0.9, 0.5, 0.1


@dataclass(frozen=True, slots=True)
class CellShares:
    """The cells of one frame: label, pixels, and the share of the pixels that the mask holds, (N,) each."""

    ids: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Cells and pixels, counted; frames pool by adding."""

    cells: int = 0
    covered: int = 0
    half_covered: int = 0
    missed: int = 0
    cell_pixels: int = 0
    roi_pixels: int = 0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def covered_share(self) -> float | None:
        """Share of the cells that are covered to 90 % at least; None without cells."""
        return self.covered / self.cells if self.cells else None

    @property
    def area_ratio(self) -> float | None:
        """Marked pixels over cell pixels; None without cells."""
        return self.roi_pixels / self.cell_pixels if self.cell_pixels else None


def cell_shares(mask: npt.NDArray[np.bool_], labels: npt.NDArray[Any]) -> CellShares:
    """Return how much of each cell a mask holds.

    Parameters
    ----------
    mask : ndarray, shape (Y, X), bool
    labels : ndarray, shape (Y, X), integer
        Cells by number; 0 is background.

    Examples
    --------
    >>> cell_shares(np.array([[True, True, False]]), np.array([[4, 4, 9]])).shares.tolist()
    [1.0, 0.0]
    """
    pixels = np.bincount(labels.ravel())
    inside = np.bincount(labels[mask], minlength=len(pixels))
    ids = np.flatnonzero(pixels[1:]) + 1
    return CellShares(ids, pixels[ids], inside[ids] / pixels[ids])


def coverage(mask: npt.NDArray[np.bool_], labels: npt.NDArray[Any]) -> Coverage:
    """Count the cells of a frame by how much of them a mask holds; see `cell_shares`.

    Examples
    --------
    >>> coverage(np.array([[True, True, False]]), np.array([[4, 4, 9]])).missed
    1
    """
    cells = cell_shares(mask, labels)
    return Coverage(
        cells=len(cells.ids),
        covered=int((cells.shares >= COVERED).sum()),
        half_covered=int((cells.shares >= HALF).sum()),
        missed=int((cells.shares < MISSED).sum()),
        cell_pixels=int(cells.pixels.sum()),
        roi_pixels=int(mask.sum()),
    )
