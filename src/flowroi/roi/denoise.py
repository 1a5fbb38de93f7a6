"""Step 1 of the paper's method: median filter, then bilateral filter."""

from __future__ import annotations

import cv2
import numpy as np

from flowroi.roi.grey import Grey

MEDIAN_PX = 3
BILATERAL_PX = 5
BILATERAL_SIGMA_GREY = 25.0
BILATERAL_SIGMA_PX = 2.0


def denoise(grey: Grey) -> Grey:
    """Suppress noise and keep the cells' edges.

    Parameters
    ----------
    grey : ndarray, shape (Y, X), uint8

    Returns
    -------
    ndarray, shape (Y, X), uint8

    References
    ----------
    FlowRoI, "Optical flow extraction".

    Examples
    --------
    >>> import numpy as np
    >>> spike = np.full((9, 9), 100, np.uint8); spike[4, 4] = 255
    >>> int(denoise(spike).max())
    100
    """
    smooth = cv2.medianBlur(np.ascontiguousarray(grey), MEDIAN_PX)
    return np.asarray(cv2.bilateralFilter(smooth, BILATERAL_PX, BILATERAL_SIGMA_GREY, BILATERAL_SIGMA_PX), np.uint8)
