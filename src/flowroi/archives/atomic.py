"""Output that appears whole or not at all: written under a temporary name beside its place, then renamed.

Whoever writes holds a lock on the unfinished output itself, so that a second writer is refused, and what a process that
died left behind is told from what one that lives is writing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from flowroi.archives.rename import exchange, rename_to_new
from flowroi.errors import MissingInputError, OutputExistsError

PART = ".flowroi-part"
_LONGEST_NAME_BYTES = 255
# Each is lost to a process that removes the output in between.
_MOST_TRIES = 100
# Flushes at once: file systems write the journal once for all that wait, and a folder of many small files waits long.
_SYNCS = 16
# What file systems without locks answer; NFS locks nothing that is only open for reading, as folders are.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)


def hidden_beside(target: Path, mark: str) -> Path:
    """Return a hidden name in the target's folder, which is on the same file system, always the same for a target.

    Examples
    --------
    >>> hidden_beside(Path("a/b.ome.tif"), ".flowroi-part").name
    '.b.ome.tif.flowroi-part'
    """
    name = f".{target.name}{mark}"
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        name = f".{sha256(os.fsencode(target.name)).hexdigest()}{mark}"
    return target.with_name(name)


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise OutputExistsError if the target exists and may not be replaced, as no device ever is."""
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise OutputExistsError(
            "the output exists; nothing was written: choose another name, or overwrite", path=target
        )
    mode = os.lstat(target).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise OutputExistsError(
            "is a pipe, socket or device; not replaced, nothing was written: choose another name", path=target
        )


class Unfinished:
    """Output on its way: an empty file or folder at `path`, held by a lock until it is published or discarded.

    Parameters
    ----------
    target : Path
        Where it is to appear.
    folder : bool
        Whether it is a folder.
    overwrite : bool
        Whether something that stands at the target is replaced.
    refuse : callable, optional
        Called with the target right before it is replaced, however long ago it was looked at; raises where it may
        not be.

    Raises
    ------
    OutputExistsError
        If the target exists, unless `overwrite` is set; or if another process is writing it.
    MissingInputError
        If there is no folder that it could appear in.
    """

    def __init__(
        self,
        target: Path,
        *,
        folder: bool,
        overwrite: bool,
        refuse: Callable[[Path], None] | None = None,
    ) -> None:
        self._lock: int | None = None
        refuse_existing(target, overwrite=overwrite)
        if not target.parent.is_dir():
            raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
        self.target = target
        self.path = hidden_beside(target, PART)
        self._overwrite = overwrite
        self._refuse = refuse
        self._lock = hold(self.path, folder=folder)

    def publish(self) -> None:
        """Flush the output to the disk and give it its name; what it replaces goes only once it is in place."""
        to_disk(self.path)
        refuse_existing(self.target, overwrite=self._overwrite)
        if self._refuse is not None:
            self._refuse(self.target)
        if self._lock is not None and not _is_held(self._lock, self.path):
            # What is there now is another process's.
            self.let_go()
            raise OutputExistsError(
                "the unfinished output was removed, or exchanged for another, while it was written; nothing was kept: "
                "look for who did that, and write it again",
                path=self.path,
            )
        if not self._overwrite:
            rename_to_new(self.path, self.target)
        elif os.path.lexists(self.target) and (_is_folder(self.target) or _is_folder(self.path)):
            exchange(self.path, self.target)
            sync(self.target.parent)
            discard(self.path)
        else:
            self.path.replace(self.target)
        sync(self.target.parent)
        self.let_go()

    def discard(self) -> None:
        """Remove the output, if it is there still."""
        if self._lock is not None:
            discard(self.path)
            self.let_go()

    def let_go(self) -> None:
        """Give up the lock and leave the output as it is."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __del__(self) -> None:
        # An interrupt may come before the `with` that would see to it. Who could not remove it has told why already.
        with suppress(OSError):
            self.discard()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.discard()
            return
        try:
            self.publish()
        except BaseException:
            self.discard()
            raise


def appearing(target: Path, *, folder: bool, overwrite: bool = False) -> Unfinished:
    """Return a context manager for new output: yields an empty file or folder, which becomes `target` at the end.

    An exception discards it; nothing is left at `target` that was not there before.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with appearing(Path(place, "a.txt"), folder=False) as unfinished:
    ...         _ = unfinished.write_text("whole")
    ...     Path(place, "a.txt").read_text(), len(list(Path(place).iterdir()))
    ('whole', 1)
    """
    return Unfinished(target, folder=folder, overwrite=overwrite)


def hold(path: Path, *, folder: bool, keep: bool = False) -> int:
    """Make a file or folder and lock it; return the lock, which goes when it is closed, or the process ends.

    Raises
    ------
    OutputExistsError
        If another process holds it, or may hold it: something is there, and the file system has no locks.
    """
    for _ in range(_MOST_TRIES):
        made = _make(path, folder=folder)
        try:
            handle = _open(path, folder=folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise OutputExistsError(
                "is a link, where unfinished output goes; not followed, nothing was written: remove it", path=path
            ) from error
        try:
            locked = _lock(handle, path)
            if not (locked or made or keep):
                raise OutputExistsError(
                    "unfinished output is there, and this file system has no locks that would tell whether a process "
                    "is still writing it; nothing was written: remove it, if none is",
                    path=path,
                )
            if _is_held(handle, path):
                if made or (keep and stat.S_ISDIR(os.fstat(handle).st_mode) == folder):
                    return handle
                # Nobody holds it: a process that died left it.
                with suppress(FileNotFoundError):
                    discard(path)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    raise _busy(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name for a file that several processes may write at once; the last to finish stays."""
    temporary = hidden_beside(path, f".{os.getpid()}{PART}")
    lock = hold(temporary, folder=False)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)


