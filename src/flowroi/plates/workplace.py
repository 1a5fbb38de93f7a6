"""Where a plate is put together: a hidden folder beside the target, or, well by well, the target itself.

Either is held by a lock. The hidden folder outlives a crash; positions that are finished in it are kept for the same
command to go on with.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from flowroi.archives.atomic import NO_LOCKS, PART, discard, hidden_beside, hold, sync
from flowroi.archives.manifest import COMPLETE_NAME, MANIFEST_NAME
from flowroi.archives.ownership import refuse_foreign
from flowroi.archives.rename import exchange, rename_to_new
from flowroi.errors import OutputExistsError, printable
from flowroi.plates.base import Position
from flowroi.plates.record import RECORD_NAME, is_marked_complete, is_record_there
from flowroi.plates.storage import PlateFormat, folders_of, place_of

MARK = ".flowroi-plate"
_ROW = re.compile(r"[A-Z]{1,2}")
# What plates of ours have in their folders, whatever their format.
_OURS = re.compile(
    r"plate\.json|COMPLETE|\..*\.flowroi-.*"
    r"|[A-Z]{1,2}[0-9]{1,2}_f[0-9]{1,5}(\.ome\.tif|\.mkv)?"
    r"|([A-Z]{1,2}/)?([0-9]{1,2}/)?(zarr\.json|\.zgroup|\.zattrs)"
    r"|[A-Z]{1,2}(/[0-9]{1,2}(/[0-9]{1,5})?)?",
    re.DOTALL,
)

_POSITION = re.compile(r"[A-Z]{1,2}[0-9]{1,2}_f[0-9]{1,5}|[A-Z]{1,2}/[0-9]{1,2}/[0-9]{1,5}")


class Workplace:
    """The folder in which a plate is being put together; a context manager that holds it against other writers.

    Parameters
    ----------
    target : Path
        Where the plate is to be.
    plate_format : PlateFormat
    positions : tuple of Position
        All that the plate will have.
    well_by_well : bool
        Put the archives right into the target, beside other processes that do the same for other wells. Otherwise the
        target is used only if it was begun so, and by nobody else meanwhile.
    overwrite : bool
        Whether a plate that stands at the target is replaced.

    Raises
    ------
    OutputExistsError
        If another process is at it, or the target holds what is not of this plate.
    """

    def __init__(
        self,
        target: Path,
        plate_format: PlateFormat,
        positions: tuple[Position, ...],
        *,
        well_by_well: bool,
        overwrite: bool,
    ) -> None:
        self.target = target
        self._format = plate_format
        self._positions = positions
        self._overwrite = overwrite
        begun = target.is_dir() and not is_marked_complete(target)
        if begun:
            refuse_strays(target, plate_format, positions)
        self.in_place = well_by_well or (begun and not overwrite)
        if self.in_place:
            target.mkdir(exist_ok=True)
            self.root = target
            self._lock: int | None = _lock(target, shared=well_by_well)
        else:
            self.root = hidden_beside(target, MARK)
            self._lock = hold(self.root, folder=True, keep=True)
        self.published = False

    def place(self, position: Position) -> Path:
        """Return where a position's archive is to be; the folders around it are made."""
        for folder in folders_of(self._format, (position,)):
            (self.root / folder).mkdir(exist_ok=True)
        return self.root / place_of(position, self._format)

    def tidy(self, kept: tuple[Position, ...]) -> None:
        """Remove what is left of positions under way, and, in the hidden folder, all but the positions to keep.

        Rows and wells that hold none of them go, too.
        """
        known = {place_of(position, self._format) for position in kept}
        folders = [name for name in folders_of(self._format, self._positions) if (self.root / name).is_dir()]
        for folder in ("", *folders):
            for name in sorted(os.listdir(self.root / folder)):  # noqa: PTH208 - names only
                within = f"{folder}/{name}" if folder else name
                ours = name.startswith(".") and (name.endswith(PART) or ".flowroi-" in name)
                if within not in {*known, *folders} and (ours or not self.in_place):
                    discard(self.root / within)
        for folder in reversed(folders):
            if not any((self.root / folder).iterdir()):
                (self.root / folder).rmdir()

    def confirm(self, digests: Mapping[Position, str]) -> None:
        """Nothing is to be done: the lock keeps others from the archives."""

    def publish(self) -> None:
        """Give the plate its name; everything in it is on the disk already."""
        for folder in reversed(("", *folders_of(self._format, self._positions))):
            if (self.root / folder).is_dir():
                sync(self.root / folder)
        if not self.in_place:
            if self._overwrite and os.path.lexists(self.target):
                # Hours may have passed since it was looked at.
                refuse_foreign_plate(self.target)
                exchange(self.root, self.target)
                sync(self.target.parent)
                discard(self.root)
            else:
                rename_to_new(self.root, self.target)
            sync(self.target.parent)
        self.published = True

    @property
    def is_worth_keeping(self) -> bool:
        """Whether there is a finished position, or a part of one, to go on with."""
        return any(not entry.name.endswith(PART) for entry in self.root.rglob("*") if not entry.is_dir())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if not (self.published or self.in_place):
                if not self.is_worth_keeping:
                    discard(self.root)
                elif error is not None:
                    error.add_note(
                        f"what is finished is kept in {printable(str(self.root))}: the same command goes on from "
                        "there; remove that folder to start afresh"
                    )
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None


