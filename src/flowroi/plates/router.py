"""The one router: from plate, well, field, channel and time to where they are stored, and back.

Three kinds of storage are known: image files named by a pattern (read) or a template (written), the groups of an
OME-Zarr plate (`A/1/0`), and archives side by side in a folder (`A1_f0.ome.tif`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowroi.errors import InvalidParameterError, UnsupportedFormatError
from flowroi.plates.base import MAX_FIELDS, MAX_ROWS, Position, normal_well, row_name
from flowroi.sources.names import text_name

# Names that a group of a pattern may have, for each coordinate.
GROUPS = {
    "plate": ("plate",),
    "well": ("well",),
    "row": ("row",),
    "column": ("column", "col"),
    "field": ("field", "f"),
    "channel": ("channel", "c"),
    "time": ("time", "t"),
}
_DIGITS = re.compile(r"[0-9]+")
_ARCHIVE = re.compile(r"([A-Z]{1,2}[1-9][0-9]?)_f(0|[1-9][0-9]{0,4})")
_ZARR = re.compile(r"([A-Z]{1,2})/([1-9][0-9]?)/(0|[1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Where and when an image was taken.

    Attributes
    ----------
    position : Position
        Well and field.
    time : tuple of int
        A place in time: whole numbers, compared one after another (days, hours, minutes). Empty where the name does
        not say: the file is a whole movie.
    channel : str
        As the file name writes it; empty where it does not.
    plate : str
        Likewise.
    """

    position: Position
    time: tuple[int, ...] = ()
    channel: str = ""
    plate: str = ""


class NamePattern:
    r"""A regular expression whose named groups are coordinates.

    Parameters
    ----------
    pattern : str
        Searched in the names. Groups: `well` (A1, A01), or `row` (A, or 1) and `column`; `field`; `channel`; `time`;
        `plate`. Only the well is needed.

    Raises
    ------
    InvalidParameterError
        If it is no regular expression, or tells no wells.

    Examples
    --------
    >>> names = NamePattern(r"(?P<well>[A-P]\d\d)_f(?P<field>\d+)_t(?P<time>\d+)")
    >>> names.read("A02_f01_t0010.tif")
    Coordinates(position=Position(well='A2', field=1), time=(10,), channel='', plate='')
    """

    def __init__(self, pattern: str) -> None:
        try:
            self._compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise InvalidParameterError(f"pattern is {pattern!r}: not a regular expression ({error})") from error
        named = self._compiled.groupindex
        self._groups = {
            coordinate: next((group for group in names if group in named), None) for coordinate, names in GROUPS.items()
        }
        known = {group for group in self._groups.values() if group is not None}
        self.others = tuple(group for group in named if group not in known)
        self.pattern = pattern
        if not self.tells_wells:
            raise InvalidParameterError(
                f"pattern is {pattern!r}; expected a group named well, (?P<well>...), or two named row and column"
            )

    @property
    def tells_wells(self) -> bool:
        """Whether the pattern has the groups that a well needs."""
        return self._groups["well"] is not None or None not in (self._groups["row"], self._groups["column"])

    @property
    def tells_time(self) -> bool:
        """Whether the pattern has a group for the time."""
        return self._groups["time"] is not None

    def read(self, name: str) -> Coordinates | None:
        """Return the coordinates that a name tells; None where the pattern does not match.

        Raises
        ------
        UnsupportedFormatError
            If a group holds what is no such coordinate.
        """
        match = self._compiled.search(name)
        if match is None:
            return None
        time = self._value(match, "time")
        numbers = tuple(int(n) for n in _DIGITS.findall(time))
        if self.tells_time and not numbers:
            raise _not_a("time", time, "a number", name)
        return Coordinates(
            Position(self._well(match, name), self._field(match, name)),
            numbers,
            self._value(match, "channel"),
            self._value(match, "plate"),
        )

    def values_of_others(self, name: str) -> tuple[str, ...]:
        """Return what the groups without a meaning to us hold in a name that matches."""
        match = self._compiled.search(name)
        return () if match is None else tuple(match[group] or "" for group in self.others)

    def _value(self, match: re.Match[str], coordinate: str) -> str:
        group = self._groups[coordinate]
        return "" if group is None else match[group] or ""

    def _well(self, match: re.Match[str], name: str) -> str:
        text = self._value(match, "well")
        if not text:
            row, column = self._value(match, "row"), self._value(match, "column")
            if row.isascii() and row.isdigit() and 1 <= int(row[-4:]) <= MAX_ROWS:
                row = row_name(int(row[-4:]))
            text = row + column
        well = normal_well(text)
        if well is None:
            raise _not_a("well", text, "a row and a column, such as A1", name)
        return well

    def _field(self, match: re.Match[str], name: str) -> int:
        text = self._value(match, "field")
        if not text:
            return 0
        numbers = _DIGITS.findall(text)
        if len(numbers) != 1 or int(numbers[0]) >= MAX_FIELDS:
            raise _not_a("field", text, f"a number below {MAX_FIELDS}", name)
        return int(numbers[0])


