"""A place in a store, with as much of what a `pathlib.Path` can do as readers of OME-Zarr ask of one."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from flowroi.errors import MissingInputError, StoreError, UnsupportedFormatError
from flowroi.stores.access import open_store, told
from flowroi.stores.url import WEB, refuse_half_url, shown_url, split_url

if TYPE_CHECKING:
    from flowroi.stores.fetched import Fetched

# What is read at once of an object that is read through.
BLOCK_BYTES = 1 << 23


@dataclass(frozen=True, slots=True)
class Facts:
    """What a store says of an object: its size in bytes (None where it does not tell), and what changes with it."""

    size_bytes: int | None
    version: str
    is_folder: bool = False

    @classmethod
    def of(cls, info: dict[str, Any]) -> Facts:
        """Read what fsspec tells of an object."""
        names = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "mtime", "created", "mtag")
        version = "|".join(f"{name}={info[name]}" for name in names if info.get(name) is not None)
        return cls(info.get("size"), version, info.get("type") == "directory")


@dataclass(frozen=True, slots=True, repr=False)
class StorePath:
    """An object in a store, or all objects below a name.

    It can be pickled: what opens the store is the URL. `str` of it is the URL without credentials.

    Parameters
    ----------
    protocol : str
    within : str
        Bucket (or server) and name, with `/` between the parts.
    scratch : Path, optional
        The local folder for what is on its way to or from the store; the system's temporary one by default.
    fetched : Fetched, optional
        The local copies of the objects, where they are fetched as a whole.
    """

    protocol: str
    within: str
    scratch: Path | None = field(default=None, compare=False)
    fetched: Fetched | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return shown_url(self.url)

    def __repr__(self) -> str:
        return f"StorePath({str(self)!r})"

    @property
    def url(self) -> str:
        """The URL with all that stands in it: not to be shown."""
        return f"{self.protocol}://{self.within}"

    @property
    def lists(self) -> bool:
        """Whether it is asked what it holds: web servers are not."""
        return self.protocol not in WEB

    @property
    def parts(self) -> tuple[str, ...]:
        """Bucket (or server), and the parts of the name."""
        return tuple(self.within.split("/"))

    @property
    def name(self) -> str:
        """The last part."""
        return self.parts[-1]

    @property
    def suffix(self) -> str:
        """The end of the name from its last point on."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> StorePath:
        """What it is in; a bucket is in itself."""
        above = self.within.rpartition("/")[0] or self.within
        inside = self.fetched is not None and f"{above}/".startswith(f"{self.fetched.root.within}/")
        return replace(self, within=above, fetched=self.fetched if inside else None)

    def __truediv__(self, name: str | PurePosixPath) -> StorePath:
        return self.joinpath(*str(name).split("/"))

    def joinpath(self, *parts: str) -> StorePath:
        """Return what is below under a name; parts that lead elsewhere are refused with UnsupportedFormatError."""
        kept = [part for part in parts if part not in ("", ".")]
        if any(part == ".." or "/" in part or "\0" in part for part in kept):
            raise UnsupportedFormatError(f"the name {'/'.join(parts)[:80]!r} leads out of the folder", path=str(self))
        return replace(self, within="/".join((self.within, *kept)))

    def with_name(self, name: str) -> StorePath:
        """Return what stands beside it under another name."""
        return self.parent / name

    def resolve(self) -> StorePath:
        """Return it as it is: stores have no links."""
        return self

    def is_symlink(self) -> bool:
        """No, never."""
        return False

    def is_relative_to(self, other: StorePath) -> bool:
        """Whether it is another one, or lies below."""
        return self.protocol == other.protocol and f"{self.within}/".startswith(f"{other.within}/")

    def relative_to(self, other: StorePath) -> PurePosixPath:
        """Return its name below another one; raises ValueError if it is not there."""
        if not self.is_relative_to(other):
            raise ValueError(f"{self} is not below {other}")
        return PurePosixPath(self.within[len(other.within) + 1 :])

    def facts(self) -> Facts:
        """Return what the store says of the object; raises MissingInputError if it is not there, or denied."""
        if self.fetched is not None:
            return self.fetched.facts(self)
        store, path = self._open()
        with told(self.url):
            # What this process knew of it may not be true any more.
            store.invalidate_cache()
            return Facts.of(store.info(path))

    def exists(self) -> bool:
        """Whether the store has it; an error is no answer, but of web servers denial is: they say it of what is not."""
        try:
            self.facts()
        except MissingInputError as error:
            if isinstance(error.__cause__, PermissionError) and self.lists:
                raise
            return False
        return True

    def is_file(self) -> bool:
        """Whether it is an object."""
        try:
            return not self.facts().is_folder
        except MissingInputError:
            return False

    def is_dir(self) -> bool:
        """Whether there are objects below; web servers that list nothing are asked for the metadata of a Zarr node."""
        if not self.lists:
            return any((self / name).exists() for name in ("zarr.json", ".zgroup", ".zarray", ".zattrs"))
        try:
            return self.facts().is_folder
        except MissingInputError as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            return False

    def iterdir(self) -> Iterator[StorePath]:
        """Yield what is right below, in order of the names."""
        store, path = self._listed()
        with told(self.url):
            found = sorted(str(name).rstrip("/").rpartition("/")[2] for name in store.ls(path, detail=False))
        yield from (self / name for name in found if name)

    def names_below(self) -> dict[str, Facts]:
        """Return what the store says of every object below, by its name from here; nothing where there is none."""
        store, path = self._listed()
        with told(self.url):
            found = store.find(path, detail=True)
        start = f"{path.rstrip('/')}/"
        return {
            name: Facts.of(info)
            for key, info in sorted(found.items())
            # What consoles make for a folder ends in a slash, and holds nothing.
            if key.startswith(start) and (name := key[len(start) :]) and not name.endswith("/")
        }

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open the object for reading, from its local copy where it is fetched."""
        if mode != "rb":
            raise ValueError(f"mode is {mode!r}; expected 'rb'")
        if self.fetched is not None:
            return self.fetched.fetch(self).open("rb")
        return cast("BinaryIO", io.BufferedReader(_Reading(self), BLOCK_BYTES))

    def local(self) -> Path:
        """Return where the copy is, of an object that was fetched or of a folder of such."""
        if self.fetched is None:
            raise ValueError(f"{self} is not fetched")
        return self.fetched.local(self)

    def read_bytes(self) -> bytes:
        """Return all of the object."""
        with self.open() as file:
            return file.read()

    def read_part(self, start: int, size: int) -> bytes:
        """Return a part of the object in one request; less where it ends before."""
        store, path = self._open()
        if size == 0:
            return b""
        with told(self.url):
            try:
                data: bytes = store.cat_file(path, start=start, end=start + size)
            except (FileNotFoundError, PermissionError):
                raise
            except Exception:
                # Behind the end some stores have an error, others nothing.
                there = self.facts().size_bytes
                if there is None or start < there:
                    raise
                return b""
        # A web server may send all, whatever part of it was asked for.
        return data if len(data) <= size else data[start : start + size]

    def digest(self, expected_bytes: int | None = None) -> tuple[int, str]:
        """Return the object's size in bytes and its SHA-256, read from the store.

        Parameters
        ----------
        expected_bytes : int, optional
            A small object of this size is read in one request.
        """
        if expected_bytes is not None and expected_bytes < BLOCK_BYTES:
            data = self.read_part(0, expected_bytes + 1)
            return len(data), hashlib.sha256(data).hexdigest()
        with self.open() as file:
            digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type] # it has readinto
            return file.tell(), digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Put the object, whatever was there."""
        store, path = self._open()
        with told(self.url):
            store.pipe_file(path, data)

    def create(self, data: bytes) -> bool:
        """Put an object where there is none, in one step if the store can; False if there is one."""
        store, path = self._open()
        with told(self.url):
            try:
                store.pipe_file(path, data, mode="create")
            except (FileNotFoundError, PermissionError):
                raise
            except Exception:
                # Each store refuses in words of its own.
                if self.exists():
                    return False
                raise
        return True

    def write_file(self, local: Path) -> None:
        """Put a local file."""
        store, path = self._open()
        with told(self.url):
            store.put_file(os.fspath(local), path)

    def get_file(self, local: Path) -> None:
        """Copy the object to a local file."""
        store, path = self._open()
        with told(self.url):
            store.get_file(path, os.fspath(local))

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove the object."""
        store, path = self._open()
        try:
            with told(self.url):
                store.rm_file(path)
        except MissingInputError as error:
            if not missing_ok or isinstance(error.__cause__, PermissionError):
                raise

    def _open(self) -> tuple[Any, str]:
        return open_store(self.url)

    def _listed(self) -> tuple[Any, str]:
        if not self.lists:
            raise UnsupportedFormatError("a web server tells no names; expected a store that lists", path=str(self))
        store, path = self._open()
        store.invalidate_cache()
        return store, path


class _Reading(io.RawIOBase):
    """Reads an object part by part, each in a request of its own."""

    def __init__(self, place: StorePath) -> None:
        self._place = place
        self._at = 0
        facts = place.facts()
        if facts.is_folder:
            raise UnsupportedFormatError("is a folder; expected an object", path=str(place))
        self._size = facts.size_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._size is not None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size or 0}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readall(self) -> bytes:
        pieces = []
        while piece := self.read(BLOCK_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        room = len(buffer) if self._size is None else min(len(buffer), max(0, self._size - self._at))
        data = self._place.read_part(self._at, room)
        if self._size is not None and len(data) < room:
            raise StoreError(
                f"{len(data)} of {room} bytes came at byte {self._at}; not filled up: try again", path=str(self._place)
            )
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


AnyPath: TypeAlias = Path | StorePath


def as_path(given: str | os.PathLike[str] | StorePath, *, scratch: str | os.PathLike[str] | None = None) -> AnyPath:
    """Return a URL as a place in a store, anything else (and `file://`) as a path.

    Parameters
    ----------
    given : str, path or StorePath
    scratch : path, optional
        See `StorePath`.

    Raises
    ------
    UnsupportedFormatError
        For a URL that names no folder; see `split_url`.
    InvalidParameterError
        For a URL that was made a Path.

    Examples
    --------
    >>> as_path("s3://raw/plate.ome.zarr").name, as_path("file:///raw/plate.ome.zarr").name
    ('plate.ome.zarr', 'plate.ome.zarr')
    """
    local = None if scratch is None else Path(scratch)
    if isinstance(given, StorePath):
        return given if local is None else replace(given, scratch=local)
    text = os.fspath(given)
    found = split_url(text) if isinstance(text, str) else None
    if found is None:
        path = Path(given)
        if not os.path.lexists(path):
            refuse_half_url(str(path))
        return path
    protocol, within = found
    return Path(within or "/") if protocol == "file" else StorePath(protocol, within, local)


def name_below(path: AnyPath, root: AnyPath) -> str:
    """Return the name of a path below another one, with `/` between its parts; "." for the same one.

    Examples
    --------
    >>> name_below(Path("a/b/c"), Path("a")), name_below(as_path("s3://a/b"), as_path("s3://a"))
    ('b/c', 'b')
    """
    if isinstance(path, StorePath) and isinstance(root, StorePath):
        return path.relative_to(root).as_posix()
    assert isinstance(path, Path)
    assert isinstance(root, Path)
    return path.relative_to(root).as_posix()


def at_once(place: AnyPath) -> ThreadPoolExecutor:
    """Return threads that look at several things at once: a store answers late, a disk does not."""
    return ThreadPoolExecutor(16 if isinstance(place, StorePath) else 1, thread_name_prefix="flowroi-store")
