"""Steps 5 and 6 of the paper's method: from saliency to a clean mask."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.params import RoiParams
from flowroi.roi.frame_roi import Mask

_BINS = 4096


def roi_mask(saliency: npt.NDArray[np.float32], params: RoiParams) -> Mask:
    """Keep the most salient pixels and tidy them up.

    Parameters
    ----------
    saliency : ndarray, shape (Y, X), float32
        From 0 to 1.
    params : RoiParams
        Uses `roi_threshold`, the morphology, the areas and `margin`.

    Returns
    -------
    ndarray, shape (Y, X), bool
        At most the share `roi_threshold` before closing and dilation; empty where nothing is salient.

    References
    ----------
    FlowRoI, "Region of Interest extraction".
    """
    share = 0.2 if params.roi_threshold == "auto" else params.roi_threshold
    mask = top_share(saliency, share).view(np.uint8)
    mask = _morphology(mask, cv2.MORPH_OPEN, params.opening_px)
    mask = remove_small(mask, params.seed_area_px)
    mask = _morphology(mask, cv2.MORPH_CLOSE, params.closing_px)
    mask = remove_small(mask, 200 if params.min_area_px == "auto" else params.min_area_px)
    return dilate(mask.view(np.bool_), params.margin)


def top_share(saliency: npt.NDArray[np.float32], share: float) -> Mask:
    """Mark the share of pixels with the highest saliency, never more: ties at the threshold stay out.

    Examples
    --------
    >>> import numpy as np
    >>> int(top_share(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10), 0.2).sum())
    20
    >>> int(top_share(np.zeros((10, 10), np.float32), 0.2).sum())
    0
    """
    histogram = np.asarray(cv2.calcHist([saliency], [0], None, [_BINS], [0, 1 + 1e-6])).ravel()
    above = np.cumsum(histogram[::-1])[::-1]
    # Bin 0 holds what does not move.
    first = max(1, int(np.searchsorted(-above, -share * saliency.size)))
    return np.asarray(saliency >= np.float32(first * (1 + 1e-6) / _BINS))


def remove_small(mask: npt.NDArray[np.uint8], area_px: int) -> npt.NDArray[np.uint8]:
    """Remove 8-connected components of fewer than `area_px` pixels.

    Examples
    --------
    >>> import numpy as np
    >>> dots = np.zeros((5, 9), np.uint8); dots[1:4, 1:4] = 1; dots[2, 7] = 1
    >>> int(remove_small(dots, 2).sum())
    9
    """
    if area_px <= 1:
        return mask
    # Much quicker than asking OpenCV for the areas along with the labels.
    _, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    keep = (np.bincount(np.asarray(labels, np.int32).ravel()) >= area_px).astype(np.uint8)
    keep[0] = 0
    return np.asarray(keep[labels])


def dilate(mask: Mask, radius_px: int) -> Mask:
    """Grow a mask by a disc of `radius_px`."""
    if radius_px == 0:
        return mask
    side = 2 * radius_px + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.view(np.uint8), disc)).view(np.bool_)


def _morphology(mask: npt.NDArray[np.uint8], operation: Any, side_px: int) -> npt.NDArray[np.uint8]:
    if side_px <= 1:
        return mask
    return np.asarray(cv2.morphologyEx(mask, operation, np.ones((side_px, side_px), np.uint8)), np.uint8)
