"""PSNR and SSIM, against scikit-image and against their definitions."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from flowroi.metrics.image import PooledError, PooledMean, ssim_within


@pytest.fixture
def pair():
    """A 12-bit frame and a changed copy."""
    rng = np.random.default_rng(0)
    original = np.cumsum(rng.integers(-40, 41, (70, 90)), axis=1).clip(-2000, 2000).astype(int) + 2048
    decoded = (original + rng.integers(-30, 31, original.shape)).clip(0, 4095)
    return original.astype(np.uint16), decoded.astype(np.uint16)


def test_frames_are_pooled_before_the_logarithm():
    rng = np.random.default_rng(0)
    original = rng.integers(0, 4096, (5, 8, 9), np.uint16)
    decoded = np.clip(original.astype(int) + rng.integers(-9, 10, original.shape), 0, 4095).astype(np.uint16)
    where = rng.random(original.shape) < 0.3
    error = PooledError()
    for frame, other, chosen in zip(original, decoded, where, strict=True):
        error += PooledError.between(frame, other, chosen)
    mse = np.mean((original[where].astype(float) - decoded[where]) ** 2)
    assert error.psnr(4095) == pytest.approx(10 * math.log10(4095**2 / mse))


def test_psnr_is_scikit_images(pair):
    assert PooledError.between(*pair).psnr(4095) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=4095))


def test_no_error_and_no_pixels():
    frame = np.full((3, 3), 200, np.uint8)
    assert PooledError.between(frame, frame).psnr(255) == math.inf
    assert PooledError.between(frame, frame * 0, frame < 0).psnr(255) is None
    # Unsigned samples do not wrap around.
    assert PooledError.between(frame, frame + np.uint8(50)).mse == 2500


def scikit_map(original, decoded):
    return structural_similarity(
        original.astype(float),
        decoded.astype(float),
        data_range=4095,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]


@pytest.mark.parametrize("place", [np.s_[:, :], np.s_[30:40, 50:63], np.s_[0:3, 88:90], np.s_[69:, 0:1], np.s_[4, 45]])
def test_ssim_is_scikit_images_at_the_chosen_pixels(pair, place):
    where = np.zeros(pair[0].shape, bool)
    where[place] = True
    assert ssim_within(*pair, where, 4095).mean == pytest.approx(scikit_map(*pair)[where].mean(), abs=1e-12)


def test_ssim_of_scattered_cells(pair):
    where = np.zeros(pair[0].shape, bool)
    where[5:9, 5:9] = where[60:64, 70:80] = True
    found = ssim_within(*pair, where, 4095)
    assert found.mean == pytest.approx(scikit_map(*pair)[where].mean(), abs=1e-12)
    assert found.count == where.sum()
    assert (found + PooledMean(0.0, found.count)).mean == pytest.approx(found.mean / 2)


def test_ssim_of_a_pixel_is_the_definition():
    """One window by hand, away from the borders."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2, 21, 21), np.uint8).astype(float)
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(weights, weights) / weights.sum() ** 2
    a, b = x[5:16, 5:16], y[5:16, 5:16]
    mx, my = (window * a).sum(), (window * b).sum()
    vx, vy, cov = (window * a * a).sum() - mx**2, (window * b * b).sum() - my**2, (window * a * b).sum() - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    where = np.zeros((21, 21), bool)
    where[10, 10] = True
    assert ssim_within(x, y, where, 255).mean == pytest.approx(expected)


def test_ssim_of_a_frame_below_its_window_is_unknown():
    frame = np.zeros((10, 40), np.uint8)
    assert ssim_within(frame, frame, frame == 0, 255).mean is None
    assert ssim_within(np.zeros((40, 40)), np.zeros((40, 40)), np.zeros((40, 40), bool), 255).mean is None
