"""Soft weights: one inside, falling off outside, and a missed cell that costs little."""

import numpy as np

import flowroi
from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.codec import decode, encode_frame
from flowroi.params import EncodeParams, RoiParams
from flowroi.roi import iter_roi
from flowroi.roi.weights import soft_weights


def square():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:40] = 1
    return mask


def test_weights_fall_off_across_the_outline_and_stay_within_0_and_1():
    weights = soft_weights(square(), np.zeros((40, 60), np.float32))
    assert weights.dtype == np.float32
    assert weights.min() >= 0
    assert weights.max() <= 1
    assert weights[20, 30] == 1
    assert weights[0, 0] < 1e-6
    assert (np.diff(weights[20, 30:50]) <= 0).all()
    assert 0.3 < weights[20, 39] < 0.9


def test_evidence_outside_counts_up_to_a_fifth_and_by_its_power():
    relative = np.zeros((40, 60), np.float32)
    relative[:, 50:55] = 0.5
    relative[:, 55:] = 7
    weights = soft_weights(square(), relative)
    assert np.allclose(weights[:, 51:54], 0.05)
    assert np.allclose(weights[:, 56:], 0.2)


def test_a_cell_at_the_border_keeps_its_weight_there():
    mask = np.zeros((20, 20), np.uint8)
    mask[:8, :8] = 1
    assert soft_weights(mask, np.zeros((20, 20), np.float32))[0, 0] > 0.99


def test_a_missed_cell_is_as_good_as_in_plain_jpeg_2000_at_twice_the_rate():
    movie = flowroi.synthetic_movie(frames=10, height=320, width=400, cells=40, seed=5)
    t, rate, peak = 4, 20, 255
    frame, roi = list(iter_roi(movie.frames, RoiParams()))[t]
    missed = np.isin(movie.labels[t], np.arange(1, 9))
    near = np.zeros(missed.shape, bool)
    for y, x in np.argwhere(missed):
        near[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9] = True
    assert roi.mask[missed].mean() > 0.95
    mask = roi.mask & ~near
    half = near[::2, ::2]
    weights = np.where(half, np.minimum(roi.weights, np.float32(0.2)), roi.weights)

    def psnr(stream):
        error = (decode(stream).astype(float) - frame)[missed]
        return 10 * np.log10(peak**2 / np.square(error).mean())

    params = EncodeParams(rate=rate, container="j2k")
    soft, hard = (psnr(encode_frame(frame, mask, params, weights=w).data) for w in (weights, None))
    plain = psnr(openjpeg_encode(frame, 2 * rate))
    assert soft >= plain
    assert soft > hard + 3
