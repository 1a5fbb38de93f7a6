"""One image file to one grey frame, under a size limit that is checked before anything is decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile

from flowroi.codec.codestream import check_limits, read_header
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError
from flowroi.sources.base import check_frame_pixels, check_pixel_type

Frame = npt.NDArray[Any]


def read_image(path: Path, *, channel: int | None, max_pixels: int) -> Frame:
    """Read a BMP, PNG, TIFF or JPEG 2000 file.

    Parameters
    ----------
    path : Path
    channel : int or None
        Which channel of a colour image; without it, colour is refused unless all channels are equal.
    max_pixels : int
        An image that declares more is refused unread.

    Returns
    -------
    ndarray, shape (Y, X), uint8 or uint16
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError("the file is gone", path=path) from error
    if not data:
        raise CorruptDataError("the file is empty", path=path)
    reader = _reader_of(data)
    if reader is None:
        raise UnsupportedFormatError(
            f"not a BMP, PNG, TIFF or JPEG 2000 file: it starts with {data[:4].hex(' ')}", path=path
        )
    try:
        image = reader(data, path, max_pixels)
    except FlowRoIError as error:
        if error.path is not None:
            raise
        raise type(error)(error.message, path=path) from error
    except (cv2.error, imagecodecs.DelayedImportError, RuntimeError, ValueError, struct.error, IndexError) as error:
        raise CorruptDataError(f"the image cannot be decoded: {error}", path=path) from error
    return as_grey(image, channel, path)


def as_grey(image: Frame, channel: int | None, path: Path | None) -> Frame:
    """Return one channel of an image (Y, X) or (Y, X, C), contiguous, in native byte order."""
    dtype = check_pixel_type(image.dtype, path)
    if image.ndim == 3:
        channels = image.shape[2]
        if channel is not None:
            if not 0 <= channel < channels:
                raise UnsupportedFormatError(f"channel {channel} asked for; there are {channels}, from 0", path=path)
            image = image[..., channel]
        elif all(np.array_equal(image[..., 0], image[..., c]) for c in range(1, min(channels, 3))):
            image = image[..., 0]
        else:
            raise UnsupportedFormatError(
                f"a colour image with {channels} channels; expected grey: choose a channel", path=path
            )
    if image.ndim != 2:
        raise UnsupportedFormatError(f"an image of shape {image.shape}; expected (Y, X)", path=path)
    return np.ascontiguousarray(image, dtype)


def _reader_of(data: bytes) -> Callable[[bytes, Path, int], Frame] | None:
    for start, reader in (
        (b"\x89PNG\r\n\x1a\n", _read_png),
        (b"BM", _read_bmp),
        (b"II*\0", _read_tiff),
        (b"MM\0*", _read_tiff),
        (b"II+\0", _read_tiff),
        (b"MM\0+", _read_tiff),
        (b"\0\0\0\x0cjP  ", _read_jpeg2000),
        (b"\xff\x4f\xff\x51", _read_jpeg2000),
    ):
        if data.startswith(start):
            return reader
    return None


def _read_png(data: bytes, path: Path, max_pixels: int) -> Frame:
    width, height = struct.unpack(">II", data[16:24])
    check_frame_pixels(height, width, max_pixels, path)
    if not data.rstrip(b"\0").endswith(b"IEND\xaeB`\x82"):
        raise CorruptDataError("the PNG file is cut short: it has no end chunk", path=path)
    return _decode_with_opencv(data)


def _read_bmp(data: bytes, path: Path, max_pixels: int) -> Frame:
    size, width, height, bits = struct.unpack("<2xI12x2i2xH", data[:30])
    check_frame_pixels(abs(height), width, max_pixels, path)
    expected = (width * bits + 31) // 32 * 4 * abs(height)
    compression = struct.unpack("<I", data[30:34])[0]
    if compression == 0 and len(data) < max(size if size <= 54 + 1024 + expected else 0, expected + 54):
        raise CorruptDataError(f"the BMP file is cut short: {len(data)} bytes, expected {expected + 54}", path=path)
    return _decode_with_opencv(data)


def _decode_with_opencv(data: bytes) -> Frame:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise CorruptDataError("the image is damaged")
    # OpenCV gives blue first.
    return np.asarray(image if image.ndim == 2 else image[..., [2, 1, 0, *range(3, image.shape[2])]])


def _read_tiff(_: bytes, path: Path, max_pixels: int) -> Frame:
    from flowroi.sources.tiff import read_single_page

    return read_single_page(path, max_pixels)


def _read_jpeg2000(data: bytes, path: Path, max_pixels: int) -> Frame:
    header = read_header(data)
    check_frame_pixels(header.height, header.width, max_pixels, path)
    if header.components == 1:
        check_limits(header, max_pixels)
    return np.asarray(imagecodecs.jpeg2k_decode(data))


TIFF_ERRORS = (tifffile.TiffFileError, ValueError, RuntimeError, IndexError, OSError, struct.error, KeyError)
