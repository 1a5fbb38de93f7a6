"""Scans of the incoming folders: what is there is told by the folders themselves, and counts once it stands still."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flowroi.sources.files import InputFile
from flowroi.sources.folder import is_finished
from flowroi.sources.image_file import IMAGE_SUFFIXES, suffix_of
from flowroi.sources.names import text_name

# As deep as instruments nest: plate / time point / well / field.
_MAX_DEPTH = 4
# Of the file system itself, where a disk is mounted: nobody else may look into it.
_NOT_OURS = "lost+found"
# Files that were handed out are looked at again so often.
RECHECK_S = 30.0

# Which incoming folder, and the name within it.
Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A file that has stood still.

    Attributes
    ----------
    key : (int, str)
        Which incoming folder, and the name within it, with `/`.
    file : InputFile
        As it was when it settled.
    inode : int
        With size and time of change it tells a file that got another name.
    """

    key: Key
    file: InputFile
    inode: int

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """What stays the same when a file is renamed or linked."""
        return self.key[0], self.inode, self.file.size_bytes, self.file.modified_ns


@dataclass(slots=True)
class _Watched:
    size_bytes: int
    modified_ns: int
    inode: int
    since: float

    def same(self, found: os.stat_result) -> bool:
        return (self.size_bytes, self.modified_ns) == (found.st_size, found.st_mtime_ns)


@dataclass(slots=True)
class Scan:
    """What a scan showed.

    Attributes
    ----------
    settled : list of (Found, Key or None)
        Files that have stood still now, in order of their names; with the name under which the same file was handed out
        before.
    rewritten : list of Key
        Files that were handed out and are not what they were.
    odd : list of (Key, str)
        What is no file to read, and why; each once.
    lost : str or None
        Why an incoming folder cannot be read; nothing else is told then.
    ended : bool
        The marker of the end is there.
    moving : int
        Files that have not settled yet.
    """

    settled: list[tuple[Found, Key | None]] = field(default_factory=list)
    rewritten: list[Key] = field(default_factory=list)
    odd: list[tuple[Key, str]] = field(default_factory=list)
    lost: str | None = None
    ended: bool = False
    moving: int = 0


