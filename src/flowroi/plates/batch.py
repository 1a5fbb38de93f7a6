"""One thing done for each position of a plate: a position that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from flowroi.errors import FlowRoIError, InvalidParameterError, MissingDependencyError, OutputExistsError
from flowroi.output import refuse_inside
from flowroi.plates.base import Position
from flowroi.stores import AnyPath

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """What came of it, in plate order."""

    done: tuple[tuple[Position, T], ...]
    failed: tuple[tuple[Position, FlowRoIError], ...]


def concerns_all(error: FlowRoIError) -> bool:
    """Whether an error is about what was asked for, and so of every position, not about one of them."""
    if isinstance(error, OutputExistsError | MissingDependencyError):
        return True
    return isinstance(error, InvalidParameterError) and error.path is None and error.frame is None


def into_folder(
    positions: Iterable[Position],
    folder: Path,
    *,
    inputs: Iterable[AnyPath],
    name_of: Callable[[Position], str],
    overwrite: bool,
    work: Callable[[Position, Path], T],
) -> Batch[T]:
    """Write something for each position into a folder, under a name that tells the position.

    Parameters
    ----------
    positions : iterable of Position
    folder : Path
        Made if it is not there; removed again if nothing was written.
    inputs : iterable of Path or StorePath
        What the folder may not lie inside.
    name_of : callable
        The name within the folder.
    overwrite : bool
        Whether what stands there under such a name may be replaced: `work` does that.
    work : callable
        Writes what belongs to a position to a path.

    Raises
    ------
    OutputExistsError
        If something is there already, before anything is done.
    FlowRoIError
        For what is wrong with all positions.
    """
    chosen = tuple(positions)
    refuse_inside(folder, inputs)
    there = next((name for name in map(name_of, chosen) if (folder / name).exists()), None)
    if there is not None and not overwrite:
        raise OutputExistsError(
            "the output exists; nothing was written: choose another folder, or overwrite", path=folder / there
        )
    made = not folder.exists()
    if made:
        folder.mkdir()
    done: list[tuple[Position, T]] = []
    failed: list[tuple[Position, FlowRoIError]] = []
    try:
        for position in chosen:
            try:
                done.append((position, work(position, folder / name_of(position))))
            except FlowRoIError as error:
                if concerns_all(error):
                    raise
                failed.append((position, error))
    finally:
        if made and not any(folder.iterdir()):
            folder.rmdir()
    return Batch(tuple(done), tuple(failed))
