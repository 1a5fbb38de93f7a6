"""The OME-TIFF archive: one self-contained file, one JPEG 2000 codestream a page (compression tag 34712)."""

from __future__ import annotations

import logging
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tifffile

from flowroi.archives.base import Archive, ArchiveLayout, ArchiveWriter, Mask
from flowroi.archives.bigtiff import BigTiffWriter
from flowroi.archives.folder_files import opened_regular
from flowroi.archives.manifest import canonical_json, parse, sha256_of
from flowroi.archives.ome_xml import manifest_text, ome_xml
from flowroi.archives.trailer import append_manifest, read_manifest
from flowroi.errors import CorruptDataError, UnsupportedFormatError

_JPEG2000, _DEFLATE = 34712, 8
# tifffile trusts what a file says of itself, and meets damage with whatever comes of it.
_UNREADABLE = (
    tifffile.TiffFileError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)

logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class OmeTiffWriter(ArchiveWriter):
    """Writes pages as they come; the description and, behind the TIFF file, the manifest go to the end."""

    format = "ome-tiff"
    container = "j2k"

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        super().__init__(target, layout, overwrite=overwrite)
        frames, height, width = layout.shape
        try:
            self._tiff = BigTiffWriter(self._temporary, height, width, frames * (2 if layout.keep_masks else 1))
            # Masks follow all frames, so that frame t is page t; until then they wait, deflated, on disk.
            self._masks = tempfile.TemporaryFile(dir=target.parent) if layout.keep_masks else None  # noqa: SIM115
        except BaseException:
            self._unfinished.discard()
            raise
        self._mask_sizes: list[int] = []

    def _store(self, t: int, data: bytes, mask: Mask | None) -> None:  # noqa: ARG002 - pages are in order
        self._tiff.add(data, compression=_JPEG2000, sample_bytes=np.dtype(self.layout.dtype).itemsize)
        if mask is not None and self._masks is not None:
            packed = zlib.compress(np.where(mask, np.uint8(255), np.uint8(0)).tobytes(), 9)
            self._masks.write(packed)
            self._mask_sizes.append(len(packed))

    def _close(self, sealed_with: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        if self._masks is not None:
            self._masks.seek(0)
            for size in self._mask_sizes:
                self._tiff.add(self._masks.read(size), compression=_DEFLATE, sample_bytes=1)
            self._masks.close()
        self._tiff.close(ome_xml(sealed_with({})))
        self._tiff.check()
        meant: dict[str, Any] = {}

        def manifest_of(file: dict[str, Any]) -> bytes:
            meant.update(sealed_with({"files": [file]}))
            return canonical_json(meant)

        append_manifest(self._temporary, "tiff", manifest_of)
        return meant

    def _abandon(self) -> None:
        if self._masks is not None:
            self._masks.close()
        self._tiff.abandon()

    def _opened(self, path: Path) -> Archive:
        return OmeTiffArchive(path)


class OmeTiffArchive(Archive):
    """Reads pages at random; safe to use from several threads."""

    format = "ome-tiff"

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._tiff_bytes: int | None = None
        with opened_regular(path, follow=True) as file:
            if file.read(4) not in (b"II+\0", b"II*\0", b"MM\0+", b"MM\0*"):
                raise CorruptDataError("not a TIFF file, whatever its name says", path=path)
        manifest = self._manifest_at_end(path)
        try:
            self._tiff = tifffile.TiffFile(path)
        except _UNREADABLE as error:
            raise CorruptDataError(f"not a readable TIFF file: {error}", path=path) from error
        try:
            super().__init__(path, self._manifest_of_first_version(path) if manifest is None else manifest)
            if self.manifest["archive"] != self.format:
                raise CorruptDataError(f"the manifest is that of a {self.manifest['archive']!r}", path=path)
            pages = self._count_pages()
            expected = self.shape[0] * (2 if self.manifest["masks_kept"] else 1)
            if pages != expected:
                raise CorruptDataError(f"{pages} pages; the manifest says {expected}", path=path)
        except BaseException:
            self._tiff.close()
            raise

    def _manifest_at_end(self, path: Path) -> dict[str, Any] | None:
        try:
            text, self._tiff_bytes = read_manifest(path, "tiff")
        except UnsupportedFormatError:
            return None
        manifest = parse(text, path)
        if manifest["format_version"] < 2:
            raise CorruptDataError("the manifest at the end is not one that stands there", path=path)
        return manifest

    def _manifest_of_first_version(self, path: Path) -> dict[str, Any]:
        """Return the manifest from the OME-XML, where archives of version 1 have it."""
        try:
            text = manifest_text(str(self._tiff.pages.first.description))
        except _UNREADABLE as error:
            raise CorruptDataError(f"the first page cannot be read: {error}", path=path) from error
        if text is None:
            raise UnsupportedFormatError(
                "a TIFF file without a FlowRoI manifest, so not an archive of ours, or cut short: read it as a source",
                path=path,
            )
        manifest = parse(text, path)
        if manifest["format_version"] != 1:
            raise CorruptDataError("the manifest stands where only archives of version 1 have it", path=path)
        return manifest

    def _count_pages(self) -> int:
        try:
            return len(self._tiff.pages)
        except _UNREADABLE as error:
            raise CorruptDataError(f"the pages cannot be counted: {error}", path=self.path) from error

    def stored(self, t: int) -> bytes:
        """Return the codestream of page `t`, unchecked."""
        return self._segment(t, t)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield the file's name where it is not, byte for byte, what was written; version 1 cannot tell."""
        if self._tiff_bytes is None:
            return
        (known,) = self.manifest["files"]
        with opened_regular(self.path, follow=True) as file:
            seen = {"size_bytes": self._tiff_bytes, "sha256": sha256_of(file, self._tiff_bytes)}
        if seen != known:
            yield self.path.name, "is not, byte for byte, what was written"

    def _stored_mask(self, t: int) -> Mask:
        pixels = self.shape[1] * self.shape[2]
        try:
            inflater = zlib.decompressobj()
            data = inflater.decompress(self._segment(self.shape[0] + t, t), pixels + 1)
        except zlib.error as error:
            raise CorruptDataError(f"the mask cannot be decoded: {error}", path=self.path, frame=t) from error
        if len(data) != pixels:
            raise CorruptDataError(f"the mask has {len(data)} pixels; expected {pixels}", path=self.path, frame=t)
        return np.asarray(np.frombuffer(data, np.uint8).reshape(self.shape[1:]), np.bool_)

    def _segment(self, page_number: int, t: int) -> bytes:
        with self._lock:
            try:
                page = self._tiff.pages[page_number]
                handle = self._tiff.filehandle
                if not page.dataoffsets or page.databytecounts[0] > handle.size:
                    raise CorruptDataError("the page has no data, or more than the file", path=self.path, frame=t)
                handle.seek(page.dataoffsets[0])
                data: bytes = handle.read(page.databytecounts[0])
            except _UNREADABLE as error:
                if isinstance(error, CorruptDataError):
                    raise
                raise CorruptDataError(f"the page cannot be read: {error}", path=self.path, frame=t) from error
        return data

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()
