"""One page of a TIFF file: its size, type and strips are checked before it is decoded, and all of it is decoded."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import tifffile

from flowroi.codec.codestream import read_header
from flowroi.codec.lossiness import stream_losses
from flowroi.codec.structure import check_structure
from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError
from flowroi.limits import check_decoded_bytes
from flowroi.losses import Losses
from flowroi.sources.pixels import Frame, ImageHeader, check_pixel_type, check_size
from flowroi.sources.tiff_chain import page_offsets

# What tifffile finds wrong is raised here as our error; its own log lines would only repeat it on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

JPEG2000 = (33003, 33004, 33005, 34712)
# Lossless codes, whose decoders fill a buffer of known size; and JPEG 2000, whose streams are checked first.
_COMPRESSIONS = (1, 5, 8, 32773, 32946, 34925, 34926, 50000, *JPEG2000)


@contextmanager
def tifffile_errors() -> Iterator[None]:
    """Turn what tifffile and its codecs raise on damaged files into CorruptDataError.

    They raise nearly every built-in exception on hostile input, so all of them are taken.
    """
    try:
        yield
    except FlowRoIError:
        raise
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptDataError(f"damaged TIFF ({text:.200}); nothing was filled up: copy the file again") from error


def check_page(page: tifffile.TiffPage, file_size: int, max_pixels: int) -> ImageHeader:
    """Check everything about a page that can be known without decoding it.

    Parameters
    ----------
    page : TiffPage
        The page.
    file_size : int
        Bytes of its file.
    max_pixels : int
        Limit of a frame, and of a tile.

    Raises
    ------
    UnsupportedFormatError
        If it is too large, compressed in a way that is not read, or has pixels of an unsupported type.
    CorruptDataError
        If strips or tiles are missing or lie beyond the end of the file.
    """
    check_size(page.imagewidth, page.imagelength, max_pixels)
    if page.imagedepth != 1:
        raise UnsupportedFormatError(f"a volume of {page.imagedepth} planes in one page; expected one plane")
    if page.is_tiled:
        check_size(page.tilewidth, page.tilelength, max_pixels)
    if page.samplesperpixel > 16:
        raise UnsupportedFormatError(f"{page.samplesperpixel} samples a pixel; expected 1 (grey)")
    if page.compression not in _COMPRESSIONS:
        name = getattr(page.compression, "name", page.compression)
        raise UnsupportedFormatError(
            f"TIFF compression {name} is not read; expected none, LZW, deflate, PackBits, LZMA, Zstandard or "
            "JPEG 2000: save it as one of these"
        )
    if page.dtype is None:
        raise UnsupportedFormatError(
            f"unsupported pixel type of {page.bitspersample} bits; expected uint8 or uint16: convert it on purpose"
        )
    check_decoded_bytes("a page", page.nbytes, max_pixels)
    if page.is_tiled:
        tile_bytes = page.tilewidth * page.tilelength * page.samplesperpixel * page.dtype.itemsize
        check_decoded_bytes("a tile", tile_bytes, max_pixels)
    check_segments(page, file_size)
    bits = page.bitspersample if 8 < page.bitspersample < 16 else None
    return ImageHeader(page.imagewidth, page.imagelength, page.samplesperpixel, page.dtype, bits)


def check_segments(page: tifffile.TiffPage, file_size: int) -> None:
    """Raise CorruptDataError unless all strips or tiles of a page are in the file.

    Left to itself tifffile reads a strip that is not there as zeros.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    expected = int(np.prod(page.chunked)) if page.chunked else 1
    unit = "tiles" if page.is_tiled else "strips"
    # Many writers give one strip that is not compressed a length of 0 or a wrong one; the size of the page holds.
    if len(offsets) == 1 == expected and page.compression == 1:
        counts = (page.nbytes,)
    if len(offsets) != expected or len(counts) < len(offsets):
        raise CorruptDataError(f"{len(offsets)} of {expected} {unit} are listed; not filled up: copy the file again")
    for i, (offset, count) in enumerate(zip(offsets, counts, strict=False)):
        if offset <= 0 or count <= 0:
            raise CorruptDataError(f"{unit[:-1]} {i} of {expected} is missing; not filled up with zeros")
        if offset + count > file_size:
            raise CorruptDataError(
                f"{unit[:-1]} {i} of {expected} ends at byte {offset + count}, the file at byte {file_size}: it is "
                "cut short; not filled up: copy it again"
            )


