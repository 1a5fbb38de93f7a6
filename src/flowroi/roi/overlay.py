"""A frame with its RoI drawn in, for people."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.frame_roi import Mask, Weights
from flowroi.roi.grey import Frame
from flowroi.roi.reduced import enlarge

# Orange from the Okabe-Ito palette: told apart by colour-blind readers, and unlike any grey.
OUTLINE_RGB = (230, 159, 0)
TINT = 0.25


def draw_overlay(
    frame: Frame, mask: Mask, *, weights: Weights | None = None, truth: npt.NDArray[Any] | None = None
) -> npt.NDArray[np.uint8]:
    """Draw the outline of the RoI, and a light tint inside it, over a frame stretched to full contrast.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
    mask : ndarray, shape (Y, X), bool
    weights : ndarray, shape (ceil(Y / 2), ceil(X / 2)), float32, optional
        Importance, 0 to 1, that sets the strength of the tint; by default the mask.
    truth : ndarray, shape (Y, X), integer, optional
        Labels of the true cells, outlined in blue.

    Returns
    -------
    ndarray, shape (Y, X, 3), uint8
        RGB.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((20, 20), bool); mask[5:15, 5:15] = True
    >>> draw_overlay(np.zeros((20, 20), np.uint8), mask).shape
    (20, 20, 3)
    """
    low, high = (float(q) for q in np.quantile(frame, (0.001, 0.999)))
    grey = np.clip((frame.astype(np.float32) - low) * (255 / max(high - low, 1.0)), 0, 255)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    tint = np.float32(TINT) * (mask.astype(np.float32) if weights is None else enlarge(weights, frame.shape))[..., None]
    rgb += tint * (np.array(OUTLINE_RGB, np.float32) - rgb)
    canvas = np.ascontiguousarray(rgb.astype(np.uint8))
    draw_outline(canvas, mask, OUTLINE_RGB)
    if truth is not None:
        draw_outline(canvas, truth > 0, (86, 180, 233))
    return canvas


def draw_outline(canvas: npt.NDArray[np.uint8], mask: Mask, colour: tuple[int, ...]) -> None:
    """Draw the outline of a mask, one pixel wide and inside it, into an image of as many channels as the colour has."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, colour, 1)
