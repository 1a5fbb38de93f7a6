"""Writes a BigTIFF file in one go: strips as they come, each page's directory before its strip, the first one last.

tifffile would write it, too, but with half as many tags again, which is a per cent of a small archive; and what it
writes cannot be told beforehand, byte for byte, which is what reading back is compared with.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from flowroi.errors import VerificationError

_HEADER_BYTES = 16
_COUNT, _TAG = struct.Struct("<Q"), struct.Struct("<HHQ8s")
_ASCII, _SHORT, _LONG, _LONG8 = 2, 3, 4, 16
_BITS = {1: 8, 2: 16}
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Piece:
    """Bytes that were handed over to the file system: how many, and their checksum as it was before."""

    size: int
    sha256: bytes


class BigTiffWriter:
    """A file of grey pages of one size, one strip each.

    Parameters
    ----------
    path : Path
        An empty file.
    height, width : int
        Of a page, in pixels.
    pages : int
        How many there will be.
    """

    def __init__(self, path: Path, height: int, width: int, pages: int) -> None:
        self._path = path
        self._size = (height, width)
        self._pages = pages
        self._file = path.open("wb")
        self._at = 0
        self._added = 0
        self._first: tuple[int, int, int, int] | None = None
        self._second_at = 0
        self._pieces: list[_Piece] = []
        # Where the first directory is will be known at the end.
        self._put(bytes(_HEADER_BYTES))

    def add(self, strip: bytes, *, compression: int, sample_bytes: int) -> None:
        """Write the next page: its directory, then its strip; the first page's directory waits until `close`."""
        if self._added == 0:
            self._first = (self._at, len(strip), compression, sample_bytes)
            self._put_strip(strip)
            self._second_at = self._at
        else:
            start = self._at + _directory_bytes(_TAGS)
            end = start + len(strip) + len(strip) % 2
            last = self._added == self._pages - 1
            tags = self._tags(start, len(strip), compression, sample_bytes)
            self._put(_directory(tags, 0 if last else end))
            self._put_strip(strip)
        self._added += 1

    def close(self, description: bytes) -> None:
        """Write the first page's directory, with the image description (ASCII), and the header that leads to it."""
        assert self._first is not None
        text = description + b"\0"
        text += bytes(len(text) % 2)
        text_at = self._at
        self._put(text)
        at = self._at
        tags = [*self._tags(*self._first), (270, _ASCII, len(description) + 1, text_at)]
        self._put(_directory(sorted(tags), self._second_at if self._pages > 1 else 0))
        header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, at)
        self._pieces[0] = _piece(header)
        self._file.seek(0)
        self._file.write(header)
        self._file.close()

    def check(self) -> None:
        """Read the file and compare it, piece by piece, with what was handed over.

        Raises
        ------
        VerificationError
            If it is not the same.
        """
        with self._path.open("rb") as file:
            for piece in self._pieces:
                if sha256(file.read(piece.size)).digest() != piece.sha256:
                    raise VerificationError(
                        f"the {piece.size} bytes before byte {file.tell()} are not what was written; nothing was kept",
                        path=self._path,
                    )
            if file.read(1):
                raise VerificationError("the file is longer than what was written; nothing was kept", path=self._path)

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _tags(self, at: int, size: int, compression: int, sample_bytes: int) -> list[tuple[int, int, int, int]]:
        height, width = self._size
        return [
            (256, _LONG, 1, width),
            (257, _LONG, 1, height),
            (258, _SHORT, 1, _BITS[sample_bytes]),
            (259, _SHORT, 1, compression),
            # Black is zero.
            (262, _SHORT, 1, 1),
            (273, _LONG8, 1, at),
            # One sample a pixel (277) and one strip a page (278) is what readers take where nothing is said.
            (279, _LONG8, 1, size),
        ]

    def _put_strip(self, strip: bytes) -> None:
        # Directories begin at even bytes.
        self._put(strip)
        if len(strip) % 2:
            self._put(b"\0")

    def _put(self, data: bytes) -> None:
        self._pieces.append(_piece(data))
        self._file.write(data)
        self._at += len(data)


_TAGS = 7


def _piece(data: bytes) -> _Piece:
    return _Piece(len(data), sha256(data).digest())


def _directory_bytes(tags: int) -> int:
    return _COUNT.size + tags * _TAG.size + _COUNT.size


def _directory(tags: list[tuple[int, int, int, int]], following: int) -> bytes:
    entries = (_TAG.pack(code, kind, count, value.to_bytes(8, "little")) for code, kind, count, value in tags)
    return _COUNT.pack(len(tags)) + b"".join(entries) + _COUNT.pack(following)
