"""From evidence to the cells' mask: what is strong enough, as far as it reaches, less what never moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.evidence import STRONG, Evidence
from flowroi.roi.mask import top_share
from flowroi.roi.reduced import Plane

# A pixel belongs to a cell if its evidence reaches all three: this signal-to-noise ratio, ...
_WEAK = 1.2
# ... this part of the strongest evidence around it, which ends a bright cell's mask before its halo fades out, ...
_OF_AROUND = 0.2
# ... and this part of a typical cell's strength, which leaves the dirt between strong cells out.
_OF_TYPICAL = 0.12
# Somewhere a cell must be as strong as this part of a typical one (and as STRONG).
_STRONG_OF_TYPICAL = 0.2
# Holes up to this share of the frame belong to the cell around them.
_LARGEST_HOLE = 0.01
# Windows spread the evidence beyond the outline by about this many reduced px.
_SPREAD_PX = 1
_OPENING_PX = 3
# A piece smaller than this part of a typical one (half of all RoI pixels lie in larger ones) is none.
_SMALLEST_OF_TYPICAL = 0.01
# A piece whose change in time is less than this part of its contrast lies still.
_STILL = 0.25
# Where less than this part of the evidence moves, stillness does not tell dirt from cells.
_MOVING_AT_LEAST = 0.25

Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FoundCells:
    """The mask at half resolution, (Y, X) 0 or 1; the evidence over the threshold it was held against; the pieces.

    `removed` counts pieces left out because they lie still, `still` says that nothing moves, `peak` is the typical
    piece's strongest evidence as a multiple of what it had to reach.
    """

    mask: Bits
    relative: Plane
    pieces: int
    removed: int
    still: bool
    peak: float


def find_cells(
    evidence: Evidence, typical: float, *, share: float | None, min_area: float, motion_known: bool
) -> FoundCells:
    """Mark the cells of a reduced frame.

    Parameters
    ----------
    evidence : Evidence
    typical : float
        Signal-to-noise ratio of a typical cell of the movie.
    share : float, optional
        Mark this share of the pixels, strongest evidence first, instead of what is strong enough.
    min_area : float, reduced px
        Smaller pieces are left out.
    motion_known : bool
        Whether the background model has seen enough to tell what lies still.
    """
    threshold = evidence.around * np.float32(_OF_AROUND)
    np.maximum(threshold, np.float32(max(_WEAK, _OF_TYPICAL * typical)), out=threshold)
    strong = max(STRONG, _STRONG_OF_TYPICAL * typical)
    relative = np.divide(evidence.ratio, threshold, out=threshold)
    if share is None:
        mask = _connected_to(evidence.ratio > strong, relative > 1)
    else:
        largest = max(float(evidence.ratio.max()), 1e-6)
        mask = top_share(evidence.ratio * np.float32(1 / largest), share).view(np.uint8)
    mask = _fill_holes(mask)
    if share is None:
        mask = np.asarray(cv2.erode(mask, _disc(_SPREAD_PX), borderType=cv2.BORDER_REPLICATE), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((_OPENING_PX, _OPENING_PX), np.uint8)), np.uint8)
    count, labels = _pieces(mask, 8)
    inside = np.flatnonzero(mask)
    piece = np.take(labels, inside)
    contrast = np.take(evidence.ratio, inside)
    strength = np.bincount(piece, contrast, count)
    keep = _large_enough(np.bincount(piece, minlength=count), labels, min_area)
    still = False
    removed = 0
    if motion_known:
        moves = np.bincount(piece, np.take(evidence.motion, inside), count) >= _STILL * strength
        still = bool(strength[keep & moves].sum() < _MOVING_AT_LEAST * strength[keep].sum())
        if not still:
            removed = int((keep & ~moves).sum())
            keep &= moves
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, piece, contrast)
    kept = np.take(keep.view(np.uint8), labels)
    peak = float(np.median(peaks[keep]) / strong) if keep.any() else 0.0
    return FoundCells(kept, relative, int(keep.sum()), removed, still, peak)


def _connected_to(seeds: npt.NDArray[np.bool_], mask: npt.NDArray[np.bool_]) -> Bits:
    """Return the connected pieces of `mask` that hold a seed."""
    count, labels = _pieces(mask.view(np.uint8), 8)
    keep = np.zeros(count, np.uint8)
    keep[np.take(labels, np.flatnonzero(seeds))] = 1
    keep[0] = 0
    return np.take(keep, labels)


def _fill_holes(mask: Bits) -> Bits:
    """Fill what is enclosed by the mask, or by it and the border, and not too large."""
    count, labels = _pieces(1 - mask, 4)
    fill = (np.bincount(labels.ravel(), minlength=count) <= _LARGEST_HOLE * mask.size).astype(np.uint8)
    fill[0] = 1
    return np.take(fill, labels)


def _large_enough(areas: npt.NDArray[np.intp], labels: npt.NDArray[np.int32], min_area: float) -> npt.NDArray[np.bool_]:
    """Tell which pieces are not much smaller than the others; of those at the border only `min_area` is asked."""
    descending = np.sort(areas)[::-1]
    typical = descending[np.searchsorted(np.cumsum(descending), areas.sum() / 2)]
    keep = areas >= max(min_area, _SMALLEST_OF_TYPICAL * float(typical), 1)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        keep[edge] = areas[edge] >= max(min_area, 1)
    return keep


def _pieces(mask: Bits, connectivity: int) -> tuple[int, npt.NDArray[np.int32]]:
    """Label connected pieces. Areas are counted elsewhere: asking OpenCV for them, too, takes much longer."""
    count, labels = cv2.connectedComponents(mask, connectivity=connectivity, ltype=cv2.CV_32S)
    return count, np.asarray(labels, np.int32)


def _disc(radius_px: int) -> Bits:
    side = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
