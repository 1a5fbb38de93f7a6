"""Frames and masks as pictures."""

import cv2
import numpy as np
import pytest

from flowroi.errors import InvalidParameterError
from flowroi.png import png_size
from flowroi.report.pictures import grey_range, outline_png, png_of, thumbnail
from flowroi.roi.overlay import OUTLINE_RGB


def read(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_frame_is_stretched_to_eight_grey_bits(dtype):
    frame = np.array([[10, 20, 60], [110, 200, 255]], dtype)
    shown = read(png_of(frame, 10, 110))
    assert shown.dtype == np.uint8
    assert shown.tolist() == [[0, 26, 128], [255, 255, 255]]


def test_one_range_shows_a_change_of_grey():
    frame = np.full((4, 4), 100, np.uint16)
    frame[0, 0], frame[3, 3] = 0, 200
    low, high = grey_range(frame)
    assert read(png_of(frame + 20, low, high))[1, 1] > read(png_of(frame, low, high))[1, 1]
    with pytest.raises(InvalidParameterError, match="5 to 5"):
        png_of(frame, 5, 5)


def test_a_frame_without_contrast_has_a_range():
    low, high = grey_range(np.full((3, 3), 7, np.uint8))
    assert low < high


def test_an_outline_lies_inside_its_mask_and_is_transparent_elsewhere():
    mask = np.zeros((30, 40), bool)
    mask[5:20, 5:35] = True
    mask[10:12, 10:20] = False
    shown = read(outline_png(mask))
    drawn = shown[..., 3] > 0
    assert set(np.unique(shown[..., 3])) == {0, 255}
    assert (shown[drawn][:, 2::-1] == OUTLINE_RGB).all()
    assert drawn[5, 5:35].all()
    assert drawn[9, 10:20].all()
    assert not drawn[7].sum() > 2
    assert not (drawn & ~mask).any()
    assert not read(outline_png(np.zeros((4, 4), bool)))[..., 3].any()


def test_a_thumbnail_shows_its_place_and_moves_inwards_at_a_border():
    frame = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)

    def seen(centre, **more):
        return read(thumbnail(frame, centre, 10, 1, low=0, high=4800, **more))

    def expected(y, x):
        return np.rint(frame[y : y + 10, x : x + 10] * np.float32(255 / 4800)).astype(np.uint8)

    np.testing.assert_array_equal(seen((30, 40)), expected(25, 35))
    np.testing.assert_array_equal(seen((0, 79.4)), expected(0, 70))
    np.testing.assert_array_equal(seen((59, 0)), expected(50, 0))


def test_outlines_are_one_screen_pixel_wide_at_any_zoom():
    frame = np.zeros((40, 40), np.uint8)
    mask = np.zeros((40, 40), int)
    mask[10:30, 10:30] = 3
    png = thumbnail(frame, (20, 20), 40, 4, outlines=[(mask, (230, 159, 0))], low=0, high=1)
    assert png_size(png) == (160, 160)
    orange = (read(png)[..., ::-1] == (230, 159, 0)).all(axis=-1)
    assert np.flatnonzero(orange[80]).tolist() == [40, 119]


def test_what_cannot_be_shown_is_refused():
    frame = np.zeros((8, 8), np.uint8)
    for size, zoom in ((0, 1), (4, 0), (4, 17)):
        with pytest.raises(InvalidParameterError, match="expected at least 1 pixel"):
            thumbnail(frame, (0, 0), size, zoom)
    with pytest.raises(InvalidParameterError, match="mask of shape"):
        thumbnail(frame, (0, 0), 4, 1, outlines=[(np.ones((3, 3)), (1, 2, 3))])
