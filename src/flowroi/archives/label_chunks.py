"""A mask as a chunk of an OME-Zarr label image: 1 in the RoI, 0 elsewhere, deflated as all readers of Zarr can undo."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from flowroi.archives.ome_zarr_metadata import OmeZarrVersion
from flowroi.errors import CorruptDataError

# Zarr v3 has gzip's frame around the deflated bytes, v2 zlib's.
_WINDOW_BITS = {"0.5": 31, "0.4": 15}
_LEVEL = 9


def encode_mask(mask: npt.NDArray[np.bool_], version: OmeZarrVersion) -> bytes:
    """Return the chunk of a mask (Y, X), without a checksum behind it."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS[version])
    return packer.compress(np.ascontiguousarray(mask, np.uint8).tobytes()) + packer.flush()


def decode_mask(chunk: bytes, shape: tuple[int, int], version: OmeZarrVersion) -> npt.NDArray[np.bool_]:
    """Return the mask of such a chunk; no more is inflated than a mask of that shape has.

    Raises
    ------
    CorruptDataError
        If it is damaged, or not of that shape.

    Examples
    --------
    >>> mask = np.eye(3, 4, dtype=bool)
    >>> bool((decode_mask(encode_mask(mask, "0.5"), (3, 4), "0.5") == mask).all())
    True
    """
    size = shape[0] * shape[1]
    unpacker = zlib.decompressobj(_WINDOW_BITS[version])
    try:
        pixels = unpacker.decompress(chunk, size + 1)
    except zlib.error as error:
        raise CorruptDataError(f"the mask cannot be decoded: {error}") from error
    if len(pixels) != size or not unpacker.eof:
        raise CorruptDataError(f"the mask decodes to {len(pixels)} pixels or more; expected {size}, and an end")
    return np.asarray(np.frombuffer(pixels, np.uint8).reshape(shape), np.bool_)
