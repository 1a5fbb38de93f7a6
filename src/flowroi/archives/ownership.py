"""Whether a folder is an archive of ours: only such a one is replaced, whatever was asked for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from flowroi.archives.folder_files import names_within, read_regular
from flowroi.archives.manifest import FORMAT, MANIFEST_NAME
from flowroi.errors import FlowRoIError, OutputExistsError, printable

# What archives of ours have in their folders; a star stands for any folders between, too.
_NAMES = (
    MANIFEST_NAME,
    "COMPLETE",
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


def refuse_foreign(target: Path) -> None:
    """Raise OutputExistsError if a folder that is to be replaced holds anything that no archive of ours has.

    A file, an empty folder, and nothing at all pass.
    """
    if target.is_symlink() or not target.is_dir():
        return
    names = list(names_within(target))
    if not names:
        return
    foreign = next((n for n in names if not any(fnmatchcase(n, pattern) for pattern in _NAMES)), None)
    if foreign is None and not _has_our_manifest(target):
        foreign = names[0]
    if foreign is not None:
        raise OutputExistsError(
            f"the folder holds {printable(foreign)!r}, which is not of an archive of ours; not replaced, nothing was "
            "written: choose another name, or remove the folder yourself",
            path=target,
        )


def _has_our_manifest(folder: Path) -> bool:
    try:
        return f'"format":"{FORMAT}"'.encode() in read_regular(folder / MANIFEST_NAME, _LARGEST_BYTES)
    except FlowRoIError:
        return False
