"""The groups of an OME-Zarr plate (HCS) around its images: the plate, its rows and its wells; version 0.5 or 0.4."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from flowroi.archives.ome_zarr_metadata import OmeZarrVersion, group_files, ome_attributes
from flowroi.errors import InvalidParameterError


class Place(Protocol):
    """A field of a well: `flowroi.plates.Position` is one."""

    @property
    def row(self) -> str:
        """Its letters: "A"."""

    @property
    def column(self) -> str:
        """Its number as text: "1"."""

    @property
    def field(self) -> int:
        """Which of the well's fields, from 0."""


def plate_files(name: str, places: Iterable[Place], *, version: OmeZarrVersion = "0.5") -> dict[str, bytes]:
    """Return the metadata files of a plate, its rows and its wells: their bytes by their name within the plate.

    Parameters
    ----------
    name : str
        Of the plate, for people.
    places : iterable of Place
        Every field of every well, in any order; the same ones give the same bytes.
    version : {"0.5", "0.4"}
        Of OME-Zarr.

    Raises
    ------
    InvalidParameterError
        If there is no place, one comes twice, or a row or a column is not made of letters and digits.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> sorted(plate_files("p", [SimpleNamespace(row="A", column="1", field=0)]))
    ['A/1/zarr.json', 'A/zarr.json', 'zarr.json']
    """
    wells: dict[tuple[str, str], list[int]] = {}
    for place in places:
        fields = wells.setdefault((_checked(place.row), _checked(place.column)), [])
        if place.field in fields:
            raise InvalidParameterError(
                f"{place.row}/{place.column}/{place.field} comes twice on the plate; nothing was written"
            )
        fields.append(place.field)
    if not wells:
        raise InvalidParameterError("a plate without a well; nothing was written")
    files = group_files("", ome_attributes({"plate": _plate(name, wells, version)}, version), version)
    for row in {row for row, _ in wells}:
        files |= group_files(row, {}, version)
    for (row, column), fields in wells.items():
        images = [{"path": str(field)} for field in sorted(fields)]
        well = {"images": images} if version == "0.5" else {"images": images, "version": version}
        files |= group_files(f"{row}/{column}", ome_attributes({"well": well}, version), version)
    return dict(sorted(files.items()))


def write_plate_groups(
    root: Path, name: str, places: Iterable[Place], *, version: OmeZarrVersion = "0.5"
) -> dict[str, bytes]:
    """Write the groups of a plate around its image groups, which are there already or will be.

    Parameters
    ----------
    root : Path
        The plate's folder, which exists; those of rows and wells are made where they are missing.
    name, places, version
        See `plate_files`, also for what it raises.

    Returns
    -------
    dict
        What was written: bytes by the name within the plate.
    """
    files = plate_files(name, places, version=version)
    for file, data in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def _plate(name: str, wells: dict[tuple[str, str], list[int]], version: OmeZarrVersion) -> dict[str, Any]:
    rows = sorted({row for row, _ in wells}, key=_natural)
    columns = sorted({column for _, column in wells}, key=_natural)
    plate: dict[str, Any] = {
        "name": name,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"{row}/{column}", "rowIndex": rows.index(row), "columnIndex": columns.index(column)}
            for row, column in sorted(wells, key=lambda well: (_natural(well[0]), _natural(well[1])))
        ],
        "field_count": max(map(len, wells.values())),
    }
    return plate if version == "0.5" else {**plate, "version": version}


def _natural(text: str) -> tuple[int, str]:
    """Sort A, B, ..., Z, AA and 1, 2, ..., 10."""
    return len(text), text


def _checked(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        raise InvalidParameterError(f"{text!r} as a row or a column; expected letters and digits; nothing was written")
    return text
