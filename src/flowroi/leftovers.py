"""What stands in a folder of raw data and was not read: no archive can vouch for it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

# Written about images, by OME-Zarr and by us: what it says of the frames that were read is in the archive.
_ABOUT = ("zarr.json", "manifest.json", "plate.json", "provenance.json", "COMPLETE")
NOT_READ = "was not read, so nothing of it is in the archive"


def not_read(folder: Path, read: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files below a folder that were not read, sorted; of a folder with nothing else, the folder.

    Hidden files and folders (`.DS_Store`), and metadata of OME-Zarr and of ours, are left out. Links are not followed.

    Parameters
    ----------
    folder : Path
    read : iterable of Path
        Files that were read, as they were found below the folder.

    Raises
    ------
    OSError
        If a folder cannot be listed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     for file in ("t0.tif", "notes.txt", "labels/t0.tif", "labels/t1.tif", ".hidden"):
    ...         (folder / file).parent.mkdir(exist_ok=True)
    ...         _ = (folder / file).write_bytes(b"")
    ...     [str(path.relative_to(folder)) for path in not_read(folder, [folder / "t0.tif"])]
    ['labels', 'notes.txt']
    """
    known = {_absolute(path) for path in read}
    above = {parent for path in known for parent in _above(path)}
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                path = _absolute(entry.path)
                if entry.name.startswith(".") or entry.name in _ABOUT or path in known:
                    continue
                if path not in above:
                    found.append(Path(entry.path))
                elif not entry.is_symlink():
                    waiting.append(Path(entry.path))
    return tuple(sorted(found))


def _absolute(path: str | Path) -> str:
    # Not resolved: a file that was read through a link was read under this name.
    return os.path.abspath(path)  # noqa: PTH100


def _above(path: str) -> list[str]:
    parents = []
    while (parent := os.path.dirname(path)) != path:  # noqa: PTH120 - as text, many times
        parents.append(parent)
        path = parent
    return parents
