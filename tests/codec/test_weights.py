"""Weights beside a mask: the weights steer the bits, the mask says what a target is about."""

import cv2
import numpy as np
import pytest

import flowroi
from flowroi.codec import decode, encode_frame
from flowroi.errors import InvalidParameterError
from flowroi.params import EncodeParams


@pytest.fixture(scope="module", params=[(120, 160), (121, 163)])
def scene(request):
    """A frame, a mask of its cells, and weights at half the resolution."""
    height, width = request.param
    movie = flowroi.synthetic_movie(frames=1, height=height, width=width, cells=9, seed=2)
    mask = movie.labels[0] > 0
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 5)
    half = cv2.resize(blurred, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)
    return movie.frames[0], mask, np.maximum(half, 0.1).astype(np.float32)


def enlarged(half, shape):
    size = (2 * half.shape[1], 2 * half.shape[0])
    return np.ascontiguousarray(cv2.resize(half, size, interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]])


def mse(frame, data, where):
    return np.square(decode(data).astype(float) - frame)[where].mean()


def test_a_psnr_is_about_the_mask(scene):
    frame, mask, weights = scene
    data = encode_frame(frame, mask, EncodeParams(psnr=38), weights=weights).data
    reached = 10 * np.log10(255**2 / mse(frame, data, mask))
    assert 38 <= reached < 38.5


def test_a_lossless_roi_is_the_mask_and_no_more(scene):
    frame, mask, weights = scene
    data = encode_frame(frame, mask, EncodeParams(lossless="roi"), weights=weights).data
    assert mse(frame, data, mask) == 0
    assert mse(frame, data, ~mask) > 0


def test_half_the_size_is_interpolated(scene):
    frame, mask, half = scene
    small, large = (
        encode_frame(frame, mask, EncodeParams(rate=12), weights=weights)
        for weights in (half, enlarged(half, frame.shape))
    )
    # The same up to the rounding of the interpolation.
    assert len(small.data) == pytest.approx(len(large.data), rel=0.002)
    assert mse(frame, small.data, mask) == pytest.approx(mse(frame, large.data, mask), rel=0.01)


def test_weights_that_are_the_mask_change_nothing(scene):
    frame, mask, _ = scene
    params = EncodeParams(rate=12)
    assert (
        encode_frame(frame, mask, params, weights=mask.astype(np.float32)).data
        == encode_frame(frame, mask, params).data
    )


def test_weights_steer_the_bits(scene):
    frame, mask, _ = scene
    everywhere = np.ones(frame.shape, np.float32)
    everywhere[0, 0] = 0
    params = EncodeParams(rate=12)
    steered = encode_frame(frame, mask, params, weights=everywhere).data
    assert mse(frame, steered, ~mask) < mse(frame, encode_frame(frame, mask, params).data, ~mask)


@pytest.mark.parametrize("bad", ["shape", "negative", "nan", "bool", "list", "half alone"])
def test_bad_weights_are_refused(scene, bad):
    frame, mask, weights = scene
    weights = weights.copy()
    if bad == "shape":
        weights = weights[1:]
    elif bad == "negative":
        weights[3, 3] = -0.1
    elif bad == "nan":
        weights[3, 3] = np.nan
    elif bad == "bool":
        weights = weights > 0.5
    elif bad == "list":
        weights = weights.tolist()
    else:
        mask = None
    with pytest.raises(InvalidParameterError):
        encode_frame(frame, mask, EncodeParams(rate=12), weights=weights)
