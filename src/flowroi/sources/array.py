"""A movie in memory, or in a .npy file that is mapped into memory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import NOT_DECODED, CorruptDataError, InvalidParameterError, UnsupportedFormatError
from flowroi.limits import check_frame_count
from flowroi.sources.base import Source
from flowroi.sources.files import InputFile, located
from flowroi.sources.names import numbered_names, safe_stem
from flowroi.sources.pixels import Frame, check_pixel_type, check_size


class ArraySource(Source):
    """Frames of a NumPy array.

    Parameters
    ----------
    array : ndarray, shape (T, Y, X) or (Y, X)
        Not copied as a whole.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    UnsupportedFormatError
        For another shape or pixel type.

    Examples
    --------
    >>> import numpy as np
    >>> with ArraySource(np.zeros((4, 6, 8), np.uint8), max_pixels=2**20) as source:
    ...     source.shape, source.read(3).shape
    ((4, 6, 8), (6, 8))
    """

    def __init__(
        self,
        array: npt.NDArray[Any],
        *,
        max_pixels: int,
        path: Path | None = None,
        file: InputFile | None = None,
        left_out: str | None = None,
    ) -> None:
        self._file = file
        with located(path):
            if array.ndim not in (2, 3):
                raise UnsupportedFormatError(
                    f"the array has shape {array.shape}; expected (T, Y, X) or (Y, X): choose one channel and plane, "
                    "e.g. frames[:, 0]"
                )
            movie = array[np.newaxis] if array.ndim == 2 else array
            if movie.size == 0:
                raise UnsupportedFormatError(
                    f"the array has shape {array.shape}: it holds no frame or no pixel; nothing was read"
                )
            check_size(movie.shape[2], movie.shape[1], max_pixels)
            check_frame_count(movie.shape[0])
            dtype = check_pixel_type(array.dtype, np.asarray(movie[0]))
        self._movie: npt.NDArray[Any] | None = movie
        super().__init__(
            name="array" if path is None else safe_stem(path.stem),
            path=path,
            shape=(movie.shape[0], movie.shape[1], movie.shape[2]),
            dtype=dtype,
            frame_names=numbered_names(movie.shape[0]),
            left_out=left_out,
        )

    @classmethod
    def from_npy(cls, path: Path, *, max_pixels: int) -> ArraySource:
        """Map a .npy file; pickled objects are never loaded.

        Raises
        ------
        CorruptDataError
            If it is no .npy file, or shorter than its header says.
        UnsupportedFormatError
            For objects, another shape or another pixel type.
        """
        file = InputFile.find(path)
        with located(path):
            behind = file.size_bytes - _checked_npy_bytes(file, max_pixels)
            try:
                array = np.load(path, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError) as error:
                raise CorruptDataError(f"cannot be read as a .npy file ({error}): copy it again") from error
        # numpy.save may have been called more than once with the same open file.
        left_out = f"{behind} bytes behind the array" if behind else None
        return cls(array, max_pixels=max_pixels, path=path, file=file, left_out=left_out)

    def _read(self, t: int) -> Frame:
        if self._movie is None:
            raise InvalidParameterError("the source is closed; open it again to read")
        frame = self._movie[t]
        if self._file is not None:
            # Own memory: the map goes away with the source.
            return np.array(frame, dtype=self.dtype)
        plain = np.ascontiguousarray(frame, dtype=self.dtype).view()
        plain.flags.writeable = False
        return plain

    def _files(self) -> Sequence[InputFile]:
        return [] if self._file is None else [self._file]

    def provenance(self) -> list[dict[str, Any]]:
        """As `Source.provenance`; for an array the SHA-256 of its samples, row by row, as stored on this machine."""
        if self._file is not None:
            return super().provenance()
        digest = hashlib.sha256()
        for t in range(len(self)):
            digest.update(self.read(t).data)
        size = math.prod(self.shape) * self.dtype.itemsize
        return [{"name": "array", "size_bytes": size, "sha256": digest.hexdigest()}]

    def _release(self) -> None:
        self._movie = None


def _checked_npy_bytes(file: InputFile, max_pixels: int) -> int:
    """Return how many bytes of the file the header accounts for, which must be there before it is mapped."""
    with file.open() as handle:
        try:
            version = np.lib.format.read_magic(handle)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(handle)
        except (ValueError, TypeError, SyntaxError, OverflowError, TokenError) as error:
            # NumPy parses the header as Python text, and what is no Python text raises what the tokenizer raises.
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CorruptDataError(f"not a .npy file, or a damaged one ({reason:.200}); {NOT_DECODED}") from error
        start = handle.tell()
    if dtype.hasobject:
        raise UnsupportedFormatError(
            "holds Python objects, which are not loaded: they could run code; expected numbers, uint8 or uint16"
        )
    # Fortran order is stored as any other; a shape of another length is refused when it is looked at as a movie.
    if len(shape) >= 2:
        check_size(shape[-1], shape[-2], max_pixels)
    needed = start + math.prod(shape) * dtype.itemsize
    if file.size_bytes < needed:
        frames = shape[0] if len(shape) == 3 else 1
        there = (file.size_bytes - start) * frames // max(needed - start, 1)
        raise CorruptDataError(
            f"{there} of {frames} frames are there: {file.size_bytes} of {needed} bytes; the movie was not shortened "
            "silently: copy the file again"
        )
    return needed
