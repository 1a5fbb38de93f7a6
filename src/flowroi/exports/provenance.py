"""The record of losses that every export carries: an exported movie looks lossless, and its losses must not be lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

from flowroi.archives.manifest import canonical_json, sha256
from flowroi.archives.ome_xml import PROVENANCE_NAMESPACE, losses_from_pairs
from flowroi.errors import CorruptDataError
from flowroi.exports.png_text import read_text
from flowroi.stores import AnyPath

RECORD_FORMAT = "flowroi-export"
RECORD_VERSION = 1
# The key of the record in an OME-TIFF's MapAnnotation, beside what people read there.
RECORD_KEY = "record"
# The key of the record in the attributes of an OME-Zarr group.
ATTRIBUTE = "flowroi"
# The record's file in a folder of PNG files.
RECORD_NAME = "provenance.json"
# What the manifest says of how the archive is stored: none of it is true of an export.
_OF_THE_ARCHIVE = ("digest", "files", "format", "format_version", "frames", "masks_kept", "shape")
_MOST_BYTES = 1 << 28
_TIFF = (".tif", ".tiff")


def record_of(manifest: dict[str, Any], frames: range) -> dict[str, Any]:
    """Return what an export says of the archive that it comes from.

    Parameters
    ----------
    manifest : dict
        The archive's.
    frames : range
        The frames that are exported.

    Returns
    -------
    dict
        JSON values: everything the manifest says of the movie, its losses and their settings, its sources and codecs,
        but nothing of how the archive stored it; and a digest of its own.

    Examples
    --------
    >>> made = record_of({"lossy": True, "lossy_method": ["a"], "lossy_ratio": [8.0], "digest": "sha256:0"}, range(2))
    >>> made["lossy_ratio"], made["frames"], made["archive_digest"]
    ([8.0], [0, 2], 'sha256:0')
    """
    kept = {key: value for key, value in manifest.items() if key not in _OF_THE_ARCHIVE}
    record = {
        **kept,
        "format": RECORD_FORMAT,
        "format_version": RECORD_VERSION,
        "archive_digest": manifest["digest"],
        "frames": [frames.start, frames.stop],
        "gaps": [
            {**gap, "before": gap["before"] - frames.start}
            for gap in manifest.get("gaps", [])
            if frames.start < gap["before"] < frames.stop
        ],
    }
    return {**record, "digest": _digest(record)}


def short_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without the list of source files: short enough to go into every file of a folder."""
    short = {key: value for key, value in record.items() if key not in ("digest", "gaps", "warnings")}
    short["source"] = {**record.get("source", {}), "files": []}
    return {**short, "digest": _digest(short)}


def read(path: AnyPath) -> dict[str, Any] | None:
    """Return what a file of pixels says of the lossy codings of ours that it went through, or None if it says nothing.

    Parameters
    ----------
    path : Path or StorePath
        An OME-TIFF, an OME-Zarr (or an array of one), a PNG folder, or one PNG file.

    Returns
    -------
    dict or None
        Of an export its whole record. Where another program copied an archive's pixels and metadata, only what stands
        there. In both: `lossy` (bool), `lossy_method` (list of str), `lossy_ratio` (list of float or None).

    Raises
    ------
    CorruptDataError
        If there is a record, but a damaged one: what the movie went through cannot be told then.
    """
    found = _found(path)
    if found is None:
        return None
    where, record = found
    if isinstance(record, str | bytes):
        try:
            record = json.loads(record)
        except (ValueError, RecursionError) as error:
            raise _damaged(where, f"is not readable JSON ({error})") from error
    if not isinstance(record, dict) or record.get("format", RECORD_FORMAT) != RECORD_FORMAT:
        return None
    if "format" in record:
        unsealed = {key: value for key, value in record.items() if key != "digest"}
        if record.get("digest") != _digest(unsealed):
            raise _damaged(where, "does not fit its own digest")
    methods, ratios = record.get("lossy_method"), record.get("lossy_ratio")
    if isinstance(record.get("lossy"), bool) and isinstance(methods, list) and isinstance(ratios, list):
        return record
    if "format" in record:
        raise _damaged(where, "does not say which losses there were")
    return None


def _damaged(path: AnyPath, what: str) -> CorruptDataError:
    return CorruptDataError(
        f"this is an export of an archive of ours, but its record of losses {what}: export it again", path=path
    )


def _digest(record: dict[str, Any]) -> str:
    return f"sha256:{sha256(canonical_json(record))}"


def _found(path: AnyPath) -> tuple[AnyPath, Any] | None:
    """Return where the record stands, and it: text of JSON, or what was read of it already."""
    if path.is_dir():
        if not _is_zarr(path):
            return _of_png_folder(path) if isinstance(path, Path) else None
        return _of_attributes(path) or _of_attributes(path.parent)
    suffix = path.suffix.lower()
    if not isinstance(path, Path) or not path.is_file() or suffix not in (*_TIFF, ".png"):
        return None
    found = _of_tiff(path) if suffix in _TIFF else read_text(path, PROVENANCE_NAMESPACE)
    return None if found is None else (path, found)


def _of_png_folder(folder: Path) -> tuple[Path, Any] | None:
    file = folder / RECORD_NAME
    if file.is_file() and file.stat().st_size <= _MOST_BYTES:
        return file, file.read_bytes()
    first = next(iter(sorted(folder.glob("*.png"))), None)
    text = None if first is None else read_text(first, PROVENANCE_NAMESPACE)
    return None if first is None or text is None else (first, text)


def _is_zarr(folder: AnyPath) -> bool:
    return any((folder / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _of_attributes(folder: AnyPath) -> tuple[AnyPath, Any] | None:
    """Return the record in the attributes of a group, of Zarr v3 or v2."""
    for name in ("zarr.json", ".zattrs"):
        file = folder / name
        if not file.is_file() or _size_of(file) > _MOST_BYTES:
            continue
        try:
            node = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            # Whoever reads the pixels says what is wrong with it.
            return None
        attributes = node.get("attributes") if name == "zarr.json" and isinstance(node, dict) else node
        record = attributes.get(ATTRIBUTE) if isinstance(attributes, dict) else None
        if record is not None:
            return file, record
    return None


def _size_of(file: AnyPath) -> int:
    return file.stat().st_size if isinstance(file, Path) else file.facts().size_bytes or 0


def _of_tiff(path: Path) -> Any:
    """Return the record in the OME-XML of a TIFF file."""
    try:
        with tifffile.TiffFile(path, is_ome=False) as tiff:
            xml = str(tiff.pages.first.description)
    except Exception:
        # Whoever reads the pixels says what is wrong with it.
        return None
    if PROVENANCE_NAMESPACE not in xml or "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return None
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314
    except ElementTree.ParseError:
        return None
    for annotation in root.iterfind(".//{*}MapAnnotation"):
        if annotation.get("Namespace") == PROVENANCE_NAMESPACE:
            pairs = {pair.get("K"): pair.text or "" for pair in annotation.iterfind("{*}Value/{*}M")}
            return pairs.get(RECORD_KEY) or losses_from_pairs(pairs)
    return None
