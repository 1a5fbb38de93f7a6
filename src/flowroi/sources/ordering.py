"""The order of image files in time: proven from their names, or refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flowroi.errors import InvalidParameterError, UnsupportedFormatError
from flowroi.sources.base import Gap
from flowroi.sources.names import text_name

_DIGITS = re.compile(r"[0-9]+")
_ADVICE = 'give pattern, a regular expression with a group (?P<time>...), e.g. r"_t(?P<time>\\d+)"'
_TIME_GROUPS = ("time", "t")
_CHANNEL_GROUPS = ("channel", "c")

# A place in time: whole numbers, compared one after another.
Time = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ordering:
    """File names in order of time, what a user should be told about their numbers, and where some are missing."""

    names: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


def order_by_numbers(names: Sequence[str]) -> Ordering:
    """Order names by the number in them that counts the frames: img2 before img10.

    The names must be equal but for their numbers. Where several numbers vary, all of them must put the files in the
    same order (an index and a time stamp do; a well and a time do not).

    Raises
    ------
    UnsupportedFormatError
        If the names do not prove an order, or two files have the same number.

    Examples
    --------
    >>> order_by_numbers(["img10.png", "img2.png"])
    Ordering(names=('img2.png', 'img10.png'), warnings=('2 frames, but their numbers go from 2 to 10: 3-9 are \
missing; recorded as a gap, nothing was renumbered or filled in',), gaps=(Gap(before=1, missing=7),))
    """
    if len(names) == 1:
        return Ordering(tuple(names))
    _check_same_text(names)
    numbers = {name: tuple(int(n) for n in _DIGITS.findall(name)) for name in names}
    columns = list(zip(*numbers.values(), strict=True))
    varying = [i for i, column in enumerate(columns) if len(set(column)) > 1]
    if not varying:
        refuse_duplicates({name: numbers[name] for name in names})
    ordered = sorted(names, key=lambda name: numbers[name][varying[0]])
    series = {i: [numbers[name][i] for name in ordered] for i in varying}
    if len(varying) == 1:
        refuse_duplicates({name: (numbers[name][varying[0]],) for name in ordered})
    elif not all(a < b for column in series.values() for a, b in pairwise(column)):
        raise UnsupportedFormatError(
            f"the {len(names)} file names differ in {len(varying)} numbers which do not agree on an order (e.g. "
            f"{text_name(ordered[0])} and {text_name(ordered[1])}): more than one movie, or a time in parts? "
            f"Nothing was read; {_ADVICE}"
        )
    # An index counts in smaller steps than a time stamp beside it.
    counting = min(series.values(), key=lambda column: min(b - a for a, b in pairwise(column)))
    return Ordering(tuple(ordered), *_gaps(counting))


def order_by_times(times: Mapping[str, Time]) -> Ordering:
    """Order names by the times that were read from them.

    Parameters
    ----------
    times : mapping of str to tuple of int
        One or several whole numbers a name, compared one after another.

    Raises
    ------
    UnsupportedFormatError
        If two names have the same time.

    Examples
    --------
    >>> order_by_times({"b": (10,), "a": (9,)}).names
    ('a', 'b')
    """
    refuse_duplicates(times)
    ordered = sorted(times, key=lambda name: times[name])
    if all(len(time) == 1 for time in times.values()):
        return Ordering(tuple(ordered), *_gaps([times[name][0] for name in ordered]))
    return Ordering(tuple(ordered), ("the times in the names are not plain numbers: missing frames cannot be noticed",))


def order_by_pattern(names: Sequence[str], pattern: str, channel: int | None) -> tuple[Ordering, bool]:
    """Order the names that a regular expression finds, by its group `time` (or `t`).

    Parameters
    ----------
    names : sequence of str
        File names with their suffixes.
    pattern : str
        Searched in each name; a name without a match is left out. Further groups must have one value in all
        matching names, but for `channel` (or `c`), of whose values `channel` chooses one.
    channel : int or None
        Index into the sorted values of the group `channel`.

    Returns
    -------
    Ordering
        The matching names in order.
    bool
        Whether `channel` was used up here.

    Raises
    ------
    InvalidParameterError
        If the pattern is no regular expression, has no group `time`, or matches no name.
    UnsupportedFormatError
        If the matches do not prove an order.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InvalidParameterError(f"pattern is {pattern!r}: not a regular expression ({error})") from error
    time_group = next((group for group in _TIME_GROUPS if group in compiled.groupindex), None)
    if time_group is None:
        raise InvalidParameterError(f"pattern is {pattern!r}; expected a group named time, (?P<time>...)")
    matches = {name: match for name in names if (match := compiled.search(name)) is not None}
    if not matches:
        raise InvalidParameterError(
            f"pattern {pattern!r} matches none of the {len(names)} image names (e.g. {text_name(names[0])})"
        )
    warnings = []
    if len(matches) < len(names):
        warnings.append(f"{len(names) - len(matches)} of {len(names)} images do not match the pattern: left out")
    matches, used = _choose_channel(matches, channel, warnings)
    for group in compiled.groupindex:
        values = {match[group] for match in matches.values()}
        if group != time_group and len(values) > 1:
            raise UnsupportedFormatError(
                f"the pattern finds {len(values)} values of {group} ({_some(values)}), and a movie has one: put the "
                "one that is wanted into the pattern"
            )
    ordering = order_by_times({name: _time_key(name, match[time_group]) for name, match in matches.items()})
    return Ordering(ordering.names, (*warnings, *ordering.warnings), ordering.gaps), used


