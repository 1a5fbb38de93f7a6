"""The archive that is a folder: one JP2 file a frame, the manifest, and, written last, the mark that it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from flowroi.archives.base import Archive, ArchiveLayout, ArchiveWriter, Mask
from flowroi.archives.folder_files import faults_of_files, read_regular
from flowroi.archives.manifest import (
    COMPLETE_NAME,
    MANIFEST_NAME,
    canonical_json,
    complete_mark,
    read_folder_manifest,
    sha256,
)
from flowroi.errors import CorruptDataError, FlowRoIError, InvalidParameterError
from flowroi.png import encode_png, png_size

MASK_FOLDER = "roi"
# A mask's file, deflated, is at most a little larger than its pixels.
_SPARE_BYTES = 1 << 16


class Jp2FolderWriter(ArchiveWriter):
    """Writes `<frame>.jp2`, the masks where they are kept, `manifest.json`, then `COMPLETE`."""

    format = "jp2"
    container = "jp2"
    folder = True

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        for name in layout.frame_names:
            if not name or "/" in name or "\\" in name or "\0" in name or name.startswith("."):
                raise InvalidParameterError(f"the frame name {name!r} cannot be a file name; nothing was written")
        super().__init__(target, layout, overwrite=overwrite)
        self._mask_files: list[dict[str, Any]] = []
        if layout.keep_masks:
            (self._temporary / MASK_FOLDER).mkdir()

    def _store(self, t: int, data: bytes, mask: Mask | None) -> None:
        name = self.layout.frame_names[t]
        (self._temporary / f"{name}.jp2").write_bytes(data)
        if mask is not None:
            png = encode_png(np.where(mask, np.uint8(255), np.uint8(0)))
            file = f"{MASK_FOLDER}/{name}_roi.png"
            self._mask_files.append({"name": file, "size_bytes": len(png), "sha256": sha256(png)})
            (self._temporary / file).write_bytes(png)

    def _close(self, sealed_with: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        manifest = sealed_with({"files": self._mask_files})
        (self._temporary / MANIFEST_NAME).write_bytes(canonical_json(manifest))
        (self._temporary / COMPLETE_NAME).write_bytes(complete_mark(manifest["digest"]))
        return manifest

    def _abandon(self) -> None:
        return

    def _opened(self, path: Path) -> Archive:
        return Jp2FolderArchive(path)


class Jp2FolderArchive(Archive):
    """Reads frames by the names in the manifest."""

    format = "jp2"

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_folder_manifest(path))

    def stored(self, t: int) -> bytes:
        """Return the JP2 file of frame `t`, unchecked."""
        record = self.manifest["frames"][t]
        try:
            return read_regular(self.path / f"{record['name']}.jp2", record["size_bytes"])
        except FlowRoIError as error:
            raise type(error)(error.message, path=error.path, frame=t) from error

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield files that are missing, not what was written, or of nobody; the frames' own are checked with them."""
        known: dict[str, tuple[int, str] | None] = {
            file["name"]: (file["size_bytes"], file["sha256"]) for file in self.manifest["files"]
        }
        known |= {f"{frame['name']}.jp2": None for frame in self.manifest["frames"]}
        known[MANIFEST_NAME] = None
        if self.manifest["format_version"] > 1:
            known[COMPLETE_NAME] = None
        elif self.manifest["masks_kept"]:
            known |= {f"{MASK_FOLDER}/{frame['name']}_roi.png": None for frame in self.manifest["frames"]}
        yield from faults_of_files(self.path, known)

    def _stored_mask(self, t: int) -> Mask:
        file = self.path / MASK_FOLDER / f"{self.manifest['frames'][t]['name']}_roi.png"
        try:
            data = read_regular(file, self.shape[1] * self.shape[2] + _SPARE_BYTES)
        except FlowRoIError as error:
            raise type(error)(error.message, path=file, frame=t) from error
        if png_size(data) != (self.shape[2], self.shape[1]):
            raise CorruptDataError("the mask is not of the frame's size", path=file, frame=t)
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if mask is None or mask.shape != self.shape[1:]:
            raise CorruptDataError("the mask is damaged", path=file, frame=t)
        return np.asarray(mask, np.bool_)
