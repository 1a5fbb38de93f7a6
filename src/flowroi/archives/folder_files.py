"""The files of an archive that is a folder: regular ones, each known, none beside them; or objects in a store."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from flowroi.errors import CorruptDataError, MissingInputError, printable
from flowroi.stores import AnyPath, StorePath

_BLOCK = 1 << 20


@contextmanager
def opened_regular(path: AnyPath, *, follow: bool = False) -> Iterator[BinaryIO]:
    """Open a file for reading; a pipe is not waited for, a link only followed where the user gave it (`follow`).

    Raises
    ------
    MissingInputError
        If it is not there.
    CorruptDataError
        If it is no regular file, or cannot be read.
    """
    if isinstance(path, StorePath):
        with path.open() as file:
            yield file
        return
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except FileNotFoundError as error:
        raise MissingInputError("a file of the archive is missing", path=path) from error
    except OSError as error:
        kind = "is a link, which no archive of ours has" if path.is_symlink() else f"cannot be read ({error.strerror})"
        raise CorruptDataError(kind, path=path) from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise CorruptDataError("is no regular file, which all files of an archive are", path=path)
        try:
            yield file
        except OSError as error:
            raise CorruptDataError(f"reading failed ({error.strerror or error})", path=path) from error


def read_regular(path: AnyPath, most_bytes: int) -> bytes:
    """Return a file's bytes, at most so many and one; see `opened_regular` for what it raises."""
    if isinstance(path, StorePath):
        data = path.read_part(0, most_bytes + 1)
    else:
        with opened_regular(path) as file:
            # A manifest may claim any size; no more than what is there is allocated.
            data = file.read(min(most_bytes, os.fstat(file.fileno()).st_size) + 1)
    if len(data) > most_bytes:
        raise CorruptDataError(f"has more than the {most_bytes} bytes that it can have", path=path)
    return data


def read_part(path: AnyPath, start: int, size: int) -> bytes:
    """Return a part of a file, less where it ends before; see `opened_regular` for what it raises."""
    if isinstance(path, StorePath):
        return path.read_part(start, size)
    with opened_regular(path) as file:
        # A manifest may claim any size; only what is there is allocated.
        there = file.seek(0, os.SEEK_END)
        file.seek(min(start, there))
        return file.read(min(size, there))


def digest_of_regular(path: AnyPath) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256; see `opened_regular` for what it raises."""
    if isinstance(path, StorePath):
        return path.digest()
    with opened_regular(path) as file:
        digest, size = sha256(), 0
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def is_there(path: AnyPath) -> bool:
    """Whether there is anything under a name, be it a link that leads nowhere."""
    return path.exists() if isinstance(path, StorePath) else os.path.lexists(path)


def names_within(folder: AnyPath) -> Iterator[str]:
    """Yield the names within a folder of all but folders, with `/` between the parts; links are not followed."""
    if isinstance(folder, StorePath):
        yield from folder.names_below()
        return
    pending = [""]
    while pending:
        within = pending.pop()
        with os.scandir(folder / within) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{within}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{name}/")
                else:
                    yield name


def faults_of_files(folder: AnyPath, known: Mapping[str, tuple[int, str] | None]) -> Iterator[tuple[str, str]]:
    """Yield the name of each file that is not what was written, and what is wrong with it.

    Parameters
    ----------
    folder : Path
    known : mapping
        Size in bytes and SHA-256 of every file by its name within the folder; None for those that are checked
        elsewhere.
    """
    # A web server is asked for each; what else it may have, nobody tells.
    is_told = not isinstance(folder, StorePath) or folder.lists
    there = set(names_within(folder) if is_told else known)
    for name in sorted(there - set(known)):
        yield name, "is in the archive's folder, but not of the archive"
    for name, facts in sorted(known.items()):
        if facts is None:
            continue
        if name not in there:
            yield name, "is missing"
            continue
        try:
            seen = digest_of_regular(folder / name)
        except (CorruptDataError, MissingInputError) as error:
            yield name, error.message
            continue
        if seen != facts:
            yield name, f"is not what was written: {seen[0]} bytes, {facts[0]} written"


def within(folder: Path, name: str) -> Path:
    """Return the path of a file of a folder; raises CorruptDataError for a name that leads out of it."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise CorruptDataError(f"the file name {printable(name)!r} leads out of the archive", path=folder)
    return folder.joinpath(*parts)
