"""Where the chunks of a Zarr array are: each is proven to be there, and to be no larger than it says."""

from __future__ import annotations

import bz2
import itertools
import lzma
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from flowroi.codec.codestream import check_limits, read_header
from flowroi.codec.structure import check_structure
from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.limits import MAX_FRAMES
from flowroi.sources.files import AnyFile, find_file, located
from flowroi.sources.zarr_array import ZarrArray
from flowroi.sources.zarr_node import inside
from flowroi.stores.path import name_below

# What a codec before the compressor may add: checksums.
_SLACK_BYTES = 64
_BLOCK_BYTES = 1 << 20
_NO_CHUNK = 2**64 - 1
_XZ_MEMORY_BYTES = 1 << 28

Coordinates = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stored chunk: its file, and where it is in it."""

    file: AnyFile
    offset: int
    size_bytes: int

    def read(self, frame: int) -> bytes:
        """Read it, all of it or nothing."""
        with self.file.open(frame=frame) as handle, located(self.file.path, frame):
            handle.seek(self.offset)
            data = handle.read(self.size_bytes)
        if len(data) < self.size_bytes:
            raise CorruptDataError(f"{len(data)} of {self.size_bytes} bytes could be read; not filled up")
        return data


class ZarrChunks:
    """The stored chunks of an array, found once.

    Left to itself zarr-python reads a chunk that is not there as the fill value, mostly 0.

    Parameters
    ----------
    array : ZarrArray
    """

    def __init__(self, array: ZarrArray) -> None:
        self._array = array
        self._files: dict[Coordinates, AnyFile] = {}
        self._indices: dict[Coordinates, npt.NDArray[np.uint64]] = {}

    @property
    def files(self) -> list[AnyFile]:
        """The files that were found until now."""
        return list(self._files.values())

    def find(self, region: tuple[slice, ...], frame: int) -> None:
        """Prove that every chunk of a region is stored.

        Raises
        ------
        CorruptDataError
            If one is missing, or lies outside its file.
        UnsupportedFormatError
            If a link leads out of the folder, or there are too many.
        """
        for chunk in self._in(region):
            self._piece(chunk, frame)

    def check(self, region: tuple[slice, ...], frame: int) -> None:
        """Prove, before a library decodes them, that the chunks of a region decode to no more than their size.

        Raises
        ------
        CorruptDataError
            If one is larger or is cut short, or its file changed.
        """
        for chunk in self._in(region):
            piece = self._piece(chunk, frame)
            with located(piece.file.path, frame):
                _check_decoded_size(piece.read(frame), self._array)

    def stored(self, region: tuple[slice, ...], frame: int) -> bytes:
        """Return the bytes of the first chunk of a region, without its checksum."""
        data = self._piece(next(self._in(region)), frame).read(frame)
        return data[:-4] if self._array.checksummed else data

    def _in(self, region: tuple[slice, ...]) -> itertools.product[Coordinates]:
        spans = [
            range(part.start // size, -(-part.stop // size))
            for part, size in zip(region, self._array.chunk_shape, strict=True)
        ]
        return itertools.product(*spans)

    def _piece(self, chunk: Coordinates, frame: int) -> _Piece:
        array = self._array
        ratio = [s // c for s, c in zip(array.stored_shape, array.chunk_shape, strict=True)]
        stored = tuple(n // r for n, r in zip(chunk, ratio, strict=True))
        file = self._file(stored, frame)
        if not array.index_bytes:
            return _Piece(file, 0, file.size_bytes)
        within = np.ravel_multi_index(tuple(n % r for n, r in zip(chunk, ratio, strict=True)), ratio)
        offset, size = (int(value) for value in self._index(stored, file, frame)[within])
        if offset == _NO_CHUNK and size == _NO_CHUNK:
            raise CorruptDataError(
                f"the shard has no chunk {_text(chunk)}; it was not filled up with zeros: copy it again, or, if the "
                "frame is black, write it with write_empty_chunks=True",
                path=file.path,
                frame=frame,
            )
        if size == 0 or offset + size > file.size_bytes:
            raise CorruptDataError(
                f"chunk {_text(chunk)} is said to be at bytes {offset} to {offset + size}; the shard has "
                f"{file.size_bytes}: it is cut short or damaged; not filled up: copy it again",
                path=file.path,
                frame=frame,
            )
        return _Piece(file, offset, size)

    def _file(self, stored: Coordinates, frame: int) -> AnyFile:
        if stored in self._files:
            return self._files[stored]
        node = self._array.node
        names = ([self._array.prefix] if self._array.prefix else []) + [str(n) for n in stored]
        base = name_below(node.path, node.root)
        key = self._array.separator.join(names)
        path = inside(node.root, key if base == "." else f"{base}/{key}")
        if not path.exists():
            raise CorruptDataError(
                f"chunk {_text(stored)} of frame {frame} is missing; it was not filled up with zeros: copy the "
                "folder again, or, if the frame is black, write it with write_empty_chunks=True",
                path=path,
                frame=frame,
            )
        if len(self._files) >= MAX_FRAMES:
            raise UnsupportedFormatError(f"more than {MAX_FRAMES} chunks; nothing was read: save it with larger ones")
        self._files[stored] = file = find_file(path, frame=frame)
        return file

    def _index(self, stored: Coordinates, file: AnyFile, frame: int) -> npt.NDArray[np.uint64]:
        """Read the offsets and lengths of a shard's chunks; zarr-python checks their CRC when it reads."""
        if stored not in self._indices:
            size = self._array.index_bytes
            if file.size_bytes < size:
                raise CorruptDataError(
                    f"the shard is of {file.size_bytes} bytes, its index alone of {size}: it is cut short; not "
                    "filled up with zeros: copy it again",
                    path=file.path,
                    frame=frame,
                )
            with file.open(frame=frame) as handle:
                handle.seek(file.size_bytes - size if self._array.index_at_end else 0)
                data = handle.read(size)
            self._indices[stored] = np.frombuffer(data[: size // 16 * 16], "<u8").reshape(-1, 2)
        return self._indices[stored]


def _check_decoded_size(data: bytes, array: ZarrArray) -> None:
    """Raise CorruptDataError unless a stored chunk decodes to no more than a chunk."""
    if array.checksummed:
        data = data[:-4]
    limit, name = array.chunk_bytes + _SLACK_BYTES, array.compressor
    try:
        size = _declared_size(data, name, limit)
    except CorruptDataError:
        raise
    except (zlib.error, lzma.LZMAError, imagecodecs.ZstdError, struct.error, OSError, EOFError, ValueError) as error:
        raise CorruptDataError(f"the chunk is no {name} data ({error}); not filled up: copy it again") from error
    if name == "imagecodecs_jpeg2k":
        header = read_header(data)
        check_limits(header, array.chunk_bytes // array.dtype.itemsize)
        check_structure(data)
    elif size > limit or (name is None and size < array.chunk_bytes):
        seen = f"more than {limit}" if size > limit else f"{size}"
        raise CorruptDataError(
            f"the chunk decodes to {seen} bytes; its chunk_shape is of {array.chunk_bytes}; not decoded: it is damaged"
        )


def _declared_size(data: bytes, name: str | None, limit: int) -> int:
    """Return what a chunk decodes to: as it declares, or counted piece by piece without keeping it."""
    if name == "blosc":
        return int(struct.unpack_from("<I", data, 4)[0])
    if name == "lz4":
        return int(struct.unpack_from("<I", data)[0])
    if name == "zstd":
        return len(imagecodecs.zstd_decode(data, out=limit))
    if name in ("zlib", "gzip"):
        return _counted(zlib.decompressobj(wbits=47), data, limit)
    if name == "bz2":
        return _counted(bz2.BZ2Decompressor(), data, limit)
    if name == "lzma":
        return _counted(lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES), data, limit)
    return len(data)


def _counted(decompressor: Any, data: bytes, limit: int) -> int:
    """Decompress in small pieces until the end, or until there is too much."""
    size, waiting = 0, data
    while size <= limit and not decompressor.eof:
        piece = decompressor.decompress(waiting, _BLOCK_BYTES)
        # zlib hands back what it has not looked at; the others keep it.
        waiting = getattr(decompressor, "unconsumed_tail", b"")
        if not piece and not waiting:
            raise EOFError("it is cut short")
        size += len(piece)
    # The libraries would go on with a second stream behind the first.
    if decompressor.unused_data:
        raise EOFError("something follows behind its end")
    return size


def _text(chunk: Coordinates) -> str:
    return "/".join(str(n) for n in chunk)
