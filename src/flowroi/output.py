"""Where output may go: never over an input, never over what FlowRoI did not write."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from flowroi.archives.atomic import refuse_existing
from flowroi.errors import InvalidParameterError, MissingInputError, OutputExistsError, printable
from flowroi.stores import AnyPath, StorePath


def check_target(
    target: Path, *, inputs: Iterable[AnyPath | None], overwrite: bool, replaceable: tuple[str, ...] = ()
) -> None:
    """Raise unless `target` may be written.

    Parameters
    ----------
    target : Path
        The file or folder that is to appear.
    inputs : iterable of Path, StorePath or None
        What is read meanwhile: `target` may not be one of them, lie inside one, or hold one.
    overwrite : bool
        Whether an existing target may be replaced.
    replaceable : tuple of str
        Patterns of the names that output of this kind has in a folder. A folder that holds anything else is not
        replaced, whatever was asked: it is not ours.

    Raises
    ------
    InvalidParameterError
        If the target overlaps an input.
    OutputExistsError
        If the target exists and may not be replaced.
    MissingInputError
        If the folder that the target is to be in does not exist.

    Examples
    --------
    >>> check_target(Path("/"), inputs=[], overwrite=False)
    Traceback (most recent call last):
    flowroi.errors.OutputExistsError: /: the output exists; nothing was written: choose another name, or overwrite
    """
    refuse_overlap(target, inputs)
    refuse_existing(target, overwrite=overwrite)
    if target.is_dir() and not target.is_symlink():
        for entry in sorted(target.iterdir()):
            if not any(fnmatchcase(entry.name, pattern) for pattern in replaceable):
                raise OutputExistsError(
                    f"the folder holds {printable(entry.name)!r}, which is not output of this kind; not replaced, "
                    "nothing was written: choose another name, or remove the folder yourself",
                    path=target,
                )
    if not target.parent.is_dir():
        raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)


def refuse_overlap(target: AnyPath, inputs: Iterable[AnyPath | None]) -> None:
    """Raise InvalidParameterError if a target is an input, lies inside one, or holds one."""
    for path in inputs:
        if path is not None:
            _refuse_overlap(target, path)


def refuse_inside(folder: AnyPath, inputs: Iterable[AnyPath]) -> None:
    """Raise InvalidParameterError if a folder that is to take output is one of the inputs, or lies inside one."""
    for path in inputs:
        if _lies_in(folder, path):
            _refuse_overlap(folder, path)


def _lies_in(path: AnyPath, folder: AnyPath) -> bool:
    if isinstance(path, StorePath) or isinstance(folder, StorePath):
        return isinstance(path, StorePath) and isinstance(folder, StorePath) and path.is_relative_to(folder)
    return path.resolve().is_relative_to(folder.resolve())


def _refuse_overlap(target: AnyPath, path: AnyPath) -> None:
    if target.resolve() == path.resolve():
        relation = "is the input itself"
    elif _lies_in(target, path):
        relation = f"lies inside the input {printable(str(path))}"
    elif _lies_in(path, target) and target.exists():
        relation = f"holds the input {printable(str(path))}"
    else:
        return
    raise InvalidParameterError(
        f"the output {printable(str(target))} {relation}; nothing was written: choose another place"
    )
