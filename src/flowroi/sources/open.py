"""Finds the reader for an input."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import check_integer
from flowroi.sources.base import Source
from flowroi.stores import AnyPath, StorePath, as_path

_FORMATS = (
    "a folder of images (.png .bmp .tif .jp2 .j2k), one image, .tif .tiff, an OME-Zarr image, "
    ".avi .mp4 .mkv, .npy, or a NumPy array"
)
_IMAGES = (".png", ".bmp", ".jp2", ".j2k", ".j2c", ".jpc")


def open_source(
    path_or_array: str | os.PathLike[str] | StorePath | npt.NDArray[Any],
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Source:
    r"""Open a movie for reading.

    Parameters
    ----------
    path_or_array : path, URL or ndarray
        Folder of images (BMP, PNG, TIFF, JPEG 2000), one such image, TIFF or OME-TIFF, an OME-Zarr image
        group 0.4 or 0.5 (needs `flowroi[zarr]`), AVI/MP4/MKV (needs `flowroi[video]`), an archive of ours, `.npy`, or
        an array (T, Y, X) or (Y, X). uint8 or uint16, grey. Of the URL of a store (`s3://bucket/movie.ome.zarr`; needs
        `flowroi[stores]`) an OME-Zarr image, or an archive of ours in OME-Zarr.
    pattern : str, optional
        For folders: a regular expression searched in the file names, with a named group `time` (or `t`), e.g.
        `r"_t(?P<time>\d+)_data\.bmp$"`. Names without a match are left out. Without it, the names must be equal but for
        the number that counts the frames.
    channel : int >= 0, optional
        The channel to take where there are several.
    max_pixels : int >= 1, default 2**28
        Limit of a frame; a header that declares more is refused before anything is decoded.

    Returns
    -------
    Source
        A context manager; iterate over it, or call `read(t)`.

    Raises
    ------
    InvalidParameterError
        For a parameter out of range, or one that the input has no use for.
    MissingInputError
        If the input, or a companion file of it, is not there.
    UnsupportedFormatError
        If the input is of a kind that FlowRoI does not take; the message says what to convert.
    CorruptDataError
        If it is damaged or cut short.
    MissingDependencyError
        For a video without PyAV, or OME-Zarr without zarr-python.

    Examples
    --------
    >>> import numpy as np
    >>> with open_source(np.zeros((3, 20, 30), np.uint8)) as movie:
    ...     movie.shape, [frame.shape for frame in movie]
    ((3, 20, 30), [(20, 30), (20, 30), (20, 30)])
    """
    check_integer("max_pixels", max_pixels, low=1)
    if channel is not None:
        check_integer("channel", channel, low=0)
    if pattern is not None and not isinstance(pattern, str):
        raise InvalidParameterError(f"pattern is {pattern!r}; expected a regular expression as text")
    if isinstance(path_or_array, np.ndarray):
        from flowroi.sources.array import ArraySource

        _refuse_unused(None, "an array", pattern=pattern, channel=channel)
        return ArraySource(path_or_array, max_pixels=max_pixels)
    if not isinstance(path_or_array, str | os.PathLike | StorePath):
        raise InvalidParameterError(f"the input is a {type(path_or_array).__name__}; expected {_FORMATS}")
    place = as_path(path_or_array)
    if isinstance(place, StorePath):
        return _open_in_store(place, pattern, channel, max_pixels)
    return _open_path(place, pattern, channel, max_pixels)


def _open_path(path: Path, pattern: str | None, channel: int | None, max_pixels: int) -> Source:
    from flowroi.sources.archive import ArchiveSource, is_own_archive

    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MissingInputError(f"cannot be opened ({reason}); expected {_FORMATS}", path=path) from error
    if is_own_archive(path, mode):
        _refuse_unused(path, "an archive", pattern=pattern, channel=channel)
        return ArchiveSource.at(path, max_pixels=max_pixels)
    if stat.S_ISDIR(mode):
        from flowroi.sources.zarr_node import is_zarr

        if is_zarr(path):
            from flowroi.sources.ome_zarr import OmeZarrSource

            _refuse_unused(path, "an OME-Zarr group", pattern=pattern)
            return OmeZarrSource(path, channel=channel, max_pixels=max_pixels)
        from flowroi.sources.folder import ImageFilesSource

        return ImageFilesSource.from_folder(path, pattern=pattern, channel=channel, max_pixels=max_pixels)
    suffix = path.suffix.lower()
    if pattern is not None:
        _refuse_unused(path, "a single file", pattern=pattern)
    if suffix in (".tif", ".tiff"):
        from flowroi.sources.tiff import TiffSource

        source = TiffSource(path, channel=channel, max_pixels=max_pixels)
        if source.is_own_archive:
            source.close()
            return ArchiveSource.at(path, max_pixels=max_pixels)
        return source
    if suffix in (".avi", ".mp4", ".mkv"):
        from flowroi.sources.video import VideoSource

        return VideoSource(path, channel=channel, max_pixels=max_pixels)
    if suffix == ".npy":
        from flowroi.sources.array import ArraySource

        _refuse_unused(path, "a .npy file", channel=channel)
        return ArraySource.from_npy(path, max_pixels=max_pixels)
    if suffix in _IMAGES:
        from flowroi.sources.folder import ImageFilesSource

        return ImageFilesSource(path, [path], channel=channel, max_pixels=max_pixels)
    raise UnsupportedFormatError(f"the suffix is {suffix!r}; expected {_FORMATS}; it was not opened", path=path)


def _open_in_store(place: StorePath, pattern: str | None, channel: int | None, max_pixels: int) -> Source:
    from flowroi.sources.archive import ArchiveSource, is_own_archive_in_store
    from flowroi.sources.zarr_node import is_zarr

    if is_own_archive_in_store(place):
        _refuse_unused(place, "an archive", pattern=pattern, channel=channel)
        return ArchiveSource.at(place, max_pixels=max_pixels)
    if is_zarr(place):
        from flowroi.sources.ome_zarr import OmeZarrSource

        _refuse_unused(place, "an OME-Zarr group", pattern=pattern)
        return OmeZarrSource(place, channel=channel, max_pixels=max_pixels)
    raise MissingInputError(
        "no Zarr group or array is there; of a store only OME-Zarr is read: check the name, or copy other files to "
        "this machine, or mount the store",
        path=place,
    )


def _refuse_unused(path: AnyPath | None, kind: str, *, pattern: str | None = None, channel: int | None = None) -> None:
    """Raise InvalidParameterError for a parameter without a meaning here: it was meant to do something."""
    if pattern is not None:
        raise InvalidParameterError(f"pattern is given for {kind}; it orders the images of a folder", path=path)
    if channel:
        raise InvalidParameterError(f"channel is {channel}; {kind} has only channel 0", path=path)
