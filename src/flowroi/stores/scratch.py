"""A local folder for what is on its way to or from a store: of this process alone, and removed after it."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from flowroi.archives.atomic import PART, discard, hold
from flowroi.errors import MissingInputError, OutputExistsError, StoreError


class Scratch:
    """An empty folder, held by a lock; what processes that died left beside it is removed.

    Parameters
    ----------
    place : Path, optional
        Where to make it; the system's folder for temporary files by default.

    Attributes
    ----------
    path : Path

    Raises
    ------
    MissingInputError
        If there is no such place.
    """

    def __init__(self, place: Path | None) -> None:
        folder = _own_folder(Path(tempfile.gettempdir()) if place is None else place)
        _discard_abandoned(folder)
        self.path = folder / f".{secrets.token_hex(8)}{PART}"
        lock = hold(self.path, folder=True)
        # Also where nobody closes it.
        self._close = weakref.finalize(self, _remove, self.path, lock)

    def check_room(self, size_bytes: int) -> None:
        """Raise StoreError if there is less room than that."""
        free = shutil.disk_usage(self.path).free
        if size_bytes > free:
            raise StoreError(
                f"{size_bytes} bytes of a store are to be kept here meanwhile, and there is room for {free}: give "
                "another folder with --scratch, or use fewer workers",
                path=str(self.path.parent),
            )

    def close(self) -> None:
        """Remove it with all that is in it."""
        self._close()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _own_folder(place: Path) -> Path:
    """Return a folder of this user alone; in the system's folder for temporary files anybody may have made it."""
    if not place.is_dir():
        raise MissingInputError("no such folder; expected one for what is on its way to a store", path=place)
    folder = place / f"flowroi-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise OutputExistsError(
            "is not a folder of this user alone; nothing was written: remove it, or give another place with --scratch",
            path=folder,
        )
    return folder


def _discard_abandoned(folder: Path) -> None:
    for path in folder.glob(f".*{PART}"):
        # Held, or gone meanwhile.
        with suppress(OutputExistsError, FileNotFoundError):
            os.close(hold(path, folder=True))
            discard(path)


def _remove(path: Path, lock: int) -> None:
    with suppress(FileNotFoundError):
        discard(path)
    os.close(lock)
