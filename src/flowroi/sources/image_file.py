"""One image file to one frame: PNG, BMP, TIFF, JPEG 2000."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from flowroi.codec.codestream import check_limits, read_header
from flowroi.codec.decoder import decode
from flowroi.codec.lossiness import stream_losses
from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.losses import Losses
from flowroi.sources import raster, tiff_page
from flowroi.sources.files import InputFile, located
from flowroi.sources.pixels import Frame, ImageHeader, check_channel, grey_frame

JPEG2000_SUFFIXES = (".jp2", ".j2k", ".j2c", ".jpc")
TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (".png", ".bmp", *TIFF_SUFFIXES, *JPEG2000_SUFFIXES)

# The SIZ marker stands this early unless large metadata boxes come first.
_JPEG2000_HEAD_BYTES = 1 << 16
# A file much larger than its pixels is read into memory whole, so there is a limit to it.
_MAX_EXTRA_BYTES = 1 << 26


def suffix_of(name: str) -> str:
    """Return the suffix in lower case.

    Examples
    --------
    >>> suffix_of("img.0001.PNG")
    '.png'
    """
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def read_image_header(file: InputFile, *, max_pixels: int, frame: int | None = None) -> ImageHeader:
    """Read the declared size and pixel type of an image, without decoding it.

    Raises
    ------
    CorruptDataError, UnsupportedFormatError
        If the header is damaged, or declares what FlowRoI does not take.
    """
    suffix = suffix_of(file.path.name)
    with located(file.path, frame), file.open(frame=frame) as handle:
        if suffix in TIFF_SUFFIXES:
            return tiff_page.read_single_page_header(handle, max_pixels)
        if suffix in JPEG2000_SUFFIXES:
            return _jpeg2000_header(handle, file, max_pixels)
        head = handle.read(raster.HEADER_BYTES)
        return (raster.read_png_header if suffix == ".png" else raster.read_bmp_header)(head, max_pixels)


def read_image(file: InputFile, *, channel: int | None, max_pixels: int, frame: int | None = None) -> Frame:
    """Decode an image to one grey frame.

    Parameters
    ----------
    file : InputFile
        A file with one of the suffixes of `IMAGE_SUFFIXES`.
    channel : int or None
        The sample to take of a colour image.
    max_pixels : int
        A header that declares more is refused before anything is allocated.
    frame : int, optional
        For messages.

    Returns
    -------
    ndarray, shape (Y, X), uint8 or uint16

    Raises
    ------
    CorruptDataError
        If the file is damaged or cut short.
    UnsupportedFormatError
        If it is too large, coloured, or of another pixel type.
    """
    suffix = suffix_of(file.path.name)
    with located(file.path, frame):
        with file.open(frame=frame) as handle:
            if suffix in TIFF_SUFFIXES:
                return grey_frame(tiff_page.read_single_page(handle, max_pixels), channel)
            _check_file_size(file, max_pixels)
            data = handle.read()
        if suffix in JPEG2000_SUFFIXES:
            check_channel(channel or 0, 1)
            frame_data: Frame = decode(data, max_pixels=max_pixels)
            return frame_data
        if suffix == ".png":
            header = raster.read_png_header(data[: raster.HEADER_BYTES], max_pixels)
            return grey_frame(raster.decode_png(data, header), channel)
        header = raster.read_bmp_header(data[: raster.HEADER_BYTES], max_pixels)
        return grey_frame(raster.decode_bmp(data, header), channel)


def image_losses(file: InputFile, raw_bytes: int) -> Losses:
    """Return what an image that could be decoded had lost before: of these formats only JPEG 2000 can be lossy.

    Parameters
    ----------
    file : InputFile
    raw_bytes : int
        Bytes of its samples.
    """
    suffix = suffix_of(file.path.name)
    if suffix not in (*TIFF_SUFFIXES, *JPEG2000_SUFFIXES):
        return Losses()
    with located(file.path), file.open() as handle:
        if suffix in TIFF_SUFFIXES:
            return tiff_page.single_page_losses(handle)
        return stream_losses(handle.read(), raw_bytes)


def _check_file_size(file: InputFile, max_pixels: int) -> None:
    if file.size_bytes > 8 * max_pixels + _MAX_EXTRA_BYTES:
        raise UnsupportedFormatError(
            f"{file.size_bytes} bytes for one image, above what {max_pixels} pixels can need; not read: raise "
            "max_pixels if the file is right"
        )


def _jpeg2000_header(handle: BinaryIO, file: InputFile, max_pixels: int) -> ImageHeader:
    head = handle.read(_JPEG2000_HEAD_BYTES)
    try:
        header = read_header(head)
    except CorruptDataError:
        if len(head) == file.size_bytes:
            raise
        # Large boxes stand before the codestream.
        _check_file_size(file, max_pixels)
        header = read_header(head + handle.read())
    check_limits(header, max_pixels)
    dtype = np.dtype(np.uint8 if header.bit_depth <= 8 else np.uint16)
    bits = header.bit_depth if 8 < header.bit_depth < 16 else None
    return ImageHeader(header.width, header.height, 1, dtype, bits)
