"""CRC-32C (Castagnoli), which Zarr v3 puts behind chunks and behind the index of a shard."""

from __future__ import annotations

import struct

import google_crc32c

CRC_BYTES = 4


def crc32c(data: bytes) -> bytes:
    """Return the checksum's four bytes, little-endian, as Zarr's codec `crc32c` appends them.

    Examples
    --------
    >>> crc32c(b"123456789").hex()
    '839206e3'
    """
    return struct.pack("<I", google_crc32c.value(data))


def with_crc32c(data: bytes) -> bytes:
    """Return the data and, behind it, its checksum."""
    return data + crc32c(data)


def without_crc32c(data: bytes) -> bytes | None:
    """Return what stands before the checksum, or None if the checksum is of something else.

    Examples
    --------
    >>> without_crc32c(with_crc32c(b"abc")), without_crc32c(b"abc")
    (b'abc', None)
    """
    content = data[:-CRC_BYTES]
    return content if len(data) >= CRC_BYTES and data[-CRC_BYTES:] == crc32c(content) else None
