"""Label images in files: whole numbers of any depth, which frames are not allowed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError

_TIFF = (".tif", ".tiff")
_IMAGES = (".png", ".bmp", *_TIFF)


class Stack:
    """Label images of one size, read when they are asked for; a context manager."""

    def __init__(
        self, shape: tuple[int, int, int], read: Callable[[int], npt.NDArray[Any]], files: ExitStack | None = None
    ) -> None:
        self.shape = shape
        self.read = read
        self._files = files or ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()


def open_stack(path: Any) -> Stack:
    """Open an array, a `.npy` or a TIFF of label images.

    Raises
    ------
    MissingInputError, CorruptDataError, UnsupportedFormatError
        If it cannot be read, or is no stack of whole numbers.
    """
    if isinstance(path, np.ndarray):
        return _of_array(path, None)
    file = Path(path)
    if not file.exists():
        raise MissingInputError("no such file or folder", path=file)
    if file.suffix.lower() == ".npy":
        try:
            return _of_array(np.load(file, mmap_mode="r", allow_pickle=False), file)
        except (ValueError, EOFError) as error:
            raise CorruptDataError(f"the labels cannot be read: {error}", path=file) from error
    if file.suffix.lower() in _TIFF:
        return _of_tiff(file)
    if file.suffix.lower() in _IMAGES:
        return _of_array(read_label_image(file), file)
    raise UnsupportedFormatError("expected a folder of PNG or TIFF, a TIFF, or .npy of label images", path=file)


def image_files(folder: Path) -> list[Path]:
    """Return the images of a folder, by name; hidden and unfinished files are left out."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in _IMAGES and not file.name.startswith(".") and file.is_file()
    )


def read_label_image(file: Path) -> npt.NDArray[Any]:
    """Read one label image (Y, X).

    Raises
    ------
    CorruptDataError, UnsupportedFormatError
        If it is damaged, or has colours or pages.
    """
    if file.suffix.lower() in _TIFF:
        with _of_tiff(file) as stack:
            if stack.shape[0] != 1:
                raise UnsupportedFormatError(f"{stack.shape[0]} pages; expected one label image", path=file)
            return stack.read(0)
    data = np.frombuffer(file.read_bytes() or b"\0", np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise CorruptDataError("the label image cannot be decoded", path=file)
    if image.ndim != 2:
        raise UnsupportedFormatError(f"the label image has shape {image.shape}; expected grey (Y, X)", path=file)
    return np.asarray(image)


def _of_tiff(file: Path) -> Stack:
    """Open a TIFF page by page; what its metadata says of other files is not followed."""
    files = ExitStack()
    try:
        opened = files.enter_context(tifffile.TiffFile(file, is_ome=False, is_mmstack=False))
        pages = opened.pages
        first = pages[0]
        shape = tuple(first.shape)
        if len(shape) == 2 and opened.is_imagej and len(pages) == 1:
            # ImageJ may describe a whole stack in the first of its pages.
            whole = opened.series[0].asarray()
            return _of_array(whole.reshape(-1, *shape), file)
        if len(shape) != 2:
            raise UnsupportedFormatError(f"the pages have shape {shape}; expected label images (Y, X)", path=file)
        return Stack((len(pages), shape[0], shape[1]), lambda t: _page(file, pages, t), files)
    except FlowRoIError:
        files.close()
        raise
    except Exception as error:
        files.close()
        raise CorruptDataError(f"the labels cannot be read: {error}", path=file) from error


def _page(file: Path, pages: Any, t: int) -> npt.NDArray[Any]:
    try:
        return np.asarray(pages[t].asarray())
    except Exception as error:
        raise CorruptDataError(f"the label image cannot be read: {error}", path=file, frame=t) from error


def _of_array(labels: npt.NDArray[Any], path: Any) -> Stack:
    stack = labels[None] if labels.ndim == 2 else labels
    if stack.ndim != 3 or stack.dtype.kind not in "iu":
        raise UnsupportedFormatError(
            f"the labels are {labels.shape} {labels.dtype}; expected (T, Y, X) of whole numbers, 0 for background",
            path=path,
        )
    t, y, x = stack.shape
    return Stack((t, y, x), lambda place: np.asarray(stack[place]))
