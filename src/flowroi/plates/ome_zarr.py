"""An OME-Zarr plate (HCS, 0.4 and 0.5): which wells and fields its metadata lists, each opened as a movie."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from flowroi.errors import CorruptDataError, MissingInputError, UnsupportedFormatError
from flowroi.plates.base import MAX_FIELDS, Plate, Position, Positions, normal_well
from flowroi.plates.listing import check_inside
from flowroi.plates.opening import movie_opener
from flowroi.sources.base import Source
from flowroi.sources.files import find_file
from flowroi.sources.names import safe_stem, text_name
from flowroi.stores import AnyPath
from flowroi.stores.path import at_once

# A plate of 1,536 wells is described in less than 200 kB.
_MAX_METADATA_BYTES = 1 << 24
_MAX_WELLS = 1536
# One part of a path: the OME-Zarr specification allows letters and digits only.
_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_zarr_group(path: AnyPath) -> bool:
    """Whether a folder is a Zarr group or array, of whatever kind, damaged or not."""
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray"))


def is_plate_group(path: AnyPath) -> bool:
    """Whether a folder is the Zarr group of a plate; what cannot be read is none."""
    try:
        return _attributes(path).get("plate") is not None
    except (CorruptDataError, MissingInputError, UnsupportedFormatError):
        return False


def open_plate_group(path: AnyPath, *, channel: int | None, max_pixels: int) -> Plate:
    """Open a plate by its group's metadata.

    Raises
    ------
    MissingInputError
        If it has no metadata.
    CorruptDataError
        If the metadata is damaged.
    UnsupportedFormatError
        If it is no plate, lists a well twice, or refers outside the plate.
    """
    plate = _attributes(path).get("plate")
    if not isinstance(plate, dict):
        raise UnsupportedFormatError("the Zarr group is no OME-Zarr plate: it has no attribute `plate`", path=path)
    wells = plate.get("wells")
    if not isinstance(wells, list) or not all(isinstance(well, dict) for well in wells):
        raise CorruptDataError("the plate's metadata has no list `wells`; nothing was read", path=path)
    if len(wells) > _MAX_WELLS:
        raise UnsupportedFormatError(f"the plate lists {len(wells)} wells; expected up to {_MAX_WELLS}", path=path)
    positions = Positions(path)
    warnings: list[str] = []
    named = [_well_of(path, record.get("path")) for record in wells]
    with at_once(path) as threads:
        found = list(threads.map(lambda well: _images(path, well[0]), named))
    for (where, well), (images, told) in zip(named, found, strict=True):
        warnings += told
        if images is None:
            positions.add(Position(well), where, partial(_missing, path / where))
            continue
        for image, field in images:
            position = Position(well, field)
            opener = movie_opener(path / image, position, channel=channel, max_pixels=max_pixels)
            positions.add(position, image, opener)
    name = plate.get("name")
    stem = name if isinstance(name, str) and name else path.resolve().name.removesuffix(".zarr").removesuffix(".ome")
    return Plate(safe_stem(text_name(stem[:255])), path, positions.openers, tuple(dict.fromkeys(warnings)))


def _well_of(plate: AnyPath, where: Any) -> tuple[str, str]:
    """Check the path of a well, and return it with the well's name."""
    parts = where.split("/") if isinstance(where, str) else []
    if len(parts) != 2 or not all(_PART.fullmatch(part) for part in parts):
        raise UnsupportedFormatError(
            f"the plate's metadata refers to a well at {_quoted(where)}; expected row/column, such as A/1, within the "
            "plate; it was not opened",
            path=plate,
        )
    well = normal_well("".join(parts))
    if well is None:
        raise UnsupportedFormatError(
            f"the plate's metadata names a well {_quoted(where)}; expected a row of letters and a column of digits, "
            "A/1 to AF/48; nothing was read",
            path=plate,
        )
    _check_inside(plate, where)
    return where, well


def _check_inside(plate: AnyPath, where: str) -> None:
    # A store has no links.
    if isinstance(plate, Path):
        check_inside(plate, where)


def _images(plate: AnyPath, where: str) -> tuple[list[tuple[str, int]] | None, list[str]]:
    """Return the image groups of a well, relative to the plate, each with its field, and warnings.

    None of a well that is not there.
    """
    if not (plate / where).is_dir():
        return None, []
    warnings: list[str] = []
    well = _attributes(plate / where).get("well")
    listed = well.get("images") if isinstance(well, dict) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(image, dict) for image in listed):
        raise CorruptDataError("the well's metadata lists no images; nothing was read", path=plate / where)
    names = [image.get("path") for image in listed]
    for name in names:
        if not isinstance(name, str) or not _PART.fullmatch(name):
            raise UnsupportedFormatError(
                f"the well's metadata refers to an image at {_quoted(name)}; expected a name such as 0, within the "
                "well; it was not opened",
                path=plate / where,
            )
        _check_inside(plate, f"{where}/{name}")
    if len({image.get("acquisition") for image in listed}) > 1:
        warnings.append("the plate has several acquisitions: each image is taken as a field of its own")
    numbers = [int(name) if name.isdecimal() and int(name) < MAX_FIELDS else None for name in names]
    if None in numbers:
        # Named otherwise: numbered in the order in which the well lists them.
        numbers = list(range(len(names)))
        warnings.append(
            "the fields are not named by numbers: numbered from 0 in the order in which each well lists them"
        )
    images = [(f"{where}/{name}", number) for name, number in zip(names, numbers, strict=True) if number is not None]
    return images, warnings


def _attributes(group: AnyPath) -> dict[str, Any]:
    """Return the OME attributes of a group: of Zarr v3 (`zarr.json`, OME-Zarr 0.5), or of Zarr v2 (`.zattrs`, 0.4)."""
    if (group / "zarr.json").is_file():
        document = _json(group / "zarr.json")
        attributes = document.get("attributes")
        found = attributes.get("ome") if isinstance(attributes, dict) else None
        return found if isinstance(found, dict) else {}
    if (group / ".zattrs").is_file():
        return _json(group / ".zattrs")
    raise MissingInputError("the Zarr group has no metadata: expected zarr.json or .zattrs", path=group)


def _json(path: AnyPath) -> dict[str, Any]:
    file = find_file(path)
    if file.size_bytes > _MAX_METADATA_BYTES:
        raise UnsupportedFormatError(
            f"{file.size_bytes} bytes of metadata, above the limit of {_MAX_METADATA_BYTES}; not read", path=path
        )
    with file.open() as handle:
        data = handle.read()
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"the metadata is not JSON ({error}); nothing was read", path=path) from error
    if not isinstance(document, dict):
        raise CorruptDataError("the metadata is not a JSON object; nothing was read", path=path)
    return document


def _missing(path: AnyPath) -> Source:
    raise MissingInputError(
        "the plate's metadata lists this well, and its folder is not there; nothing was put in its place: copy it "
        "into the plate",
        path=path,
    )


def _quoted(value: Any) -> str:
    return repr(text_name(value[:80]) if isinstance(value, str) else value)[:120]
