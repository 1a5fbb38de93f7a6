"""The true cells of a movie: label images, one a frame, or of some of the frames."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import tifffile

from flowroi.errors import CorruptDataError, InvalidParameterError, UnsupportedFormatError
from flowroi.sources import Source, open_source

Labels = npt.NDArray[np.int32]
# What tools append to a frame's name for its labels.
_SUFFIXES = ("_masks", "_mask", "_labels", "_label", "_seg", "_cp_masks")


class LabelSource:
    """Label images of a movie's frames, read when they are asked for; a context manager.

    Attributes
    ----------
    frames : tuple of int
        The frames that have labels, in order.
    """

    def __init__(self, read: Callable[[int], npt.NDArray[Any]], frames: dict[int, int], stack: ExitStack) -> None:
        self._read = read
        self._places = frames
        self._stack = stack
        self.frames = tuple(sorted(frames))

    def read(self, t: int) -> Labels | None:
        """Return the labels of frame `t`, (Y, X) int32, 0 for background; None where it has none."""
        place = self._places.get(t)
        return None if place is None else np.ascontiguousarray(self._read(place), np.int32)

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_labels(path: str | PathLike[str] | npt.NDArray[Any], source: Source) -> LabelSource:
    """Open the true cells of a movie.

    Parameters
    ----------
    path : path or ndarray
        Label images: a folder of PNG or TIFF, a TIFF of many pages, `.npy`, or an array (T, Y, X). As many as frames,
        in their order; or fewer, of a folder's files named after the frames (`<frame>.png`, `<frame>_masks.tif`, ...).
    source : Source
        The movie.

    Returns
    -------
    LabelSource

    Raises
    ------
    MissingInputError, CorruptDataError, UnsupportedFormatError
        If they cannot be read.
    InvalidParameterError
        If they do not fit the movie in number or size.
    """
    stack = ExitStack()
    try:
        names, shape, read = _opened(path, stack)
        if shape[1:] != source.shape[1:]:
            raise InvalidParameterError(
                f"the labels are {shape[1]}x{shape[2]}; expected {source.shape[1]}x{source.shape[2]}, as the movie is",
                path=_path_of(path),
            )
        return LabelSource(read, _places(names, shape[0], source, _path_of(path)), stack)
    except BaseException:
        stack.close()
        raise


def _path_of(path: Any) -> str | None:
    return None if isinstance(path, np.ndarray) else str(path)


def _opened(path: Any, stack: ExitStack) -> tuple[tuple[str, ...], tuple[int, ...], Callable[[int], npt.NDArray[Any]]]:
    """Return names, shape (T, Y, X) and a reader of label images."""
    if isinstance(path, np.ndarray):
        return _of_array(path, None)
    if Path(path).suffix.lower() == ".npy":
        return _of_array(_mapped(Path(path)), path)
    try:
        opened = stack.enter_context(open_source(path))
    except UnsupportedFormatError:
        # Label images may be deeper than frames.
        if Path(path).suffix.lower() not in (".tif", ".tiff"):
            raise
        return _of_array(_deep(Path(path)), path)
    return opened.frame_names, opened.shape, opened.read


def _mapped(path: Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except ValueError as error:
        raise CorruptDataError(f"the labels cannot be read: {error}", path=path) from error


def _deep(path: Path) -> npt.NDArray[Any]:
    with tifffile.TiffFile(path) as file:
        return np.asarray(file.series[0].asarray())


def _of_array(
    labels: npt.NDArray[Any], path: Any
) -> tuple[tuple[str, ...], tuple[int, ...], Callable[[int], npt.NDArray[Any]]]:
    stack = labels[None] if labels.ndim == 2 else labels
    if stack.ndim != 3 or stack.dtype.kind not in "iu":
        raise UnsupportedFormatError(
            f"the labels are {labels.shape} {labels.dtype}; expected (T, Y, X) of whole numbers, 0 for background",
            path=path,
        )
    return tuple(str(t) for t in range(len(stack))), stack.shape, lambda t: stack[t]


def _places(names: tuple[str, ...], count: int, source: Source, path: Any) -> dict[int, int]:
    """Return the label image of each frame that has one."""
    if count == len(source):
        return {t: t for t in range(count)}
    frames = {name: t for t, name in enumerate(source.frame_names)}
    places = {}
    for place, name in enumerate(names):
        stem = next((name.removesuffix(s) for s in _SUFFIXES if name.endswith(s)), name)
        t = frames.get(name, frames.get(stem))
        if t is None:
            raise InvalidParameterError(
                f"{count} label images for {len(source)} frames, and {name!r} is the name of none of them; expected as "
                "many as frames, or files named after the frames that have labels",
                path=path,
            )
        places[t] = place
    return places
