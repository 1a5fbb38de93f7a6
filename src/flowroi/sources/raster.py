"""PNG and BMP: the declared size first, then all of the pixels or an error."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import BmpImagePlugin, Image, PngImagePlugin

from flowroi.errors import NOT_DECODED, CorruptDataError, UnsupportedFormatError
from flowroi.sources.pixels import Frame, ImageHeader, check_size

HEADER_BYTES = 64

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}


def read_png_header(head: bytes, max_pixels: int) -> ImageHeader:
    """Read the IHDR chunk, the first of every PNG file.

    Raises
    ------
    CorruptDataError
        If this is no PNG file.
    UnsupportedFormatError
        If it is too large, or of a depth that a movie of cells is not kept in.

    References
    ----------
    Portable Network Graphics Specification (Third Edition), 11.2.1 IHDR.
    """
    height, width = png_size(head)
    depth, colour = head[24:26]
    check_size(width, height, max_pixels)
    samples = _PNG_SAMPLES.get(colour)
    if samples is None or depth not in (1, 2, 4, 8, 16):
        raise CorruptDataError(f"the PNG header declares colour type {colour} of {depth} bits: there is none")
    if colour != 3 and depth < 8:
        raise UnsupportedFormatError(f"PNG of {depth} bits a sample; expected 8 or 16: save it as 8-bit grey")
    if colour != 0 and depth == 16:
        raise UnsupportedFormatError("PNG with 16-bit colours; expected grey: save one channel as 16-bit grey")
    return ImageHeader(width, height, samples, np.dtype(np.uint16 if depth == 16 else np.uint8))


def png_size(head: bytes) -> tuple[int, int]:
    """Return the declared rows and columns of a PNG file.

    Raises
    ------
    CorruptDataError
        If this is no PNG file.
    """
    if head[:8] != _PNG_SIGNATURE or head[12:16] != b"IHDR" or len(head) < 29:
        raise CorruptDataError(f"not a PNG file: it starts with {head[:8].hex(' ')}; {NOT_DECODED}")
    width, height = struct.unpack(">II", head[16:24])
    return int(height), int(width)


def decode_png(data: bytes, header: ImageHeader) -> Frame:
    """Decode a PNG file whose header was accepted, to (Y, X) or (Y, X, S).

    Raises
    ------
    CorruptDataError
        If a chunk fails its CRC, or the end is missing.
    UnsupportedFormatError
        If it is animated.
    """
    check_png_chunks(data)
    return _decode(PngImagePlugin.PngImageFile, data, header)


def read_bmp_header(head: bytes, max_pixels: int) -> ImageHeader:
    """Read the file header and the bitmap header of a BMP file.

    Raises
    ------
    CorruptDataError
        If this is no BMP file.
    UnsupportedFormatError
        If it is too large, compressed, or not of 8, 24 or 32 bits.
    """
    if head[:2] != b"BM" or len(head) < 34:
        raise CorruptDataError(f"not a BMP file: it starts with {head[:8].hex(' ')}; {NOT_DECODED}")
    (header_size,) = struct.unpack("<I", head[14:18])
    if header_size == 12:
        width, height, _, depth = struct.unpack("<4H", head[18:26])
        compression = 0
    else:
        width, height, _, depth, compression = struct.unpack("<iiHHI", head[18:34])
    height = abs(height)  # negative: the top row comes first
    check_size(width, height, max_pixels)
    if compression != 0 or depth not in (8, 24, 32):
        raise UnsupportedFormatError(
            f"BMP of {depth} bits, compression {compression}; expected 8, 24 or 32 bits, not compressed: save it as "
            "8-bit grey"
        )
    return ImageHeader(width, height, 3, np.dtype(np.uint8))


def decode_bmp(data: bytes, header: ImageHeader) -> Frame:
    """Decode a BMP file whose header was accepted, to (Y, X) or (Y, X, 3).

    Raises
    ------
    CorruptDataError
        If rows are missing.
    """
    (offset,) = struct.unpack("<I", data[10:14])
    (depth,) = struct.unpack("<H", data[24:26] if data[14] == 12 else data[28:30])
    stride = (header.width * depth + 31) // 32 * 4
    needed = offset + stride * header.height
    if len(data) < needed:
        rows = max(len(data) - offset, 0) // stride
        raise CorruptDataError(
            f"the BMP file is cut short: {len(data)} of {needed} bytes, {rows} of {header.height} rows; "
            "not filled up: copy it again"
        )
    return _decode(BmpImagePlugin.BmpImageFile, data, header)


def _decode(
    reader: type[PngImagePlugin.PngImageFile] | type[BmpImagePlugin.BmpImageFile],
    data: bytes,
    header: ImageHeader,
) -> Frame:
    """Decode with Pillow's own class for the format, so that no other format is guessed."""
    try:
        with reader(BytesIO(data)) as image:
            pixels = np.asarray(image)
            palette = image.getpalette("RGB") if image.mode == "P" else None
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, IndexError, KeyError, EOFError) as error:
        raise CorruptDataError(f"cannot be decoded ({error}); nothing was filled up: copy it again") from error
    except Image.DecompressionBombError as error:
        raise UnsupportedFormatError(f"{error}; not decoded") from error
    if palette is not None:
        colours = np.asarray(palette, np.uint8).reshape(-1, 3)
        if int(pixels.max()) >= len(colours):
            raise CorruptDataError(f"a pixel has colour {pixels.max()}; the palette has {len(colours)} colours")
        pixels = colours[pixels]
    if pixels.shape[:2] != (header.height, header.width):
        raise CorruptDataError(
            f"decodes to {pixels.shape[1]}x{pixels.shape[0]} pixels; its header declares {header.width}x{header.height}"
        )
    return pixels


def check_png_chunks(data: bytes) -> None:
    """Check every chunk's CRC and that the last one is there: decoders stop reading before it.

    Raises
    ------
    CorruptDataError
        If one fails, or the end is missing.
    UnsupportedFormatError
        If it is animated.
    """
    offset = len(_PNG_SIGNATURE)
    while offset + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + 12 + length
        if end > len(data):
            break
        content = memoryview(data)[offset + 4 : end - 4]
        if zlib.crc32(content) != struct.unpack_from(">I", data, end - 4)[0]:
            raise CorruptDataError(f"checksum mismatch in PNG chunk {kind!r} at byte {offset}: copy the file again")
        if kind == b"acTL":
            raise UnsupportedFormatError("animated PNG; expected one image: save its frames as separate files")
        if kind == b"IEND":
            return
        offset = end
    raise CorruptDataError(
        f"the PNG file is cut short: {len(data)} bytes without its last chunk; not filled up: copy it again"
    )
