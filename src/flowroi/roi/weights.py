"""Soft weights: how much each pixel matters, by the confidence that it belongs to a cell."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.frame_roi import Weights
from flowroi.roi.reduced import Plane

# The outline is uncertain by about this much, reduced px.
_OUTLINE_SIGMA = 1.0
# A place just short of the mask has this weight; it falls off with the power of the evidence.
_ALMOST = 0.2


def soft_weights(mask: npt.NDArray[np.uint8], relative: Plane) -> Weights:
    """Return the weights that belong to a mask at half resolution.

    Parameters
    ----------
    mask : ndarray, shape (Y, X), uint8
        0 or 1.
    relative : ndarray, shape (Y, X), float32
        Evidence as a multiple of what the mask asks for.

    Returns
    -------
    ndarray, shape (Y, X), float32
        1 inside, falling off across the outline; outside up to 0.2, so that a cell that was missed, or a part of one,
        is not coded as if it were background.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((20, 20), np.uint8); mask[5:15, 5:15] = 1
    >>> weights = soft_weights(mask, np.full((20, 20), 0.5, np.float32))
    >>> round(float(weights[10, 10]), 2), round(float(weights[0, 0]), 2)
    (1.0, 0.05)
    """
    weights = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _OUTLINE_SIGMA, borderType=cv2.BORDER_REPLICATE)
    evidence = np.minimum(relative, 1)
    evidence *= evidence
    evidence *= np.float32(_ALMOST)
    np.maximum(weights, evidence, out=evidence)
    return np.minimum(evidence, 1, out=evidence)
