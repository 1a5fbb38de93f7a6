"""Rate: never above the budget, close to it, and more bytes never mean more error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowroi import EncodeParams, decode, encode
from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.codec import encode_frame
from flowroi.errors import InvalidParameterError, QualityTargetError
from flowroi.roi.noise import noise_within

from .decoders import ffmpeg, openjpeg, psnr_of

RATES = (6, 10, 20, 40, 80, 120)


def test_budget_is_used_and_kept_on_large_frames(cell_movie):
    frames, labels = cell_movie
    assert frames[0].size >= 250_000
    for roi in (None, labels[0] > 0):
        for rate in RATES:
            for container in ("jp2", "j2k"):
                size = len(encode(frames[0], roi, rate=rate, container=container))
                assert 0.99 * frames[0].nbytes / rate <= size <= frames[0].nbytes / rate


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_never_above_the_budget(data):
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16]))
    top = data.draw(st.sampled_from([1, 2, 40, np.iinfo(dtype).max + 1]))
    frame = rng.integers(0, top, (height, width)).astype(dtype)
    roi = data.draw(st.sampled_from(["none", "mask", "weights"]))
    roi = {"none": None, "mask": rng.random(frame.shape) < 0.2, "weights": rng.random(frame.shape)}[roi]
    rate = data.draw(st.floats(1.01, 200))
    params = EncodeParams(
        rate=rate,
        scaling_factor=data.draw(st.sampled_from([1.0, 5.0, 30.0])),
        layers=data.draw(st.sampled_from([1, 1, 4])),
        levels=data.draw(st.integers(0, 6)),
        code_block_size=data.draw(st.sampled_from([(64, 64), (16, 16), (4, 1024), (1024, 4)])),
        progression=data.draw(st.sampled_from(["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])),
        plt=data.draw(st.booleans()),
        tlm=data.draw(st.booleans()),
    )
    try:
        stream = encode_frame(frame, roi, params).data
    except QualityTargetError:
        # Only where not even the headers fit.
        assert frame.nbytes / rate < 260
        return
    assert len(stream) <= frame.nbytes / rate
    assert decode(stream).shape == frame.shape


def test_more_bytes_never_more_weighted_error(cell_movie):
    frames, labels = cell_movie
    mask = labels[1] > 0
    errors = []
    for rate in RATES:
        stats = encode_frame(frames[1], mask, EncodeParams(rate=rate), measure=True).stats
        errors.append(stats.roi_mse * mask.mean() + stats.background_mse * (1 - mask.mean()) / 25)
    assert errors == sorted(errors)


def test_measured_errors_are_those_of_the_decoders(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[0], labels[0] > 0
    for rate in (8, 40):
        encoded = encode_frame(frame, mask, EncodeParams(rate=rate, container="j2k"), measure=True)
        for decoded in (openjpeg(encoded.data), ffmpeg(encoded.data, frame.shape, 8)):
            error = np.square(decoded.astype(float) - frame)
            assert encoded.stats.mse == pytest.approx(error.mean(), rel=0.01)
            assert encoded.stats.roi_mse == pytest.approx(error[mask].mean(), rel=0.01)
            assert encoded.stats.background_mse == pytest.approx(error[~mask].mean(), rel=0.01)


def test_predicted_error_is_near_the_measured_one(cell_movie):
    frame = cell_movie[0][0]
    for rate in (8, 20, 60):
        stats = encode_frame(frame, None, EncodeParams(rate=rate), measure=True).stats
        assert stats.predicted_mse == pytest.approx(stats.mse, rel=0.15)
        assert stats.predicted_weighted_mse == pytest.approx(stats.predicted_mse)


def test_plain_coding_is_as_good_as_openjpeg(cell_movie):
    for frame in cell_movie[0][:2]:
        for rate in (10, 20, 40, 80, 120):
            theirs = openjpeg_encode(frame, rate)
            ours = encode(frame, rate=frame.nbytes / len(theirs), container="j2k")
            assert len(ours) <= len(theirs)
            loss = psnr_of(frame, decode(theirs), 255) - psnr_of(frame, decode(ours), 255)
            assert loss <= 0.1


@pytest.mark.parametrize("target", [30.0, 38.0, 45.0])
def test_psnr_target_is_reached_and_not_overshot(cell_movie, target):
    frames, labels = cell_movie
    mask = labels[0] > 0
    for roi in (None, mask):
        stream = encode(frames[0], roi, psnr=target)
        reached = psnr_of(frames[0], decode(stream), 255, roi)
        assert target <= reached <= target + 0.25


def test_psnr_counts_significant_bits():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 4096, (80, 80)).astype(np.uint16)
    stream = encode(frame, psnr=40, significant_bits=12)
    assert 40 <= psnr_of(frame, decode(stream), 4095) < 41


def test_layers_truncate_gracefully(cell_movie):
    frame = cell_movie[0][0]
    one = encode_frame(frame, None, EncodeParams(rate=20), measure=True).stats
    many = encode_frame(frame, None, EncodeParams(rate=20, layers=6), measure=True).stats
    assert many.mse <= 1.05 * one.mse


def test_unreachable_targets_say_so():
    frame = np.zeros((8, 8), np.uint8)
    with pytest.raises(QualityTargetError, match="headers alone"):
        encode(frame, rate=50)
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    with pytest.raises(QualityTargetError, match="RoI alone"):
        encode(noisy, np.ones(noisy.shape, bool), lossless="roi", rate=10)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one"),
        ({"rate": 10, "psnr": 40}, "exactly one"),
        ({"rate": 1}, r"rate is 1; expected a number in \(1"),
        ({"rate": -3}, "rate is -3"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"rate": "ten"}, "rate is 'ten'"),
        ({"psnr": 0}, "psnr is 0"),
        ({"lossless": "some"}, "expected one of all, roi"),
        ({"rate": 10, "scaling_factor": 0.9}, "scaling_factor is 0.9"),
        ({"rate": 10, "levels": 33}, "levels is 33"),
        ({"rate": 10, "layers": 0}, "layers is 0"),
        ({"rate": 10, "code_block_size": (64, 128)}, "code_block_size"),
        ({"rate": 10, "container": "png"}, "container is 'png'"),
        ({"rate": 10, "wrong": 1}, "wrong"),
        ({"rate": 10, "significant_bits": 17}, "significant_bits"),
        ({"rate": 10, "comment": "π"}, "Latin-1"),
    ],
)
def test_bad_parameters_are_refused(arguments, words):
    with pytest.raises(InvalidParameterError, match=words):
        encode(np.zeros((32, 32), np.uint8), **arguments)


@pytest.mark.parametrize(
    ("frame", "roi", "words"),
    [
        (np.zeros((4, 4)), None, "float64"),
        (np.zeros((4, 4), np.int16), None, "int16"),
        (np.zeros((2, 4, 4), np.uint8), None, r"\(2, 4, 4\)"),
        (np.zeros((0, 4), np.uint8), None, "at least 1"),
        ([[1]], None, "list"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), bool), r"\(4, 5\)"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), "uint8"),
        (np.zeros((4, 4), np.uint8), np.full((4, 4), -1.0), "negative"),
        (np.zeros((4, 4), np.uint8), np.full((4, 4), np.nan), "not a number"),
        (np.zeros((1, 40000), np.uint8), None, "32768"),
    ],
)
def test_bad_frames_and_rois_are_refused(frame, roi, words):
    with pytest.raises(InvalidParameterError, match=words):
        encode(frame, roi, lossless="all")


def test_frames_that_share_a_step_have_the_size_for_it(cell_movie):
    frame, mask = cell_movie[0][0], cell_movie[1][0] > 0
    params = EncodeParams(rate=20)
    coded = [encode_frame(frame, mask, params, step=step, measure=True) for step in (1, 2, 4, 8, 16)]
    assert [c.stats.step for c in coded] == [1, 2, 4, 8, 16]
    sizes = [len(c.data) for c in coded]
    assert sizes == sorted(sizes, reverse=True)
    errors = [c.stats.roi_mse for c in coded]
    assert errors == sorted(errors)
    for c in coded:
        error = np.square(decode(c.data).astype(float) - frame)[mask].mean()
        assert c.stats.roi_mse == pytest.approx(error, rel=0.01)


def test_a_shared_step_loses_nothing_against_a_budget(cell_movie):
    frame, mask = cell_movie[0][0], cell_movie[1][0] > 0
    share = mask.mean()

    def weighted(stats):
        return stats.roi_mse * share + stats.background_mse * (1 - share) / 25

    for rate in (10, 40):
        budget = encode_frame(frame, mask, EncodeParams(rate=rate), measure=True)
        steps = np.geomspace(budget.stats.step / 2, budget.stats.step * 2, 40)
        shared = [encode_frame(frame, mask, EncodeParams(rate=rate), step=step, measure=True) for step in steps]
        best = min(weighted(c.stats) for c in shared if len(c.data) <= len(budget.data))
        assert best <= 1.05 * weighted(budget.stats)


def test_where_a_search_begins_changes_little(cell_movie):
    frame, mask = cell_movie[0][0], cell_movie[1][0] > 0
    sizes = []
    for step in (None, 0.02, 3.0, 200.0):
        encoded = encode_frame(frame, mask, EncodeParams(psnr=40), step=step, measure=True)
        assert 40 <= 10 * np.log10(255**2 / encoded.stats.roi_mse) <= 40.1
        sizes.append(len(encoded.data))
    assert max(sizes) <= 1.02 * min(sizes)


def test_noise_of_one_frame_is_measured_on_it(cell_movie):
    frame, mask = cell_movie[0][0], cell_movie[1][0] > 0
    error = np.square(decode(encode(frame, mask, noise=1)).astype(float) - frame)[mask].mean()
    assert 0.8 * noise_within(frame) <= np.sqrt(error) <= 1.002 * noise_within(frame)


def test_a_psnr_that_only_an_exact_frame_has_is_reached():
    # The error is 0 at the finest step already, and the target nearly so.
    frame = np.random.default_rng(0).integers(0, 8, (20, 20)).astype(np.uint8)
    assert np.array_equal(decode(encode(frame, psnr=150)), frame)
