"""Chooses the writer for an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

from flowroi.archives.base import ArchiveLayout, ArchiveWriter
from flowroi.errors import InvalidParameterError
from flowroi.params import Container

ArchiveFormat = Literal["ome-tiff", "ome-zarr", "ome-zarr-0.4", "jp2"]
FORMATS: tuple[str, ...] = get_args(ArchiveFormat)


def format_of(target: Path, asked: str | None) -> ArchiveFormat:
    """Return the format asked for, or the one that the target's name tells.

    `.tif(f)` is OME-TIFF, `.zarr` OME-Zarr 0.5, no suffix JP2.

    Examples
    --------
    >>> format_of(Path("movie.ome.tif"), None), format_of(Path("movie.ome.zarr"), None), format_of(Path("movie"), None)
    ('ome-tiff', 'ome-zarr', 'jp2')
    """
    if asked is None:
        if target.suffix.lower() in (".tif", ".tiff"):
            return "ome-tiff"
        if target.suffix.lower() == ".zarr":
            return "ome-zarr"
        if target.suffix == "" or target.is_dir():
            return "jp2"
        raise InvalidParameterError(
            f"the format cannot be told from the name {target.name!r}; expected NAME.ome.tif, NAME.ome.zarr, a folder, "
            f"or a format: {', '.join(FORMATS)}"
        )
    if asked in FORMATS:
        return cast("ArchiveFormat", asked)
    raise InvalidParameterError(f"format is {asked!r}; expected one of {', '.join(FORMATS)}")


def container_of(archive_format: ArchiveFormat) -> Container:
    """Return what each frame's stream must be: a file by itself in a JP2 folder, a raw codestream elsewhere."""
    return "jp2" if archive_format == "jp2" else "j2k"


def create_archive(
    target: Path, archive_format: ArchiveFormat, layout: ArchiveLayout, *, overwrite: bool = False
) -> ArchiveWriter:
    """Start an archive; nothing appears at `target` before its writer's `finish`.

    Raises
    ------
    OutputExistsError
        If the target exists and `overwrite` is False.
    """
    if archive_format == "ome-tiff":
        from flowroi.archives.ome_tiff import OmeTiffWriter

        return OmeTiffWriter(target, layout, overwrite=overwrite)
    if archive_format in ("ome-zarr", "ome-zarr-0.4"):
        from flowroi.archives.ome_zarr import OmeZarr04Writer, OmeZarrWriter

        zarr_writer = OmeZarrWriter if archive_format == "ome-zarr" else OmeZarr04Writer
        return zarr_writer(target, layout, overwrite=overwrite)
    from flowroi.archives.jp2_folder import Jp2FolderWriter

    return Jp2FolderWriter(target, layout, overwrite=overwrite)
