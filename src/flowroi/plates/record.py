"""`plate.json`: what a compressed plate holds, canonical JSON with its own digest; and `COMPLETE`, written after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowroi.archives.atomic import sync
from flowroi.archives.folder_files import is_there, read_regular
from flowroi.archives.manifest import COMPLETE_NAME, check_complete, complete_mark, sealed, unsealed_document
from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError
from flowroi.plates.base import Position
from flowroi.plates.storage import PLATE_FORMATS, place_of
from flowroi.stores import AnyPath, StorePath

RECORD_NAME = "plate.json"
FORMAT = "flowroi-plate"
FORMAT_VERSION = 1
# 1,536 wells of a hundred fields are described in 40 MB.
_LARGEST_BYTES = 1 << 28
_TEXTS = ("archive", "name", "flowroi", "digest")


def write_record(root: AnyPath, content: dict[str, Any]) -> dict[str, Any]:
    """Write `plate.json`, then `COMPLETE`, each flushed to the disk before the next step.

    Parameters
    ----------
    root : Path or StorePath
        The plate's folder, with all else in it.
    content : dict
        The record without format, version and digest.

    Returns
    -------
    dict
        The record.
    """
    data = sealed({**content, "format": FORMAT, "format_version": FORMAT_VERSION})
    record = unsealed_document(data, root / RECORD_NAME)
    # An older mark must not stand beside a newer record.
    (root / COMPLETE_NAME).unlink(missing_ok=True)
    for name, bytes_of in ((RECORD_NAME, data), (COMPLETE_NAME, complete_mark(record["digest"]))):
        write_durably(root / name, bytes_of)
        if isinstance(root, Path):
            sync(root)
    return record


def write_durably(path: AnyPath, data: bytes) -> None:
    """Write a file and flush it to the disk; or put an object, and read it back."""
    if isinstance(path, StorePath):
        from flowroi.stores.upload import put

        put(path, data)
        return
    path.write_bytes(data)
    sync(path)


def is_record_there(root: AnyPath) -> bool:
    """Whether a folder is a plate of ours, finished or not: it has a record."""
    return is_there(root / RECORD_NAME)


def is_marked_complete(root: AnyPath) -> bool:
    """Whether a folder was finished as a plate of ours, be it damaged since: it has a record and the mark."""
    return is_record_there(root) and is_there(root / COMPLETE_NAME)


def read_record(root: AnyPath) -> dict[str, Any]:
    """Read and check `plate.json` and the mark that the plate is complete.

    Raises
    ------
    UnsupportedFormatError
        If there is none, or it is of a later version.
    CorruptDataError
        If it is damaged, or the plate was not finished.
    """
    path = root / RECORD_NAME
    if not is_there(path):
        raise UnsupportedFormatError(f"a folder without {RECORD_NAME}, so not a compressed plate of ours", path=root)
    record = unsealed_document(read_regular(path, _LARGEST_BYTES), path)
    if record.get("format") != FORMAT:
        raise UnsupportedFormatError("there is a record, but not of a FlowRoI plate", path=path)
    version = record.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise UnsupportedFormatError(f"plate format version {version!r}; this release reads 1: update", path=path)
    _check(record, path)
    check_complete(root, record["digest"])
    return record


def positions_of(record: dict[str, Any], kind: str = "positions") -> dict[Position, dict[str, Any]]:
    """Return what a record says of each position, in plate order: of those stored, or of those `skipped`."""
    return {Position(entry["well"], entry["field"]): entry for entry in record[kind]}


def _check(record: dict[str, Any], path: AnyPath) -> None:
    """Raise CorruptDataError unless a record says what records say: its digest alone does not tell who made it."""
    try:
        sound = (
            all(isinstance(record[name], str) for name in _TEXTS)
            and record["archive"] in PLATE_FORMATS
            and isinstance(record["settings"], dict)
            and isinstance(record["codecs"], dict)
            and all(isinstance(text, str) for text in record["warnings"])
            and all(_is_file(file) for file in record["files"])
            and all(_is_position(entry, record["archive"]) for entry in record["positions"])
            and all(isinstance(entry["reason"], str) for entry in record["skipped"])
            and len(positions_of(record)) == len(record["positions"]) > 0
            and not positions_of(record).keys() & positions_of(record, "skipped").keys()
        )
    except (KeyError, TypeError, AttributeError, FlowRoIError):
        sound = False
    if not sound:
        raise CorruptDataError("the record does not say what records of plates say; nothing was read", path=path)


def _is_position(entry: dict[str, Any], plate_format: Any) -> bool:
    # The place follows from the position: no name in a record leads anywhere else.
    place = place_of(Position(entry["well"], entry["field"]), plate_format)
    return bool(entry["path"] == place and isinstance(entry["digest"], str) and entry["frames"] > 0)


def _is_file(file: dict[str, Any]) -> bool:
    parts = file["name"].split("/")
    plain = all(part not in ("", ".", "..") and "\\" not in part and "\0" not in part for part in parts)
    return bool(plain and isinstance(file["size_bytes"], int) and isinstance(file["sha256"], str))
