"""Lossless streams are exact in two independent decoders, at every size parity, depth and number of levels."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flowroi import _core, decode, encode

from .decoders import ffmpeg, openjpeg


def noise(shape, bit_depth, seed=0):
    dtype = np.uint8 if bit_depth <= 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**bit_depth, shape).astype(dtype)


def encode_depth(frame, bit_depth, levels=5):
    """Through the core: depths that Python's arrays do not have."""
    params = _core.Params()
    params.bit_depth = params.significant_bits = bit_depth
    params.levels = levels
    params.lossless = _core.Lossless.all
    params.container = _core.Container.j2k
    return _core.encode(frame, None, None, params)[0]


SIDES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64)


@pytest.mark.parametrize("height", SIDES)
def test_every_parity_of_sizes_is_exact(height):
    for width, levels in itertools.product(SIDES, (0, 1, 2, 3, 4, 5, 6)):
        frame = noise((height, width), 8, seed=height * 64 + width)
        data = encode(frame, lossless="all", levels=levels, container="j2k")
        assert np.array_equal(openjpeg(data).reshape(frame.shape), frame), (height, width, levels)


@pytest.mark.slow
def test_all_sizes_to_64_are_exact_in_both_decoders():
    for height, width in itertools.product(range(1, 65), range(1, 65)):
        frame = noise((height, width), 8, seed=height * 64 + width)
        data = encode(frame, lossless="all", levels=(height + width) % 7, container="j2k")
        assert np.array_equal(openjpeg(data).reshape(frame.shape), frame), (height, width)
        assert np.array_equal(ffmpeg(data, frame.shape, 8), frame), (height, width)


@pytest.mark.parametrize("bit_depth", range(1, 17))
def test_every_depth_is_exact_in_both_decoders(bit_depth):
    for shape, levels in itertools.product([(1, 1), (5, 1), (13, 34), (64, 63), (70, 131)], (0, 1, 3, 6)):
        frame = noise(shape, bit_depth)
        data = encode_depth(frame, bit_depth, levels)
        assert np.array_equal(openjpeg(data).reshape(shape), frame)
        assert np.array_equal(ffmpeg(data, shape, bit_depth), frame)


@pytest.mark.parametrize("fill", [0, 255, 128])
def test_constant_frames_are_exact_and_tiny(fill):
    frame = np.full((100, 90), fill, np.uint8)
    data = encode(frame, lossless="all")
    assert np.array_equal(decode(data), frame)
    assert len(data) < 350


def test_extreme_contrast_is_exact_at_16_bits():
    frame = np.zeros((65, 67), np.uint16)
    frame[::2, ::2] = frame[1::2, 1::2] = 65535
    assert np.array_equal(decode(encode(frame, lossless="all")), frame)


def test_no_larger_than_openjpeg(cell_movie):
    frame = cell_movie[0][1]
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG2000", irreversible=False, num_resolutions=6, no_jp2=True)
    assert len(encode(frame, lossless="all", container="j2k")) <= 1.01 * len(stream.getvalue())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lossless_roi_keeps_every_roi_pixel(data):
    height, width = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (height, width)).astype(np.uint8)
    mask = rng.random((height, width)) < data.draw(st.sampled_from([0.0, 0.01, 0.2, 1.0]))
    stream = encode(frame, mask, lossless="roi", scaling_factor=data.draw(st.sampled_from([1.0, 5.0, 40.0])))
    assert np.array_equal(decode(stream)[mask], frame[mask])


def test_lossless_roi_respects_the_budget_outside(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[1], labels[1] > 0
    free = encode(frame, mask, lossless="roi")
    sizes = []
    for rate in (2.5, 3.5, 5.0):
        stream = encode(frame, mask, lossless="roi", rate=rate)
        decoded = decode(stream)
        assert np.array_equal(decoded[mask], frame[mask])
        assert len(stream) <= frame.nbytes / rate
        sizes.append(len(stream))
    assert sizes == sorted(sizes, reverse=True)
    # Without a rate the background's errors stay within what the scaling factor allows, about s grey levels.
    assert np.abs(decode(free).astype(int) - frame)[~mask].max() <= 15


def test_lossless_roi_of_everything_is_lossless():
    frame = noise((40, 50), 8)
    assert np.array_equal(decode(encode(frame, np.ones(frame.shape, bool), lossless="roi")), frame)


def test_lossless_roi_respects_the_budget_with_layers():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (60, 90)).astype(np.uint8)
    mask = np.zeros(frame.shape, bool)
    mask[20:25, 30:40] = True
    stream = encode(frame, mask, lossless="roi", rate=6, layers=20, code_block_size=(16, 16))
    assert len(stream) <= frame.nbytes / 6
    assert np.array_equal(decode(stream)[mask], frame[mask])