def read_page(page: tifffile.TiffPage, file_size: int, max_pixels: int) -> Frame:
    """Decode a page to (Y, X) or (Y, X, S), uint8 or uint16.

    Raises
    ------
    CorruptDataError, UnsupportedFormatError
        As `check_page`, and if a strip does not decode to all of its pixels.
    """
    with tifffile_errors():
        header = check_page(page, file_size, max_pixels)
        dtype = check_pixel_type(header.dtype)
        pixels = _decode(page)
        if header.samples > 1 and page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        shape = (header.height, header.width) + ((header.samples,) if header.samples > 1 else ())
        if pixels.shape != shape:
            raise CorruptDataError(f"the page decodes to shape {pixels.shape}; its header declares {shape}")
        return pixels.astype(dtype, copy=False)


def first_values(page: tifffile.TiffPage, file_size: int, max_pixels: int) -> Frame | None:
    """Decode a page of any pixel type, to advise how to convert it; None where it is damaged."""
    try:
        with tifffile_errors():
            check_page(page, file_size, max_pixels)
            return _decode(page)
    except FlowRoIError:
        return None


def read_single_page_header(handle: BinaryIO, max_pixels: int) -> ImageHeader:
    """Check a TIFF file that is one frame of a folder; a file of several pages is refused."""
    with _only_page(handle) as (page, file_size):
        header = check_page(page, file_size, max_pixels)
        if header.dtype.kind != "u" or header.dtype.itemsize > 2:
            check_pixel_type(header.dtype, first_values(page, file_size, max_pixels))
        return header


def read_single_page(handle: BinaryIO, max_pixels: int) -> Frame:
    """Decode a TIFF file that is one frame of a folder."""
    with _only_page(handle) as (page, file_size):
        return read_page(page, file_size, max_pixels)


def single_page_losses(handle: BinaryIO) -> Losses:
    """Return what the only page of a TIFF file lost when it was written."""
    with _only_page(handle) as (page, _):
        return losses_of_page(page)


@contextmanager
def _only_page(handle: BinaryIO) -> Iterator[tuple[tifffile.TiffPage, int]]:
    """Open a file of one page; yields the page and the size of the file."""
    chain = page_offsets(handle)
    if chain.broken is not None:
        raise CorruptDataError(chain.broken)
    if len(chain.offsets) != 1:
        raise UnsupportedFormatError(
            f"a TIFF of {len(chain.offsets)} pages among single images; expected one page: give that file itself as "
            "the input"
        )
    handle.seek(0)
    with tifffile_errors(), tifffile.TiffFile(handle) as tiff:
        yield tiff.pages.first, tiff.filehandle.size


def _decode(page: tifffile.TiffPage) -> Frame:
    if page.compression in JPEG2000:
        _check_streams(page)
    # One worker: the callers' threads are used already.
    return np.asarray(page.asarray(maxworkers=1))


def _check_streams(page: tifffile.TiffPage) -> None:
    """Check that every JPEG 2000 stream declares its tile's size, before OpenJPEG allocates what it declares."""
    tile: tuple[int, ...] = page.chunks
    handle: Any = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        handle.seek(offset)
        data = handle.read(count)
        header = read_header(data)
        height, width = tile[1:3] if page.axes == "SYX" else tile[:2]
        if header.width > width or header.height > height or header.components > page.samplesperpixel:
            raise CorruptDataError(
                f"a JPEG 2000 tile declares {header.width}x{header.height} pixels; the page's tiles are "
                f"{width}x{height}; not decoded"
            )
        check_structure(data)


def losses_of_page(page: tifffile.TiffPage) -> Losses:
    """Return what a page lost when it was written, told from its first JPEG 2000 stream."""
    if page.compression not in JPEG2000 or not page.dataoffsets:
        return Losses()
    _check_streams(page)
    handle: Any = page.parent.filehandle
    handle.seek(page.dataoffsets[0])
    return stream_losses(handle.read(page.databytecounts[0]), page.nbytes)
