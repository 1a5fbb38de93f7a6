"""Step 3 of the paper's method: dense Farnebäck flow between two frames, at half the resolution.

The paper's settings are for full resolution: a pyramid of scale 0.5 with 3 levels below the frame, a Gaussian window of
11 px, 5 iterations, polynomials over 5 px with σ 1.2. Half the resolution costs a quarter of the time. To measure the
same neighbourhoods there, one level less lies below, and window and polynomials are half as wide.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.reduced import REDUCTION, Plane

PYRAMID_SCALE = 0.5
PYRAMID_LEVELS = 2
WINDOW_PX = 5
ITERATIONS = 5
POLYNOMIAL_PX = 3
POLYNOMIAL_SIGMA = 0.6
# Flow is held back where there is next to no structure: OpenCV adds a constant to the determinant of products of second
# derivatives. In reduced px these are REDUCTION² times as large, so the grey levels are made as much smaller. Without
# this the noise of the background flows more than at full resolution, and hides slow cells.
GREY_SCALE = 1 / REDUCTION**2
# Planes smaller than this are padded: the polynomial expansion needs room.
SMALLEST_SIDE = 16


def dense_flow(first: Plane, second: Plane) -> npt.NDArray[np.float32]:
    """Return the displacement of every pixel from `first` to `second`.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X), float32
        Reduced frames, in grey levels from 0 to 255.

    Returns
    -------
    ndarray, shape (2, Y, X), float32
        (dy, dx) in px of the planes.

    References
    ----------
    G. Farnebäck, Two-frame motion estimation based on polynomial expansion, SCIA 2003,
    doi:10.1007/3-540-45103-X_50. FlowRoI, "Optical flow extraction".

    Examples
    --------
    >>> import numpy as np
    >>> still = np.zeros((20, 30), np.float32)
    >>> float(np.abs(dense_flow(still, still)).max())
    0.0
    """
    height, width = first.shape
    if np.array_equal(first, second):
        # A repeated frame: Farnebäck's solution is not exactly zero on it, and the saliency would blow that up.
        return np.zeros((2, height, width), np.float32)
    pad = [(0, max(0, SMALLEST_SIDE - n)) for n in (height, width)]
    if any(after for _, after in pad):
        first, second = (np.pad(plane, pad, mode="edge") for plane in (first, second))
    empty: Any = None
    flow = cv2.calcOpticalFlowFarneback(
        first * np.float32(GREY_SCALE),
        second * np.float32(GREY_SCALE),
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
