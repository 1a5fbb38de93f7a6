"""Chooses the reader for an input."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import MissingInputError, UnsupportedFormatError
from flowroi.sources.base import Source

DEFAULT_MAX_PIXELS = 2**30


def open_source(
    source: str | PathLike[str] | npt.NDArray[Any],
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Source:
    """Open a movie for reading.

    Parameters
    ----------
    source : path or ndarray
        Image folder (BMP, PNG, TIFF, JPEG 2000), TIFF or OME-TIFF file, AVI/MP4/MKV, .npy, one image file; or an array
        (T, Y, X).
    pattern : str, optional
        For a folder: regular expression with a group `time`; see `flowroi.sources.ordering.list_frames`.
    channel : int, optional
        Which channel to read where there are several, from 0.
    max_pixels : int, default 2**30
        Frames that declare more pixels are refused before they are read.

    Raises
    ------
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If there is no such input, it is of another kind, or it is damaged.

    Examples
    --------
    >>> import numpy as np
    >>> open_source(np.zeros((3, 4, 5), np.uint8)).shape
    (3, 4, 5)
    """
    from flowroi.sources import array, video

    if isinstance(source, np.ndarray):
        return array.ArraySource(source, max_pixels=max_pixels)
    path = Path(source)
    if not path.exists():
        raise MissingInputError("no such file or folder", path=path)
    suffix = path.suffix.lower()
    if path.is_dir():
        from flowroi.sources.folder import FolderSource

        return FolderSource(path, pattern=pattern, channel=channel, max_pixels=max_pixels)
    if not path.is_file():
        raise UnsupportedFormatError("neither a file nor a folder; not read", path=path)
    if suffix in (".tif", ".tiff"):
        from flowroi.sources.tiff import TiffSource

        return TiffSource(path, channel=channel, max_pixels=max_pixels)
    if suffix == ".npy":
        return array.open_npy(path, max_pixels=max_pixels)
    if suffix in video.SUFFIXES:
        return video.VideoSource(path, channel=channel, max_pixels=max_pixels)
    from flowroi.sources.folder import FolderSource
    from flowroi.sources.ordering import SUFFIXES

    if suffix in SUFFIXES:
        return FolderSource(path, pattern=None, channel=channel, max_pixels=max_pixels)
    raise UnsupportedFormatError(
        f"files of kind {suffix or 'without a suffix'!r} are not read; expected a folder of images, TIFF, AVI, MP4, MKV or .npy",
        path=path,
    )
