"""The JP2 folder: one JP2 file a frame, a manifest beside them, masks in a folder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from flowroi.archives.base import Archive, ArchiveLayout, ArchiveWriter, Mask
from flowroi.archives.manifest import MANIFEST_NAME, canonical_json, read_folder_manifest
from flowroi.errors import CorruptDataError, InvalidParameterError, MissingInputError
from flowroi.png import write_png

MASK_FOLDER = "roi"


class Jp2FolderWriter(ArchiveWriter):
    """Writes `<frame>.jp2`, then `manifest.json`."""

    format = "jp2"
    container = "jp2"

    def __init__(self, target: Path, layout: ArchiveLayout, *, overwrite: bool) -> None:
        super().__init__(target, layout, overwrite=overwrite)
        for name in layout.frame_names:
            if not name or "/" in name or "\\" in name or "\0" in name or name.startswith("."):
                raise InvalidParameterError(f"the frame name {name!r} cannot be a file name; nothing was written")
        self._temporary.mkdir()
        if layout.keep_masks:
            (self._temporary / MASK_FOLDER).mkdir()

    def _store(self, t: int, data: bytes, mask: Mask | None) -> None:
        name = self.layout.frame_names[t]
        (self._temporary / f"{name}.jp2").write_bytes(data)
        if mask is not None:
            write_png(self._temporary / MASK_FOLDER / f"{name}_roi.png", np.where(mask, np.uint8(255), np.uint8(0)))

    def _close(self, manifest: dict[str, Any]) -> None:
        (self._temporary / MANIFEST_NAME).write_bytes(canonical_json(manifest))

    def _abandon(self) -> None:
        return


class Jp2FolderArchive(Archive):
    """Reads frames by the names in the manifest."""

    format = "jp2"

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_folder_manifest(path))

    def stored(self, t: int) -> bytes:
        """Return the JP2 file of frame `t`, unchecked."""
        file = self.path / f"{self.manifest['frames'][t]['name']}.jp2"
        try:
            return file.read_bytes()
        except FileNotFoundError as error:
            raise MissingInputError("the frame's file is missing from the archive", path=file, frame=t) from error

    def _stored_mask(self, t: int) -> Mask:
        file = self.path / MASK_FOLDER / f"{self.manifest['frames'][t]['name']}_roi.png"
        if not file.exists():
            raise MissingInputError("the frame's mask is missing from the archive", path=file, frame=t)
        mask = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if mask is None or mask.shape != self.shape[1:]:
            raise CorruptDataError("the mask is damaged", path=file, frame=t)
        return np.asarray(mask, np.bool_)
