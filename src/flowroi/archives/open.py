"""Opens an archive, whatever its format."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from flowroi.archives.base import Archive
from flowroi.archives.contents import VIDEO_FOLDER
from flowroi.archives.manifest import MANIFEST_NAME, read_folder_manifest
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError
from flowroi.stores import StorePath, as_path


def open_archive(path: str | PathLike[str] | StorePath) -> Archive:
    """Open an archive for lazy reading.

    Parameters
    ----------
    path : path or URL
        An OME-TIFF, MKV or MP4 file, an OME-Zarr image group, or a folder of JP2 or MKV files, that FlowRoI wrote. Of
        the URL of a store an OME-Zarr image group.

    Returns
    -------
    Archive
        `archive[t]` decodes frame t; use it as a context manager to close it.

    Raises
    ------
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If there is no such path, it is no archive of ours, or its manifest is damaged.
    """
    place = as_path(path)
    if isinstance(place, StorePath):
        return _open_in_store(place)
    if not os.path.lexists(place):
        raise MissingInputError("no such file or folder", path=place)
    if place.is_dir():
        return _open_folder(place)
    if place.suffix.lower() in (".mkv", ".mp4"):
        from flowroi.archives.video import VideoArchive

        return VideoArchive(place)
    from flowroi.archives.ome_tiff import OmeTiffArchive

    return OmeTiffArchive(place)


def _open_folder(place: Path) -> Archive:
    if not os.path.lexists(place / MANIFEST_NAME):
        refuse_unfinished_plate(place)
    kind = read_folder_manifest(place)["archive"]
    if kind == "jp2":
        from flowroi.archives.jp2_folder import Jp2FolderArchive

        return Jp2FolderArchive(place)
    if kind in ("ome-zarr", "ome-zarr-0.4"):
        from flowroi.archives.ome_zarr import OmeZarrArchive

        return OmeZarrArchive(place)
    if kind == VIDEO_FOLDER:
        from flowroi.archives.video import VideoArchive

        return VideoArchive(place)
    raise CorruptDataError(f"the manifest is that of a {kind!r}, which is no folder", path=place)


def _open_in_store(place: StorePath) -> Archive:
    from flowroi.archives.ome_zarr import OmeZarrArchive

    kind = read_folder_manifest(place)["archive"]
    if kind not in ("ome-zarr", "ome-zarr-0.4"):
        raise UnsupportedFormatError(
            f"an archive of the format {kind!r}; of a store only OME-Zarr is read: copy it to this machine", path=place
        )
    return OmeZarrArchive(place)


def refuse_unfinished_plate(place: Path) -> None:
    """Raise UnsupportedFormatError for a folder without a record that holds archives named as those of a plate."""
    from flowroi.plates.storage import archives_in

    for found in archives_in(place):
        try:
            open_archive(found).close()
        except FlowRoIError:
            continue
        raise UnsupportedFormatError(
            f"a folder of archives, {found.relative_to(place)} among them, and no plate yet: it was not finished. Not "
            "read: finish it with flowroi compress without --well, or give one of the archives",
            path=place,
        )
