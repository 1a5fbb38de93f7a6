"""PSNR pooled over frames."""

import math

import numpy as np
import pytest

from flowroi.quality import PooledError


def test_frames_are_pooled_before_the_logarithm():
    rng = np.random.default_rng(0)
    original = rng.integers(0, 4096, (5, 8, 9), np.uint16)
    decoded = np.clip(original.astype(int) + rng.integers(-9, 10, original.shape), 0, 4095).astype(np.uint16)
    where = rng.random(original.shape) < 0.3
    error = PooledError()
    for frame, other, chosen in zip(original, decoded, where, strict=True):
        error.add(frame, other, chosen)
    mse = np.mean((original[where].astype(float) - decoded[where]) ** 2)
    assert error.psnr(4095) == pytest.approx(10 * math.log10(4095**2 / mse))


def test_no_error_and_no_pixels():
    frame = np.full((3, 3), 200, np.uint8)
    exact, nothing = PooledError(), PooledError()
    exact.add(frame, frame)
    nothing.add(frame, frame * 0, frame < 0)
    assert exact.psnr(255) == math.inf
    assert nothing.psnr(255) is None
