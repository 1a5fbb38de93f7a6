"""The search for a codec's setting: few encodes, never over the budget, whatever the sizes do."""

import math

import numpy as np
import pytest

from flowroi.baselines.search import MOST_ENCODES, encode_within
from flowroi.errors import QualityTargetError


class Codec:
    """A codec whose sizes are a function of its setting, which counts what it is asked."""

    def __init__(self, size):
        self.size = size
        self.asked = []

    def __call__(self, x):
        self.asked.append(x)
        return bytes(int(self.size(x)))


def smooth(x):
    return 4e5 * math.exp(-x)


def kinked(x):
    return 4e5 * math.exp(-(3 * min(x, 2) + 0.3 * max(x - 2, 0))) + 60


def crooked(x):
    return 4e5 * math.exp(-x) * (1 + 0.2 * math.sin(40 * x))


def stairs(x):
    return 4e5 * math.exp(-round(x))


@pytest.mark.parametrize("size", [smooth, kinked, crooked, stairs])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("budget", [3e5, 1e5, 2e4, 3e3, 500])
def test_within_the_budget_in_few_encodes(size, whole, budget):
    codec = Codec(size)
    low, high = (0, 10)
    data = encode_within(codec, int(budget), finest=low, coarsest=high, slope=-1, whole=whole)
    assert 0 < len(data) <= budget
    assert len(codec.asked) <= MOST_ENCODES
    assert all(low <= x <= high for x in codec.asked)
    if size is smooth and not whole:
        assert len(data) > 0.98 * budget


def test_whole_settings_are_searched_to_the_last():
    for budget in np.geomspace(150, 3e5, 40).astype(int):
        codec = Codec(lambda x: 4e5 * math.exp(-x / 12))
        data = encode_within(codec, budget, finest=0, coarsest=100, slope=-0.05, whole=True)
        best = max(int(codec.size(x)) for x in range(101) if codec.size(x) < budget + 1)
        assert len(data) == best
        assert all(x == round(x) for x in codec.asked)


def test_a_budget_with_room_takes_the_finest():
    codec = Codec(smooth)
    assert len(encode_within(codec, 10**6, finest=0, coarsest=10, slope=-1)) == 400000


def test_a_budget_that_nothing_fits_is_an_error():
    codec = Codec(smooth)
    with pytest.raises(QualityTargetError, match=r"needs 18 bytes .* 17 are allowed"):
        encode_within(codec, 17, finest=0, coarsest=10, slope=-1)
    assert len(codec.asked) <= MOST_ENCODES


def test_a_slope_that_is_far_off_is_only_a_start():
    for slope in (-0.01, -50):
        codec = Codec(smooth)
        data = encode_within(codec, 1000, finest=0, coarsest=10, slope=slope)
        assert 800 < len(data) <= 1000
