"""JPEG 2000 to a frame, through OpenJPEG."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from flowroi.codec.codestream import check_limits, read_header
from flowroi.codec.structure import check_structure
from flowroi.errors import CorruptDataError
from flowroi.limits import DEFAULT_MAX_PIXELS as DEFAULT_MAX_PIXELS


def decode(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> npt.NDArray[Any]:
    """Decode one grey JPEG 2000 stream.

    Parameters
    ----------
    data : bytes
        JP2 file or codestream, from any encoder.
    max_pixels : int, default 2**28
        A stream that declares more is refused before anything is allocated, and so is one of more tiles, precincts or
        code-blocks than its pixels are worth (see `check_structure`).

    Returns
    -------
    ndarray, shape (Y, X), uint8 or uint16

    Raises
    ------
    CorruptDataError
        If the stream is damaged. Most damage inside the coded data decodes without an error: only a checksum
        finds it.
    UnsupportedFormatError
        If it is too large, not grey, signed, or deeper than 16 bits.

    Examples
    --------
    >>> import numpy as np
    >>> from flowroi.codec import encode
    >>> decode(encode(np.full((4, 6), 7, np.uint8), lossless="all")).shape
    (4, 6)
    """
    header = read_header(data)
    check_limits(header, max_pixels)
    check_structure(data)
    try:
        frame = np.asarray(imagecodecs.jpeg2k_decode(data))
    except (imagecodecs.Jpeg2kError, NotImplementedError, ValueError) as error:
        # The latter two where damage made the stream one of a kind that imagecodecs does not take.
        raise CorruptDataError(f"OpenJPEG cannot decode the stream: {error}") from error
    if frame.size != header.width * header.height:
        raise CorruptDataError(
            f"the stream decodes to shape {frame.shape}; its header declares {header.height}x{header.width}"
        )
    return frame.reshape(header.height, header.width)
