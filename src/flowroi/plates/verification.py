"""Whether a compressed plate is still what was written: every archive, and what holds them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike

from flowroi.archives.plate import open_plate_archive
from flowroi.errors import FlowRoIError
from flowroi.plates.base import Position
from flowroi.stores import StorePath
from flowroi.verification import Verification, verify


@dataclass(frozen=True, slots=True)
class PlateVerification:
    """What was found.

    Attributes
    ----------
    path : str
    frames, count : int
        Frames and positions that the plate holds, by its record.
    positions : tuple of (Position, Verification)
        Of every archive that could be opened.
    faults : tuple of (str, str)
        What is wrong around the archives: a name within the plate, and what is wrong with it.
    skipped : tuple of Position
        Positions that the plate was finished without.
    """

    path: str
    frames: int
    count: int
    positions: tuple[tuple[Position, Verification], ...]
    faults: tuple[tuple[str, str], ...]
    skipped: tuple[Position, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults and not any(found.faults for _, found in self.positions)


def verify_plate(
    path: str | PathLike[str] | StorePath,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PlateVerification:
    """Read and decode every frame of a plate, and check all that has a checksum.

    Parameters
    ----------
    path : path or URL
        A plate that FlowRoI compressed.
    workers : int, optional
        Threads; all cores by default.
    progress : callable, optional
        Called with (frames done, frames in all).

    Raises
    ------
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If it cannot be opened as a plate.
    """
    plate = open_plate_archive(path)
    faults = dict(plate.faults())
    total = sum(entry["frames"] for entry in plate.record["positions"])
    done = 0
    found = []
    for position, entry in zip(plate.positions, plate.record["positions"], strict=True):
        if entry["path"] not in faults:
            before = done

            def tell(frames: int, _: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + frames, total)

            try:
                found.append((position, verify(plate.place(position), workers=workers, progress=tell)))
            except FlowRoIError as error:
                faults[entry["path"]] = error.message
        done += entry["frames"]
    return PlateVerification(
        str(plate.path), total, len(plate), tuple(found), tuple(sorted(faults.items())), plate.skipped
    )
