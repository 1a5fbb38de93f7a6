"""Whether a folder is an archive of ours, and nothing but that: only such a one is replaced, whatever was asked for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from flowroi.archives.folder_files import names_within, read_regular
from flowroi.archives.manifest import COMPLETE_NAME, FORMAT, MANIFEST_NAME, parse
from flowroi.errors import FlowRoIError, OutputExistsError, printable
from flowroi.stores import AnyPath

# What archives of ours have in their folders, for one whose manifest is damaged; a star stands for any folders between.
NAMES = (
    MANIFEST_NAME,
    COMPLETE_NAME,
    "*.jp2",
    "roi/*_roi.png",
    "t??????.mkv",
    "zarr.json",
    ".zgroup",
    ".zattrs",
    "0/*",
    "labels/*",
)
_LARGEST_BYTES = 1 << 30


def refuse_foreign(target: AnyPath) -> None:
    """Raise OutputExistsError if a folder that is to be replaced holds anything that no archive of ours has.

    A file, an empty folder, and nothing at all pass.
    """
    if isinstance(target, Path) and (target.is_symlink() or not target.is_dir()):
        return
    names = list(names_within(target))
    if not names:
        return
    own = _names_in_manifest(target)
    if own is not None:
        foreign = next((n for n in names if n not in own), None)
    else:
        foreign = next((n for n in names if not any(fnmatchcase(n, pattern) for pattern in NAMES)), None)
        if foreign is None and not _has_our_manifest(target):
            foreign = names[0]
    if foreign is not None:
        raise OutputExistsError(
            f"the folder holds {printable(foreign)!r}, which is not of an archive of ours; not replaced, nothing was "
            "written: choose another name, or remove the folder yourself",
            path=target,
        )


def _names_in_manifest(folder: AnyPath) -> set[str] | None:
    """Return the names of all files that an archive's manifest tells; None where it is damaged, or not there."""
    file = folder / MANIFEST_NAME
    try:
        manifest = parse(read_regular(file, _LARGEST_BYTES), file)
    except FlowRoIError:
        return None
    names = {MANIFEST_NAME, COMPLETE_NAME, *(entry["name"] for entry in manifest["files"])}
    if manifest["archive"] == "jp2":
        for frame in manifest["frames"]:
            names |= {f"{frame['name']}.jp2", f"roi/{frame['name']}_roi.png"}
    elif manifest["archive"] == "ome-zarr-0.4":
        from flowroi.archives.zarr_chunks import chunk_name

        names |= {chunk_name("0", t) for t in range(len(manifest["frames"]))}
    return names


def _has_our_manifest(folder: AnyPath) -> bool:
    try:
        return f'"format":"{FORMAT}"'.encode() in read_regular(folder / MANIFEST_NAME, _LARGEST_BYTES)
    except FlowRoIError:
        return False
