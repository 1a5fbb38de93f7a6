"""A file that only grows: records that are whole and checked, or cut off at the end where a write broke off."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from flowroi.archives.atomic import sync
from flowroi.archives.manifest import canonical_json
from flowroi.errors import CorruptDataError

_MAGIC = b"FRJ\x01"
# Magic, bytes of the header, bytes of the payload, CRC-32 of these; then header, payload, SHA-256 of all before.
_HEAD = struct.Struct("<4sIQI")
_DIGEST_BYTES = 32
# Nothing that we write comes near it: a damaged length is not believed.
_MOST_BYTES = 1 << 33

Record = tuple[dict[str, Any], bytes]


def record_bytes(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return a record as it is stored.

    Examples
    --------
    >>> len(record_bytes({}, b"abc"))
    57
    """
    text = canonical_json(header)
    lengths = struct.pack("<4sIQ", _MAGIC, len(text), len(payload))
    whole = lengths + struct.pack("<I", zlib.crc32(lengths)) + text + payload
    return whole + sha256(whole).digest()


class Journal:
    """The journal of one position; whoever writes holds the folder that it is in.

    Parameters
    ----------
    path : Path
        Made if it is not there. What a write that broke off left at its end is cut off; if whole records stand behind
        what is damaged, the file as it was is kept beside it.

    Attributes
    ----------
    path : Path
    end : int
        Bytes that are on the disk.
    cut : str or None
        What was cut off, in words.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut: str | None = None
        self._pending: list[bytes] = []
        made = not path.exists()
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            if made:
                sync(path.parent)
            self.end = self._whole_bytes()
            size = os.fstat(self._handle).st_size
            if size > self.end:
                self._cut(size)
        except BaseException:
            os.close(self._handle)
            raise

    def append(self, record: bytes) -> None:
        """Add a record; it is on the disk when `commit` has returned."""
        self._pending.append(record)

    @property
    def pending(self) -> int:
        """Records that are not on the disk yet."""
        return len(self._pending)

    def commit(self) -> None:
        """Write what was appended and flush it to the disk.

        Raises
        ------
        OSError
            If the disk is full, or fails: nothing is lost, and the same call tries again from where the disk is known
            to be good.
        """
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            at, view = self.end, memoryview(data)
            while view:
                written = os.pwrite(self._handle, view, at)
                at, view = at + written, view[written:]
            os.fsync(self._handle)
        except OSError as error:
            # What a failed flush has written is not known.
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.end += len(data)
        self._pending.clear()

    def __iter__(self) -> Iterator[Record]:
        """Yield every record that is on the disk; raises CorruptDataError if one is not what was written."""
        at = 0
        while at < self.end:
            found = _record_at(self._handle, at)
            if found is None:
                raise CorruptDataError(
                    f"the journal was damaged at byte {at} since it was written; the frames from there on are to be "
                    "coded again: start the same command again while their files are there",
                    path=self.path,
                )
            header, payload, at = found
            yield header, payload

    def close(self) -> None:
        """Close the file; what was not committed is dropped."""
        os.close(self._handle)

    def _whole_bytes(self) -> int:
        at = 0
        while (found := _record_at(self._handle, at)) is not None:
            at = found[2]
        return at

    def _cut(self, size: int) -> None:
        self.cut = f"{size - self.end} bytes of a write that broke off were cut off {self.path.name}"
        if self._holds_record_behind(size):
            number = 1
            while (kept := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
                number += 1
            shutil.copyfile(self.path, kept)
            sync(kept)
            sync(kept.parent)
            self.cut = (
                f"{self.path.name} is damaged at byte {self.end}: the frames from there on are coded again, from their "
                f"files; as it was, it is kept as {kept.name}"
            )
        os.ftruncate(self._handle, self.end)
        os.fsync(self._handle)

    def _holds_record_behind(self, size: int) -> bool:
        with mmap.mmap(self._handle, size, prot=mmap.PROT_READ) as data:
            at = data.find(_MAGIC, self.end + 1)
            while at >= 0:
                if _record_at(self._handle, at) is not None:
                    return True
                at = data.find(_MAGIC, at + 1)
        return False


def newest_record(path: Path, since: int = 0) -> tuple[int, Record] | None:
    """Return where the last whole record with a payload begins, and the record; None where there is none.

    Nobody who writes meanwhile is disturbed: what is not whole yet is left out.

    Parameters
    ----------
    path : Path
    since : int, default 0
        Where a record begins, from which on it is looked for.

    Raises
    ------
    FileNotFoundError
        If there is no such journal.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # By their heads alone, so that hours of frames are passed over at once.
        starts = deque[int](maxlen=2)
        at = since
        while (lengths := _lengths_at(handle, at)) is not None:
            if lengths[1]:
                starts.append(at)
            at += _HEAD.size + sum(lengths) + _DIGEST_BYTES
        while starts:
            at = starts.pop()
            found = _record_at(handle, at)
            if found is not None:
                return at, found[:2]
        return None
    finally:
        os.close(handle)


def _lengths_at(handle: int, at: int) -> tuple[int, int] | None:
    """Return the bytes of header and payload of the record at a place; None where none begins."""
    head = os.pread(handle, _HEAD.size, at)
    if len(head) < _HEAD.size:
        return None
    magic, header_bytes, payload_bytes, checksum = _HEAD.unpack(head)
    if magic != _MAGIC or checksum != zlib.crc32(head[:-4]) or header_bytes + payload_bytes > _MOST_BYTES:
        return None
    return header_bytes, payload_bytes


def _record_at(handle: int, at: int) -> tuple[dict[str, Any], bytes, int] | None:
    """Return the record at a place and where the next one begins; None where none is whole."""
    lengths = _lengths_at(handle, at)
    if lengths is None:
        return None
    size = _HEAD.size + sum(lengths)
    whole = os.pread(handle, size + _DIGEST_BYTES, at)
    if len(whole) < size + _DIGEST_BYTES or sha256(memoryview(whole)[:size]).digest() != whole[size:]:
        return None
    body = _HEAD.size + lengths[0]
    return json.loads(whole[_HEAD.size : body]), whole[body:size], at + len(whole)
