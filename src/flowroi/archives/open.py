"""Opens an archive, whatever its format."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from flowroi.archives.base import Archive
from flowroi.archives.manifest import read_folder_manifest
from flowroi.errors import MissingInputError


def open_archive(path: str | PathLike[str]) -> Archive:
    """Open an archive for lazy reading.

    Parameters
    ----------
    path : path
        An OME-TIFF, MKV or MP4 file, or a folder of JP2 or MKV files, that FlowRoI wrote.

    Returns
    -------
    Archive
        `archive[t]` decodes frame t; use it as a context manager to close it.

    Raises
    ------
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If there is no such path, it is no archive of ours, or its manifest is damaged.
    """
    place = Path(path)
    if not place.exists():
        raise MissingInputError("no such file or folder", path=place)
    if place.is_dir() and read_folder_manifest(place)["archive"] == "jp2":
        from flowroi.archives.jp2_folder import Jp2FolderArchive

        return Jp2FolderArchive(place)
    if place.is_dir() or place.suffix.lower() in (".mkv", ".mp4"):
        from flowroi.archives.video import VideoArchive

        return VideoArchive(place)
    from flowroi.archives.ome_tiff import OmeTiffArchive

    return OmeTiffArchive(place)
