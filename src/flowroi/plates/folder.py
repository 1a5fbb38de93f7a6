"""A plate kept as a folder of wells: folders or movies that are named as wells, with fields below or without."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowroi.errors import UnsupportedFormatError
from flowroi.plates.base import Plate, Position, Positions, normal_well
from flowroi.plates.listing import check_inside, entries_of, files_below, is_movie_file
from flowroi.plates.opening import movie_opener
from flowroi.sources.folder import image_names
from flowroi.sources.names import safe_stem, text_name

# Rows up to P: a plate of 384 wells. What stands for a well without a pattern must be sure.
_WELL_ALONE = r"(?:[Ww]ell_?)?(?P<well>[A-P][0-9]{1,2})"
_WELL = re.compile(_WELL_ALONE + r"(?:_(?:f|field|s|site|p|pos)_?(?P<field>[0-9]{1,5}))?")
_ROW = re.compile(r"(?P<row>[A-P])")
_COLUMN = re.compile(r"(?P<column>[0-9]{1,2})")
_FIELD = re.compile(r"(?:f|F|field|Field|s|S|site|p|P|pos|xy|XY|point|Point)?_?(?P<field>[0-9]{1,5})")
# The same for paths below the plate: the folders that an image of a well, or of a field of it, lies in.
FOLDERS_OF_WELLS = (
    f"{_WELL.pattern}/",
    f"{_WELL_ALONE}/{_FIELD.pattern}/",
    f"{_ROW.pattern}/{_COLUMN.pattern}/",
    f"{_ROW.pattern}/{_COLUMN.pattern}/{_FIELD.pattern}/",
)
# A plate that we compressed may be an input again.
_OF_A_PLATE = ("plate.json", "COMPLETE")
_MAX_TOLD = 5


@dataclass(frozen=True, slots=True)
class Wells:
    """What was found in a folder: where the wells are, relative to it, and what is none.

    Attributes
    ----------
    found : tuple of (str, Position)
        Each name and the position that it stands for; of a folder that has fields below, field 0.
    others : tuple of str
        Names of what is no well.
    """

    found: tuple[tuple[str, Position], ...]
    others: tuple[str, ...]


def wells_in(folder: Path) -> Wells:
    """Find what is named as a well: `A1`, `WellA01`, `B/3`, `A1_f0`, and movies such as `A1.ome.tif`.

    Raises
    ------
    MissingInputError
        If a folder cannot be read.
    UnsupportedFormatError
        If a movie's name belongs to a pipe or a device.
    """
    folders, files = entries_of(folder)
    found: list[tuple[str, Position]] = []
    others = []
    for name in folders:
        position = _named(name)
        if position is not None:
            found.append((name, position))
        elif _ROW.fullmatch(name) and not (folder / name).is_symlink():
            below = entries_of(folder / name)[0]
            columns = [column for column in below if _COLUMN.fullmatch(column)]
            wells = ((f"{name}/{column}", normal_well(name + column)) for column in columns)
            found += [(where, Position(well)) for where, well in wells if well is not None]
            others += [f"{name}/{column}" for column in below if column not in columns] if columns else [name]
        else:
            others.append(name)
    for name in files:
        position = _named(_stem(name))
        if position is not None and is_movie_file(folder / name):
            found.append((name, position))
        elif name not in _OF_A_PLATE:
            others.append(name)
    return Wells(tuple(found), tuple(others))


def plate_of_wells(folder: Path, wells: Wells, *, pattern: str | None, channel: int | None, max_pixels: int) -> Plate:
    """Put together the plate whose wells were found.

    Parameters
    ----------
    folder : Path
    wells : Wells
    pattern : str or None
        Of the images within each well; see `open_source`.
    channel : int or None
    max_pixels : int

    Raises
    ------
    UnsupportedFormatError
        If two names stand for the same well and field, lead out of the folder through a link, or it is not clear
        which images are meant: some stand beside the wells (and no pattern tells), or beside the fields of a well.
    """
    beside = images_beside(folder, wells) if pattern is None else []
    if beside:
        raise UnsupportedFormatError(
            f"{_shown(beside)} beside {_shown([where for where, _ in wells.found])}: a movie, or a plate? Nothing was "
            "read: take out what is not meant, or give --pattern; with a group (?P<time>...) alone it orders the "
            "images of the movie, with (?P<well>...) and a / in it, it finds those of the plate",
            path=folder,
        )
    positions = Positions(folder)
    left_out: list[str] = []
    for where, position in wells.found:
        check_inside(folder, where)
        for path, field in _fields(folder, where, position.field, left_out):
            at = Position(position.well, field)
            # It orders images; a file is a movie already.
            own = pattern if (folder / path).is_dir() else None
            opener = movie_opener(folder / path, at, channel=channel, max_pixels=max_pixels, pattern=own)
            positions.add(at, path, opener)
    warnings = []
    if wells.others:
        warnings.append(f"not named as wells, left out: {_shown(wells.others)}")
    if left_out:
        warnings.append(f"not named as fields, left out: {_shown(left_out)}")
    return Plate(safe_stem(text_name(folder.resolve().name)), folder, positions.openers, tuple(warnings))


def images_beside(folder: Path, wells: Wells) -> list[str]:
    """Return the images that stand in a folder beside its wells and are none of them."""
    found = {name for name, _ in wells.found}
    return [name for name in image_names(folder) if name not in found]


def holds_images(path: Path) -> bool:
    """Whether there is an image or a movie at a path, or anywhere below it."""
    return not path.is_dir() or bool(files_below(path, deep=True))


def _fields(plate: Path, where: str, field: int, left_out: list[str]) -> Iterator[tuple[str, int]]:
    """Yield the movies of a well, relative to the plate, each with its field; name what else holds images."""
    path = plate / where
    if not path.is_dir():
        yield where, field
        return
    folders, files = entries_of(path)
    fields = [(name, int(match[1])) for name in folders if (match := _FIELD.fullmatch(name))]
    images = files_below(path, deep=False)
    movies = [name for name in files if is_movie_file(path / name)]
    if _holds_archive(files):
        # An archive in a folder, whatever is in it: one movie.
        yield where, field
        return
    if fields and images:
        raise UnsupportedFormatError(
            f"{_shown(images)} beside the fields {_shown([name for name, _ in fields])}: which are the well's movies? "
            "Nothing was read: take the others out, or put them into a field of their own",
            path=path,
        )
    known = {name for name, _ in fields}
    left_out += [f"{where}/{name}" for name in folders if name not in known and holds_images(path / name)]
    if fields:
        for name, number in fields:
            check_inside(plate, f"{where}/{name}")
            yield from _only_movie(plate, f"{where}/{name}", number)
    elif movies and len(movies) == len(images) and all(_FIELD.fullmatch(_stem(name)) for name in movies):
        for name in movies:
            check_inside(plate, f"{where}/{name}")
            match = _FIELD.fullmatch(_stem(name))
            yield f"{where}/{name}", int(match[1]) if match else 0
    else:
        yield from _only_movie(plate, where, field)


def _only_movie(plate: Path, where: str, field: int) -> Iterator[tuple[str, int]]:
    """Yield a folder of images as it is; of a folder with one file that is a movie, that file."""
    path = plate / where
    files = files_below(path, deep=False)
    movies = [] if _holds_archive(entries_of(path)[1]) else [name for name in files if is_movie_file(path / name)]
    if not movies:
        yield where, field
    elif len(files) == 1:
        check_inside(plate, f"{where}/{files[0]}")
        yield f"{where}/{files[0]}", field
    else:
        raise UnsupportedFormatError(
            f"{len(files)} files, {text_name(movies[0])} among them, which is a movie by itself; expected one movie, "
            "or the images of one. Nothing was read: take the others out, or number them as fields (f0, f1, ...)",
            path=path,
        )


def _named(name: str) -> Position | None:
    """Return the position that a name stands for.

    Examples
    --------
    >>> _named("WellA01"), _named("B3_f2"), _named("overview")
    (Position(well='A1', field=0), Position(well='B3', field=2), None)
    """
    match = _WELL.fullmatch(name)
    well = normal_well(match[1]) if match else None
    return None if match is None or well is None else Position(well, int(match[2] or 0))


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_TOLD} more" if len(names) > _MAX_TOLD else ""
    return ", ".join(text_name(name) for name in names[:_MAX_TOLD]) + more


def _holds_archive(files: list[str]) -> bool:
    return "manifest.json" in files or "zarr.json" in files


def _stem(name: str) -> str:
    stem = name[: name.rfind(".")] if "." in name else name
    return stem.removesuffix(".ome")
