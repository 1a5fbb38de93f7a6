"""A movie in memory, or in a .npy file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import CorruptDataError, InvalidParameterError
from flowroi.sources.base import Frame, Source, check_frame_pixels, check_pixel_type


class ArraySource(Source):
    """An array (T, Y, X), or (Y, X) for one frame."""

    def __init__(self, array: npt.NDArray[Any], *, path: Path | None = None, max_pixels: int) -> None:
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3 or array.size == 0:
            raise InvalidParameterError(
                f"an array of shape {array.shape}; expected (T, Y, X) or (Y, X), each at least 1", path=path
            )
        check_frame_pixels(array.shape[1], array.shape[2], max_pixels, path)
        self._array = array
        self.path = path
        self.name = "array" if path is None else path.stem
        self.shape = (array.shape[0], array.shape[1], array.shape[2])
        self.dtype = check_pixel_type(array.dtype, path)
        digits = max(3, len(str(len(array) - 1)))
        self.frame_names = tuple(f"t{t:0{digits}d}" for t in range(len(array)))

    def read(self, t: int) -> Frame:
        """Return frame `t`, a copy only where the array is not contiguous."""
        return np.ascontiguousarray(self._array[t], self.dtype)

    def files(self) -> list[Path]:
        """Return the .npy file, if there is one."""
        return [] if self.path is None else [self.path]


def open_npy(path: Path, *, max_pixels: int) -> ArraySource:
    """Open a .npy file without reading it into memory; pickled objects are refused."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise CorruptDataError(f"not a NumPy array file of numbers: {error}", path=path) from error
    return ArraySource(array, path=path, max_pixels=max_pixels)
