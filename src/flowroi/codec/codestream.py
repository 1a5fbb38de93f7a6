"""Reads what the head of a JPEG 2000 stream declares, before any decoder allocates for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flowroi.errors import NOT_DECODED, CorruptDataError, UnsupportedFormatError

_SIGNATURE_BOX = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOC_SIZ = b"\xff\x4f\xff\x51"


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """Declared size and depth of a stream (ISO/IEC 15444-1, A.5.1)."""

    width: int
    height: int
    components: int
    bit_depth: int
    signed: bool


def read_header(data: bytes) -> StreamHeader:
    """Parse the SIZ marker of a JP2 file or a codestream.

    Raises
    ------
    CorruptDataError
        If there is no complete SIZ marker, or it declares an impossible size.

    Examples
    --------
    >>> import numpy as np
    >>> from flowroi.codec import encode
    >>> read_header(encode(np.zeros((3, 5), np.uint8), lossless="all"))
    StreamHeader(width=5, height=3, components=1, bit_depth=8, signed=False)
    """
    start = codestream_offset(data)
    siz = data[start + 4 : start + 4 + 41]
    if data[start : start + 4] != _SOC_SIZ or len(siz) < 41:
        seen = data[:8].hex(" ") or "no bytes"
        raise CorruptDataError(f"not a JPEG 2000 stream: it starts with {seen} and has no SIZ marker; {NOT_DECODED}")
    x1, y1, x0, y0 = struct.unpack(">4I", siz[4:20])
    components, precision = struct.unpack(">HB", siz[36:39])[:2]
    if x1 <= x0 or y1 <= y0 or components == 0:
        raise CorruptDataError(
            f"the stream declares an empty image: x {x0} to {x1}, y {y0} to {y1}, {components} components; not decoded"
        )
    return StreamHeader(x1 - x0, y1 - y0, components, (precision & 0x7F) + 1, bool(precision & 0x80))


def check_limits(header: StreamHeader, max_pixels: int) -> None:
    """Raise UnsupportedFormatError if a stream declares more than `max_pixels`, or is not one grey component."""
    if header.width * header.height > max_pixels:
        raise UnsupportedFormatError(
            f"the stream declares {header.width}x{header.height} pixels, above the limit of {max_pixels}; "
            "not decoded: raise max_pixels if the size is right"
        )
    if header.components != 1:
        raise UnsupportedFormatError(
            f"the stream has {header.components} components; expected 1; not decoded: save one channel as grey"
        )
    if header.signed or header.bit_depth > 16:
        kind = "signed" if header.signed else "unsigned"
        raise UnsupportedFormatError(
            f"the stream holds {kind} {header.bit_depth}-bit samples; expected unsigned, 1 to 16 bits"
        )


def codestream_offset(data: bytes) -> int:
    """Return the offset of the contiguous codestream: 0, or behind the boxes of a JP2 file (Annex I).

    Raises
    ------
    CorruptDataError
        If there is none, or the boxes are damaged.
    UnsupportedFormatError
        If a palette makes up to 255 components of the one that is coded.
    """
    if data[: len(_SIGNATURE_BOX)] != _SIGNATURE_BOX:
        return 0
    offset = 0
    while offset + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[offset : offset + 8])
        head = 8
        if length == 1 and offset + 16 <= len(data):
            (length,) = struct.unpack(">Q", data[offset + 8 : offset + 16])
            head = 16
        if kind == b"jp2c":
            return offset + head
        if length < head:
            break
        if kind == b"jp2h" and b"pclr" in data[offset : min(offset + length, len(data))]:
            raise UnsupportedFormatError("the JP2 file has a palette; expected grey: save it as grey; not decoded")
        offset += length
    raise CorruptDataError("the JP2 file has no codestream box: it is cut short, or its boxes are damaged")