def _choose_channel(
    matches: dict[str, re.Match[str]], channel: int | None, warnings: list[str]
) -> tuple[dict[str, re.Match[str]], bool]:
    """Keep the files of one channel, where the pattern tells channels apart."""
    groups = next(iter(matches.values())).re.groupindex
    group = next((group for group in _CHANNEL_GROUPS if group in groups), None)
    if group is None:
        return matches, False
    values = sorted({match[group] or "" for match in matches.values()}, key=channel_order)
    if len(values) == 1:
        return matches, False
    if channel is None:
        raise UnsupportedFormatError(
            f"the pattern finds {len(values)} channels ({_some(values)}); choose a channel (0 to {len(values) - 1})"
        )
    if channel >= len(values):
        raise InvalidParameterError(
            f"channel is {channel}; the file names have {len(values)}: {_some(values)} (0 to {len(values) - 1})"
        )
    chosen = values[channel]
    warnings.append(f"channel {text_name(chosen)} of {len(values)} is read, the others are not")
    return {name: match for name, match in matches.items() if (match[group] or "") == chosen}, True


def _check_same_text(names: Sequence[str]) -> None:
    """Refuse names whose text differs: nothing then says which comes first."""
    texts = {name: _DIGITS.sub("0", name) for name in names}
    common, count = Counter(texts.values()).most_common(1)[0]
    if count == len(names):
        return
    odd = next(name for name in names if texts[name] != common)
    usual = next(name for name in names if texts[name] == common)
    raise UnsupportedFormatError(
        f"the {len(names)} image names do not belong to one numbered series: {text_name(odd)} is not like "
        f"{text_name(usual)}. Nothing was read; take out what is not a frame, or {_ADVICE}"
    )


def _time_key(name: str, value: str | None) -> Time:
    numbers = _numbers(value or "")
    if not numbers:
        raise UnsupportedFormatError(
            f"the pattern's time is {value!r} in {text_name(name)}; expected a number; nothing was read"
        )
    return numbers


def channel_order(name: str) -> tuple[Time, str]:
    """Return what puts the channels that file names tell in the order that `--channel` counts.

    Examples
    --------
    >>> sorted(["w10", "w2", "w1"], key=channel_order), sorted(["GFP", "DAPI"], key=channel_order)
    (['w1', 'w2', 'w10'], ['DAPI', 'GFP'])
    """
    return _numbers(name), name


def _numbers(value: str) -> Time:
    return tuple(int(n) for n in _DIGITS.findall(value))


def refuse_duplicates(keys: Mapping[str, Time]) -> None:
    """Raise UnsupportedFormatError if two names have the same number: one frame would be lost."""
    owner: dict[Time, str] = {}
    for name, key in keys.items():
        other = owner.setdefault(key, name)
        if other != name:
            number = "-".join(str(n) for n in key)
            raise UnsupportedFormatError(
                f"{text_name(other)} and {text_name(name)} both have number {number}; which is the frame? "
                f"Nothing was read; take one of them out, or {_ADVICE}"
            )


def _gaps(numbers: Sequence[int]) -> tuple[tuple[str, ...], tuple[Gap, ...]]:
    """Say which numbers are missing from an increasing series, by its smallest step."""
    steps = [b - a for a, b in pairwise(numbers)]
    if not steps or max(steps) == min(steps):
        # Two files alone show no step: neighbours are then expected one apart.
        if len(steps) != 1 or steps[0] == 1:
            return (), ()
        step = 1
    else:
        step = min(steps)
    span = f"{len(numbers)} frames, but their numbers go from {numbers[0]} to {numbers[-1]}"
    if any(s % step for s in steps):
        # A clock that jitters: how many frames would have fitted in between is not known.
        return (f"{span} in uneven steps ({min(steps)} to {max(steps)}); nothing was renumbered or filled in",), ()
    gaps = tuple(Gap(t, s // step - 1) for t, s in enumerate(steps, 1) if s > step)
    missing = sum(gap.missing for gap in gaps)
    if step > 1:
        listed = f"in steps of {step}, and {missing} of them are missing"
        return (f"{span} {listed}; recorded as a gap, nothing was renumbered or filled in",), gaps
    listed = f"{_missing_ranges(numbers)} {'is' if missing == 1 else 'are'} missing"
    return (f"{span}: {listed}; recorded as a gap, nothing was renumbered or filled in",), gaps


def _missing_ranges(numbers: Sequence[int]) -> str:
    # Not by listing them: two numbers may be a time stamp apart.
    holes = [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in holes[:8])
    return shown + (f" and {len(holes) - 8} more gaps" if len(holes) > 8 else "")


def _some(values: Sequence[str] | set[str]) -> str:
    listed = sorted(str(value) for value in values)
    return ", ".join(text_name(v) for v in listed[:5]) + (", ..." if len(listed) > 5 else "")
