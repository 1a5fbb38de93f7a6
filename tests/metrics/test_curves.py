"""Gains at equal quality by hand, BD-rate against `bjontegaard`."""

import math

import bjontegaard
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowroi.errors import InvalidParameterError
from flowroi.metrics.curves import Curve, bd_rate, gain_cap, interval, noise_floor, size_gain


def test_size_between_points_is_interpolated_in_its_logarithm():
    curve = Curve.of([(800, 42.0), (100, 30.0), (400, 38.0), (200, 34.0)])
    assert curve.size_at(34) == 200
    assert curve.size_at(36) == pytest.approx(200 * math.sqrt(2))
    assert curve.size_at(29.9) is None
    assert curve.size_at(42.1) is None
    assert curve.size_at(30) == 100


def test_points_without_a_quality_are_left_out():
    assert Curve.of([(10, None), (20, 3.0), (40, math.inf)]).size_bytes == (20,)
    assert Curve.of([]).size_at(1) is None


def test_the_smallest_file_of_a_plateau_counts():
    curve = Curve.of([(100, 0.2), (200, 0.9), (400, 0.9), (800, 0.9)])
    assert curve.size_at(0.9) == 200


def test_a_curve_that_wavers_is_made_to_rise():
    curve = Curve.of([(100, 0.5), (200, 0.9), (400, 0.8), (800, 1.0)])
    # The two in the middle count as their mean.
    assert curve.size_at(0.85) == pytest.approx(200)
    assert curve.size_at(0.925) == pytest.approx(400 * math.sqrt(2))


def test_gain():
    reference = Curve.of([(100, 30.0), (200, 34.0), (400, 38.0)])
    half = Curve.of([(50, 30.0), (100, 34.0), (200, 38.0)])
    assert size_gain(reference, half, 33) == pytest.approx(2)
    assert size_gain(reference, half, 39) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 9))
def test_bd_rate_is_bjontegaards(seed, points):
    rng = np.random.default_rng(seed)

    def curve():
        return np.cumsum(rng.uniform(20, 400, points)), 30 + rng.uniform(0, 2) + np.cumsum(rng.uniform(0.5, 2, points))

    (r1, d1), (r2, d2) = curve(), curve()
    ours = bd_rate(Curve.of(list(zip(r1, d1, strict=True))), Curve.of(list(zip(r2, d2, strict=True))))
    if min(d1[-1], d2[-1]) <= max(d1[0], d2[0]):
        assert ours is None
        return
    theirs = bjontegaard.bd_rate(r1, d1, r2, d2, method="pchip", require_matching_points=False, min_overlap=0)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)


def test_bd_rate_of_a_curve_that_falls_is_refused():
    falling = Curve.of([(100, 30.0), (200, 29.0), (300, 35.0)])
    with pytest.raises(InvalidParameterError, match="does not rise"):
        bd_rate(falling, falling)
    assert bd_rate(Curve.of([(1, 1.0)]), Curve.of([(1, 1.0)])) is None


def test_cap_floor_interval():
    assert gain_cap(0.6) == pytest.approx(2.5)
    assert gain_cap(1) == math.inf
    assert noise_floor(0, 255) == math.inf
    assert noise_floor(255, 255) == 0
    assert interval(np.arange(1001), 0.9) == pytest.approx((50, 950))
