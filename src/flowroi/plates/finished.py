"""Whether what stands at a target is the plate that is asked for: then there is nothing to do."""

from __future__ import annotations

from typing import Any

from flowroi.archives.plate import PlateArchive, open_plate_archive
from flowroi.errors import CorruptDataError, FlowRoIError, OutputExistsError, StoreError
from flowroi.plan import differences
from flowroi.plates.base import Position, some_positions
from flowroi.plates.storage import PlateFormat
from flowroi.stores import AnyPath

_MOST_NAMED = 5


def finished_plate(
    target: AnyPath,
    plate_format: PlateFormat,
    settings: dict[str, Any],
    positions: tuple[Position, ...],
    *,
    skip_failed: bool,
) -> PlateArchive:
    """Open the plate that stands at a target, if it was made with the same settings of the same positions.

    Its archives are not looked into; of the plate around them all is checked.

    Parameters
    ----------
    target : Path or StorePath
        Where a record is.
    plate_format, settings, positions
        What is asked for.
    skip_failed : bool
        Whether a plate that was finished without some positions is what is asked for.

    Raises
    ------
    OutputExistsError
        If it is another plate, or damaged; the message names what differs.
    """
    try:
        archive = open_plate_archive(target)
    except CorruptDataError as error:
        raise _damaged(error.message, target) from error
    except StoreError:
        raise
    except (FlowRoIError, OSError) as error:
        raise OutputExistsError(
            f"the output exists, and is no plate that this release reads ({error}); nothing was written: choose "
            "another name",
            path=target,
        ) from error
    there = {"format": archive.format, "settings": archive.record["settings"]}
    found = differences(there, {"format": plate_format, "settings": settings})
    wanted, stored, skipped = set(positions), set(archive.positions), set(archive.skipped)
    if stored - wanted:
        found.append(f"it holds {_some(stored - wanted)}, which the input has not")
    if wanted - stored - skipped:
        found.append(f"it lacks {_some(wanted - stored - skipped)}")
    if found:
        shown = "; ".join(found[:_MOST_NAMED]) + ("; ..." if len(found) > _MOST_NAMED else "")
        raise OutputExistsError(
            f"the output exists, made otherwise ({shown}); nothing was written: choose another name, or overwrite",
            path=target,
        )
    if skipped and not skip_failed:
        raise OutputExistsError(
            f"the output exists, finished without {_some(skipped)}, which failed; nothing was written: overwrite it to "
            "try all again, or ask for --skip-failed to leave it so",
            path=target,
        )
    for name, message in archive.faults():
        raise _damaged(f"{name} {message}", target)
    return archive


def _damaged(message: str, target: AnyPath) -> OutputExistsError:
    return OutputExistsError(
        f"the output exists and is damaged ({message}); nothing was written: look at it with flowroi verify, or "
        "overwrite it",
        path=target,
    )


def _some(positions: set[Position]) -> str:
    return some_positions(tuple(sorted(positions)))