def file_name(template: str, coordinates: Coordinates) -> str:
    """Write coordinates into a template of file names: what a pattern reads back.

    Parameters
    ----------
    template : str
        With `{plate}`, `{well}` (`A1`), `{row}` (`A`), `{column:02}`, `{field:02}`, `{channel}` and `{time:04}`.

    Raises
    ------
    InvalidParameterError
        If the template has other fields.

    Examples
    --------
    >>> file_name("{row}{column:02}_f{field:02}_t{time:04}.tif", Coordinates(Position("B3", 1), (7,)))
    'B03_f01_t0007.tif'
    """
    position = coordinates.position
    try:
        return template.format(
            plate=coordinates.plate,
            well=position.well,
            row=position.row,
            column=int(position.column),
            field=position.field,
            channel=coordinates.channel,
            time=coordinates.time[0] if coordinates.time else 0,
        )
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise InvalidParameterError(
            f"the template {template!r} cannot be filled in ({error}); expected {{well}} or {{row}} and {{column:02}}, "
            "{field:02}, {channel}, {time:04}, {plate}"
        ) from error


def zarr_path(position: Position) -> str:
    """Return the image group of a position within an OME-Zarr plate.

    Examples
    --------
    >>> zarr_path(Position("A01", 2))
    'A/1/2'
    """
    return f"{position.row}/{position.column}/{position.field}"


def zarr_position(path: str) -> Position:
    """Return the position of an image group; the inverse of `zarr_path`.

    Raises
    ------
    UnsupportedFormatError
        If no position is stored there.

    Examples
    --------
    >>> zarr_position("AA/12/0")
    Position(well='AA12', field=0)
    """
    match = _ZARR.fullmatch(path)
    if match is None or normal_well(match[1] + match[2]) is None:
        raise UnsupportedFormatError(f"{text_name(path)!r} is no image group of a plate; expected row/column/field")
    return Position(match[1] + match[2], int(match[3]))


def archive_name(position: Position, suffix: str) -> str:
    """Return the name of a position's archive in a folder of archives.

    Examples
    --------
    >>> archive_name(Position("A01"), ".ome.tif")
    'A1_f0.ome.tif'
    """
    return f"{position}{suffix}"


def archive_position(name: str, suffix: str) -> Position:
    """Return the position of an archive; the inverse of `archive_name`.

    Raises
    ------
    UnsupportedFormatError
        If no position's archive has such a name.

    Examples
    --------
    >>> archive_position("H12_f3.mkv", ".mkv")
    Position(well='H12', field=3)
    """
    match = _ARCHIVE.fullmatch(name.removesuffix(suffix))
    if match is None or not name.endswith(suffix) or normal_well(match[1]) is None:
        raise UnsupportedFormatError(f"{text_name(name)!r} is no archive of a position; expected A1_f0{suffix}")
    return Position(match[1], int(match[2]))


def _not_a(coordinate: str, value: str, expected: str, name: str) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"the pattern's {coordinate} is {value[:40]!r} in {text_name(name)}; expected {expected}; nothing was read"
    )
