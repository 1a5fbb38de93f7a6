"""An object of a store as an input file: not empty, unchanged while it is read, and hashed on demand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.stores.path import Facts, StorePath


@dataclass(frozen=True, slots=True)
class InputObject:
    """As `InputFile`, of a store.

    Parameters
    ----------
    path : StorePath
    size_bytes : int
    facts : Facts
        What the store said of it when it was found.
    """

    path: StorePath
    size_bytes: int
    facts: Facts

    @classmethod
    def find(cls, path: StorePath, *, frame: int | None = None) -> InputObject:
        """Ask the store for an object.

        Raises
        ------
        MissingInputError
            If it is not there, or may not be read.
        UnsupportedFormatError
            If it is a folder, or the store does not tell its size.
        CorruptDataError
            If it is empty.
        """
        facts = path.facts()
        if facts.is_folder or facts.size_bytes is None:
            what = "a folder" if facts.is_folder else "of a size that the store does not tell"
            raise UnsupportedFormatError(f"is {what}; expected an object; it was not opened", path=path, frame=frame)
        if facts.size_bytes == 0:
            raise CorruptDataError(
                "the object is empty (0 bytes); copy it again from where it was written", path=path, frame=frame
            )
        return cls(path, facts.size_bytes, facts)

    def open(self, *, frame: int | None = None) -> BinaryIO:
        """Open the object for reading; the caller closes it.

        Raises
        ------
        MissingInputError
            If it is not there any more.
        CorruptDataError
            If it has changed since it was found.
        """
        now = self.path.facts()
        if now != self.facts:
            raise CorruptDataError(
                f"the object changed while it was being read: {now.size_bytes} bytes, {self.size_bytes} bytes before; "
                "wait until it is written completely, then start again",
                path=self.path,
                frame=frame,
            )
        return self.path.open()

    def sha256(self) -> str:
        """SHA-256 of the content, in hexadecimal, read in pieces."""
        with self.open() as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()  # type: ignore[arg-type] # it has readinto
