"""What an input may declare: checked before anything is allocated for it."""

from __future__ import annotations

from flowroi.errors import UnsupportedFormatError

# Pixels of a frame. 16384 x 16384 is beyond any camera; decoding so many takes up to 8 bytes each.
DEFAULT_MAX_PIXELS = 2**28
# Frames of a movie: 36 hours at 8 frames a second.
MAX_FRAMES = 2**20
# Bytes that one page, tile or chunk may hold for each pixel that a frame may have (four 16-bit samples).
BYTES_PER_PIXEL = 8
# Text that describes an input (OME-XML, JSON of Zarr): a frame needs some hundred bytes of it.
MAX_METADATA_BYTES = 2**26


def check_frame_count(frames: int) -> None:
    """Raise UnsupportedFormatError if an input declares more frames than a movie may have.

    Examples
    --------
    >>> check_frame_count(10**9)
    Traceback (most recent call last):
    ...
    flowroi.errors.UnsupportedFormatError: 1000000000 frames declared, above the limit of 1048576 a movie; nothing was \
read: split the movie
    """
    if frames > MAX_FRAMES:
        raise UnsupportedFormatError(
            f"{frames} frames declared, above the limit of {MAX_FRAMES} a movie; nothing was read: split the movie"
        )


def check_decoded_bytes(what: str, size_bytes: int, max_pixels: int) -> None:
    """Raise UnsupportedFormatError if a page, a tile or a chunk would decode to more than a frame can need.

    Parameters
    ----------
    what : str
        Its name, for the message.
    size_bytes : int
        What it decodes to, as declared.
    max_pixels : int
        Limit of a frame.

    Examples
    --------
    >>> check_decoded_bytes("a tile", 900, 100)
    Traceback (most recent call last):
    ...
    flowroi.errors.UnsupportedFormatError: a tile of 900 bytes declared, above the limit of 800 (8 bytes for each of \
100 pixels); not decoded: raise max_pixels if the size is right
    """
    limit = BYTES_PER_PIXEL * max_pixels
    if size_bytes > limit:
        raise UnsupportedFormatError(
            f"{what} of {size_bytes} bytes declared, above the limit of {limit} ({BYTES_PER_PIXEL} bytes for each of "
            f"{max_pixels} pixels); not decoded: raise max_pixels if the size is right"
        )
