"""A second recording of the same scene: its noise, and its limits."""

import numpy as np
import pytest

from flowroi import synthetic_movie
from flowroi.errors import InvalidParameterError
from flowroi.metrics.repeat import repeat_with_noise
from flowroi.roi.noise import noise_of


def test_where_the_scene_is_known_the_repeat_is_a_recording_like_the_first():
    movie = synthetic_movie(frames=2, seed=3, noise=3.0)
    sigma = noise_of(movie.frames)
    again = repeat_with_noise(movie.frames[0], sigma, np.random.default_rng(0), clean=movie.clean[0])
    assert again.dtype == np.uint8
    assert (again - movie.clean[0]).std() == pytest.approx(3, rel=0.03)
    # Independent recordings differ by sqrt(2) sigma.
    assert (again.astype(float) - movie.frames[0]).std() == pytest.approx(3 * 2**0.5, rel=0.03)


def test_where_it_is_not_the_noise_comes_on_top():
    frame = synthetic_movie(frames=1, noise=3.0, seed=3).frames[0]
    again = repeat_with_noise(frame, 3.0, np.random.default_rng(0))
    assert (again.astype(float) - frame).std() == pytest.approx(3, rel=0.01)


def test_the_random_numbers_are_the_callers():
    frame = np.full((30, 30), 90, np.uint8)
    one, same, other = (repeat_with_noise(frame, 2.0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("sigma", [0, 0.2, 0.28])
def test_noise_that_rounding_explains_changes_nothing(sigma):
    frame = np.random.default_rng(0).integers(0, 4096, (20, 20), np.uint16)
    assert (repeat_with_noise(frame, sigma, np.random.default_rng(1)) == frame).all()


@pytest.mark.parametrize(("bits", "top"), [(None, 1023), (12, 4095), (16, 65535)])
def test_samples_stay_within_the_significant_bits(bits, top):
    frame = np.full((50, 50), 1000, np.uint16)
    again = repeat_with_noise(frame, 1e5, np.random.default_rng(0), significant_bits=bits)
    assert again.min() == 0
    assert again.max() == top


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": -1.0}, "sigma is -1.0"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"clean": np.zeros((2, 2))}, r"clean has shape \(2, 2\); expected \(4, 5\)"),
        ({"significant_bits": 9}, "significant_bits is 9"),
        ({"frame": np.zeros((4, 5))}, "pixel type is float64"),
    ],
)
def test_bad_input_is_refused(change, message):
    good = {"frame": np.zeros((4, 5), np.uint8), "sigma": 1.0, "rng": np.random.default_rng(0)}
    with pytest.raises(InvalidParameterError, match=message):
        repeat_with_noise(**(good | change))
