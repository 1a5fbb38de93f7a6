"""Reads the JSON that describes a Zarr group or array: from inside its folder only, and never too much of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flowroi.errors import CorruptDataError, MissingInputError, UnsupportedFormatError
from flowroi.limits import MAX_METADATA_BYTES
from flowroi.sources.files import AnyFile, find_file
from flowroi.sources.names import text_name
from flowroi.stores import AnyPath, StorePath
from flowroi.stores.path import name_below

_V3, _ARRAY, _GROUP, _ATTRIBUTES = "zarr.json", ".zarray", ".zgroup", ".zattrs"


@dataclass(frozen=True, slots=True)
class Node:
    """A group or an array of a Zarr hierarchy.

    Parameters
    ----------
    root : Path or StorePath
        The folder that was given; nothing outside it is read.
    path : Path or StorePath
        The folder of the node.
    version : int
        Zarr format, 2 or 3.
    is_array : bool
    metadata : dict
        `zarr.json`, `.zarray` or `.zgroup`.
    attributes : dict
        Of the user; `.zattrs` in version 2.
    files : tuple of AnyFile
        What they were read from.
    """

    root: AnyPath
    path: AnyPath
    version: int
    is_array: bool
    metadata: dict[str, Any]
    attributes: dict[str, Any]
    files: tuple[AnyFile, ...]


def is_zarr(folder: AnyPath) -> bool:
    """Whether a folder is a Zarr group or array."""
    return any((folder / name).exists() for name in (_V3, _ARRAY, _GROUP, _ATTRIBUTES))


def read_node(root: AnyPath, key: str = "") -> Node:
    """Read what describes the group or array under a key.

    Parameters
    ----------
    root : Path or StorePath
        The folder that was given.
    key : str
        Names with "/" between them; "" is the root itself.

    Raises
    ------
    UnsupportedFormatError
        If the key or a link leads out of the root, or the metadata is too large.
    MissingInputError
        If nothing is there.
    CorruptDataError
        If the metadata is damaged.
    """
    folder = inside(root, key)
    if (folder / _V3).exists():
        metadata, file = _read_json(root, folder, _V3)
        if metadata.get("zarr_format") != 3 or metadata.get("node_type") not in ("array", "group"):
            raise CorruptDataError(
                "is not the metadata of a Zarr v3 group or array: copy the folder again", path=file.path
            )
        attributes = metadata.get("attributes", {})
        return Node(root, folder, 3, metadata["node_type"] == "array", metadata, _mapping(attributes, file), (file,))
    is_array = (folder / _ARRAY).exists()
    if not is_array and not (folder / _GROUP).exists():
        raise MissingInputError(
            f"no {_V3}, {_ARRAY} or {_GROUP}: no Zarr group or array is there; nothing was read: copy the folder "
            "again, with its hidden files",
            path=folder,
        )
    metadata, file = _read_json(root, folder, _ARRAY if is_array else _GROUP)
    if metadata.get("zarr_format") != 2:
        raise CorruptDataError("is not the metadata of a Zarr v2 group or array: copy it again", path=file.path)
    files, attributes = [file], {}
    if (folder / _ATTRIBUTES).exists():
        attributes, file = _read_json(root, folder, _ATTRIBUTES)
        files.append(file)
    return Node(root, folder, 2, is_array, metadata, attributes, tuple(files))


def inside(root: AnyPath, key: str) -> AnyPath:
    """Return the path of a key below a root, wherever its links lead: within the root, or it is refused.

    Raises
    ------
    UnsupportedFormatError
        If the key is absolute, has a `..`, or a link on the way leads out of the root.
    """
    parts = key.split("/") if key else []
    if "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise UnsupportedFormatError(
            f"the metadata refers to {text_name(key)!r}; expected a path below the folder; it was not opened", path=root
        )
    path = root.joinpath(*parts)
    if isinstance(path, StorePath) or isinstance(root, StorePath):
        # Stores have no links.
        return path
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise UnsupportedFormatError("is a symbolic link to itself; it was not followed", path=path) from error
    if not real.is_relative_to(root.resolve()):
        raise UnsupportedFormatError(
            f"is a symbolic link out of the folder, to {text_name(str(real))}; it was not followed: copy the data "
            "into the folder",
            path=path,
        )
    return path


def _read_json(root: AnyPath, folder: AnyPath, name: str) -> tuple[dict[str, Any], AnyFile]:
    key = name_below(folder / name, root)
    file = find_file(inside(root, key))
    if file.size_bytes > MAX_METADATA_BYTES:
        raise UnsupportedFormatError(
            f"{file.size_bytes} bytes of metadata, above the limit of {MAX_METADATA_BYTES}; not read", path=file.path
        )
    with file.open() as handle:
        text = handle.read()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"is no readable JSON ({error}): copy the folder again", path=file.path) from error
    return _mapping(value, file), file


def _mapping(value: Any, file: AnyFile) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CorruptDataError(f"holds a {type(value).__name__}; expected a JSON object", path=file.path)
    return value
