"""A compressed plate to read: a position opens to the archive of its movie."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Self

from flowroi.archives.base import Archive
from flowroi.archives.folder_files import digest_of_regular
from flowroi.archives.manifest import COMPLETE_NAME
from flowroi.archives.open import open_archive
from flowroi.errors import CorruptDataError, FlowRoIError, InvalidParameterError, MissingInputError, StoreError
from flowroi.plates.base import Position, some_positions
from flowroi.plates.record import RECORD_NAME, is_record_there, positions_of, read_record
from flowroi.plates.storage import PlateFormat, folders_of
from flowroi.stores import AnyPath, StorePath, as_path


class PlateArchive:
    """A plate that FlowRoI compressed: an OME-Zarr plate, or a folder of archives.

    Attributes
    ----------
    path : Path or StorePath
    record : dict
        What `plate.json` says.
    format : str
        "ome-zarr", "ome-zarr-0.4", "ome-tiff", "jp2" or "mkv": of the positions' archives.
    name : str
        Of the plate.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = path
        self.record: dict[str, Any] = read_record(path)
        self.format: PlateFormat = self.record["archive"]
        self.name: str = self.record["name"]
        self._entries = positions_of(self.record)

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every well and field that is stored, in plate order."""
        return tuple(self._entries)

    @property
    def skipped(self) -> tuple[Position, ...]:
        """The wells and fields of the input that are not here, because they could not be compressed."""
        return tuple(positions_of(self.record, "skipped"))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Position]:
        return iter(self._entries)

    def place(self, position: Position) -> AnyPath:
        """Return where a position's archive is; raises InvalidParameterError if the plate has no such position."""
        if position not in self._entries:
            raise InvalidParameterError(
                f"the plate has no position {position}; it has {some_positions(self.positions)}", path=self.path
            )
        return self.path.joinpath(*self._entries[position]["path"].split("/"))

    def open(self, position: Position) -> Archive:
        """Open a position's archive; the caller closes it.

        Raises
        ------
        InvalidParameterError
            If the plate has no such position.
        MissingInputError, UnsupportedFormatError, CorruptDataError
            As `open_archive`; CorruptDataError, too, if it is not the archive that belongs to the plate.
        """
        place = self.place(position)
        if place.resolve() != self.path.resolve().joinpath(*self._entries[position]["path"].split("/")):
            raise CorruptDataError("is reached through a link, which no plate of ours has", path=place)
        archive = open_archive(place)
        if archive.manifest["digest"] != self._entries[position]["digest"]:
            archive.close()
            raise CorruptDataError(
                "the archive is not the one that the plate was finished with: it was exchanged, or made anew",
                path=place,
            )
        return archive

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the plate around its archives: a name within it, and what is wrong with it.

        Archives that are missing, exchanged or damaged at their manifest; files of the plate that are missing or not
        what was written; anything that is not of the plate.
        """
        files = {file["name"]: (file["size_bytes"], file["sha256"]) for file in self.record["files"]}
        places = {entry["path"] for entry in self._entries.values()}
        folders = set(folders_of(self.format, self.positions))
        known = {*files, *places, *folders, RECORD_NAME, COMPLETE_NAME}
        for folder in ("", *sorted(folders)):
            yield from self._strays(folder, known)
        for name, facts in sorted(files.items()):
            try:
                seen = digest_of_regular(self.path / name)
            except (CorruptDataError, MissingInputError) as error:
                yield name, error.message
                continue
            if seen != facts:
                yield name, f"is not what was written: {seen[0]} bytes, {facts[0]} written"
        for position, entry in self._entries.items():
            try:
                self.open(position).close()
            except FlowRoIError as error:
                yield entry["path"], error.message

    def _strays(self, folder: str, known: set[str]) -> Iterator[tuple[str, str]]:
        if isinstance(self.path, StorePath) and not self.path.lists:
            return
        try:
            names = sorted(path.name for path in (self.path / folder).iterdir())
        except StoreError:
            raise
        except OSError as error:
            yield folder, f"cannot be read ({error.strerror})"
            return
        for name in names:
            within = f"{folder}/{name}" if folder else name
            if within not in known:
                yield within, "is in the plate's folder, but not of the plate"

    def close(self) -> None:
        """Nothing is kept open; the archives are closed by who opened them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_plate_archive(path: str | PathLike[str] | StorePath) -> bool:
    """Whether a path, or a URL, is a plate that FlowRoI compressed, intact or not."""
    place = as_path(path)
    return (isinstance(place, StorePath) or place.is_dir()) and is_record_there(place)


def open_plate_archive(path: str | PathLike[str] | StorePath) -> PlateArchive:
    """Open a compressed plate for lazy reading.

    Raises
    ------
    MissingInputError
        If there is no such folder.
    UnsupportedFormatError
        If it is no compressed plate.
    CorruptDataError
        If its record is damaged, or it was not finished.
    """
    place = as_path(path)
    if isinstance(place, Path) and not place.is_dir():
        raise MissingInputError("there is no such folder; expected a compressed plate", path=place)
    return PlateArchive(place)
