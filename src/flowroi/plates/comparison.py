"""A compressed plate against the raw plate that it was made of: which files a person may delete, and which not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike

from flowroi.archives.plate import open_plate_archive
from flowroi.comparison import Comparison, compare_with, reading_of, unread
from flowroi.errors import FlowRoIError
from flowroi.plates.base import Position
from flowroi.plates.open import open_plate
from flowroi.stores import AnyPath, StorePath, as_path

_METADATA = ("zarr.json", ".zgroup", ".zattrs", "plate.json", "COMPLETE")


@dataclass(frozen=True, slots=True)
class PlateComparison:
    """What came of comparing.

    Attributes
    ----------
    archive, against : str
    positions : tuple of (Position, Comparison)
        Of those that could be compared.
    problems : tuple of (str, str)
        Positions that could not, and what is wrong around the archives, with why.
    safe : tuple of Path or StorePath
        Files that are safe in every position that reads them.
    kept : tuple of (Path or StorePath, str)
        The other files, and why.
    """

    archive: str
    against: str
    positions: tuple[tuple[Position, Comparison], ...]
    problems: tuple[tuple[str, str], ...]
    safe: tuple[AnyPath, ...]
    kept: tuple[tuple[AnyPath, str], ...]

    @property
    def all_safe(self) -> bool:
        """Whether the raw plate may be deleted as a whole."""
        compared = bool(self.positions) and all(found.all_safe for _, found in self.positions)
        return compared and not (self.problems or self.kept)


def compare_plate(
    path: str | PathLike[str] | StorePath,
    against: str | PathLike[str] | StorePath,
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PlateComparison:
    """Verify a plate, and compare it with the raw plate, position by position; nothing is changed or deleted.

    Parameters
    ----------
    path, against : path or URL
        A plate that FlowRoI compressed, and the raw one.
    pattern, channel, max_pixels : optional
        See `open_plate`; by default what the plate was made with.
    workers, progress
        See `flowroi.comparison.compare`.

    Raises
    ------
    FlowRoIError
        If one of them cannot be opened.
    """
    with open_plate_archive(path) as plate:
        problems = dict(plate.faults())
        first = next(iter(plate.positions), None)
        given = {}
        if first is not None:
            with plate.open(first) as archive:
                given = reading_of(archive.manifest, pattern, channel, max_pixels)
        raw = open_plate(against, **given)
        total = 2 * sum(entry["frames"] for entry in plate.record["positions"])
        done = 0
        found: list[tuple[Position, Comparison]] = []
        for position, entry in zip(plate.positions, plate.record["positions"], strict=True):
            tell = None
            if progress is not None:
                tell = _shifted(progress, done, total)
            try:
                with raw.open(position) as source:
                    found.append(
                        (position, compare_with(plate.place(position), source, workers=workers, progress=tell))
                    )
            except FlowRoIError as error:
                problems[str(position)] = error.message
            done += 2 * entry["frames"]
        missing = {str(p): "is in the raw plate, and was not archived" for p in raw.positions if p not in plate}
    kept = {file: why for _, one in found for file, why in one.kept}
    if problems:
        kept |= _around(found, problems, kept)
    read = [file for _, one in found for file in (*one.safe, *(file for file, _ in one.kept))]
    # What tells the wells is no image.
    kept |= {file: why for file, why in unread(as_path(against), read) if file.name not in _METADATA}
    safe = tuple(dict.fromkeys(file for _, one in found for file in one.safe if file not in kept))
    told = tuple(sorted({**problems, **missing}.items()))
    return PlateComparison(str(path), str(against), tuple(found), told, safe, tuple(kept.items()))


def _around(
    found: list[tuple[Position, Comparison]], problems: dict[str, str], kept: dict[AnyPath, str]
) -> dict[AnyPath, str]:
    """Return the files that a fault around the archives concerns: a plate that is damaged vouches for none."""
    positions = {str(position) for position, _ in found}
    around = [f"{name}: {why}" for name, why in problems.items() if name not in positions]
    if not around:
        return {}
    return {file: around[0] for _, one in found for file in one.safe if file not in kept}


def _shifted(progress: Callable[[int, int], None], base: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _: progress(base + done, total)
