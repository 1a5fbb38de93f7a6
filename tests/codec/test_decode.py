"""Decoding refuses what it should before it allocates anything."""

import struct

import imagecodecs
import numpy as np
import pytest

from flowroi import decode, encode
from flowroi.errors import CorruptDataError, UnsupportedFormatError


def giant(width, height):
    siz = struct.pack(">HHIIIIIIIIHBBB", 41, 0, width, height, 0, 0, width, height, 0, 0, 1, 7, 1, 1)
    return b"\xff\x4f\xff\x51" + siz + b"\xff\xd9" + bytes(80)


def test_giant_sizes_are_refused_undecoded():
    with pytest.raises(UnsupportedFormatError, match="65536x65536"):
        decode(giant(65536, 65536))
    with pytest.raises(UnsupportedFormatError, match="limit of 100"):
        decode(encode(np.zeros((20, 20), np.uint8), lossless="all"), max_pixels=100)


@pytest.mark.parametrize("data", [b"", b"not a stream at all", giant(0, 5), b"\xff\x4f\xff\x51\x00", b"\xff\x4f"])
def test_what_is_no_stream_is_refused(data):
    with pytest.raises(CorruptDataError):
        decode(data)


def test_every_truncation_is_an_error_or_too_short_to_matter():
    data = encode(np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8), lossless="all")
    for length in range(0, 120):
        with pytest.raises(CorruptDataError):
            decode(data[:length])


def test_colour_and_signed_streams_are_refused():
    colour = imagecodecs.jpeg2k_encode(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UnsupportedFormatError, match="3 components"):
        decode(colour)


def test_foreign_streams_decode():
    frame = np.random.default_rng(0).integers(0, 256, (33, 20)).astype(np.uint8)
    assert np.array_equal(decode(imagecodecs.jpeg2k_encode(frame, reversible=True, level=0)), frame)
