"""Output that appears whole or not at all: written under a temporary name beside its place, then renamed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from flowroi.errors import MissingInputError, OutputExistsError

_MARK = ".flowroi-part"


def temporary_beside(target: Path) -> Path:
    """Return a name for unfinished output in the target's folder, which is on the same file system."""
    return target.with_name(f".{target.name}.{os.getpid()}{_MARK}")


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise OutputExistsError if the target exists and may not be replaced."""
    if (target.exists() or target.is_symlink()) and not overwrite:
        raise OutputExistsError(
            "the output exists; nothing was written: choose another name, or overwrite", path=target
        )


def temporary_for(target: Path, *, overwrite: bool) -> Path:
    """Return the name for an archive that is to become `target`; raises where it could not."""
    refuse_existing(target, overwrite=overwrite)
    if not target.parent.is_dir():
        raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
    return temporary_beside(target)


def publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Flush finished output to disk and give it its name; what it replaces goes only once it is in place."""
    files = sorted(p for p in temporary.rglob("*") if p.is_file()) if temporary.is_dir() else [temporary]
    for file in files:
        _sync(file)
    if temporary.is_dir():
        _sync(temporary)
    refuse_existing(target, overwrite=overwrite)
    if target.is_dir() or (temporary.is_dir() and target.exists()):
        # A folder cannot be replaced in one step: the old one steps aside, and comes back if the rename fails.
        aside = target.with_name(f".{target.name}.{os.getpid()}.flowroi-old")
        target.rename(aside)
        try:
            temporary.rename(target)
        except OSError:
            aside.rename(target)
            raise
        discard(aside)
    else:
        temporary.replace(target)
    _sync(target.parent)


def discard(path: Path) -> None:
    """Remove unfinished output, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
