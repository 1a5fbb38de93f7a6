"""Where coded frames are kept until there are archives: a hidden folder of journals beside the output, with a plan."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flowroi.archives.atomic import discard, hidden_beside, hold, refuse_existing, replacing, sync
from flowroi.archives.folder_files import read_regular
from flowroi.archives.manifest import sealed, unsealed_document
from flowroi.errors import CorruptDataError, MissingInputError, OutputExistsError, printable
from flowroi.live.journal import Journal
from flowroi.plan import differences

MARK = ".flowroi-live"
_PLAN, _ENDED, _DONE, _SUFFIX, _RUN = "plan.json", "ENDED", "DONE", ".journal", "run.log"
_LARGEST_BYTES = 1 << 24
_MOST_NAMED = 5


class Spool:
    """The folder, held by a lock against a second watcher; a context manager.

    Parameters
    ----------
    target : Path
        Where the archives are to appear.
    plan : dict
        All that decides on the bytes, ready for JSON: what another plan has begun is not gone on with.

    Attributes
    ----------
    path : Path
    ended : bool
        Whether an earlier run has come to the end, and only the archives are to be made.

    Raises
    ------
    OutputExistsError
        If the target exists, another process is at it, or other settings began it.
    MissingInputError
        If there is no folder for it.
    """

    def __init__(self, target: Path, plan: dict[str, Any]) -> None:
        if not target.parent.is_dir():
            raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
        self._target = target
        self.path = hidden_beside(target, MARK)
        if not os.path.lexists(self.path):
            refuse_existing(target, overwrite=False)
        self._lock: int | None = self._held()
        try:
            if (self.path / _DONE).exists():
                # The archives stood complete when it was being removed.
                discard(self.path)
                os.close(self._lock)
                self._lock = None
                refuse_existing(target, overwrite=False)
                self._lock = self._held()
            self._meet(plan)
            self.ended = (self.path / _ENDED).exists()
            if not self.ended:
                refuse_existing(target, overwrite=False)
        except BaseException:
            self._let_go()
            raise

    def _held(self) -> int:
        try:
            return hold(self.path, folder=True, keep=True)
        except OutputExistsError as error:
            raise OutputExistsError(
                "another process is watching for this output; nothing was done: wait for it, or stop it", path=self.path
            ) from error

    def _meet(self, plan: dict[str, Any]) -> None:
        place = self.path / _PLAN
        self._plan = plan
        self.naming: dict[str, Any] | None = None
        if not place.exists():
            if any(entry.suffix == _SUFFIX for entry in self.path.iterdir()):
                raise CorruptDataError(
                    f"there are journals without {_PLAN}: nothing was written; look at them, and move the folder away",
                    path=self.path,
                )
            return
        there = unsealed_document(read_regular(place, _LARGEST_BYTES), place)
        found = differences(there["plan"], unsealed_document(sealed({"plan": plan}), place)["plan"])
        if found:
            shown = "; ".join(found[:_MOST_NAMED])
            raise OutputExistsError(
                f"it was begun otherwise ({shown}); nothing was written: go on with the same settings and release, or "
                "choose another output",
                path=self.path,
            )
        self.naming = there["naming"]

    def settle_naming(self, naming: dict[str, Any]) -> None:
        """Write down how names are read; it is on the disk when this returns, and holds for every later run."""
        data = sealed({"plan": self._plan, "naming": naming})
        with replacing(self.path / _PLAN) as part:
            part.write_bytes(data)
        self.naming = naming

    def names(self) -> list[str]:
        """Return the names of the positions that have a journal, sorted."""
        return sorted(entry.name.removesuffix(_SUFFIX) for entry in self.path.iterdir() if entry.suffix == _SUFFIX)

    def file_of(self, name: str) -> Path:
        """Return where a position's journal is."""
        return self.path / f"{name}{_SUFFIX}"

    def run_journal(self) -> Journal:
        """Open the journal of what is told of no position."""
        return Journal(self.path / _RUN)

    def end(self) -> None:
        """Write down that no more frames are taken."""
        self._mark(_ENDED)
        self.ended = True

    def reopen(self) -> None:
        """Take that back: frames that were lost from a journal are to be coded again."""
        (self.path / _ENDED).unlink(missing_ok=True)
        sync(self.path)
        self.ended = False

    def remove(self) -> None:
        """Remove the folder: the archives stand complete. One with a damaged journal is kept, under another name."""
        if not any(".damaged-" in entry.name for entry in self.path.iterdir()):
            self._mark(_DONE)
            discard(self.path)
            return
        kept = hidden_beside(self._target, ".flowroi-damaged")
        if not os.path.lexists(kept):
            self.path.rename(kept)
            sync(kept.parent)

    def _mark(self, name: str) -> None:
        place = self.path / name
        place.touch()
        sync(place)
        sync(self.path)

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._lock is not None and self.path.is_dir():
                if not self.names() and not self.ended:
                    discard(self.path)
                elif error is not None:
                    error.add_note(
                        f"what was coded is kept in {printable(str(self.path))}: the same command goes on from there"
                    )
        finally:
            self._let_go()
