"""Step 3 of the paper's method: dense Farnebäck flow between two frames."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.grey import Grey

PYRAMID_SCALE = 0.5
PYRAMID_LEVELS = 3
WINDOW_PX = 11
ITERATIONS = 5
POLYNOMIAL_PX = 5
POLYNOMIAL_SIGMA = 1.2
# Frames smaller than this are padded: the polynomial expansion needs room.
SMALLEST_SIDE = 16


def dense_flow(first: Grey, second: Grey) -> npt.NDArray[np.float32]:
    """Return the displacement of every pixel from `first` to `second`.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X), uint8

    Returns
    -------
    ndarray, shape (2, Y, X), float32
        (dy, dx) in px.

    References
    ----------
    G. Farnebäck, Two-frame motion estimation based on polynomial expansion, SCIA 2003,
    doi:10.1007/3-540-45103-X_50. FlowRoI, "Optical flow extraction".

    Examples
    --------
    >>> import numpy as np
    >>> still = np.zeros((20, 30), np.uint8)
    >>> float(np.abs(dense_flow(still, still)).max())
    0.0
    """
    height, width = first.shape
    if np.array_equal(first, second):
        # A repeated frame: Farnebäck's solution is not exactly zero on it, and the saliency would blow that up.
        return np.zeros((2, height, width), np.float32)
    pad = [(0, max(0, SMALLEST_SIDE - n)) for n in (height, width)]
    if any(after for _, after in pad):
        first, second = (np.pad(frame, pad, mode="edge") for frame in (first, second))
    empty: Any = None
    flow = cv2.calcOpticalFlowFarneback(
        first,
        second,
        empty,
        PYRAMID_SCALE,
        PYRAMID_LEVELS,
        WINDOW_PX,
        ITERATIONS,
        POLYNOMIAL_PX,
        POLYNOMIAL_SIGMA,
        cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
    )
    return np.asarray(np.moveaxis(flow[:height, :width, ::-1], 2, 0), np.float32)