class Scanner:
    """Looks at incoming folders again and again.

    Parameters
    ----------
    roots : list of Path
    settle_s : float
        How long size and time of change stand still before a file counts, by the monotonic clock.
    end_marker : str or None
        Name of the file, right in an incoming folder, that says that no more will come.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        roots: list[Path],
        *,
        settle_s: float,
        end_marker: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.roots = roots
        self._settle_s = settle_s
        self._end_marker = end_marker
        self._clock = clock
        self._watched: dict[Key, _Watched] = {}
        self._given: dict[Key, _Watched] = {}
        self._names: dict[tuple[int, int, int, int], Key] = {}
        self._told: set[Key] = set()
        self._identities: dict[int, tuple[int, int]] = {}
        # Those of which an earlier run has taken files, and this one has seen none.
        self._expected: set[int] = set()
        self._checked_at = clock()

    def restore(self, found: Found) -> None:
        """Take note of a file that an earlier run has taken."""
        self._give(found)
        self._expected.add(found.key[0])

    def release(self, key: Key) -> None:
        """Forget that a file was handed out: it is looked at anew, if it is there."""
        given = self._given.pop(key, None)
        if given is not None:
            self._names.pop((key[0], given.inode, given.size_bytes, given.modified_ns), None)

    def moving(self) -> list[Key]:
        """Return the files that had not settled when the folders were last looked at."""
        return sorted(self._watched)

    def scan(self, *, thorough: bool = False) -> Scan:
        """Look at the folders; `thorough` looks at files again that were handed out, as is done from time to time."""
        now = self._clock()
        thorough = thorough or now - self._checked_at >= RECHECK_S
        scan = Scan()
        seen: set[Key] = set()
        moving: dict[Key, os.stat_result] = {}
        changed: dict[Key, os.stat_result] = {}
        for number, root in enumerate(self.roots):
            try:
                before, elsewhere, scan.ended = len(seen), scan.ended, False
                for key, entry in self._entries(number, root, scan):
                    seen.add(key)
                    if key in self._given and not thorough:
                        continue
                    self._look(key, entry, moving, changed, scan)
                there = root.stat()
                self._check_identity(number, (there.st_dev, there.st_ino), empty=len(seen) == before and not scan.ended)
                scan.ended |= elsewhere
            except OSError as error:
                # What else was seen is seen again when it is back.
                return Scan(lost=_why(root, error))
        if thorough:
            self._checked_at = now
        self._told.update(key for key, _ in scan.odd)
        for key, found in changed.items():
            self._given[key].size_bytes, self._given[key].modified_ns = found.st_size, found.st_mtime_ns
            scan.rewritten.append(key)
        for key in [key for key in self._watched if key not in moving]:
            del self._watched[key]
        for key in sorted(moving):
            self._settle(key, moving[key], now, scan)
        scan.moving = len(self._watched)
        return scan

    def away(self) -> str | None:
        """Return why an incoming folder cannot be read just now; None where all are there. No file is looked at."""
        for number, root in enumerate(self.roots):
            try:
                with os.scandir(root) as entries:
                    empty = next(entries, None) is None
                there = root.stat()
                self._check_identity(number, (there.st_dev, there.st_ino), empty=empty)
            except OSError as error:
                return _why(root, error)
        return None

    def _check_identity(self, number: int, identity: tuple[int, int], *, empty: bool) -> None:
        """Refuse an empty folder that stands where another one was, or where files were: a disk was unmounted."""
        if not empty:
            self._expected.discard(number)
        if number in self._expected:
            raise OSError(0, "is empty, and an earlier run has taken files from it: is the disk still mounted?")
        known = self._identities.get(number, identity)
        if known != identity and empty:
            raise OSError(0, "another folder, an empty one, is in its place: is the disk still mounted?")
        self._identities[number] = identity

    def _entries(self, number: int, root: Path, scan: Scan) -> Iterator[tuple[Key, os.DirEntry[str]]]:
        """Yield the images below a folder; links are told, not followed."""
        waiting = [("", 0)]
        while waiting:
            prefix, depth = waiting.pop()
            try:
                entries = os.scandir(root / prefix)
            except FileNotFoundError:
                if prefix:
                    continue
                raise
            with entries:
                for entry in entries:
                    name = prefix + entry.name
                    if not prefix and entry.name == self._end_marker:
                        scan.ended = True
                        continue
                    if not is_finished(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if name == _NOT_OURS:
                            continue
                        if depth < _MAX_DEPTH:
                            waiting.append((f"{name}/", depth + 1))
                        else:
                            self._odd((number, name), f"folders deeper than {_MAX_DEPTH} are not looked into", scan)
                    elif suffix_of(entry.name) in IMAGE_SUFFIXES:
                        yield (number, name), entry

    def _look(
        self,
        key: Key,
        entry: os.DirEntry[str],
        moving: dict[Key, os.stat_result],
        changed: dict[Key, os.stat_result],
        scan: Scan,
    ) -> None:
        try:
            # Not what the folder remembers of it: some systems tell a size there that is out of date.
            found = Path(entry.path).lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISREG(found.st_mode):
            kind = "a symbolic link, which is not followed" if stat.S_ISLNK(found.st_mode) else "no regular file"
            self._odd(key, f"is {kind}; expected a file", scan)
            return
        given = self._given.get(key)
        if given is None:
            moving[key] = found
        elif not given.same(found):
            changed[key] = found

    def _settle(self, key: Key, found: os.stat_result, now: float, scan: Scan) -> None:
        known = self._watched.get(key)
        if known is None or not known.same(found) or found.st_size == 0:
            self._watched[key] = _Watched(found.st_size, found.st_mtime_ns, found.st_ino, now)
            return
        if now - known.since < self._settle_s:
            return
        del self._watched[key]
        file = InputFile(self.roots[key[0]] / key[1], found.st_size, found.st_mtime_ns)
        settled = Found(key, file, found.st_ino)
        other = self._names.get(settled.identity)
        self._give(settled)
        scan.settled.append((settled, other))

    def _give(self, found: Found) -> None:
        file = found.file
        self._given[found.key] = _Watched(file.size_bytes, file.modified_ns, found.inode, 0.0)
        self._names.setdefault(found.identity, found.key)

    def _odd(self, key: Key, why: str, scan: Scan) -> None:
        if key not in self._told:
            scan.odd.append((key, why))


def _why(root: Path, error: OSError) -> str:
    return f"{text_name(error.filename or str(root))}: {error.strerror or error}"
