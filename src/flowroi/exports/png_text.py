"""A text in a PNG file: what goes with the file wherever it is copied to."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33
_MOST_BYTES = 1 << 24


def with_text(png: bytes, keyword: str, text: str) -> bytes:
    """Return a PNG file with a text chunk behind its header.

    Parameters
    ----------
    png : bytes
    keyword : str
        1 to 79 characters of Latin-1.
    text : str
        ASCII.

    Examples
    --------
    >>> import numpy as np
    >>> from flowroi.png import encode_png, png_size
    >>> png_size(with_text(encode_png(np.zeros((2, 3), np.uint8)), "Title", "two by three"))
    (3, 2)
    """
    body = b"tEXt" + keyword.encode("latin-1") + b"\0" + text.encode("ascii")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


def read_text(path: Path, keyword: str) -> str | None:
    """Return the text of a keyword that stands before a PNG file's pixels, or None where there is none."""
    wanted = keyword.encode("latin-1") + b"\0"
    with path.open("rb") as file:
        if file.read(8) != _SIGNATURE:
            return None
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind in (b"IDAT", b"IEND") or size > _MOST_BYTES:
                return None
            body = file.read(size + 4)[:size]
            if kind == b"tEXt" and body.startswith(wanted):
                return body[len(wanted) :].decode("latin-1")
    return None
