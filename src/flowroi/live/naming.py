"""What the names of incoming files tell: one movie's time, or well, field and time of a plate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowroi.errors import InvalidParameterError, UnsupportedFormatError
from flowroi.plates.base import Position
from flowroi.plates.folder import FOLDERS_OF_WELLS
from flowroi.plates.pattern import known_scheme
from flowroi.plates.recognise import is_deep, named_pattern
from flowroi.plates.router import NamePattern
from flowroi.sources.names import text_name
from flowroi.sources.ordering import Time

_DIGITS = re.compile(r"[0-9]+")
_TIME_GROUPS = ("time", "t")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where and when a file was taken; `position` is None for the one movie that there is."""

    position: Position | None
    time: Time


class Naming:
    """Reads names.

    Parameters
    ----------
    pattern : str
        A regular expression with a group for the time, and for the well of a plate.
    deep : bool
        Whether it is searched in paths below the incoming folder, not in the names of files.
    fixed : list of str or None
        What everything else in the names must be, such as a channel; None takes it from the first name.

    Raises
    ------
    InvalidParameterError
        If it is no such expression.
    """

    def __init__(self, pattern: str, *, deep: bool, fixed: list[str] | None = None) -> None:
        self.pattern, self.deep, self.fixed = pattern, deep, fixed
        self._plate = named_pattern(pattern)
        if self._plate is not None and not self._plate.tells_time:
            raise InvalidParameterError(f"pattern is {pattern!r}; expected a group named time, too: (?P<time>...)")
        if self._plate is None:
            try:
                self._movie = re.compile(pattern)
            except re.error as error:
                raise InvalidParameterError(f"pattern is {pattern!r}: not a regular expression ({error})") from error
            found = [group for group in _TIME_GROUPS if group in self._movie.groupindex]
            if not found:
                raise InvalidParameterError(
                    f"pattern is {pattern!r}; expected a group named time, (?P<time>...), and well for a plate"
                )
            self._time = found[0]

    @property
    def is_plate(self) -> bool:
        """Whether the names tell wells."""
        return self._plate is not None

    def read(self, within: str) -> Spot | None:
        """Return what a name tells; None where it is no such name.

        Raises
        ------
        UnsupportedFormatError
            If it tells what cannot be, or is of another channel, plane or plate than the first one.
        """
        name = within if self.deep else within.rpartition("/")[2]
        if self._plate is None:
            match = self._movie.search(name)
            if match is None:
                return None
            time = tuple(int(n) for n in _DIGITS.findall(match[self._time] or ""))
            if not time:
                raise UnsupportedFormatError(f"the time in {text_name(name)} is no number; nothing was read")
            others = [f"{group} {match[group] or ''}" for group in self._movie.groupindex if group != self._time]
            spot = Spot(None, time)
        else:
            found = self._plate.read(name)
            if found is None:
                return None
            others = [f"plate {found.plate}", f"channel {found.channel}"]
            values = self._plate.values_of_others(name)
            others += [f"{group} {value}" for group, value in zip(self._plate.others, values, strict=True)]
            spot = Spot(found.position, found.time)
        self._check_fixed(name, others)
        return spot

    def to_json(self) -> dict[str, Any]:
        """Return it ready for JSON: what `Naming(**...)` takes."""
        return {"pattern": self.pattern, "deep": self.deep, "fixed": self.fixed}

    def _check_fixed(self, name: str, others: list[str]) -> None:
        others = [text_name(other) for other in others]
        if self.fixed is None:
            self.fixed = others
        for wanted, seen in zip(self.fixed, others, strict=True):
            if wanted != seen:
                raise UnsupportedFormatError(
                    f"{text_name(name)} is of {seen or 'none'}, and the files before are of {wanted or 'none'}: put "
                    "the one that is wanted into --pattern; it was not read"
                )


def naming_of(pattern: str | None, names: Sequence[str]) -> Naming:
    """Return how names are read: by a pattern, as an instrument gives them, or by the one number that each has.

    Without a pattern, folders that are named as wells make a plate, as for `compress`.

    Parameters
    ----------
    pattern : str or None
    names : sequence of str
        The first files, as paths below the incoming folder; not needed where there is a pattern.

    Raises
    ------
    UnsupportedFormatError
        If the names do not prove what they mean, or are of several channels, planes or plates.

    Examples
    --------
    >>> naming_of(None, ["t001.png", "t002.png"]).read("t010.png")
    Spot(position=None, time=(10,))
    >>> naming_of(None, ["A01_f00_t0001_c0.tif"]).read("B12_f01_t0002_c0.tif")
    Spot(position=Position(well='B12', field=1), time=(2,))
    """
    if pattern is not None:
        return Naming(pattern, deep=is_deep(pattern))
    files = sorted({name.rpartition("/")[2] for name in names})
    scheme: NamePattern | None = known_scheme(files)
    if scheme is not None:
        naming = Naming(scheme.pattern, deep=False)
    else:
        folders = _folders_of_wells(names[0])
        if folders:
            # Where and in what they lie tells the well.
            files = sorted(names)
        first = files[0].rpartition("/")[2]
        numbers = _DIGITS.findall(first)
        if len(numbers) != 1:
            raise UnsupportedFormatError(
                f"{text_name(first)} has {len(numbers)} numbers, and no instrument's scheme: which is the time? "
                "Nothing was read; give --pattern, a regular expression with a group (?P<time>...), and well for "
                "a plate"
            )
        before, after = _DIGITS.split(first)
        own = f"{re.escape(before)}(?P<time>[0-9]+){re.escape(after)}"
        naming = Naming(f"^{folders}{own}$", deep=bool(folders))
    for name in files:
        if naming.read(name) is None:
            raise UnsupportedFormatError(
                f"{text_name(name)} is not named like {text_name(files[0])}: nothing was read; take out what is no "
                "frame, or give --pattern"
            )
    return naming


def _folders_of_wells(name: str) -> str:
    """Return the expression for the folders of wells that a file lies in; empty where it lies in none.

    Examples
    --------
    >>> bool(_folders_of_wells("B/03/f1/t0.png")), _folders_of_wells("run1/t0.png")
    (True, '')
    """
    return next((form for form in FOLDERS_OF_WELLS if re.fullmatch(f"{form}[^/]+", name)), "")
