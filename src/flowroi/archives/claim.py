"""Who makes an archive: one process at a time, from its first look at what is there to the end.

The lock of unfinished output holds while that is written. Before, a process looks at what it finds, and may drop it: a
process that was stopped in between, and goes on after another one has done its work, would drop that.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flowroi.archives.atomic import NO_LOCKS, PART, discard, hidden_beside, hold
from flowroi.errors import OutputExistsError

_SIGN_EVERY_S = 2.0


class Claim:
    """An archive that is this process's to make.

    Parameters
    ----------
    path : Path
        The file that is locked.
    handle : int
        It, open.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle
        self._signed = time.monotonic()

    def sign(self) -> None:
        """Leave a sign of life for those who wait; not more often than is of use."""
        if time.monotonic() - self._signed > _SIGN_EVERY_S:
            self._signed = time.monotonic()
            os.utime(self._handle)

    @property
    def is_locked(self) -> bool:
        """Whether the file system has locks."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return False
        return True


def claim_of(place: Path) -> Path:
    """Return the file whose lock is the claim on an archive.

    Examples
    --------
    >>> claim_of(Path("a/b.ome.tif")).name
    '.b.ome.tif.claim.flowroi-part'
    """
    return hidden_beside(place, f".claim{PART}")


@contextmanager
def claimed(place: Path) -> Iterator[Claim]:
    """Keep all others from making an archive.

    Parameters
    ----------
    place : Path
        Where the archive is, or is to be.

    Raises
    ------
    OutputExistsError
        If another process makes it, or may do so; its path is the claim's.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, claimed(Path(folder, "a.ome.tif")):
    ...     is_claimed(Path(folder, "a.ome.tif"))
    True
    """
    path = claim_of(place)
    # What it raises names the claim, not the archive: where it says "remove it", an archive may stand beside.
    handle = hold(path, folder=False)
    claim = Claim(path, handle)
    try:
        if claim.is_locked:
            _drop_abandoned(place)
        yield claim
    finally:
        with suppress(OSError):
            discard(path)
        os.close(handle)


def is_claimed(place: Path) -> bool:
    """Whether another process makes an archive right now."""
    path = claim_of(place)
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _drop_abandoned(place: Path) -> None:
    """Remove a folder that a process left which died at this archive; NFS has no locks of folders that would tell."""
    part = hidden_beside(place, PART)
    if part.is_dir() and not part.is_symlink():
        with suppress(OutputExistsError):
            lock = hold(part, folder=True, keep=True)
            try:
                discard(part)
            finally:
                os.close(lock)
