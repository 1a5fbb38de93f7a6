"""The parts of a JPEG 2000 stream, counted from its headers: against the encoder's own count, and other encoders."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from flowroi.codec import decode
from flowroi.codec.encoder import encode_frame
from flowroi.codec.structure import check_structure
from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError
from flowroi.params import EncodeParams

FRAME = np.random.default_rng(0).integers(0, 256, (90, 130), dtype=np.uint8)


def openjpeg(**options):
    file = io.BytesIO()
    Image.fromarray(FRAME).save(file, "JPEG2000", **options)
    return file.getvalue()


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (65, 129), (64, 64)])
@pytest.mark.parametrize("options", [{"levels": 0}, {"code_block_size": (16, 64)}, {"code_block_size": (4, 4)}])
def test_code_blocks_are_those_of_the_encoder(shape, options):
    frame = FRAME[: shape[0], : shape[1]] if max(shape) < 90 else np.zeros(shape, np.uint8)
    encoded = encode_frame(frame, None, EncodeParams(lossless="all", **options))
    assert check_structure(encoded.data).code_blocks == encoded.stats.code_blocks


@pytest.mark.parametrize(
    ("options", "tiles", "packets"),
    [
        ({}, 1, 6),
        ({"num_resolutions": 3}, 1, 3),
        ({"quality_mode": "rates", "quality_layers": [20, 10, 5]}, 1, 18),
        ({"tile_size": (64, 64), "num_resolutions": 2}, 6, 12),
        # Precincts of 128, 64, ...: as the resolution halves, so do they, and a column begins a second one each time.
        ({"precinct_size": (128, 128), "codeblock_size": (32, 32)}, 1, 12),
    ],
)
def test_tiles_and_packets_of_openjpeg(options, tiles, packets):
    data = openjpeg(**options)
    found = check_structure(data)
    assert (found.tiles, found.packets) == (tiles, packets)
    assert found.reversible
    assert decode(data).shape == FRAME.shape


def test_irreversible():
    assert not check_structure(openjpeg(irreversible=True, quality_mode="rates", quality_layers=[10])).reversible


def changed(data, marker, place, new):
    """The stream with other bytes, so far behind a marker."""
    at = data.index(marker) + place
    return data[:at] + new + data[at + len(new) :]


def test_more_packets_than_bytes_are_refused():
    data = changed(openjpeg(), b"\xff\x52", 6, struct.pack(">H", 65535))
    with pytest.raises(CorruptDataError, match="393210 packets"):
        decode(data)


def test_more_tiles_than_bytes_are_refused():
    data = changed(openjpeg(), b"\xff\x51", 22, struct.pack(">II", 1, 1))
    with pytest.raises(CorruptDataError, match="11700 tiles"):
        decode(data)


def test_code_blocks_too_small_for_the_pixels_are_refused():
    data = changed(openjpeg(), b"\xff\x51", 6, struct.pack(">II", 16384, 16384))
    data = changed(data, b"\xff\x51", 22, struct.pack(">II", 16384, 16384))
    data = changed(data, b"\xff\x52", 10, bytes(2))
    with pytest.raises(UnsupportedFormatError, match="code-blocks for 16384x16384 pixels"):
        decode(data)


def test_coding_style_of_a_tile_counts():
    """A tile's own COD marker, in the header of its first tile-part."""
    data = openjpeg()
    cod = data[data.index(b"\xff\x52") : data.index(b"\xff\x52") + 14]
    assert int.from_bytes(cod[2:4], "big") == 12
    at = data.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", data, at + 6)
    hostile = cod[:6] + struct.pack(">H", 65535) + cod[8:]
    longer = struct.pack(">I", length + len(hostile)) if length else bytes(4)
    data = data[: at + 6] + longer + data[at + 10 : at + 12] + hostile + data[at + 12 :]
    with pytest.raises(CorruptDataError, match="packets"):
        check_structure(data)


def test_every_cut_of_the_headers_and_any_damage_to_them_raises_our_errors_only():
    data = openjpeg(tile_size=(64, 64))
    header = data.index(b"\xff\x93")
    for length in range(header):
        with pytest.raises(FlowRoIError):
            check_structure(data[:length])
    rng = np.random.default_rng(1)
    for _ in range(500):
        at = int(rng.integers(0, header))
        damaged = bytearray(data)
        damaged[at] = int(rng.integers(0, 256))
        try:
            check_structure(bytes(damaged))
        except FlowRoIError:
            continue


def test_a_stream_without_its_end_is_refused():
    data = openjpeg()
    end = data.rindex(b"\xff\xd9")
    with pytest.raises(CorruptDataError, match="no end"):
        decode(data[:end] + bytes(2))
