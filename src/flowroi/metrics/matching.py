"""Instance segmentation against true cells: matching by overlap, then precision, recall, F1 and average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.extras import need

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Pairs of a true and a found cell that share pixels.

    Attributes
    ----------
    truth_ids, found_ids : ndarray, shape (N,) and (M,)
        Labels present.
    truth, found : ndarray, shape (P,)
        The pairs, as places in the above.
    iou : ndarray, shape (P,)
        Intersection over union of each pair, above 0.
    """

    truth_ids: npt.NDArray[np.int64]
    found_ids: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    found: npt.NDArray[np.int64]
    iou: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matches:
    """True positives at each IoU threshold, and the cells there were; frames pool by adding.

    Attributes
    ----------
    truth, found : int
        True cells, found cells.
    true_positives : tuple of int
        One for each of `THRESHOLDS`, 0.5 to 0.95.
    """

    truth: int = 0
    found: int = 0
    true_positives: tuple[int, ...] = (0,) * len(THRESHOLDS)

    def __add__(self, other: Matches) -> Matches:
        both = zip(self.true_positives, other.true_positives, strict=True)
        return Matches(self.truth + other.truth, self.found + other.found, tuple(a + b for a, b in both))

    def precision(self, threshold: float = 0.5) -> float | None:
        """Return the share of the found cells that are true; None where none were found."""
        return self._at(threshold) / self.found if self.found else None

    def recall(self, threshold: float = 0.5) -> float | None:
        """Return the share of the true cells that were found; None where there are none."""
        return self._at(threshold) / self.truth if self.truth else None

    def f1(self, threshold: float = 0.5) -> float | None:
        """Return 2 TP / (2 TP + FP + FN); None where there is nothing to find and nothing was found."""
        both = self.truth + self.found
        return 2 * self._at(threshold) / both if both else None

    def average_precision(self, threshold: float = 0.5) -> float | None:
        """Return TP / (TP + FP + FN), as the Cellpose papers define it; None as for `f1`."""
        positives = self._at(threshold)
        union = self.truth + self.found - positives
        return positives / union if union else None

    @property
    def mean_average_precision(self) -> float | None:
        """Mean of `average_precision` over all thresholds."""
        values = [self.average_precision(threshold) for threshold in THRESHOLDS]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    def _at(self, threshold: float) -> int:
        return self.true_positives[THRESHOLDS.index(threshold)]


def overlaps(truth: npt.NDArray[Any], found: npt.NDArray[Any]) -> Overlaps:
    """Return all pairs of cells that share pixels.

    Parameters
    ----------
    truth, found : ndarray, shape (Y, X), integer
        Cells by number, not necessarily consecutive; 0 is background.

    Examples
    --------
    >>> overlaps(np.array([[7, 7, 0]]), np.array([[0, 2, 2]])).iou.tolist()
    [0.3333333333333333]
    """
    truth_ids, truth_pixels = _counted(truth)
    found_ids, found_pixels = _counted(found)
    # Most of a frame is background: only what is a cell in both need be sorted.
    both = (truth != 0) & (found != 0)
    places = np.searchsorted(truth_ids, truth[both]) * len(found_ids) + np.searchsorted(found_ids, found[both])
    pairs, shared = np.unique(places.astype(np.int64), return_counts=True)
    rows, columns = np.divmod(pairs, max(len(found_ids), 1))
    iou = shared / (truth_pixels[rows] + found_pixels[columns] - shared)
    return Overlaps(truth_ids, found_ids, rows, columns, iou)


def _counted(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the cells' labels, in order, and their pixels."""
    ids, pixels = np.unique(labels[labels != 0], return_counts=True)
    return ids.astype(np.int64), pixels.astype(np.int64)


def matched(pairs: Overlaps, threshold: float = 0.5) -> npt.NDArray[np.int64]:
    """Return, for each true cell, the place of the found cell that it is matched with; -1 where there is none.

    As many cells as possible are matched, one to one, at an IoU of at least `threshold`: the number that the Hungarian
    method with the usual costs gives, too.
    """
    good = pairs.iou >= threshold
    shape = (len(pairs.truth_ids), len(pairs.found_ids))
    if 0 in shape or not good.any():
        return np.full(shape[0], -1, np.int64)
    edges = (np.ones(int(good.sum()), np.int8), (pairs.truth[good], pairs.found[good]))
    graph = need("scipy.sparse", extra="evaluation").csr_array(edges, shape=shape)
    match = need("scipy.sparse.csgraph", extra="evaluation").maximum_bipartite_matching
    return np.asarray(match(graph, perm_type="column"), np.int64)


def match_cells(truth: npt.NDArray[Any], found: npt.NDArray[Any]) -> Matches:
    """Match the found cells of a frame with the true ones at every threshold; see `overlaps`.

    Examples
    --------
    >>> match = match_cells(np.array([[7, 7, 0, 1]]), np.array([[2, 2, 0, 0]]))
    >>> match.precision(), match.recall(), round(match.f1(), 3), match.average_precision()
    (1.0, 0.5, 0.667, 0.5)
    """
    pairs = overlaps(truth, found)
    positives = tuple(int((matched(pairs, threshold) >= 0).sum()) for threshold in THRESHOLDS)
    return Matches(len(pairs.truth_ids), len(pairs.found_ids), positives)
