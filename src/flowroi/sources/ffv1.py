"""The checksums of FFV1: FFmpeg only logs a slice that fails its own, and hands out the frame."""

from __future__ import annotations

import zlib

# The length of a slice (3 bytes), a byte of status, and the checksum.
_FOOTER_BYTES = 8
# FFV1's CRC takes the highest bit of a byte first, that of zlib the lowest.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Ffv1Checks:
    """Looks at the packets of an FFV1 stream, and tells the first whose checksums do not fit.

    Whether a stream has checksums is known only to its decoder; it has if they fit in any packet.

    """

    def __init__(self) -> None:
        self._has_some = False
        self._first_unfit: int | None = None

    @property
    def first_damaged(self) -> int | None:
        """The first frame whose checksums do not fit; None without any, or where the stream has none."""
        return self._first_unfit if self._has_some else None

    def observe(self, frame: int, packet: bytes) -> None:
        """Look at the packet of a frame."""
        if checksums_fit(packet):
            self._has_some = True
        elif self._first_unfit is None:
            self._first_unfit = frame


def checksums_fit(packet: bytes) -> bool:
    """Whether a packet consists of slices with their checksums.

    References
    ----------
    RFC 9043, 4.9 and 4.9.3: `slice_crc_parity` makes the CRC of a slice, with its footer, zero.

    Examples
    --------
    >>> checksums_fit(bytes(20)), checksums_fit(b"no slice of FFV1")
    (False, False)
    """
    reversed_bits = packet.translate(_REVERSED)
    end = len(packet)
    while end >= _FOOTER_BYTES:
        start = end - _FOOTER_BYTES - int.from_bytes(packet[end - _FOOTER_BYTES : end - 5], "big")
        # zlib's CRC that starts from a register of zeros, and ends with one.
        if not 0 <= start < end - _FOOTER_BYTES or zlib.crc32(reversed_bits[start:end], 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        end = start
    return end == 0 and len(packet) > 0
