"""A shard of Zarr v3: chunks one after another, then where each lies, then a checksum of that.

The index comes last: an offset and a length for every chunk that the shard has room for, each an unsigned number of
64 bits, little-endian, both 2^64 - 1 for a chunk that is absent; behind it the CRC-32C of these pairs.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

from flowroi.archives.crc32c import CRC_BYTES, with_crc32c, without_crc32c
from flowroi.archives.folder_files import opened_regular
from flowroi.errors import CorruptDataError, InvalidParameterError
from flowroi.stores import AnyPath

# At 8 s from frame to frame about an hour.
MOST_CHUNKS = 512
_ABSENT = 2**64 - 1
_PAIR = struct.Struct("<2Q")


def chunks_per_shard(frames: int) -> int:
    """Return how many chunks each shard of a movie has room for.

    Examples
    --------
    >>> chunks_per_shard(60), chunks_per_shard(28_800)
    (60, 512)
    """
    return min(frames, MOST_CHUNKS)


def index_size_bytes(room: int) -> int:
    """Return the size of the index of a shard with room for so many chunks, its checksum with it.

    Examples
    --------
    >>> index_size_bytes(2)
    36
    """
    return _PAIR.size * room + CRC_BYTES


class ShardWriter:
    """Writes a shard chunk by chunk; only the index is kept in memory.

    Parameters
    ----------
    path : Path
        Of a file that is not there yet.
    room : int
        Chunks that the shard has room for.

    Attributes
    ----------
    size_bytes : int
        Written so far.
    """

    def __init__(self, path: Path, room: int) -> None:
        self._room = room
        self._pairs: list[tuple[int, int]] = []
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self._file = path.open("xb")

    @property
    def sha256(self) -> str:
        """The digest of what was written so far, as it was meant."""
        return self._digest.hexdigest()

    @property
    def full(self) -> bool:
        """Whether there is no room left."""
        return len(self._pairs) == self._room

    def append(self, chunk: bytes) -> None:
        """Write the next chunk; raises InvalidParameterError if the shard is full."""
        if self.full:
            raise InvalidParameterError(f"chunk {self._room} for a shard with room for {self._room}")
        self._pairs.append((self.size_bytes, len(chunk)))
        self._write(chunk)

    def finish(self) -> None:
        """Write the index, with the rest of the room absent, and close the file."""
        absent = [(_ABSENT, _ABSENT)] * (self._room - len(self._pairs))
        with self._file:
            self._write(with_crc32c(b"".join(_PAIR.pack(*pair) for pair in self._pairs + absent)))

    def abandon(self) -> None:
        """Close the file, whatever it holds."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
        self.size_bytes += len(data)


def read_chunk(path: AnyPath, place: int, room: int) -> bytes:
    """Return one chunk of a shard.

    Parameters
    ----------
    path : Path or StorePath
    place : int
        Of the chunk within the shard, from 0.
    room : int
        Chunks that the shard has room for.

    Raises
    ------
    MissingInputError
        If there is no such file.
    CorruptDataError
        If the file is too short, its index does not fit its checksum, points out of the file or says that there is no
        such chunk, or it is no regular file.
    """
    index_bytes = index_size_bytes(room)
    with opened_regular(path) as file:
        end = file.seek(0, os.SEEK_END) - index_bytes
        if end < 0:
            raise CorruptDataError(f"{end + index_bytes} bytes; the index alone has {index_bytes}", path=path)
        file.seek(end)
        index = without_crc32c(file.read(index_bytes))
        if index is None:
            raise CorruptDataError("the shard's index does not fit its checksum: it was changed or damaged", path=path)
        offset, size = _PAIR.unpack_from(index, _PAIR.size * place)
        if offset == size == _ABSENT:
            raise CorruptDataError(f"chunk {place} is absent from the shard", path=path)
        if offset + size > end:
            raise CorruptDataError(f"chunk {place} is said to be {size} bytes from {offset} on, of {end}", path=path)
        file.seek(offset)
        return file.read(size)
