"""Gains on subjects whose curves are known."""

from dataclasses import replace

import numpy as np
import pytest

from flowroi.evaluation.gains import archive_gains, gain_at
from flowroi.evaluation.measure import FrameMeasure
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import Evaluation
from flowroi.metrics.image import PooledError, PooledMean
from flowroi.metrics.matching import Matches

FRAMES = tuple(range(0, 40, 4))


def subject(key, size, mse, f1, kind="baseline", frames=FRAMES, wobble=0.0):
    """A subject with the same figures in every frame, or sizes that wobble around."""
    rng = np.random.default_rng(5)
    measures = []
    for t in frames:
        hits = tuple([round(f1 * 100)] * 10)
        measures.append(
            FrameMeasure(
                t=t,
                raw_bytes=10_000,
                size_bytes=round(size * (1 + wobble * rng.uniform(-1, 1))),
                cells=PooledError(mse * 500, 500),
                background=PooledError(0.0, 9500),
                clean=PooledError(),
                ssim=PooledMean(),
                matches=Matches(100, 100, hits),
                coverage=None,
                per_cell=None,
                found=None,
            )
        )
    return SubjectResult(key, key, kind, None, 255, tuple(measures))


# 6 dB for each doubling of the size.
PLAIN = [subject(f"openjpeg:{i}", 100 * 2**i, 64 / 4**i, f1) for i, f1 in enumerate((0.2, 0.8, 0.96, 0.96))]


def evaluation(archive, *more):
    return Evaluation(
        name="m",
        shape=(40, 100, 100),
        dtype="uint8",
        peak=255,
        pixel_size_um=None,
        frame_interval_s=None,
        truth="label images",
        segmenter={"name": "classical"},
        noise_sigma=1.0,
        curve_frames=FRAMES,
        subjects=(archive, *PLAIN, *more),
        warnings=(),
    )


def test_half_the_size_at_equal_quality():
    archive = subject("archive:0", 100, 16, 0.8, kind="archive", frames=range(40))
    psnr, f1 = archive_gains(evaluation(archive), archive, "openjpeg")
    assert psnr.at == pytest.approx(10 * np.log10(255**2 / 16))
    assert psnr.gain == f1.gain == pytest.approx(2)
    assert (psnr.low, psnr.high) == pytest.approx((2, 2))
    assert f1.at == 0.8


def test_the_cap_stands_beside():
    archive = subject("archive:0", 100, 16, 0.8, kind="archive")
    caps = [subject(f"cap:{i}", 50 * 2**i, 32 / 4**i, 0.5 + 0.2 * i) for i in range(3)]
    psnr = archive_gains(evaluation(archive, *caps), archive, "openjpeg")[0]
    # At an MSE of 16, halfway between 32 and 8: 50·√2 bytes.
    assert psnr.cap == pytest.approx(200 / (50 * np.sqrt(2)))


def test_at_the_ceiling_of_f1_the_smallest_file_counts():
    archive = subject("archive:0", 100, 16, 0.99, kind="archive")
    f1 = archive_gains(evaluation(archive), archive, "openjpeg")[1]
    assert f1.at == 0.96
    assert f1.gain == pytest.approx(4)


def test_a_curve_that_has_not_begun_to_fall_tells_no_gain():
    archive = subject("archive:0", 100, 16, 0.2, kind="archive")
    assert archive_gains(evaluation(archive), archive, "openjpeg")[1].gain is None
    beyond = subject("archive:0", 100, 0.001, 0.5, kind="archive")
    psnr, f1 = archive_gains(evaluation(beyond), beyond, "openjpeg")
    assert psnr.gain is None
    assert f1.gain == pytest.approx(100 * np.sqrt(2) / 100)
    assert archive_gains(evaluation(beyond), beyond, "avif") == []


def test_the_interval_holds_the_gain_and_knows_the_spread():
    calm = subject("archive:0", 100, 16, 0.8, kind="archive", wobble=0.02)
    wild = subject("archive:0", 100, 16, 0.8, kind="archive", wobble=0.4)
    widths = []
    for archive in (calm, wild):
        psnr = archive_gains(evaluation(archive), archive, "openjpeg")[0]
        assert psnr.low < psnr.gain < psnr.high
        widths.append(psnr.high - psnr.low)
    assert widths[1] > 5 * widths[0]


def test_too_few_frames_give_no_interval():
    plain = [subject(f"p:{i}", 100 * 2**i, 64 / 4**i, 0.3 * i, frames=(0, 4)) for i in range(3)]
    ours = [subject(f"o:{i}", 50 * 2**i, 64 / 4**i, 0.3 * i, frames=(0, 4)) for i in range(3)]
    gain = gain_at(ours, plain, (0, 4), "f1", 0.45)
    assert gain.gain == pytest.approx(2)
    assert gain.low is None


def test_without_errors_or_without_cells_there_is_no_gain():
    exact = subject("archive:0", 100, 0, 1.0, kind="archive")
    psnr = archive_gains(evaluation(exact), exact, "openjpeg")[0]
    assert (psnr.at, psnr.gain) == (None, None)
    frames = tuple(replace(f, cells=PooledError(), matches=Matches()) for f in exact.frames)
    empty = replace(exact, frames=frames)
    assert [g.gain for g in archive_gains(evaluation(empty), empty, "openjpeg")] == [None, None]


def test_a_curve_that_wavers_at_its_ceiling_still_tells_a_gain():
    plain = [subject(f"p:{i}", 250 * 2**i, 64 / 4**i, f1) for i, f1 in enumerate((0.8, 0.9, 0.96, 0.95))]
    archive = subject("archive:0", 500, 0.3, 0.97, kind="archive")
    found = replace(evaluation(archive), subjects=(archive, *(replace(s, key=f"openjpeg:{s.key}") for s in plain)))
    f1 = archive_gains(found, archive, "openjpeg")[1]
    # The two best points count as their mean, which the third has already.
    assert f1.at == pytest.approx(0.955)
    assert f1.gain == pytest.approx(2)
