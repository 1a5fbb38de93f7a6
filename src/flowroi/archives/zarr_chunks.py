"""Where the chunks of an array of frames stand: in shards (Zarr v3), or each in a file of its own (Zarr v2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from flowroi.archives.crc32c import with_crc32c
from flowroi.archives.manifest import sha256
from flowroi.archives.shard import ShardWriter, chunks_per_shard

# Of the axes c, z, y and x, along which there is one chunk.
_REST = "0/0/0/0"


def shard_name(array: str, number: int) -> str:
    """Return the name of an array's shard within the store.

    Examples
    --------
    >>> shard_name("0", 3)
    '0/c/3/0/0/0/0'
    """
    return f"{array}/c/{number}/{_REST}"


def chunk_name(array: str, t: int) -> str:
    """Return the name of the file of an array's chunk `t` within a store of Zarr v2.

    Examples
    --------
    >>> chunk_name("0", 3)
    '0/3/0/0/0/0'
    """
    return f"{array}/{t}/{_REST}"


class ChunkWriter(ABC):
    """Writes the chunks of one array in order.

    Parameters
    ----------
    root : Path
        The store.
    array : str
        The array's path within it.
    """

    def __init__(self, root: Path, array: str) -> None:
        self.root = root
        self.array = array

    @abstractmethod
    def append(self, chunk: bytes) -> None:
        """Write the next chunk."""

    @abstractmethod
    def finish(self) -> list[dict[str, Any]]:
        """Write what is left; return the name within the store, size in bytes and SHA-256 of every file, as meant."""

    @abstractmethod
    def abandon(self) -> None:
        """Close what is open."""


class ShardedChunks(ChunkWriter):
    """Chunks in shards, a CRC-32C behind each, so that readers of Zarr notice damage.

    Parameters
    ----------
    root, array
        See `ChunkWriter`.
    frames : int
        Chunks in all.
    """

    def __init__(self, root: Path, array: str, frames: int) -> None:
        super().__init__(root, array)
        self._room = chunks_per_shard(frames)
        self._files: list[dict[str, Any]] = []
        self._shard: ShardWriter | None = None

    def append(self, chunk: bytes) -> None:
        """Write a chunk to the shard, or to the next one if that is full."""
        if self._shard is not None and self._shard.full:
            self._finish_shard(self._shard)
        if self._shard is None:
            path = self.root / shard_name(self.array, len(self._files))
            path.parent.mkdir(parents=True)
            self._shard = ShardWriter(path, self._room)
        self._shard.append(with_crc32c(chunk))

    def finish(self) -> list[dict[str, Any]]:
        """Write the last shard's index; return what is known of the shards."""
        if self._shard is not None:
            self._finish_shard(self._shard)
        return self._files

    def abandon(self) -> None:
        """Close the shard that is being written."""
        if self._shard is not None:
            self._shard.abandon()

    def _finish_shard(self, shard: ShardWriter) -> None:
        shard.finish()
        name = shard_name(self.array, len(self._files))
        self._files.append({"name": name, "size_bytes": shard.size_bytes, "sha256": shard.sha256})
        self._shard = None


class ChunkFiles(ChunkWriter):
    """A file for every chunk, and nothing in it but the chunk."""

    def __init__(self, root: Path, array: str) -> None:
        super().__init__(root, array)
        self._files: list[dict[str, Any]] = []

    def append(self, chunk: bytes) -> None:
        """Write the next file."""
        name = chunk_name(self.array, len(self._files))
        self._files.append({"name": name, "size_bytes": len(chunk), "sha256": sha256(chunk)})
        path = self.root / name
        path.parent.mkdir(parents=True)
        path.write_bytes(chunk)

    def finish(self) -> list[dict[str, Any]]:
        """Return what is known of the files."""
        return self._files

    def abandon(self) -> None:
        """Nothing is open."""
        return