def discard_displaced(target: Path) -> None:
    """Remove the plate that an overwriting run displaced, where it was killed before it could do so itself.

    Call it once the plate at the target is known to be the one that is wanted. Unfinished work is left alone.
    """
    hidden = hidden_beside(target, MARK)
    if is_marked_complete(hidden):
        lock = hold(hidden, folder=True, keep=True)
        try:
            discard(hidden)
        finally:
            os.close(lock)


def refuse_strays(target: Path, plate_format: PlateFormat, positions: tuple[Position, ...]) -> None:
    """Raise OutputExistsError if an unfinished plate's folder holds anything but what it may hold.

    Archives of these positions, and what is written around them when the plate is finished.
    """

    def refuse(name: str) -> None:
        raise OutputExistsError(
            f"the folder holds {printable(name)!r}, which is not of this plate; nothing was written: choose another "
            "name, or remove it yourself",
            path=target,
        )

    around: list[str] = []
    places = {place_of(position, plate_format) for position in positions}
    folders = folders_of(plate_format, positions)
    for folder in ("", *folders):
        if not (target / folder).is_dir():
            continue
        for name in sorted(os.listdir(target / folder)):  # noqa: PTH208 - names only
            within = f"{folder}/{name}" if folder else name
            if name in ("zarr.json", ".zgroup", ".zattrs") and folders:
                around.append(within)
            elif within not in {*places, *folders, RECORD_NAME} and ".flowroi-" not in name:
                refuse(within)
    if around and not any(os.path.lexists(target / place / MANIFEST_NAME) for place in places):
        # Metadata of a group around nothing of ours are another's.
        refuse(around[0])


def refuse_foreign_plate(target: Path) -> None:
    """Raise OutputExistsError unless a target may be replaced: a finished plate of ours, or nothing."""
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir() or not (is_record_there(target) or not any(target.iterdir())):
        raise OutputExistsError(
            f"is no plate of ours that is finished (a folder with {RECORD_NAME} and {COMPLETE_NAME}); not replaced, "
            "nothing was written: choose another name, or remove it yourself",
            path=target,
        )
    names = list(_names_around(target))
    foreign = next((name for name in names if not _OURS.fullmatch(name)), None)
    if foreign is not None:
        raise OutputExistsError(
            f"the folder holds {printable(foreign)!r}, which is not of a plate of ours; not replaced, nothing was "
            "written: choose another name, or remove it yourself",
            path=target,
        )
    for name in names:
        if _POSITION.fullmatch(name):
            refuse_foreign(target / name)


def _names_around(target: Path) -> Iterator[str]:
    """Yield what is in a plate's folder, its rows and its wells, relative to it."""
    for folder in ("", *(f"{n}/" for n in _folders(target)), *(f"{n}/" for n in _folders(target, deeper=True))):
        yield from (folder + name for name in sorted(os.listdir(target / folder)))  # noqa: PTH208 - names only


def _folders(target: Path, *, deeper: bool = False) -> Iterator[str]:
    for row in sorted(target.iterdir()):
        if _ROW.fullmatch(row.name) and row.is_dir() and not row.is_symlink():
            columns = sorted(row.iterdir()) if deeper else [row]
            yield from (str(path.relative_to(target)) for path in columns if path.is_dir() and not path.is_symlink())


def _lock(folder: Path, *, shared: bool) -> int:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise OutputExistsError(
            "another process is writing this plate; nothing was written: wait for it, or stop it", path=folder
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            os.close(handle)
            raise
    return handle
