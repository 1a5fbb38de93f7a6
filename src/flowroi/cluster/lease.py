"""What shows a worker that it sees the command's own files, and that the command is still there: a locked file.

It lies among the output, holds a secret, and is locked by the command as long as that runs. A worker that reads the
secret sees the same folder; one that is refused the lock knows that locks reach from host to host, and that the command
lives. So no task begins, or goes on for long, once its command has ended, however that ended.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from flowroi.archives.atomic import NO_LOCKS, PART, discard, hold
from flowroi.errors import FlowRoIError, OutputExistsError

_PREFIX = ".cluster-"
# A file system may show a new file late on other hosts.
_TRIES = 3
_TRY_AGAIN_S = 1.0


class LeaseLost(Exception):  # noqa: N818 - no error: the command has gone
    """The command that a task belongs to is not there any more."""


class Unfit(Exception):  # noqa: N818 - told by the command, not raised to a user
    """A worker cannot do what is asked, whatever it is; the message says why."""


class Lease:
    """A command's sign among its output; a context manager.

    Parameters
    ----------
    folder : Path
        That holds the archives to be.

    Raises
    ------
    FlowRoIError
        If the file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        _discard_left(folder)
        self.secret = secrets.token_hex(16)
        self.path = folder / f"{_PREFIX}{secrets.token_hex(8)}{PART}"
        self._lock: int | None = hold(self.path, folder=False)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            if error.errno not in NO_LOCKS:
                raise
            raise FlowRoIError(
                "this file system has no locks, without which workers of a cluster could write the same archive at "
                "once; nothing was written: mount it with locks, or compress on one machine",
                path=folder,
            ) from error
        self.path.write_text(self.secret, encoding="ascii")

    def release(self) -> None:
        """End it: tasks that still run see that, and stop."""
        if self._lock is not None:
            with suppress(OSError):
                discard(self.path)
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def recognise(path: Path, secret: str) -> None:
    """Raise unless this process sees the lease, and the locks of the command.

    Raises
    ------
    Unfit
        If it does not.
    """
    for left in reversed(range(_TRIES)):
        try:
            seen = path.read_text(encoding="ascii")
            break
        except (FileNotFoundError, NotADirectoryError) as error:
            if not left:
                there = "the folder is there, but not the same" if path.parent.is_dir() else "there is no such folder"
                raise Unfit(
                    f"it does not see the output's folder {path.parent} ({there}): workers need a file system that "
                    "is shared with the command, under the same path"
                ) from error
            time.sleep(_TRY_AGAIN_S)
        except OSError as error:
            raise Unfit(f"it cannot read in the output's folder {path.parent} ({error.strerror})") from error
    if seen != secret:
        raise Unfit(f"another folder {path.parent} is there: workers need the file system of the command")
    if not os.access(path.parent, os.W_OK):
        raise Unfit(f"it may not write in the output's folder {path.parent}")
    if not _is_held(path):
        raise Unfit(
            f"it does not see locks that the command holds in {path.parent}, so that nothing would keep two workers "
            "from writing the same archive: mount the file system with locks that reach all hosts (NFS without "
            "nolock or local_lock, Lustre with flock)"
        )


def check(path: Path) -> None:
    """Raise LeaseLost if the command has gone."""
    try:
        held = _is_held(path)
    except FileNotFoundError:
        held = False
    if not held:
        raise LeaseLost


def _is_held(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Shared, so that those who ask do not see each other.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    finally:
        os.close(handle)
    return False


def _discard_left(folder: Path) -> None:
    """Remove the leases of commands that were killed."""
    for path in folder.glob(f"{_PREFIX}*{PART}"):
        with suppress(OutputExistsError, FileNotFoundError):
            lock = hold(path, folder=False, keep=True)
            discard(path)
            os.close(lock)