def discard_abandoned(folder: Path) -> None:
    """Remove unfinished output in a folder that no process holds any more."""
    for path in folder.glob(f".*{PART}"):
        with suppress(OutputExistsError, FileNotFoundError):
            os.close(hold(path, folder=path.is_dir(), keep=True))
            discard(path)


def to_disk(path: Path) -> None:
    """Flush a file, or a folder with all that is in it, to the disk."""
    if not _is_folder(path):
        sync(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    folders, files = [], []
    for folder, _, names in os.walk(path):
        folders.append(Path(folder))
        files += [file for name in names if not (file := Path(folder, name)).is_symlink()]
    with ThreadPoolExecutor(_SYNCS) as pool:
        # What is in a folder before the folder itself.
        for ready in (files, folders[:0:-1]):
            for _ in pool.map(sync, ready):
                pass
    sync(path)


def sync(path: Path) -> None:
    """Flush one file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        os.close(handle)


def discard(path: Path) -> None:
    """Remove unfinished output, if it is there."""
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _make(path: Path, *, folder: bool) -> bool:
    """Make a file or folder; False if there is something already."""
    try:
        if folder:
            path.mkdir()
        else:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        return False
    return True


def _open(path: Path, *, folder: bool) -> int:
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    if not folder:
        # NFS locks a file only if it is open for writing.
        with suppress(IsADirectoryError, PermissionError):
            return os.open(path, os.O_RDWR | flags)
    return os.open(path, os.O_RDONLY | flags)


def _lock(handle: int, path: Path) -> bool:
    """Lock what is open; False where the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _busy(path) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _is_held(lock: int, path: Path) -> bool:
    """Whether what stands at a path is what was locked."""
    try:
        return os.path.samestat(os.fstat(lock), os.lstat(path))
    except FileNotFoundError:
        return False


def _busy(path: Path) -> OutputExistsError:
    return OutputExistsError(
        "another process is writing this output; nothing was written: wait for it, or stop it", path=path
    )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
