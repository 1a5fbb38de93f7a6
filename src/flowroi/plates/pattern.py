"""A plate kept as image files whose names tell well, field, channel and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.plates.base import Plate, Position, Positions
from flowroi.plates.listing import MOVIE_SUFFIXES, check_inside
from flowroi.plates.opening import movie_opener
from flowroi.plates.router import Coordinates, NamePattern
from flowroi.sources.base import Source
from flowroi.sources.files import located
from flowroi.sources.image_file import suffix_of
from flowroi.sources.names import safe_stem, text_name
from flowroi.sources.ordering import Ordering, channel_order, order_by_times

_WELL = r"(?P<well>[A-P][0-9]{1,2}|A[A-F][0-9]{2})"
_FIELD, _CHANNEL, _TIME = "(?:f|F|s|S|field|site|point|Point)", "(?:c|C|ch|w|channel)", "(?:t|T|time)"
_TOKENS = (
    rf"(?=(?:_(?:{_FIELD}|{_CHANNEL}|{_TIME})[0-9]+){{%s}}\.[A-Za-z]+$)"
    rf"(?!.*_{_FIELD}[0-9]+.*_{_FIELD}[0-9])(?!.*_{_CHANNEL}[0-9]+.*_{_CHANNEL}[0-9])"
    rf"(?=(?:.*_{_FIELD}(?P<field>[0-9]+))?)(?=(?:.*_{_CHANNEL}(?P<channel>[0-9]+))?)(?=.*_{_TIME}(?P<time>[0-9]+)[_.])"
)
# Names that instruments and their export programs give. A name with a well and a time only is not among them: it may
# as well be the one movie `A1` that was cut in two.
_SCHEMES = (
    # A01_f00_t0001_c0.tif, plate_A01_s1_w1_t1.TIF (ImageXpress and many others), in any order.
    rf"^(?:(?P<plate>.+)_)?{_WELL}" + _TOKENS % "2,3",
    # WellA01_f00_t0001.tif
    rf"^(?:(?P<plate>.+)_)?[Ww]ell_?{_WELL}" + _TOKENS % "1,3",
    # plate_A01_T0001F001L01A01Z01C01.tif (CellVoyager)
    rf"^(?P<plate>.+)_{_WELL}_T(?P<time>[0-9]+)F(?P<field>[0-9]+)L[0-9]+A[0-9]+Z(?P<plane>[0-9]+)C(?P<channel>[0-9]+)\.",
    # r01c02f03p01-ch1sk1fk1fl1.tiff (Opera Phenix, Operetta)
    r"^r(?P<row>[0-9]{2})c(?P<column>[0-9]{2})f(?P<field>[0-9]+)p(?P<plane>[0-9]+)-ch(?P<channel>[0-9]+)sk(?P<time>[0-9]+)",
    # name_A1_1_00d00h30m.tif (Incucyte)
    rf"^(?P<plate>.+)_{_WELL}_(?P<field>[0-9]+)_(?P<time>[0-9]+d[0-9]+h[0-9]+m)\.",
)


def known_scheme(names: Sequence[str]) -> NamePattern | None:
    """Return the pattern of an instrument whose names these are, all of them; None where that is not sure.

    Examples
    --------
    >>> known_scheme(["A01_f00_t0001_c0.tif", "A02_f00_t0001_c0.tif"]) is None
    False
    >>> known_scheme(["A1_t1.tif", "A2_t1.tif"]) is None
    True
    """
    if not names:
        return None
    for scheme in _SCHEMES:
        pattern = NamePattern(scheme)
        try:
            if all(pattern.read(name) is not None for name in names):
                return pattern
        except (UnsupportedFormatError, InvalidParameterError):
            continue
    return None


def positions_in(names: Sequence[str], pattern: NamePattern) -> set[Position]:
    """Return the positions that a pattern finds in names.

    Raises
    ------
    UnsupportedFormatError
        If it finds what is no well, field or time.
    """
    return {found.position for found in map(pattern.read, names) if found is not None}


def plate_of_names(
    folder: Path, names: Sequence[str], pattern: NamePattern, *, channel: int | None, max_pixels: int
) -> Plate:
    """Put the files of a plate together, position by position, each in order of time.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        Files, relative to the folder.
    pattern : NamePattern
        A file that it does not match is left out, and that is said. Without a group `time` every file is the whole
        movie of a position.
    channel : int or None
        Index into the plate's channels, sorted; where there is one, it is not needed.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    InvalidParameterError
        If the pattern matches nothing, or there is no such channel.
    UnsupportedFormatError
        If two files have the same coordinates, there are several plates or (without `channel`) channels, another group
        of the pattern varies within a position, or a file is a link out of the folder.
    """
    if pattern.tells_time:
        names = [name for name in names if suffix_of(name) not in MOVIE_SUFFIXES]
    matched = {name: found for name in names if (found := pattern.read(name)) is not None}
    if not matched:
        example = f" (e.g. {text_name(names[0])})" if names else ""
        raise InvalidParameterError(f"pattern {pattern.pattern!r} matches none of the {len(names)} names{example}")
    warnings = []
    if len(matched) < len(names):
        warnings.append(f"{len(names) - len(matched)} of {len(names)} files do not match the pattern: left out")
    plate = _one_plate(folder, matched)
    wells = {found.position for found in matched.values()}
    matched, used = _one_channel(folder, matched, channel, warnings)
    grouped: dict[Position, dict[str, Coordinates]] = {position: {} for position in wells}
    for name, found in matched.items():
        check_inside(folder, name)
        grouped[found.position][name] = found
    positions = Positions(folder)
    for position, files in sorted(grouped.items()):
        _check_others(folder, position, files, pattern)
        with located(folder):
            for where, opener in _movies(folder, position, files, None if used else channel, max_pixels, pattern):
                positions.add(position, where, opener)
    if pattern.tells_time:
        warnings += _uneven_lengths(grouped)
    name = safe_stem(text_name(plate or folder.resolve().name))
    return Plate(name, folder, positions.openers, tuple(warnings))


def _movies(
    folder: Path,
    position: Position,
    files: Mapping[str, Coordinates],
    channel: int | None,
    max_pixels: int,
    pattern: NamePattern,
) -> list[tuple[str, Callable[[], Source]]]:
    """Return the movies found at a position, with a name for messages; more than one is a fault."""
    if not files:
        return [(str(position), partial(_missing_channel, folder, position))]
    if not pattern.tells_time:
        return [(name, movie_opener(folder / name, position, channel=channel, max_pixels=max_pixels)) for name in files]
    ordering = order_by_times({name: found.time for name, found in files.items()})
    return [(ordering.names[0], partial(_open_images, folder, position, ordering, channel, max_pixels))]


def _open_images(folder: Path, position: Position, ordering: Ordering, channel: int | None, max_pixels: int) -> Source:
    from flowroi.sources.folder import ImageFilesSource, check_one_format

    check_one_format(ordering.names)
    return ImageFilesSource(
        folder,
        [folder / name for name in ordering.names],
        channel=channel,
        max_pixels=max_pixels,
        warnings=ordering.warnings,
        gaps=ordering.gaps,
        name=str(position),
    )


def _missing_channel(folder: Path, position: Position) -> Source:
    raise MissingInputError(
        f"{position} has no image of the channel that was chosen, and other wells have; nothing was put in its place: "
        "copy its images into the folder",
        path=folder,
    )


def _one_plate(folder: Path, matched: Mapping[str, Coordinates]) -> str:
    plates = sorted({found.plate for found in matched.values()})
    if len(plates) > 1:
        shown = ", ".join(text_name(plate) for plate in plates[:5])
        raise UnsupportedFormatError(
            f"the names tell {len(plates)} plates ({shown}): put the one that is wanted into --pattern, or give each a "
            "folder; nothing was read",
            path=folder,
        )
    return plates[0]


def _one_channel(
    folder: Path, matched: dict[str, Coordinates], channel: int | None, warnings: list[str]
) -> tuple[dict[str, Coordinates], bool]:
    """Keep the files of one channel, where the names tell channels apart."""
    values = sorted({found.channel for found in matched.values()}, key=channel_order)
    if len(values) == 1:
        return matched, False
    shown = ", ".join(text_name(value) or "none" for value in values[:8])
    if channel is None:
        raise UnsupportedFormatError(
            f"the names tell {len(values)} channels ({shown}); nothing was read: choose one, --channel 0 to "
            f"{len(values) - 1}",
            path=folder,
        )
    if channel >= len(values):
        raise InvalidParameterError(f"channel is {channel}; the names tell {len(values)}: {shown}")
    warnings.append(f"channel {text_name(values[channel])} of {len(values)} is read, the others are not")
    return {name: found for name, found in matched.items() if found.channel == values[channel]}, True


def _check_others(folder: Path, position: Position, files: Mapping[str, Coordinates], pattern: NamePattern) -> None:
    """Refuse a group that is no coordinate of ours (a plane, say) and varies within a movie."""
    columns = zip(*(pattern.values_of_others(name) for name in files), strict=True)
    for group, column in zip(pattern.others, columns, strict=False):
        values = sorted(set(column))
        if len(values) > 1:
            shown = ", ".join(text_name(value) for value in values[:5])
            raise UnsupportedFormatError(
                f"{position}: the names tell {len(values)} values of {group} ({shown}), and a movie has one: put the "
                "one that is wanted into --pattern; nothing was read",
                path=folder,
            )


def _uneven_lengths(grouped: Mapping[Position, Mapping[str, Coordinates]]) -> list[str]:
    """Say which positions begin or end at another time than most: frames at the ends leave no gap behind."""
    spans = {
        position: (min(times), max(times))
        for position, files in grouped.items()
        if (times := [found.time for found in files.values()])
    }
    if not spans:
        return []
    usual, count = Counter(spans.values()).most_common(1)[0]
    odd = [position for position, span in spans.items() if span != usual]
    if not odd or count < 2:
        return []
    span = " to ".join("-".join(str(n) for n in time) for time in usual)
    shown = ", ".join(str(position) for position in odd[:8])
    more = f" and {len(odd) - 8} more" if len(odd) > 8 else ""
    return [f"most positions have the times {span}, but not {shown}{more}: are frames missing at an end?"]
