"""How a compressed plate is stored: its format, and where within it each position's archive is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from flowroi.errors import InvalidParameterError
from flowroi.plates.base import Position
from flowroi.plates.router import archive_name, zarr_path
from flowroi.stores import AnyPath

PlateFormat = Literal["ome-zarr", "ome-zarr-0.4", "ome-tiff", "jp2", "mkv"]
PLATE_FORMATS: tuple[str, ...] = get_args(PlateFormat)
# Archives side by side in a folder, by the end of their names; a JP2 archive is a folder.
_SUFFIXES = {"ome-tiff": ".ome.tif", "jp2": "", "mkv": ".mkv"}
_ARCHIVE = re.compile(r"[A-Z]{1,2}[1-9][0-9]?_f[0-9]{1,5}(\.ome\.tif|\.mkv)?")


def plate_format_of(target: AnyPath, asked: str | None, codec: str) -> PlateFormat:
    """Return the format asked for, or the one that the target's name and the codec tell.

    Raises
    ------
    InvalidParameterError
        If the name is that of one movie's archive, or name, format and codec do not go together.

    Examples
    --------
    >>> plate_format_of(Path("screen.ome.zarr"), None, "jpeg2000"), plate_format_of(Path("screen"), None, "av1")
    ('ome-zarr', 'mkv')
    """
    zarr = target.suffix.lower() == ".zarr"
    if target.suffix.lower() in (".tif", ".tiff", ".mkv", ".mp4"):
        raise InvalidParameterError(
            f"the input is a plate, and the output {target.name!r} is one movie's; expected NAME.ome.zarr, or a folder "
            "for an archive each well and field; a pattern without a group for the well makes a movie of the input"
        )
    if codec != "jpeg2000":
        if zarr or asked is not None:
            raise InvalidParameterError(
                f"a plate coded as {codec} is a folder of MKV files; got output {target.name!r}, format {asked!r}"
            )
        return "mkv"
    if asked is None:
        return "ome-zarr" if zarr else "ome-tiff"
    if asked not in PLATE_FORMATS or asked == "mkv" or asked.startswith("ome-zarr") != zarr:
        raise InvalidParameterError(
            f"a plate cannot be written as {asked!r} to {target.name!r}; expected ome-zarr or ome-zarr-0.4 to "
            "NAME.ome.zarr, or ome-tiff or jp2 to a folder"
        )
    return asked  # type: ignore[return-value] # it is one of them


def is_zarr(plate_format: PlateFormat) -> bool:
    """Whether the positions are image groups of an OME-Zarr plate."""
    return plate_format.startswith("ome-zarr")


def place_of(position: Position, plate_format: PlateFormat) -> str:
    """Return where a position's archive is, relative to the plate.

    Examples
    --------
    >>> place_of(Position("B3", 1), "ome-zarr"), place_of(Position("B3", 1), "ome-tiff")
    ('B/3/1', 'B3_f1.ome.tif')
    """
    if is_zarr(plate_format):
        return zarr_path(position)
    return archive_name(position, _SUFFIXES[plate_format])


def folders_of(plate_format: PlateFormat, positions: tuple[Position, ...]) -> list[str]:
    """Return the folders between the plate and its positions' archives, outer ones first: rows, then wells."""
    if not is_zarr(plate_format):
        return []
    rows = dict.fromkeys(position.row for position in positions)
    wells = dict.fromkeys(f"{position.row}/{position.column}" for position in positions)
    return [*rows, *wells]


def archives_in(folder: Path) -> Iterator[Path]:
    """Yield what is named as the archive of a position, whatever the format; nothing is opened.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    for path in sorted(folder.iterdir()):
        if _ARCHIVE.fullmatch(path.name):
            yield path
    for path in sorted(folder.glob("[A-Z]*/[1-9]*/[0-9]*/manifest.json")):
        yield path.parent
