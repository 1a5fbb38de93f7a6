"""Packets that decoding may start with, told by their syntax."""

import pytest

from flowroi.sources.video_access import AccessPoints

START = b"\0\0\1"
SPS, PPS, IDR, INTER = b"\x67abc", b"\x68de", b"\x65picture", b"\x41picture"


def annex_b(*units):
    return b"".join(b"\0" + START + unit for unit in units)


def recovery(bits):
    return bytes([6, 5, 3, 1, 2, 3, 6, 1, bits, 0x80])


@pytest.mark.parametrize(
    ("units", "access"),
    [
        ((IDR,), True),
        ((INTER,), False),
        ((recovery(0b11010000), INTER), True),
        # Not exact, with a broken link, after a frame more.
        ((recovery(0b10010000), INTER), False),
        ((recovery(0b11110000), INTER), False),
        ((recovery(0b01010000), INTER), False),
    ],
)
def test_h264_pictures(units, access):
    assert AccessPoints("h264", b"").is_access(annex_b(*units), key=True) is access
    lengths = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    assert AccessPoints("h264", b"\1abc\xff").is_access(lengths, key=True) is access


def test_parameter_sets_must_be_there():
    points = AccessPoints("h264", b"")
    assert points.is_access(annex_b(SPS, PPS, IDR), key=True)
    assert not points.is_access(annex_b(PPS, IDR), key=True)
    assert points.is_access(annex_b(SPS, PPS, IDR), key=True)
    # A packet between brings another set: from then on it must be repeated too.
    assert not points.is_access(annex_b(PPS + b"f", INTER), key=False)
    assert not points.is_access(annex_b(SPS, PPS, IDR), key=True)
    assert points.is_access(annex_b(SPS, PPS, PPS + b"f", IDR), key=True)
    in_the_header = AccessPoints("h264", annex_b(SPS, PPS))
    assert in_the_header.is_access(annex_b(SPS, IDR), key=True)
    assert in_the_header.is_access(annex_b(IDR), key=True)


def test_hevc_pictures():
    points = AccessPoints("hevc", b"")
    kinds = {kind: points.is_access(annex_b(bytes([kind << 1, 1, 7, 7])), key=True) for kind in range(24)}
    assert [kind for kind, access in kinds.items() if access] == [16, 17, 18, 19, 20, 21]


def test_mpeg4_pictures():
    header, intra, inter = START + b"\x20layer", START + b"\xb6\x10", START + b"\xb6\x50"
    points = AccessPoints("mpeg4", b"")
    assert points.is_access(header + intra, key=True)
    assert not points.is_access(inter, key=True)
    assert not points.is_access(intra, key=True)
    assert points.is_access(header + intra, key=True)
    # Two pictures in a packet: the decoder keeps the second for later, so no packet stands for itself any more.
    assert not points.is_access(inter + START + b"\xb6\x90", key=False)
    assert not points.is_access(header + intra, key=True)


def test_av1_pictures():
    header, shown_key, hidden_key, inter = b"\x0a\1s", b"\x32\1\x10", b"\x32\1\0", b"\x32\1\x30"
    points = AccessPoints("av1", b"")
    assert points.is_access(b"\x12\0" + header + shown_key, key=True)
    assert not points.is_access(shown_key, key=True)
    assert not points.is_access(header + hidden_key + shown_key, key=True)
    assert not points.is_access(header + inter, key=True)
    assert not points.is_access(header + b"\x32\xff", key=True)


def test_jpeg_tables():
    def table(kind, name):
        body = bytes([name]) + bytes(64 if kind == 0xDB else 16)
        return bytes([0xFF, kind]) + (len(body) + 2).to_bytes(2, "big") + body

    begin, scan = b"\xff\xd8", b"\xff\xda\0\2picture"
    points = AccessPoints("mjpeg", b"")
    both = table(0xDB, 0) + table(0xC4, 0)
    assert points.is_access(begin + both + scan, key=True)
    assert not points.is_access(begin + table(0xDB, 0) + scan, key=True)
    assert points.is_access(begin + both + table(0xC4, 0x10) + scan, key=True)
    assert not points.is_access(begin + both + scan, key=True)


@pytest.mark.parametrize("codec", ["cinepak", "mpeg2video", "msmpeg4v3"])
def test_what_is_not_understood_is_none(codec):
    assert not AccessPoints(codec, b"").is_access(b"\0\0\1\xb3", key=True)


@pytest.mark.parametrize("codec", ["ffv1", "rawvideo", "huffyuv"])
def test_the_flag_is_enough(codec):
    assert AccessPoints(codec, b"").is_access(b"any", key=True)
    assert not AccessPoints(codec, b"").is_access(b"any", key=False)
