"""Step 2 of the paper's method: the stage's drift between two frames, by phase correlation, with guards.

Phase correlation follows whatever has contrast. On sparse movies that is the cells, not the stage: on a real
ComplexEye crop it gives shifts of many pixels with a weak response. A shift is believed only if the correlation is
strong, the shift is one that a stage makes, and undoing it makes the bulk of the pixels agree better.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.params import RoiParams
from flowroi.roi.grey import Grey

# Below this the interpolation costs more than the drift.
SMALLEST_SHIFT_PX = 0.25
# Fewer pixels on a side than this do not carry a phase correlation.
SMALLEST_SIDE = 32


def estimate_drift(first: Grey, second: Grey, params: RoiParams) -> tuple[float, float]:
    """Return the stage's shift (dy, dx) in px from `first` to `second`; (0, 0) where none can be trusted.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X), uint8
    params : RoiParams
        Uses `min_response` and `max_drift_px`.

    References
    ----------
    FlowRoI, "Optical flow extraction".
    """
    if min(first.shape) < SMALLEST_SIDE:
        return 0.0, 0.0
    window = _hanning(first.shape[1], first.shape[0])
    (dx, dy), response = cv2.phaseCorrelate(first.astype(np.float32), second.astype(np.float32), window)
    shift = abs(dx) + abs(dy)
    if shift <= SMALLEST_SHIFT_PX or response < params.min_response or max(abs(dx), abs(dy)) > params.max_drift_px:
        return 0.0, 0.0
    moved_back = undo_drift(second, (dy, dx))
    inner = tuple(slice(m, n - m) for m, n in zip((_margin(dy), _margin(dx)), first.shape, strict=True))
    before = _typical_difference(first[inner], second[inner])
    after = _typical_difference(first[inner], moved_back[inner])
    return (dy, dx) if after < before else (0.0, 0.0)


def undo_drift(frame: Grey, drift: tuple[float, float]) -> Grey:
    """Shift a frame back by the drift (dy, dx); the border repeats the outermost pixels."""
    dy, dx = drift
    if dx == 0 and dy == 0:
        return frame
    matrix = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    size = (frame.shape[1], frame.shape[0])
    return np.asarray(
        cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


@lru_cache(maxsize=4)
def _hanning(width: int, height: int) -> npt.NDArray[Any]:
    return np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F))


def _margin(shift: float) -> int:
    return int(np.ceil(abs(shift)))


def _typical_difference(a: Grey, b: Grey) -> float:
    # The mean below the 80 % quantile: the bulk of the frame, without the cells.
    difference = cv2.absdiff(a, b)
    counts = np.bincount(np.asarray(difference, np.uint8).ravel(), minlength=256)
    limit = int(np.searchsorted(np.cumsum(counts), 0.8 * difference.size)) + 1
    kept = counts[:limit]
    return float((kept * np.arange(limit)).sum() / max(int(kept.sum()), 1))
