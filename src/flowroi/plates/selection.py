"""Which positions of a plate are meant: `--well A/1`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowroi.errors import InvalidParameterError
from flowroi.plates.base import Position, normal_well, some_positions

_TEXT = re.compile(r"([A-Za-z]{1,2})/?([0-9]{1,3})(?:(?:/|_f)([0-9]{1,5}))?")


def chosen_positions(positions: tuple[Position, ...], wells: Sequence[str]) -> tuple[Position, ...]:
    """Return the positions that texts such as `A1`, `A/1`, `A/1/0` and `A1_f0` mean, in plate order.

    Parameters
    ----------
    positions : tuple of Position
        Of the plate.
    wells : sequence of str
        None: all of them.

    Raises
    ------
    InvalidParameterError
        If a text means no well, or one that the plate has not.

    Examples
    --------
    >>> plate = (Position("A1"), Position("A1", 1), Position("B2"))
    >>> [str(position) for position in chosen_positions(plate, ["A/1/1", "b02"])]
    ['A1_f1', 'B2_f0']
    """
    if not wells:
        return positions
    chosen: set[Position] = set()
    for text in wells:
        match = _TEXT.fullmatch(text)
        well = None if match is None else normal_well(match[1] + match[2])
        if match is None or well is None:
            raise InvalidParameterError(f"well is {text!r}; expected one such as A/1 or A1, or A/1/0 with its field")
        field = None if match[3] is None else int(match[3])
        found = [p for p in positions if p.well == well and field in (None, p.field)]
        if not found:
            raise InvalidParameterError(f"well is {text!r}; the plate has {some_positions(positions)}")
        chosen.update(found)
    return tuple(sorted(chosen))
