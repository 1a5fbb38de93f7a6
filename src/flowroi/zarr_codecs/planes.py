"""A chunk of one plane to a lossless JPEG 2000 codestream, for those who write arrays with our codec."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import UnsupportedFormatError


def encode_plane(chunk: npt.NDArray[Any]) -> bytes:
    """Return the codestream of a chunk (..., Y, X) whose axes before the last two are of size 1.

    Raises
    ------
    UnsupportedFormatError
        If it is not one plane of uint8 or uint16.

    Examples
    --------
    >>> len(encode_plane(np.zeros((1, 1, 4, 4), np.uint8))) > 0
    True
    """
    if chunk.ndim < 2 or math.prod(chunk.shape[:-2]) != 1 or chunk.dtype not in (np.uint8, np.uint16):
        raise UnsupportedFormatError(
            f"a chunk of shape {chunk.shape}, {chunk.dtype}; expected one plane a chunk, such as (1, 1, 1, Y, X), of "
            "uint8 or uint16"
        )
    from flowroi.codec import encode

    return encode(np.ascontiguousarray(chunk.reshape(chunk.shape[-2:])), lossless="all", container="j2k")
