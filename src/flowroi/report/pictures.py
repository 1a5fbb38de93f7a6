"""Frames and masks as pictures of a report: 8-bit, and no larger than they must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.png import encode_png
from flowroi.roi.frame_roi import Mask
from flowroi.roi.grey import Frame, Grey
from flowroi.roi.overlay import OUTLINE_RGB, draw_outline

_GAP_PX = 2
Outlines = Sequence[tuple[npt.NDArray[Any], tuple[int, int, int]]]


def grey_range(*frames: Frame) -> tuple[float, float]:
    """Return the grey levels that frames are to be shown from and to: their 0.1 % and 99.9 % quantiles, pooled.

    Give it the originals alone, and show what was decoded in the same range: then a change of grey is seen as one.

    Examples
    --------
    >>> grey_range(np.arange(1001, dtype=np.uint16).reshape(7, 143))
    (1.0, 999.0)
    """
    pooled = np.concatenate([frame.ravel() for frame in frames])
    low, high = (float(q) for q in np.quantile(pooled, (0.001, 0.999)))
    return low, max(high, low + 1)


def stretched(frame: Frame, low: float, high: float) -> Grey:
    """Return a frame in 8 bits: `low` and what is below it black, `high` and what is above it white.

    Raises
    ------
    InvalidParameterError
        If `low` is not below `high`.

    Examples
    --------
    >>> stretched(np.array([[0, 100, 355, 999]], np.uint16), 100, 355).tolist()
    [[0, 0, 255, 255]]
    """
    if not low < high:
        raise InvalidParameterError(f"the grey range is {low:g} to {high:g}; expected the first below the second")
    grey: Grey = np.clip(np.rint((frame.astype(np.float32) - low) * (255 / (high - low))), 0, 255).astype(np.uint8)
    return grey


def png_of(frame: Frame, low: float, high: float) -> bytes:
    """Return a frame (Y, X), uint8 or uint16, as a grey 8-bit PNG that shows the grey levels from `low` to `high`."""
    return encode_png(stretched(frame, low, high))


def outline_png(mask: Mask) -> bytes:
    """Return the outline of a mask (Y, X) as a PNG to lay over its frame: orange, and transparent elsewhere."""
    canvas = np.zeros((*mask.shape, 4), np.uint8)
    draw_outline(canvas, mask, (*OUTLINE_RGB, 255))
    return encode_png(canvas)


def thumbnail(
    frame: Frame,
    centre_yx: tuple[float, float],
    size_px: int,
    zoom: int,
    *,
    outlines: Outlines = (),
    low: float | None = None,
    high: float | None = None,
) -> bytes:
    """Return a square cut out of a frame, enlarged, with outlines drawn a screen pixel wide.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
    centre_yx : (float, float)
        Where to look, pixels. At a border the square moves inwards and stays whole.
    size_px : int
        Side of the square, pixels of the frame; a smaller frame is shown whole.
    zoom : int
        Screen pixels a pixel, 1 to 16.
    outlines : sequence of (mask, colour)
        Masks of the frame's shape, non-zero inside, and their colours, RGB.
    low, high : float, optional
        See `png_of`; by default the frame's `grey_range`.

    Returns
    -------
    bytes
        PNG, grey where there are no outlines.

    Raises
    ------
    InvalidParameterError
        If `size_px` or `zoom` is out of range, or a mask is of another shape than the frame.

    Examples
    --------
    >>> from flowroi.png import png_size
    >>> png_size(thumbnail(np.zeros((40, 30), np.uint8), (0, 0), 16, 3))
    (48, 48)
    """
    if size_px < 1 or not 1 <= zoom <= 16:
        raise InvalidParameterError(
            f"size_px is {size_px} and zoom {zoom}; expected at least 1 pixel, and a zoom of 1 to 16"
        )
    if low is None or high is None:
        least, most = grey_range(frame)
        low, high = least if low is None else low, most if high is None else high
    cut = tuple(_span(centre, size_px, length) for centre, length in zip(centre_yx, frame.shape, strict=True))
    enlarged = _enlarged(stretched(frame[cut], low, high), zoom)
    if not outlines:
        return encode_png(enlarged)
    canvas = np.ascontiguousarray(np.repeat(enlarged[..., None], 3, axis=2))
    for mask, colour in outlines:
        if mask.shape != frame.shape:
            raise InvalidParameterError(f"a mask of shape {mask.shape} on a frame of {frame.shape}; expected one shape")
        draw_outline(canvas, _enlarged((mask[cut] != 0).astype(np.uint8), zoom) > 0, colour)
    return encode_png(canvas)


def beside(left: bytes, right: bytes) -> bytes:
    """Return two PNG pictures of one height as one, a light line between them."""
    pair = [
        np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8) for png in (left, right)
    ]
    line = np.full((pair[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    return encode_png(np.hstack([pair[0], line, pair[1]]))


def _span(centre: float, size: int, length: int) -> slice:
    start = min(max(round(centre) - size // 2, 0), max(length - size, 0))
    return slice(start, min(start + size, length))


def _enlarged(image: npt.NDArray[np.uint8], zoom: int) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST), np.uint8)
