"""Unfinished work that outlives a crash: the chunks that are coded already, in a hidden folder beside the archive."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowroi.archives.atomic import hidden_beside
from flowroi.archives.manifest import canonical_json
from flowroi.errors import CorruptDataError, OutputExistsError, QualityTargetError, printable
from flowroi.plan import differences
from flowroi.sequence.chunk import CodedChunk

_PLAN = "plan.json"
_LOCK = "lock"
# Each is lost to a process that removes the folder in between.
_MOST_TRIES = 100


class Work:
    """The folder of one compression; a context manager that holds it against a second writer.

    Leaving it removes the folder unless there is something worth going on with: chunks, no finished archive, and a goal
    that is not known to be out of reach.

    Parameters
    ----------
    target : Path
        The archive to be.
    plan : dict
        All that decides on the archive's bytes, ready for JSON: another plan cannot go on with this work.
    overwrite : bool
        Whether the unfinished work of another plan may be dropped.

    Raises
    ------
    OutputExistsError
        If another process is at it, or the folder holds the work of another plan.
    """

    def __init__(self, target: Path, plan: dict[str, Any], *, overwrite: bool) -> None:
        self.folder = hidden_beside(target, ".flowroi-work")
        self._plan = canonical_json(plan)
        self._overwrite = overwrite
        self._lock: Any = None
        self.finished = False

    def __enter__(self) -> Work:
        self._lock = self._locked()
        try:
            self._meet_plan()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _locked(self) -> Any:
        """Return the lock's file, open and ours: not one that another process removed while we waited for it."""
        busy = OutputExistsError("another process is writing this archive; wait for it, or stop it", path=self.folder)
        for _ in range(_MOST_TRIES):
            self.folder.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):
                lock = (self.folder / _LOCK).open("w")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(os.fstat(lock.fileno()), (self.folder / _LOCK).stat()):
                        return lock
                except BlockingIOError as error:
                    lock.close()
                    raise busy from error
                except BaseException:
                    lock.close()
                    raise
                lock.close()
        raise busy

    def _meet_plan(self) -> None:
        known = self.folder / _PLAN
        if not known.exists() or not _same(known.read_bytes(), self._plan):
            # Chunks without a plan are what is left of work that was being dropped: nobody knows of which.
            if known.exists() and not self._overwrite:
                raise OutputExistsError(
                    "unfinished work of other settings, another input or another release is here "
                    f"({_difference(known.read_bytes(), self._plan)}): finish it with those, remove the folder, or "
                    "overwrite",
                    path=self.folder,
                )
            for file in self.folder.iterdir():
                if file.name != _LOCK:
                    file.unlink()
            _write(known, self._plan)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        hopeless = isinstance(error, QualityTargetError)
        if error is not None and self.chunks_kept and not hopeless:
            error.add_note(
                f"{self.chunks_kept} finished chunks are kept in {printable(str(self.folder))}: the same command goes "
                "on from there; remove that folder to start afresh"
            )
        try:
            if self.finished or hopeless or not self.chunks_kept:
                self._remove()
        finally:
            self._lock.close()

    def _remove(self) -> None:
        """Remove the folder, which we hold: the plan first, since chunks without one are nobody's."""
        (self.folder / _PLAN).unlink(missing_ok=True)
        for file in self.folder.iterdir():
            if file.name != _LOCK:
                file.unlink()
        (self.folder / _LOCK).unlink()
        try:
            self.folder.rmdir()
        except OSError as error:
            # Another process came, and has made itself a lock.
            if error.errno != errno.ENOTEMPTY:
                raise

    @classmethod
    def clear_away(cls, target: Path) -> None:
        """Remove what a process left that died, or met an error, when its archive was finished already."""
        work = cls(target, {}, overwrite=True)
        if work.folder.is_dir():
            with suppress(OutputExistsError, FileNotFoundError):
                work._lock = work._locked()
                try:
                    work._remove()
                finally:
                    work._lock.close()

    @property
    def chunks_kept(self) -> int:
        """How many chunks are coded."""
        return len(list(self.folder.glob("chunk-??????")))

    def remembered(self, name: str) -> Any:
        """Return a decision of an earlier run; None where there is none."""
        # ValueError: damaged, so that it is to be decided again, which comes to the same.
        with suppress(FileNotFoundError, ValueError):
            return json.loads((self.folder / f"{name}.json").read_bytes())
        return None

    def remember(self, name: str, value: Any) -> None:
        """Keep a decision, so that a later run goes on with the same."""
        _write(self.folder / f"{name}.json", canonical_json(value))

    def keep(self, number: int, chunk: CodedChunk) -> None:
        """Store a chunk; it is on the disk when this returns."""
        _write(self._file(number), chunk.to_bytes())

    def load(self, number: int) -> CodedChunk | None:
        """Return a chunk of this or an earlier run; None if there is none, or not a whole one."""
        try:
            return CodedChunk.from_bytes(self._file(number).read_bytes())
        except FileNotFoundError:
            return None
        except CorruptDataError:
            self._file(number).unlink()
            return None

    def load_all(self, count: int) -> Iterator[CodedChunk]:
        """Yield the chunks in order, one at a time; raises CorruptDataError if one is not there any more."""
        for number in range(count):
            chunk = self.load(number)
            if chunk is None:
                raise CorruptDataError("a chunk that was coded is gone or damaged; start again", path=self.folder)
            yield chunk

    def _file(self, number: int) -> Path:
        return self.folder / f"chunk-{number:06d}"


def _same(there: bytes, asked: bytes) -> bool:
    """Whether two plans say the same: 8 and 8.0 do."""
    try:
        return bool(json.loads(there) == json.loads(asked))
    except ValueError:
        return False


def _difference(there: bytes, asked: bytes) -> str:
    """Return what differs between two plans, in one line."""
    try:
        return "; ".join(differences(json.loads(there), json.loads(asked)))
    except ValueError:
        return "its plan cannot be read"


def _write(path: Path, data: bytes) -> None:
    """Write a file that is whole or not there, whatever happens."""
    temporary = path.with_name(f"{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        # A full disk is told without saying which.
        raise OSError(error.errno, error.strerror, str(path)) from error
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
