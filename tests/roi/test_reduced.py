"""Frames at half the resolution, and back."""

import numpy as np
import pytest

from flowroi.roi.reduced import enlarge, reduce_frame


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 8), (9, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blocks_are_averaged_and_odd_ends_repeated(shape, dtype):
    frame = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    even = np.pad(frame, [(0, n % 2) for n in shape], mode="edge").astype(np.float64)
    expected = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    assert reduce_frame(frame) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 8), (41, 33)])
def test_what_is_enlarged_lies_where_it_lay(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    ramp = (3 * y + 5 * x).astype(np.uint16)
    back = enlarge(reduce_frame(ramp), shape)
    assert back.shape == shape
    assert np.abs(back[2:-3, 2:-3] - ramp[2:-3, 2:-3]).max(initial=0) < 1e-4
