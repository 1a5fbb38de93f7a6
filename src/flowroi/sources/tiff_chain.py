"""The chain of pages of a TIFF file, walked to its end: a cut or looping chain is found before pages are read."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from flowroi.errors import NOT_DECODED, CorruptDataError
from flowroi.limits import check_frame_count

_MAX_TAGS = 4096
# Bytes of a value by the number of its type.
_TYPE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


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


@dataclass(frozen=True, slots=True)
class _Form:
    """How a directory is written: the number of its entries, type and count of an entry, and the next offset."""

    count: struct.Struct
    entry: struct.Struct
    offset: struct.Struct

    @classmethod
    def of(cls, order: str, *, big: bool) -> _Form:
        """Return that of TIFF or BigTIFF."""
        if big:
            return cls(struct.Struct(order + "Q"), struct.Struct(order + "2xHQ8x"), struct.Struct(order + "Q"))
        return cls(struct.Struct(order + "H"), struct.Struct(order + "2xHI4x"), struct.Struct(order + "I"))


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
    UnsupportedFormatError
        If there are more pages than a movie may have frames.

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
        raise CorruptDataError(f"not a TIFF file: it starts with {head[:8].hex(' ')}; {NOT_DECODED}")
    big = version == 43
    form = _Form.of(order, big=big)
    (offset,) = form.offset.unpack(head[8:16] if big else head[4:8])

    offsets: list[int] = []
    seen: set[int] = set()
    while offset:
        page = len(offsets)
        if offset in seen:
            return PageChain(tuple(offsets), f"page {page} points back to an earlier page")
        if offset >= size:
            return PageChain(tuple(offsets), f"page {page} lies at byte {offset}, the file ends at byte {size}")
        following = _next_offset(handle, offset, form, size)
        if following is None:
            return PageChain(tuple(offsets), f"the directory of page {page} is damaged or cut short")
        seen.add(offset)
        offsets.append(offset)
        check_frame_count(len(offsets))
        offset = following
    return PageChain(tuple(offsets), None if offsets else "the file has no page")


def _next_offset(handle: BinaryIO, offset: int, form: _Form, size: int) -> int | None:
    """Check a directory's entries and read the offset behind them; None where it is not whole."""
    handle.seek(offset)
    try:
        (count,) = form.count.unpack(handle.read(form.count.size))
        if count > _MAX_TAGS:
            return None
        entries = handle.read(count * form.entry.size)
        # Values that a tag says it has are read into memory; a count that no file of this size can hold is none.
        if any(values * _TYPE_BYTES.get(kind, 1) > size for kind, values in form.entry.iter_unpack(entries)):
            return None
        (following,) = form.offset.unpack(handle.read(form.offset.size))
    except struct.error:
        return None
    return int(following)
