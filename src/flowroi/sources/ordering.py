"""Which files of a folder are frames, and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError

SUFFIXES = (".bmp", ".png", ".tif", ".tiff", ".jp2", ".j2k", ".j2c")
_UNFINISHED = (".part", ".tmp", ".partial", ".crdownload")
_LISTED_GAPS = 5


@dataclass(frozen=True, slots=True)
class OrderedFiles:
    """Frames in order of time, and what is odd about their numbering."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]


def list_frames(folder: Path, pattern: str | None) -> OrderedFiles:
    """List the frames of a folder in numeric order.

    Parameters
    ----------
    folder : Path
    pattern : str, optional
        Regular expression that a file name must match in full; its group `time` (or `t`) is the frame number. Without
        it, every image counts and the last number in its name is the frame number.

    Raises
    ------
    MissingInputError
        If there is no frame.
    UnsupportedFormatError
        If two files claim the same number, or a link leads out of the folder.
    """
    expression = _compiled(pattern)
    frames: list[tuple[str, int | None, Path]] = []
    for file in sorted(folder.iterdir()):
        number = _frame_number(file, expression)
        if number is False or not _is_own_file(file, folder):
            continue
        prefix = "" if expression else re.sub(r"\d+(?=\D*$)", "#", file.name, count=1)
        frames.append((prefix, number, file))
    if not frames:
        wanted = f"names that match {pattern!r}" if pattern else f"images ({', '.join(SUFFIXES)})"
        raise MissingInputError(f"no frames: expected {wanted} in this folder", path=folder)
    series = sorted({prefix for prefix, number, _ in frames if number is not None})
    if len(series) > 1:
        raise UnsupportedFormatError(
            f"{len(series)} differently named series in one folder ({series[0]!r}, {series[1]!r}, ...); nothing was "
            "read: choose one with a pattern such as '" + re.escape(series[0]).replace(r"\#", r"(?P<time>\d+)") + "'",
            path=folder,
        )
    return _ordered(folder, [(number, file) for _, number, file in frames])


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InvalidParameterError(f"the pattern {pattern!r} is not a regular expression: {error}") from error
    if not {"time", "t"} & set(expression.groupindex):
        raise InvalidParameterError(
            f"the pattern {pattern!r} names no group for the frame number; expected (?P<time>\\d+)"
        )
    return expression


def _frame_number(file: Path, expression: re.Pattern[str] | None) -> int | None | bool:
    """Return the number in a file's name, None if it has none, or False if the file is not a frame."""
    if file.name.startswith(".") or file.suffix.lower() in _UNFINISHED:
        return False
    if expression is not None:
        match = expression.fullmatch(file.name)
        if match is None:
            return False
        groups = match.groupdict()
        return int(groups.get("time") or groups.get("t") or "")
    if file.suffix.lower() not in SUFFIXES:
        return False
    numbers = re.findall(r"\d+", file.stem)
    return int(numbers[-1]) if numbers else None


def _is_own_file(file: Path, folder: Path) -> bool:
    if file.is_symlink():
        try:
            target = file.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        if not target.is_relative_to(folder.resolve()):
            raise UnsupportedFormatError("this link leads out of the folder; not followed: copy the file in", path=file)
    return file.is_file()


def _ordered(folder: Path, frames: list[tuple[int | None, Path]]) -> OrderedFiles:
    unnumbered = [file for number, file in frames if number is None]
    if unnumbered and len(frames) > 1:
        raise UnsupportedFormatError(
            "this name holds no frame number, so its place in time is unknown; nothing was read: name frames by "
            "number, or choose them with a pattern",
            path=unnumbered[0],
        )
    by_number: dict[int | None, Path] = {}
    for number, file in frames:
        if number in by_number:
            raise UnsupportedFormatError(
                f"{by_number[number].name!r} and {file.name!r} are both frame {number}; nothing was read: remove one, "
                "or choose files with a pattern",
                path=folder,
            )
        by_number[number] = file
    numbers = sorted(number for number in by_number if number is not None)
    files = tuple(by_number[number] for number in numbers) or (frames[0][1],)
    return OrderedFiles(files, _gap_warning(numbers))


def _gap_warning(numbers: list[int]) -> tuple[str, ...]:
    if len(numbers) < 3:
        return ()
    apart = [b - a for a, b in pairwise(numbers)]
    usual = min(apart)
    gaps = [(a, b) for a, b in pairwise(numbers) if b - a != usual]
    if not gaps:
        return ()
    listed = ", ".join(f"{a} to {b}" for a, b in gaps[:_LISTED_GAPS]) + (", ..." if len(gaps) > _LISTED_GAPS else "")
    return (f"frames are missing: the numbering jumps at {len(gaps)} places ({listed}); the gaps are kept as they are",)
