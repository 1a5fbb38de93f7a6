"""The chain of pages of a TIFF file, walked to its end: a cut or looping chain is found before pages are read."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from flowroi.errors import CorruptDataError

_MAX_TAGS = 4096


@dataclass(frozen=True, slots=True)
class PageChain:
    """Where the pages are, and how the chain breaks off, if it does.

    Parameters
    ----------
    offsets : tuple of int
        Byte offset of each page's directory, in order.
    broken : str or None
        What is wrong behind the last of them.
    """

    offsets: tuple[int, ...]
    broken: str | None


def page_offsets(handle: BinaryIO) -> PageChain:
    """Follow the directories from the file header.

    Parameters
    ----------
    handle : binary file
        Its position is changed.

    Raises
    ------
    CorruptDataError
        If this is no TIFF file.

    References
    ----------
    TIFF 6.0, section 2. BigTIFF: the same with 8-byte offsets and counts.
    """
    size = os.fstat(handle.fileno()).st_size
    handle.seek(0)
    head = handle.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(order + "H", head[2:4])[0] if order and len(head) >= 8 else 0
    if order is None or version not in (42, 43) or (version == 43 and len(head) < 16):
        raise CorruptDataError(f"not a TIFF file: it starts with {head[:8].hex(' ')}")
    big = version == 43
    count_format, offset_format = (order + "Q", order + "Q") if big else (order + "H", order + "I")
    entry_bytes = 20 if big else 12
    (offset,) = struct.unpack(offset_format, head[8:16] if big else head[4:8])

    offsets: list[int] = []
    seen: set[int] = set()
    while offset:
        page = len(offsets)
        if offset in seen:
            return PageChain(tuple(offsets), f"page {page} points back to an earlier page")
        if offset >= size:
            return PageChain(tuple(offsets), f"page {page} lies at byte {offset}, the file ends at byte {size}")
        following = _next_offset(handle, offset, count_format, offset_format, entry_bytes)
        if following is None:
            return PageChain(tuple(offsets), f"the directory of page {page} is damaged or cut short")
        seen.add(offset)
        offsets.append(offset)
        offset = following
    return PageChain(tuple(offsets), None if offsets else "the file has no page")


def _next_offset(handle: BinaryIO, offset: int, count_format: str, offset_format: str, entry_bytes: int) -> int | None:
    """Skip a directory's entries and read the offset behind them; None where it is not whole."""
    handle.seek(offset)
    try:
        (count,) = struct.unpack(count_format, handle.read(struct.calcsize(count_format)))
        if count > _MAX_TAGS:
            return None
        handle.seek(count * entry_bytes, os.SEEK_CUR)
        (following,) = struct.unpack(offset_format, handle.read(struct.calcsize(offset_format)))
    except struct.error:
        return None
    return int(following)
