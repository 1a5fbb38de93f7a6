"""The objects of one folder of a store, copied to the local disk when they are read, the next ones meanwhile.

So each is transferred once, and what is decoded is, byte for byte, what is hashed for the manifest.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Lock

from flowroi.errors import CorruptDataError, MissingInputError
from flowroi.stores.path import Facts, StorePath
from flowroi.stores.scratch import Scratch

# As many objects are on their way at once, and so many bytes at most are fetched before they are asked for.
_AT_ONCE = 16
_AHEAD_BYTES = 1 << 28


class Fetched:
    """Local copies of the objects below a place.

    Parameters
    ----------
    root : StorePath
    """

    def __init__(self, root: StorePath) -> None:
        self.root = replace(root, fetched=None)
        # One listing tells of all objects; web servers list nothing, and are asked for each.
        self._listed = self.root.names_below() if root.lists else None
        self._scratch = Scratch(root.scratch)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="flowroi-store")
        self._lock = Lock()
        self._facts: dict[str, Facts] = {}
        self._order: list[str] = []
        self._index: dict[str, int] = {}
        self._copies: dict[str, Future[Path]] = {}

    @property
    def place(self) -> StorePath:
        """The root, as a place whose objects are read from their copies."""
        return replace(self.root, fetched=self)

    def facts(self, place: StorePath) -> Facts:
        """Return what the store said of an object when it was listed; raises MissingInputError if it had none."""
        name = self._name(place)
        with self._lock:
            if name in self._facts:
                return self._facts[name]
        if self._listed is None:
            found = replace(place, fetched=None).facts()
        elif name in self._listed:
            found = self._listed[name]
        elif not name or any(other.startswith(f"{name}/") for other in self._listed):
            return Facts(0, "", is_folder=True)
        else:
            raise MissingInputError("there is no such object in the store", path=place)
        with self._lock:
            if self._facts.setdefault(name, found) is found:
                self._index[name] = len(self._order)
                self._order.append(name)
        return found

    def fetch(self, place: StorePath) -> Path:
        """Return the local copy of an object that was found, and begin with those that were found after it.

        Raises
        ------
        CorruptDataError
            If another number of bytes came than the store said.
        """
        name = self._name(place)
        self.facts(place)
        with self._lock:
            first, ahead = self._index[name], 0
            for other in self._order[first : first + _AT_ONCE]:
                if other not in self._copies and (other == name or ahead <= _AHEAD_BYTES):
                    self._copies[other] = self._pool.submit(self._copy, other)
                ahead += self._facts[other].size_bytes or 0
            copy = self._copies[name]
        try:
            return copy.result()
        except BaseException:
            # Who asks again is to have another try.
            with self._lock:
                if self._copies.get(name) is copy:
                    del self._copies[name]
            raise

    def local(self, place: StorePath) -> Path:
        """Return where the copy of an object, or of a folder of them, is, if it was fetched."""
        return self._scratch.path / self._name(place)

    def check_room(self, size_bytes: int) -> None:
        """Raise StoreError if there is less room for the copies than that."""
        self._scratch.check_room(size_bytes)

    def close(self) -> None:
        """Remove the copies."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._scratch.close()

    def _copy(self, name: str) -> Path:
        place, copy = self.root / name, self._scratch.path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        place.get_file(copy)
        size, expected = copy.stat().st_size, self._facts[name].size_bytes
        if expected is not None and size != expected:
            raise CorruptDataError(
                f"{size} bytes came, the store said {expected}: it was cut short on the way, or changed meanwhile; "
                "not filled up: start again",
                path=place,
            )
        return copy

    def _name(self, place: StorePath) -> str:
        return place.relative_to(self.root).as_posix() if place.within != self.root.within else ""
