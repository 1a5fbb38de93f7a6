"""Input files: regular, not empty, unchanged while they are read, and hashed on demand."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TypeAlias

from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, StoreError, UnsupportedFormatError
from flowroi.stores import AnyPath, StorePath
from flowroi.stores.object import InputObject


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file as it was when it was found; every later opening checks that it is still that file.

    Parameters
    ----------
    path : Path
        Where it is.
    size_bytes, modified_ns : int
        Its size and modification time when it was found.
    """

    path: Path
    size_bytes: int
    modified_ns: int

    @classmethod
    def find(cls, path: Path, *, frame: int | None = None) -> InputFile:
        """Look at a file without opening it: a pipe would block, an empty file holds nothing.

        Raises
        ------
        MissingInputError
            If it is not there or cannot be looked at.
        UnsupportedFormatError
            If it is a pipe, a socket, a device or a folder.
        CorruptDataError
            If it is empty.
        """
        try:
            found = path.stat()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise MissingInputError(
                f"cannot be read ({reason}); check the name and the permissions", path=path, frame=frame
            ) from error
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, socket or device"
            raise UnsupportedFormatError(
                f"is {kind}; expected a regular file; it was not opened", path=path, frame=frame
            )
        if found.st_size == 0:
            raise CorruptDataError(
                "the file is empty (0 bytes); copy it again from where it was written", path=path, frame=frame
            )
        return cls(path, found.st_size, found.st_mtime_ns)

    def open(self, *, frame: int | None = None) -> BufferedReader:
        """Open the file for reading; the caller closes it.

        Raises
        ------
        MissingInputError
            If it cannot be opened any more.
        CorruptDataError
            If it has changed since it was found.
        """
        try:
            handle = self.path.open("rb")
        except OSError as error:
            denied = isinstance(error, PermissionError)
            advice = "check its permissions" if denied else "it was there before: is the disk still mounted?"
            raise MissingInputError(
                f"cannot be opened ({error.strerror}); {advice}",
                path=self.path,
                frame=frame,
            ) from error
        now = os.fstat(handle.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size_bytes, self.modified_ns):
            handle.close()
            raise CorruptDataError(
                f"the file changed while it was being read: {now.st_size} bytes, {self.size_bytes} bytes before; "
                "wait until it is written completely, then start again",
                path=self.path,
                frame=frame,
            )
        return handle

    def sha256(self) -> str:
        """SHA-256 of the content, in hexadecimal, read in pieces."""
        with self.open() as handle, located(self.path):
            return hashlib.file_digest(handle, "sha256").hexdigest()


AnyFile: TypeAlias = InputFile | InputObject


def find_file(path: AnyPath, *, frame: int | None = None) -> AnyFile:
    """Look at a file, or an object in a store; see `InputFile.find` and `InputObject.find` for what it raises."""
    return InputObject.find(path, frame=frame) if isinstance(path, StorePath) else InputFile.find(path, frame=frame)


@contextmanager
def located(path: AnyPath | None, frame: int | None = None) -> Iterator[None]:
    """Put the file and the frame into errors raised without them, and read errors of the system into ours."""
    try:
        yield
    except FlowRoIError as error:
        if error.path is not None or (error.frame is not None and path is None):
            raise
        raise type(error)(error.message, path=path, frame=frame if error.frame is None else error.frame) from error
    except StoreError:
        raise
    except OSError as error:
        raise CorruptDataError(
            f"reading failed ({error.strerror or error}); nothing was made up in its place: check the disk, "
            "then start again",
            path=path,
            frame=frame,
        ) from error
