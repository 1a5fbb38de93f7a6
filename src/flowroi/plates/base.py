"""A plate and its positions: which movies there are, in plate order, each opened when it is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import total_ordering
from types import MappingProxyType

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.sources.base import Source
from flowroi.sources.names import text_name
from flowroi.stores import AnyPath

# The largest plate that is made has 1,536 wells: 32 rows (A to Z, AA to AF) of 48 columns.
MAX_ROWS = 32
MAX_COLUMNS = 48
MAX_FIELDS = 100_000

_WELL = re.compile(r"([A-Za-z]{1,2})0*([1-9][0-9]?)")


@total_ordering
@dataclass(frozen=True, slots=True)
class Position:
    """A place on a plate that one movie was taken at.

    Parameters
    ----------
    well : str
        Row letters and column number; `A01` and `a1` are the well A1.
    field : int >= 0, default 0
        Field of view within the well, as the files number it.

    Raises
    ------
    InvalidParameterError
        If no plate has such a well, or the field is no number that one can have.

    Examples
    --------
    >>> Position("A01", 2)
    Position(well='A1', field=2)
    >>> sorted([Position("B1"), Position("A10"), Position("AA1"), Position("A2")])[0].column
    '2'
    >>> print(Position("C12", 3))
    C12_f3
    """

    well: str
    field: int = 0

    def __post_init__(self) -> None:
        well = normal_well(self.well) if isinstance(self.well, str) else None
        if well is None:
            raise InvalidParameterError(
                f"well is {self.well!r}; expected a row and a column, A1 to {row_name(MAX_ROWS)}{MAX_COLUMNS}"
            )
        if isinstance(self.field, bool) or not isinstance(self.field, int) or not 0 <= self.field < MAX_FIELDS:
            raise InvalidParameterError(f"field is {self.field!r}; expected a whole number, 0 to {MAX_FIELDS - 1}")
        object.__setattr__(self, "well", well)

    @property
    def row(self) -> str:
        """The row's letters: `A`."""
        return self.well.rstrip("0123456789")

    @property
    def column(self) -> str:
        """The column's number as text, without leading zeros: `1`."""
        return self.well[len(self.row) :]

    def __lt__(self, other: Position) -> bool:
        return self._key() < other._key()

    def __str__(self) -> str:
        return f"{self.well}_f{self.field}"

    def _key(self) -> tuple[int, str, int, int]:
        return len(self.row), self.row, int(self.column), self.field


@dataclass(frozen=True, slots=True)
class Plate:
    """The movies of a plate; nothing of it changes, and no movie is read before it is opened.

    Parameters
    ----------
    name : str
        A name fit for a file.
    path : Path or StorePath
        Where it was found.
    openers : mapping of Position to callable
        What opens the movie at each position. Kept in plate order: A1, A2, ..., A10, B1, ...
    warnings : tuple of str
        What a user should be told about the plate as a whole.

    Raises
    ------
    MissingInputError
        If there is no position.
    """

    name: str
    path: AnyPath
    openers: Mapping[Position, Callable[[], Source]] = field(repr=False)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.openers:
            raise MissingInputError("the plate has no well with a movie; nothing was read", path=self.path)
        ordered = {position: self.openers[position] for position in sorted(self.openers)}
        object.__setattr__(self, "openers", MappingProxyType(ordered))

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every well and field, in plate order."""
        return tuple(self.openers)

    @property
    def wells(self) -> tuple[str, ...]:
        """The wells, in plate order."""
        return tuple(dict.fromkeys(position.well for position in self.openers))

    def __len__(self) -> int:
        return len(self.openers)

    def __iter__(self) -> Iterator[Position]:
        return iter(self.openers)

    def open(self, position: Position) -> Source:
        """Open the movie at a position; the caller closes it.

        Raises
        ------
        InvalidParameterError
            If the plate has no such position.
        MissingInputError, UnsupportedFormatError, CorruptDataError
            As `open_source`.
        """
        opener = self.openers.get(position)
        if opener is None:
            raise InvalidParameterError(
                f"the plate has no position {position}; it has {some_positions(self.positions)}", path=self.path
            )
        return opener()


class Positions:
    """Positions and where they were found, while a plate is being put together; one may be found only once.

    Parameters
    ----------
    path : Path or StorePath
        The plate, for messages.
    """

    def __init__(self, path: AnyPath) -> None:
        self._path = path
        self._found: dict[Position, str] = {}
        self.openers: dict[Position, Callable[[], Source]] = {}

    def add(self, position: Position, where: str, opener: Callable[[], Source]) -> None:
        """Take in the movie at a position, found in `where` (relative to the plate).

        Raises
        ------
        UnsupportedFormatError
            If there is one already.
        """
        other = self._found.setdefault(position, where)
        if position in self.openers:
            raise UnsupportedFormatError(
                f"{text_name(other)} and {text_name(where)} are both well {position.well}, field {position.field}; "
                "which is it? Nothing was read: take one of them out, or rename it",
                path=self._path,
            )
        self.openers[position] = opener


def normal_well(text: str) -> str | None:
    """Return a well's name without leading zeros, its row in capitals; None if it is none.

    Examples
    --------
    >>> normal_well("b03"), normal_well("AF48"), normal_well("AG1"), normal_well("A0"), normal_well("A49")
    ('B3', 'AF48', None, None, None)
    """
    match = _WELL.fullmatch(text)
    if match is None or row_number(match[1]) > MAX_ROWS or int(match[2]) > MAX_COLUMNS:
        return None
    return f"{match[1].upper()}{int(match[2])}"


def row_name(number: int) -> str:
    """Return the letters of a row from its number, from 1.

    Examples
    --------
    >>> row_name(1), row_name(26), row_name(27), row_name(32)
    ('A', 'Z', 'AA', 'AF')
    """
    first, last = divmod(number - 1, 26)
    return (chr(ord("A") + first - 1) if first else "") + chr(ord("A") + last)


def row_number(letters: str) -> int:
    """Return the number of a row, from 1; the inverse of `row_name`.

    Examples
    --------
    >>> row_number("a"), row_number("AF")
    (1, 32)
    """
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def some_positions(positions: tuple[Position, ...]) -> str:
    """Name positions in a message, shortened where there are many.

    Examples
    --------
    >>> some_positions((Position("A1"), Position("A2")))
    'A1_f0, A2_f0'
    """
    more = f" and {len(positions) - 8} more" if len(positions) > 8 else ""
    return ", ".join(str(position) for position in positions[:8]) + more
