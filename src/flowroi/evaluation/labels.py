"""The true cells of a movie: label images, one a frame, or of some of the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.evaluation.label_files import Stack, image_files, open_stack, read_label_image
from flowroi.sources import Source
from flowroi.sources.names import safe_stem
from flowroi.sources.ordering import order_by_numbers

Labels = npt.NDArray[np.int32]
# What tools append to a frame's name for its labels, the longest first.
SUFFIXES = ("_cp_masks", "_labels", "_masks", "_label", "_mask", "_seg")
# Everything that counts cells does so in tables as long as the largest number; larger ones are counted anew.
_LARGEST = 2**22


class LabelSource:
    """Label images of a movie's frames, read when they are asked for; a context manager.

    Attributes
    ----------
    frames : tuple of int
        The frames that have labels, in order.
    """

    def __init__(
        self, read: Callable[[int], npt.NDArray[Any]], places: dict[int, int], path: Any, stack: ExitStack
    ) -> None:
        self._read = read
        self._places = places
        self._path = path
        self._stack = stack
        self.frames = tuple(sorted(places))

    def read(self, t: int) -> Labels | None:
        """Return the labels of a frame.

        Returns
        -------
        ndarray, shape (Y, X), int32, or None
            0 is background. Numbers from 4,194,304 on are replaced by the cells' places in their order. None where the
            frame has no labels.

        Raises
        ------
        CorruptDataError
            If the image is damaged.
        UnsupportedFormatError
            If it does not hold whole numbers >= 0.
        """
        place = self._places.get(t)
        if place is None:
            return None
        labels = self._read(place)
        if labels.dtype.kind not in "iu":
            raise UnsupportedFormatError(
                f"the labels are of type {labels.dtype}; expected whole numbers, 0 for background",
                path=self._path,
                frame=t,
            )
        if labels.size and int(labels.min()) < 0:
            raise UnsupportedFormatError(
                f"the labels hold {int(labels.min())}; expected numbers >= 0, 0 for background",
                path=self._path,
                frame=t,
            )
        if labels.size and int(labels.max()) >= _LARGEST:
            ids, ranks = np.unique(labels, return_inverse=True)
            labels = ranks.reshape(labels.shape) + (ids[0] != 0)
        return np.ascontiguousarray(labels, np.int32)

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
        Label images of whole numbers: a folder of PNG or TIFF, a TIFF of many pages, `.npy`, or an array (T, Y, X).
        Files of a folder that are named after frames (`<frame>.png`, `<frame>_masks.tif`, ...) belong to them, and may
        be fewer than frames; otherwise there are as many as frames, in their order.
    source : Source
        The movie.

    Raises
    ------
    MissingInputError, CorruptDataError, UnsupportedFormatError
        If they cannot be read.
    InvalidParameterError
        If they do not fit the movie in number, names or size.
    """
    stack = ExitStack()
    try:
        if not isinstance(path, np.ndarray) and Path(path).is_dir():
            return _of_folder(Path(path), source, stack)
        opened: Stack = stack.enter_context(open_stack(path))
        where = None if isinstance(path, np.ndarray) else str(path)
        _check_size(opened.shape[1:], source, where)
        if opened.shape[0] != len(source):
            raise InvalidParameterError(
                f"{opened.shape[0]} label images for {len(source)} frames; expected one a frame, or a folder of files "
                "named after the frames that have labels",
                path=where,
            )
        return LabelSource(opened.read, {t: t for t in range(len(source))}, where, stack)
    except BaseException:
        stack.close()
        raise


def _of_folder(folder: Path, source: Source, stack: ExitStack) -> LabelSource:
    files = image_files(folder)
    if not files:
        raise MissingInputError("the folder has no label image; expected PNG or TIFF files", path=folder)
    frames = {name: t for t, name in enumerate(source.frame_names)}
    named = _by_name(files, frames)
    if named:
        strangers = sorted(
            {file.name for file in files} - {file.name for file in named.values()} - _plain(named, files)
        )
        if strangers:
            raise InvalidParameterError(
                f"some label images are named after frames, but {strangers[0]!r} is the name of none; expected all or "
                "none of them to be",
                path=folder,
            )
        places = {t: n for n, t in enumerate(named)}
        chosen = list(named.values())
    else:
        if len(files) != len(source):
            raise InvalidParameterError(
                f"{len(files)} label images for {len(source)} frames, and {files[0].name!r} is the name of none of "
                "them; expected as many as frames, or files named after the frames that have labels",
                path=folder,
            )
        by_name = {file.name: file for file in files}
        chosen = [by_name[name] for name in order_by_numbers(list(by_name)).names]
        places = {t: t for t in range(len(source))}

    def read(place: int) -> npt.NDArray[Any]:
        labels = read_label_image(chosen[place])
        _check_size(labels.shape, source, chosen[place])
        return labels

    read(0)
    return LabelSource(read, places, str(folder), stack)


def _by_name(files: Iterable[Path], frames: dict[str, int]) -> dict[int, Path]:
    """Return the label image of each frame that one is named after; one with a suffix comes before one without."""
    found: dict[int, Path] = {}
    for suffix in (*SUFFIXES, ""):
        for file in files:
            stem = safe_stem(file.stem)
            if stem.endswith(suffix):
                t = frames.get(stem.removesuffix(suffix))
                if t is not None:
                    found.setdefault(t, file)
    return found


def _plain(named: dict[int, Path], files: Iterable[Path]) -> set[str]:
    """Return the files that lie beside their own labels: the frames themselves."""
    labelled = {file.stem.removesuffix(s) for file in named.values() for s in SUFFIXES if file.stem.endswith(s)}
    return {file.name for file in files if file.stem in labelled}


def _check_size(shape: tuple[int, ...], source: Source, path: Any) -> None:
    if tuple(shape) != source.shape[1:]:
        seen = "x".join(map(str, shape))
        raise InvalidParameterError(
            f"the labels are {seen}; expected {source.shape[1]}x{source.shape[2]}, as the movie is", path=path
        )
