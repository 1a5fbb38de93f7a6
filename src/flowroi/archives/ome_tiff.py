"""The OME-TIFF archive: one self-contained file, one JPEG 2000 codestream a page (compression tag 34712)."""

from __future__ import annotations

import logging
import tempfile
import zlib
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tifffile

from flowroi.archives.base import Archive, ArchiveLayout, ArchiveWriter, Mask
from flowroi.archives.manifest import parse
from flowroi.archives.ome_xml import manifest_text, ome_xml
from flowroi.errors import CorruptDataError, UnsupportedFormatError

_JPEG2000 = 34712
_DESCRIPTION = 270

logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class OmeTiffWriter(ArchiveWriter):
    """Writes pages as they come; the description, which holds the manifest, goes to the end of the file."""

    format = "ome-tiff"
    container = "j2k"

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        super().__init__(target, layout, overwrite=overwrite)
        self._tiff = tifffile.TiffWriter(self._temporary, bigtiff=True)
        # Masks follow all frames, so that frame t is page t; until then they wait, deflated, on disk.
        self._masks = tempfile.TemporaryFile(dir=target.parent) if layout.keep_masks else None  # noqa: SIM115
        self._mask_sizes: list[int] = []

    def _store(self, t: int, data: bytes, mask: Mask | None) -> None:
        self._tiff.write(
            iter([data]),
            shape=self.layout.shape[1:],
            dtype=self.layout.dtype,
            compression=_JPEG2000,
            photometric="minisblack",
            rowsperstrip=self.layout.shape[1],
            description="OME-XML follows" if t == 0 else None,
            software=False,
            metadata=None,
        )
        if mask is not None and self._masks is not None:
            packed = zlib.compress(np.where(mask, np.uint8(255), np.uint8(0)).tobytes(), 9)
            self._masks.write(packed)
            self._mask_sizes.append(len(packed))

    def _close(self, manifest: dict[str, Any]) -> None:
        if self._masks is not None:
            self._masks.seek(0)
            for size in self._mask_sizes:
                self._tiff.write(
                    iter([self._masks.read(size)]),
                    shape=self.layout.shape[1:],
                    dtype="uint8",
                    compression="zlib",
                    photometric="minisblack",
                    rowsperstrip=self.layout.shape[1],
                    software=False,
                    metadata=None,
                )
            self._masks.close()
        self._tiff.close()
        with tifffile.TiffFile(self._temporary, mode="r+") as tiff:
            tiff.pages.first.tags[_DESCRIPTION].overwrite(ome_xml(manifest))

    def _abandon(self) -> None:
        if self._masks is not None:
            self._masks.close()
        self._tiff.close()


class OmeTiffArchive(Archive):
    """Reads pages at random; safe to use from several threads."""

    format = "ome-tiff"

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            self._tiff = tifffile.TiffFile(path)
        except (tifffile.TiffFileError, ValueError, OSError, IndexError) as error:
            raise CorruptDataError(f"not a readable TIFF file: {error}", path=path) from error
        try:
            super().__init__(path, self._read_manifest(path))
            pages = len(self._tiff.pages)
            expected = self.shape[0] * (2 if self.manifest["masks_kept"] else 1)
            if pages != expected:
                raise CorruptDataError(f"{pages} pages; the manifest says {expected}", path=path)
        except BaseException:
            self._tiff.close()
            raise

    def _read_manifest(self, path: Path) -> dict[str, Any]:
        try:
            text = manifest_text(str(self._tiff.pages.first.description))
        except (tifffile.TiffFileError, ValueError, OSError, IndexError, KeyError) as error:
            raise CorruptDataError(f"the first page cannot be read: {error}", path=path) from error
        if text is None:
            raise UnsupportedFormatError(
                "a TIFF file without a FlowRoI manifest, so not an archive of ours: read it as a source", path=path
            )
        return parse(text, path)

    def stored(self, t: int) -> bytes:
        """Return the codestream of page `t`, unchecked."""
        return self._segment(t, t)

    def _stored_mask(self, t: int) -> Mask:
        try:
            data = zlib.decompress(self._segment(self.shape[0] + t, t))
        except zlib.error as error:
            raise CorruptDataError(f"the mask cannot be decoded: {error}", path=self.path, frame=t) from error
        if len(data) != self.shape[1] * self.shape[2]:
            raise CorruptDataError(f"the mask has {len(data)} pixels", path=self.path, frame=t)
        return np.asarray(np.frombuffer(data, np.uint8).reshape(self.shape[1:]), np.bool_)

    def _segment(self, page_number: int, t: int) -> bytes:
        with self._lock:
            try:
                page = self._tiff.pages[page_number]
                handle = self._tiff.filehandle
                handle.seek(page.dataoffsets[0])
                data: bytes = handle.read(page.databytecounts[0])
            except (tifffile.TiffFileError, ValueError, OSError, IndexError, KeyError) as error:
                raise CorruptDataError(f"the page cannot be read: {error}", path=self.path, frame=t) from error
        return data

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()
