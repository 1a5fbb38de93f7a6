"""Finds the reader for an input."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import check_integer
from flowroi.sources.base import Source

_FORMATS = (
    "a folder of images (.png .bmp .tif .jp2 .j2k), one image, .tif .tiff, an OME-Zarr image, "
    ".avi .mp4 .mkv, .npy, or a NumPy array"
)
_IMAGES = (".png", ".bmp", ".jp2", ".j2k", ".j2c", ".jpc")


def open_source(
    path_or_array: str | os.PathLike[str] | npt.NDArray[Any],
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Source:
    r"""Open a movie for reading.

    Parameters
    ----------
    path_or_array : path or ndarray
        Folder of images (BMP, PNG, TIFF, JPEG 2000), one such image, TIFF or OME-TIFF, an OME-Zarr image
        group 0.4 or 0.5 (needs `flowroi[zarr]`), AVI/MP4/MKV (needs `flowroi[video]`), an archive of ours, `.npy`, or
        an array (T, Y, X) or (Y, X). uint8 or uint16, grey.
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
    if not isinstance(path_or_array, str | os.PathLike):
        raise InvalidParameterError(f"the input is a {type(path_or_array).__name__}; expected {_FORMATS}")
    return _open_path(Path(path_or_array), pattern, channel, max_pixels)


def _open_path(path: Path, pattern: str | None, channel: int | None, max_pixels: int) -> Source:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MissingInputError(f"cannot be opened ({reason}); expected {_FORMATS}", path=path) from error
    archive = _own_archive(path, stat.S_ISDIR(mode))
    if archive is not None:
        _refuse_unused(path, "an archive", pattern=pattern, channel=channel)
        return archive(max_pixels)
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

        return TiffSource(path, channel=channel, max_pixels=max_pixels)
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


def _own_archive(path: Path, is_folder: bool) -> Callable[[int], Source] | None:
    """Return what opens an archive of ours in video files or OME-Zarr; None for anything else."""
    if is_folder:
        manifest = path / "manifest.json"
        if not manifest.is_file() or b'"flowroi-archive"' not in manifest.read_bytes():
            return None
        if (path / "0" / "zarr.json").is_file() or (path / "0" / ".zarray").is_file():
            files = sorted(file for file in (path / "0").rglob("*") if file.is_file())
        elif not (files := sorted(path.glob("*.mkv"))):
            return None
    else:
        from flowroi.archives.trailer import has_manifest

        if path.suffix.lower() not in (".mkv", ".mp4") or not stat.S_ISREG(path.stat().st_mode):
            return None
        if not has_manifest(path):
            return None
        files = [path]

    def opened(max_pixels: int) -> Source:
        from flowroi.archives import open_archive
        from flowroi.sources.archive import ArchiveSource

        return ArchiveSource(open_archive(path), files, max_pixels=max_pixels)

    return opened


def _refuse_unused(path: Path | None, kind: str, *, pattern: str | None = None, channel: int | None = None) -> None:
    """Raise InvalidParameterError for a parameter without a meaning here: it was meant to do something."""
    if pattern is not None:
        raise InvalidParameterError(f"pattern is given for {kind}; it orders the images of a folder", path=path)
    if channel:
        raise InvalidParameterError(f"channel is {channel}; {kind} has only channel 0", path=path)
