"""Where the decoding of a compressed video may start: packets that, by the syntax of their codec, need none before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

# The container's flag is enough: every packet is a picture of its own, or (FFV1) the decoder checks it.
_BY_FLAG = (
    *("rawvideo", "huffyuv", "ffvhuff", "utvideo", "png", "v210", "magicyuv", "prores", "dnxhd", "jpeg2000"),
    "ffv1",
)
_START = b"\0\0\1"


class AccessPoints:
    """Tells, packet by packet in order of decoding, where a decoder may start.

    What a decoder keeps from earlier packets beside pictures (parameter sets, tables) must be repeated by the packet,
    or stand in the header of the stream. Whatever is not understood is no access point.

    Parameters
    ----------
    codec : str
        FFmpeg's name of the codec.
    extradata : bytes
        The header of the stream.

    Examples
    --------
    >>> points = AccessPoints("vp9", b"")
    >>> points.is_access(bytes([0b10000010]), key=True), points.is_access(bytes([0b10000110]), key=True)
    (True, False)
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._extradata = extradata
        self._headers: set[bytes] = set()
        self._broken = False
        self._by_flag = codec in _BY_FLAG
        tests: dict[str, Callable[[bytes], bool]] = {
            "h264": self._h264,
            "hevc": self._hevc,
            "mpeg4": self._mpeg4,
            "av1": self._av1,
            "vp9": self._vp9,
            "mjpeg": self._mjpeg,
        }
        self._test = tests.get(codec)

    def is_access(self, packet: Any, *, key: bool) -> bool:
        """Whether decoding may start with this packet, the next in order of decoding.

        Frames presented before it may come out of it wrong; the others are exact.

        Parameters
        ----------
        packet : bytes-like
            Its data.
        key : bool
            What the container says.
        """
        if self._by_flag:
            return key
        if self._test is None or self._broken:
            return False
        try:
            return self._test(bytes(packet)) and not self._broken
        except IndexError:
            return False

    def _complete(self, found: list[bytes]) -> bool:
        """Whether the headers met until now are all in this packet or in the header of the stream."""
        self._headers.update(unit for unit in found if unit not in self._extradata)
        return self._headers <= set(found)

    def _nal_units(self, packet: bytes, length_at: int) -> Iterator[bytes]:
        if self._extradata[:1] == b"\1" and len(self._extradata) > length_at:
            size, place = (self._extradata[length_at] & 3) + 1, 0
            while place + size < len(packet):
                end = place + size + int.from_bytes(packet[place : place + size], "big")
                yield packet[place + size : end]
                place = end
        else:
            for unit in _between_start_codes(packet):
                yield unit.rstrip(b"\0")

    def _h264(self, packet: bytes) -> bool:
        headers, idr, recovery = [], False, False
        for unit in self._nal_units(packet, 4):
            kind = unit[0] & 31
            idr |= kind == 5
            recovery |= kind == 6 and _recovers_at_once(unit)
            if kind in (7, 8, 13, 15):
                headers.append(unit)
        return self._complete(headers) and (idr or recovery)

    def _hevc(self, packet: bytes) -> bool:
        headers, access = [], False
        for unit in self._nal_units(packet, 21):
            kind = unit[0] >> 1 & 63
            access |= 16 <= kind <= 21
            if 32 <= kind <= 34:
                headers.append(unit)
        return self._complete(headers) and access

    def _mpeg4(self, packet: bytes) -> bool:
        # The user data among the headers choose the decoder's inverse transform.
        headers, pictures = [], []
        for unit in _between_start_codes(packet):
            if unit[0] <= 0x2F or unit[0] in (0xB0, 0xB2, 0xB5):
                headers.append(unit)
            elif unit[0] == 0xB6:
                pictures.append(unit[1] >> 6)
        # Two pictures in a packet: the second is kept for the packet that follows.
        self._broken |= len(pictures) > 1
        return self._complete(headers) and pictures == [0]

    def _av1(self, packet: bytes) -> bool:
        headers, access, place = [], None, 0
        while place < len(packet):
            head, place = packet[place], place + 1 + (packet[place] >> 2 & 1)
            size, shift = len(packet) - place, 0
            if head & 2:
                size = 0
                while True:
                    part, place = packet[place], place + 1
                    size |= (part & 127) << shift
                    shift += 7
                    if part < 128:
                        break
            kind, body = head >> 3 & 15, packet[place : place + size]
            place += size
            if kind == 1:
                headers.append(body)
            elif kind in (3, 6) and access is None:
                # A new key frame that is shown: it refills every reference.
                access = body[0] >> 4 == 1
        return self._complete(headers) and bool(access)

    @staticmethod
    def _vp9(packet: bytes) -> bool:
        # Profiles 0 to 2: a new key frame that is shown.
        head = packet[0]
        return head >> 6 == 2 and head >> 4 & 3 != 3 and head & 0b1110 == 0b0010

    def _mjpeg(self, packet: bytes) -> bool:
        found, place = [], 2
        while packet[place] == 0xFF and packet[place + 1] != 0xDA:
            kind, end = packet[place + 1], place + 2 + int.from_bytes(packet[place + 2 : place + 4], "big")
            body, place = packet[place + 4 : end], end
            if kind == 0xDD:
                found.append(b"restart")
            while kind == 0xDB and body:
                found.append(b"q%d" % (body[0] & 15))
                body = body[129 if body[0] >> 4 else 65 :]
            while kind == 0xC4 and body:
                found.append(b"h%d" % body[0])
                body = body[17 + sum(body[1:17]) :]
        self._headers.update(found)
        return self._headers <= set(found)


def _between_start_codes(packet: bytes) -> Iterator[bytes]:
    place = packet.find(_START)
    while place >= 0:
        end = packet.find(_START, place + 3)
        unit = packet[place + 3 : end if end >= 0 else len(packet)]
        if unit:
            yield unit
        place = end


def _recovers_at_once(unit: bytes) -> bool:
    """Whether an SEI unit of H.264 holds a recovery point of no frames, exact and without a broken link."""
    data, place = unit.replace(b"\0\0\3", b"\0\0"), 1
    while place + 2 < len(data):
        values = [0, 0]
        for n in range(2):
            while data[place] == 255:
                values[n], place = values[n] + 255, place + 1
            values[n], place = values[n] + data[place], place + 1
        if values[0] == 6:
            # recovery_frame_cnt 0 is one bit, then exact_match_flag and broken_link_flag.
            return data[place] >> 5 == 0b110
        place += values[1]
    return False
