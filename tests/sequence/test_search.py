"""The search for the quality factor."""

import math

import pytest

from flowroi.sequence.search import Goal, adjusted, find_crf

# Squared errors of AV1 on a noisy movie, about: steep at both ends, flat between.
BENT = {1: -4.6, 2: -2.9, 4: -1.3, 6: -0.55, 8: 0.1, 10: 0.7, 12: 1.1, 15: 1.3, 20: 1.5, 30: 1.9, 45: 2.8, 63: 4.5}


def bent(crf):
    known = sorted(BENT)
    n = min(sum(place <= crf for place in known), len(known) - 1)
    a, b = known[n - 1], known[n]
    return math.exp(BENT[a] + (BENT[b] - BENT[a]) * (crf - a) / (b - a))


@pytest.mark.parametrize("start", [1, 12, 30, 44.5, 63])
@pytest.mark.parametrize("limit", [0.02, 0.3, 1.0, 3.5, 4.5, 10.0, 50.0])
@pytest.mark.parametrize("near", [0.02, 0.1])
def test_a_bent_curve_is_followed_to_its_goal(start, limit, near):
    tried = []

    def measure(crf):
        tried.append(crf)
        return bent(crf)

    found = find_crf(measure, Goal("mse", limit, 1, 63), start, 0.04, near=near)
    assert bent(found.crf) <= limit
    assert bent(found.crf) > 0.9 * limit or bent(found.crf + 1) > limit
    assert len(tried) <= 10


@pytest.mark.parametrize("limit", [0.1, 0.5, 2.0, 8.0])
def test_bytes_that_fall_in_a_bend_are_followed_too(limit):
    found = find_crf(lambda crf: 1 / bent(crf), Goal("bytes", limit, 1, 63), 30, 0.04)
    assert 1 / bent(found.crf) <= limit
    assert 1 / bent(found.crf) > 0.9 * limit or 1 / bent(found.crf - 1) > limit


def test_what_is_far_over_its_limit_is_not_overdone():
    figures = [30.0, 30.0, 60.0]
    crfs = adjusted([30, 30, 30], figures, Goal("mse", 10.0, 1, 63), slope=0.2)
    there = sum(f * math.exp(-0.2 * (30 - crf)) for f, crf in zip(figures, crfs, strict=True))
    assert 3 <= there <= 10
