"""PNG: the one place where an image becomes one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy.typing as npt

from flowroi.errors import CorruptDataError, FlowRoIError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CSS_PIXELS_PER_METRE = 96 / 0.0254


def encode_png(image: npt.NDArray[Any]) -> bytes:
    """Return an image as PNG; a failure is an error, which OpenCV only hints at.

    Parameters
    ----------
    image : ndarray, shape (Y, X), (Y, X, 3) or (Y, X, 4), uint8 or uint16
        Grey, RGB, or RGB with opacity.

    Raises
    ------
    FlowRoIError
        If the image is of another shape or type.

    Examples
    --------
    >>> import numpy as np
    >>> png_size(encode_png(np.zeros((2, 3), np.uint8)))
    (3, 2)
    """
    colours = {(2, 0): None, (3, 3): cv2.COLOR_RGB2BGR, (3, 4): cv2.COLOR_RGBA2BGRA}
    layout = (image.ndim, image.shape[2] if image.ndim == 3 else 0)
    if layout not in colours or str(image.dtype) not in ("uint8", "uint16") or not image.size:
        raise FlowRoIError(
            f"an image of shape {image.shape} and type {image.dtype} cannot be coded as PNG; "
            "expected (Y, X), (Y, X, 3) or (Y, X, 4), uint8 or uint16"
        )
    code = colours[layout]
    done, data = cv2.imencode(".png", image if code is None else cv2.cvtColor(image, code))
    if not done:
        raise FlowRoIError(f"the image of shape {image.shape} cannot be coded as PNG")
    return data.tobytes()


def write_png(path: Path, image: npt.NDArray[Any]) -> None:
    """Write an image that `encode_png` takes to a file."""
    path.write_bytes(encode_png(image))


def png_size(png: bytes) -> tuple[int, int]:
    """Return width and height of a PNG image, pixels.

    Raises
    ------
    CorruptDataError
        If the bytes are no PNG image.
    """
    if not png.startswith(_SIGNATURE) or png[12:16] != b"IHDR" or len(png) < 33:
        raise CorruptDataError(f"{len(png)} bytes that begin with {png[:8]!r} are no PNG image")
    width, height = struct.unpack_from(">II", png, 16)
    return width, height


def png_css_size(png: bytes) -> tuple[int, int]:
    """Return the width and height at which a page shows a PNG image: what its resolution says, else a pixel a pixel.

    Examples
    --------
    >>> import numpy as np
    >>> png_css_size(encode_png(np.zeros((2, 3), np.uint8)))
    (3, 2)
    """
    width, height = png_size(png)
    at = png.find(b"pHYs", 33, png.find(b"IDAT"))
    if at < 0:
        return width, height
    per_metre_x, per_metre_y, unit = struct.unpack_from(">IIB", png, at + 4)
    if unit != 1 or not per_metre_x or not per_metre_y:
        return width, height
    return (
        max(round(width * _CSS_PIXELS_PER_METRE / per_metre_x), 1),
        max(round(height * _CSS_PIXELS_PER_METRE / per_metre_y), 1),
    )
