"""Images as PNG."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from flowroi.errors import CorruptDataError, FlowRoIError
from flowroi.png import encode_png, png_css_size, png_size, write_png


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [(), (3,), (4,)])
def test_pixels_come_back(dtype, colours, tmp_path):
    image = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (7, 5, *colours), endpoint=True).astype(dtype)
    write_png(tmp_path / "a.png", image)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    shown = read[..., [2, 1, 0, 3][: colours[0]]] if colours else read
    assert read.dtype == dtype
    np.testing.assert_array_equal(shown, image)
    assert png_size((tmp_path / "a.png").read_bytes()) == (5, 7)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4, 4), np.float32), ((4, 4), bool), ((4, 4, 2), np.uint8), ((4,), np.uint8), ((0, 4), np.uint8)],
)
def test_what_png_does_not_hold_is_refused(shape, dtype):
    with pytest.raises(FlowRoIError, match="expected"):
        encode_png(np.zeros(shape, dtype))


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(40)])
def test_what_is_no_png_is_said_to_be_none(data):
    with pytest.raises(CorruptDataError, match="no PNG"):
        png_size(data)


@pytest.mark.parametrize(
    ("per_metre", "unit", "expected"), [(7559, 1, (50, 20)), (7559, 0, (100, 40)), (0, 1, (100, 40))]
)
def test_a_page_shows_the_size_that_the_resolution_asks_for(per_metre, unit, expected):
    png = encode_png(np.zeros((40, 100), np.uint8))
    assert png_css_size(png) == (100, 40)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, unit)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    assert png_css_size(png[:33] + chunk + png[33:]) == expected
