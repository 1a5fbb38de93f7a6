"""What stands in a plate's folders: names only, nothing opened, no link followed out of the plate."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from flowroi.errors import MissingInputError, UnsupportedFormatError
from flowroi.sources.files import InputFile, located
from flowroi.sources.folder import check_link, is_finished
from flowroi.sources.image_file import IMAGE_SUFFIXES, TIFF_SUFFIXES, suffix_of
from flowroi.sources.names import text_name

MOVIE_SUFFIXES = (".npy", ".avi", ".mp4", ".mkv")
# As deep as instruments nest: plate / time point / well / field.
_MAX_DEPTH = 4
_MAX_FILES = 10_000_000


def entries_of(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of a folder's folders and of its other entries, sorted; hidden and unfinished ones left out.

    Raises
    ------
    MissingInputError
        If it cannot be read.
    """
    folders: list[str] = []
    others: list[str] = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if is_finished(entry.name):
                    (folders if _is_folder(entry) else others).append(entry.name)
    except OSError as error:
        raise MissingInputError(f"the folder cannot be read ({error.strerror})", path=folder) from error
    return sorted(folders), sorted(others)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself: what it is will be told by who wants it.
        return False


def files_below(folder: Path, *, deep: bool) -> list[str]:
    """Return the images and movies of a folder, sorted; with `deep` those of its folders too, as `B/3/t0.tif`.

    Folders that are links are not entered.

    Raises
    ------
    MissingInputError
        If a folder cannot be read.
    UnsupportedFormatError
        If folders are nested deeper than four, or there are more than ten million files.
    """
    found: list[str] = []
    waiting = [("", 0)]
    while waiting:
        prefix, depth = waiting.pop()
        folders, others = entries_of(folder / prefix if prefix else folder)
        found += [prefix + name for name in others if suffix_of(name) in (*IMAGE_SUFFIXES, *MOVIE_SUFFIXES)]
        if len(found) > _MAX_FILES:
            raise UnsupportedFormatError(f"more than {_MAX_FILES} files; give one plate at a time", path=folder)
        if not deep:
            break
        for name in folders:
            if (folder / prefix / name).is_symlink():
                continue
            if depth == _MAX_DEPTH:
                raise UnsupportedFormatError(
                    f"folders are nested deeper than {_MAX_DEPTH}; give the folder of one plate", path=folder
                )
            waiting.append((f"{prefix}{name}/", depth + 1))
    return sorted(found)


def check_inside(root: Path, relative: str) -> None:
    """Refuse a file or folder that is reached through a link out of the plate, at any of the folders on the way.

    Raises
    ------
    UnsupportedFormatError
        If it is.
    """
    parts = relative.split("/")
    for end in range(1, len(parts) + 1):
        check_link(root, "/".join(parts[:end]))


def is_movie_file(path: Path) -> bool:
    """Whether a file is a movie by itself: a video, an array, an OME-TIFF, or a TIFF of more than one page.

    Raises
    ------
    UnsupportedFormatError
        If it has the name of one and is a pipe, a socket or a device: it is not opened.
    """
    suffix = suffix_of(path.name)
    if suffix not in (*MOVIE_SUFFIXES, *TIFF_SUFFIXES):
        return False
    with located(path):
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
            raise UnsupportedFormatError(f"{text_name(path.name)!r} is {kind}; expected a regular file; not opened")
    if suffix in MOVIE_SUFFIXES or suffix_of(path.name[: -len(suffix)]) == ".ome":
        return True
    from flowroi.errors import FlowRoIError
    from flowroi.sources.tiff_chain import page_offsets

    try:
        with InputFile.find(path).open() as handle:
            return len(page_offsets(handle).offsets) > 1
    except FlowRoIError:
        # What it is will be told when it is read.
        return False
