"""The manifest within a file: in an element behind all the rest that readers of the file's own format pass over.

In videos it is an element that players know how to skip; behind a TIFF file, which is not read in a row, it stands as
it is. The element's size is decided before the manifest is written, because in MKV it counts in the segment's size, of
which the manifest holds the checksum.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from flowroi.archives.folder_files import opened_regular
from flowroi.archives.manifest import sha256_of
from flowroi.errors import CorruptDataError, UnsupportedFormatError

# An EBML Void element with its size in 7 bytes, and a box of a type of its own with its size in 64 bits.
_VOID = b"\xec\x01"
_UUID = bytes.fromhex("6f7c2f1d8f2a4d0b9b5c666c6f77726f")
_SEGMENT = b"\x18\x53\x80\x67\x01"
# Sizes of the deflated manifest and of the element, the CRC-32 of the former (some bits of which mean nothing, so that
# they could change unseen), 4 bytes each, then this: the end of the file.
_MARK = b"flowroi1"
_FOOTER_BYTES = 20
_LARGEST_MANIFEST = 1 << 30
# Half of a manifest is checksums, which do not deflate: one that grows more than this is none.
_MOST_GROWTH = 64
_ALWAYS_READ = 1 << 20
# Digests deflate to a few bytes more or less.
_SPARE_BYTES = 8


def append_manifest(path: Path, kind: str, manifest_of: Callable[[dict[str, Any]], bytes]) -> None:
    """Put the manifest behind the movie.

    Parameters
    ----------
    path : Path
        The file, as its own writer left it.
    kind : "matroska", "mp4" or "tiff"
    manifest_of : callable
        The manifest, once the movie's `size_bytes` and `sha256` are known.
    """
    movie_bytes = path.stat().st_size
    head_bytes = len(_head(kind, 0))
    deflated = zlib.compress(manifest_of({"size_bytes": movie_bytes, "sha256": "0" * 64}), 9)
    with path.open("r+b") as file:
        while True:
            size = head_bytes + len(deflated) + _SPARE_BYTES + _FOOTER_BYTES
            if kind == "matroska":
                _set_segment_size(file, movie_bytes + size)
            file.seek(0)
            facts = {"size_bytes": movie_bytes, "sha256": sha256_of(file, movie_bytes)}
            deflated = zlib.compress(manifest_of(facts), 9)
            if head_bytes + len(deflated) + _FOOTER_BYTES <= size:
                break
        file.seek(movie_bytes)
        file.write(_element(kind, deflated, size))


def read_manifest(path: Path, kind: str | None = None) -> tuple[bytes, int]:
    """Return the manifest at the end of a file, and how many bytes of movie stand before it.

    Parameters
    ----------
    path : Path
    kind : "matroska", "mp4" or "tiff", optional
        By default what the name tells.

    Raises
    ------
    UnsupportedFormatError
        If there is none.
    CorruptDataError
        If it is damaged.
    """
    with opened_regular(path, follow=True) as file:
        total = file.seek(0, 2)
        file.seek(max(0, total - _FOOTER_BYTES))
        footer = file.read()
        if footer[12:] != _MARK:
            raise UnsupportedFormatError(
                "a file without a FlowRoI manifest at its end, so not an archive of ours, or cut short: read it as a "
                "source",
                path=path,
            )
        length, size = int.from_bytes(footer[:4], "big"), int.from_bytes(footer[4:8], "big")
        kind = kind_of(path) if kind is None else kind
        if not 0 < length <= size - _FOOTER_BYTES - len(_head(kind, 0)) or size > min(total, _LARGEST_MANIFEST):
            raise CorruptDataError(f"the manifest is said to have {length} bytes of {size}", path=path)
        file.seek(total - size)
        element = file.read(size)
    deflated = element[size - _FOOTER_BYTES - length : size - _FOOTER_BYTES]
    # What stands around it is known, too, so that not even there a byte can change unseen.
    if element != _element(kind, deflated, size):
        raise CorruptDataError("the element that holds the manifest was changed", path=path)
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(deflated, min(max(_MOST_GROWTH * length, _ALWAYS_READ), _LARGEST_MANIFEST))
    except zlib.error as error:
        raise CorruptDataError(f"the manifest cannot be inflated: {error}", path=path) from error
    if not inflater.eof or inflater.unused_data:
        raise CorruptDataError("the manifest ends too early or too late, or is far too long", path=path)
    return text, total - size


def has_manifest(path: Path) -> bool:
    """Whether a file ends as archives of ours do."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_MARK)))
        return file.read() == _MARK


def _element(kind: str, deflated: bytes, size: int) -> bytes:
    head = _head(kind, size)
    spare = size - len(head) - len(deflated) - _FOOTER_BYTES
    footer = b"".join(number.to_bytes(4, "big") for number in (len(deflated), size, zlib.crc32(deflated)))
    return head + bytes(spare) + deflated + footer + _MARK


def kind_of(path: Path) -> str:
    """Return the kind of element that a file of this name holds: "tiff", "mp4" or "matroska"."""
    suffix = path.suffix.lower()
    return "tiff" if suffix in (".tif", ".tiff") else "mp4" if suffix == ".mp4" else "matroska"


def _head(kind: str, size: int) -> bytes:
    if kind == "tiff":
        return b""
    if kind == "matroska":
        return _VOID + max(size - len(_VOID) - 7, 0).to_bytes(7, "big")
    # A size of 1 announces the true one.
    return (1).to_bytes(4, "big") + b"uuid" + size.to_bytes(8, "big") + _UUID


def _set_segment_size(file: BinaryIO, end: int) -> None:
    """Let the segment, which follows the EBML header, reach to the file's end to be."""
    file.seek(0)
    start = file.read(128)
    at = start.find(_SEGMENT)
    if at < 0:
        raise CorruptDataError("the muxer wrote a file without a segment of a size in 7 bytes; nothing was kept")
    at += len(_SEGMENT)
    file.seek(at)
    file.write((end - at - 7).to_bytes(7, "big"))
