"""An archive of ours as a movie to read: the frames as they were coded, not as its container shows them."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from flowroi.archives import Archive, open_archive
from flowroi.archives.folder_files import names_within
from flowroi.archives.manifest import MANIFEST_NAME
from flowroi.archives.trailer import has_manifest
from flowroi.errors import UnsupportedFormatError
from flowroi.limits import MAX_METADATA_BYTES
from flowroi.losses import Losses
from flowroi.sources.base import Gap, Source
from flowroi.sources.files import AnyFile, find_file, located
from flowroi.sources.names import safe_stem, safe_stems
from flowroi.sources.pixels import Frame
from flowroi.stores import AnyPath, StorePath

_FILES = (".tif", ".tiff", ".mkv", ".mp4")
_MARK = b'"flowroi-archive"'


class ArchiveSource(Source):
    """Frames of an archive of ours.

    Parameters
    ----------
    archive : Archive
        Closed with the source.
    files : sequence of Path or StorePath
        What it is made of.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    UnsupportedFormatError
        If its frames are larger than the limit.
    """

    def __init__(self, archive: Archive, files: Sequence[AnyPath], *, max_pixels: int) -> None:
        manifest = archive.manifest
        _, height, width = archive.shape
        if height * width > max_pixels:
            raise UnsupportedFormatError(
                f"frames of {height}x{width} pixels; the limit is {max_pixels}: raise max_pixels", path=archive.path
            )
        self._archive = archive
        self._found = [find_file(file) for file in files]
        super().__init__(
            name=safe_stem(manifest["name"]),
            path=archive.path,
            shape=archive.shape,
            dtype=archive.dtype,
            frame_names=safe_stems(record["name"] for record in manifest["frames"]),
            significant_bits=manifest["significant_bits"],
            pixel_size_um=manifest["pixel_size_um"],
            frame_interval_s=manifest["frame_interval_s"],
            gaps=[Gap(**gap) for gap in manifest["gaps"]],
            losses=Losses.from_manifest(manifest),
            warnings=manifest["warnings"],
            left_out="the masks that were kept with the frames" if manifest["masks_kept"] else None,
        )

    @classmethod
    def at(cls, path: AnyPath, *, max_pixels: int) -> Self:
        """Open the archive at a path.

        Raises
        ------
        CorruptDataError, UnsupportedFormatError
            As `open_archive`.
        """
        is_folder = isinstance(path, StorePath) or path.is_dir()
        files: list[AnyPath] = [path / name for name in names_within(path)] if is_folder else [path]
        archive = open_archive(path)
        try:
            return cls(archive, files, max_pixels=max_pixels)
        except BaseException:
            archive.close()
            raise

    def _read(self, t: int) -> Frame:
        return self._archive[t]

    def _files(self) -> Sequence[AnyFile]:
        return self._found

    def _release(self) -> None:
        self._archive.close()


def is_own_archive(path: Path, mode: int) -> bool:
    """Whether a path is an archive of ours: by the mark at the end of a file, or the manifest of a folder.

    Archives of the first version that are OME-TIFF have no such mark; `TiffSource` knows them by their description.

    Parameters
    ----------
    path : Path
    mode : int
        Of its `stat`.
    """
    if stat.S_ISREG(mode):
        return path.suffix.lower() in _FILES and has_manifest(path)
    manifest = path / MANIFEST_NAME
    if not stat.S_ISDIR(mode) or not manifest.is_file():
        return False
    return _is_marked(manifest)


def is_own_archive_in_store(place: StorePath) -> bool:
    """Whether there is an archive of ours at a place in a store."""
    manifest = place / MANIFEST_NAME
    return manifest.is_file() and _is_marked(manifest)


def _is_marked(manifest: AnyPath) -> bool:
    with located(manifest), find_file(manifest).open() as handle:
        return _MARK in handle.read(MAX_METADATA_BYTES)
