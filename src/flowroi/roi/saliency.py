"""Step 4 of the paper's method: how much each pixel moves, and how much its motion differs from its neighbours'."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def motion_saliency(flow: npt.NDArray[np.float32], alpha: float) -> npt.NDArray[np.float32]:
    """Combine flow magnitude and the gradient of that magnitude.

    Parameters
    ----------
    flow : ndarray, shape (2, Y, X), float32
        (dy, dx) in px.
    alpha : float in [0, 1]
        Weight of the magnitude; the gradient has 1 - alpha.

    Returns
    -------
    ndarray, shape (Y, X), float32
        From 0 to 1; all zero where nothing moves.

    References
    ----------
    FlowRoI, "Region of Interest extraction".

    Examples
    --------
    >>> import numpy as np
    >>> flow = np.zeros((2, 8, 8), np.float32); flow[1, 4, 4] = 2
    >>> saliency = motion_saliency(flow, 0.7)
    >>> float(saliency[4, 4]), float(saliency[0, 0])
    (1.0, 0.0)
    """
    magnitude = np.asarray(cv2.magnitude(np.ascontiguousarray(flow[0]), np.ascontiguousarray(flow[1])), np.float32)
    across = cv2.Scharr(magnitude, cv2.CV_32F, 1, 0)
    down = cv2.Scharr(magnitude, cv2.CV_32F, 0, 1)
    gradient = np.asarray(cv2.magnitude(across, down), np.float32)
    return _normalised(np.float32(alpha) * _normalised(magnitude) + np.float32(1 - alpha) * _normalised(gradient))


def _normalised(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    largest = values.max()
    if largest <= 0:
        return np.zeros_like(values)
    return np.asarray(values * np.float32(1 / largest), np.float32)
