"""What a raw plate holds: every position with the size of its movie, or why that cannot be opened."""

from __future__ import annotations

from dataclasses import dataclass

from flowroi.errors import FlowRoIError
from flowroi.plates.base import Plate, Position
from flowroi.stores import AnyPath


@dataclass(frozen=True, slots=True)
class Entry:
    """One position of a raw plate.

    Attributes
    ----------
    position : Position
    path : Path, StorePath or None
        The file or folder of its movie.
    shape : tuple of int or None
        (T, Y, X).
    dtype : str or None
        Of the samples.
    error : FlowRoIError or None
        Why the movie cannot be opened; nothing else is known of it then.
    """

    position: Position
    path: AnyPath | None = None
    shape: tuple[int, int, int] | None = None
    dtype: str | None = None
    error: FlowRoIError | None = None


def overview(plate: Plate) -> tuple[Entry, ...]:
    """Open every movie of a plate, read no frame of it, and tell its size.

    Parameters
    ----------
    plate : Plate

    Returns
    -------
    tuple of Entry
        In plate order. A movie that cannot be opened is listed, too: who shares positions out must not lose one.

    Examples
    --------
    >>> import tempfile
    >>> from flowroi.plates import open_plate
    >>> from flowroi.synthetic import write_synthetic_plate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_synthetic_plate(folder, wells=("A1", "A2"), frames=2, height=32, width=48, cells=1)
    ...     for entry in overview(open_plate(folder)):
    ...         print(entry.position, entry.shape, entry.dtype)
    A1_f0 (2, 32, 48) uint8
    A2_f0 (2, 32, 48) uint8
    """
    return tuple(_entry(plate, position) for position in plate)


def _entry(plate: Plate, position: Position) -> Entry:
    try:
        with plate.open(position) as movie:
            return Entry(position, movie.path, movie.shape, str(movie.dtype))
    except FlowRoIError as error:
        return Entry(position, error=error)
