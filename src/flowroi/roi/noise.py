"""The camera's noise, measured on the movie itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flowroi.roi.grey import Frame

_MOST_SAMPLES = 65536
# Median of |x| of a normal distribution of standard deviation 1.
_MEDIAN_OF_NORMAL = 0.6745
# Differences beyond so many standard deviations are left out, in so many rounds.
_FAR_OUT = 3
_CLIPPINGS = 5


def noise_of(frames: Sequence[Frame]) -> float:
    """Return the standard deviation of a movie's noise, in grey levels, from its first frames.

    Parameters
    ----------
    frames : sequence of ndarray, shape (Y, X), uint8 or uint16
        At least one, neighbours in time.

    Notes
    -----
    The median over the pairs, unless single frames show less: under strong drift, texture does not drop out of pairs.
    Where noise grows with brightness, it is that of the larger part of the picture, as a rule the background.

    Examples
    --------
    >>> noise_of([np.full((8, 8), 7, np.uint8)])
    0.0
    """
    within = float(np.median([noise_within(frame) for frame in frames]))
    if len(frames) == 1:
        return within
    return min(within, float(np.median([noise_between(a, b) for a, b in pairwise(frames)])))


def noise_between(first: Frame, second: Frame) -> float:
    """Return the standard deviation of the noise of one frame, from two of the same scene.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X), uint8 or uint16
        Neighbours in time; less than half of the scene may have changed between them.

    Returns
    -------
    float
        Grey levels, rounding included; 0 for frames too small to tell.

    Notes
    -----
    The median of the difference in time of differences in y and x: lighting, drift and cells drop out. Noise that is
    correlated from pixel to pixel (a movie that was compressed before) is underestimated.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a, b = (np.rint(100 + 3 * rng.normal(size=(200, 200))).astype(np.uint8) for _ in range(2))
    >>> bool(abs(noise_between(a, b) - 3) < 0.1)
    True
    """
    return _sigma(_mixed_difference(second) - _mixed_difference(first), 8) if _large_enough(first) else 0.0


def noise_within(frame: Frame) -> float:
    """Return the standard deviation of the noise from one frame alone; fine texture counts as noise."""
    return _sigma(_mixed_difference(frame), 4) if _large_enough(frame) else 0.0


def _large_enough(frame: Frame) -> bool:
    return bool(min(frame.shape) >= 2)


def _mixed_difference(frame: Frame) -> npt.NDArray[np.int32]:
    """Differences in y and x on pairs of rows spread over the frame."""
    height, width = frame.shape
    apart = max(2, -(-height * width // _MOST_SAMPLES))
    upper, lower = (frame[k : height - 1 + k : apart].astype(np.int32) for k in (0, 1))
    down = lower - upper
    return np.asarray(down[:, 1:] - down[:, :-1])


def _sigma(differences: npt.NDArray[np.int32], variances: int) -> float:
    counts = np.bincount(np.abs(differences).ravel())
    sigma = _median(counts) / _MEDIAN_OF_NORMAL
    # Moving cells are not noise: without what lies far out the median is less theirs.
    for _ in range(_CLIPPINGS):
        sigma = _median(counts[: int(_FAR_OUT * sigma) + 2]) / _MEDIAN_OF_NORMAL
    return float(sigma / variances**0.5)


def _median(counts: npt.NDArray[np.int_]) -> float:
    """Return the median magnitude of so many whole numbers 0, 1, ..., spread evenly over what rounds to each."""
    below = np.cumsum(counts)
    half = below[-1] / 2
    k = int(np.searchsorted(below, half))
    if counts[k] == below[-1]:
        return float(k)
    # A whole number k stands for magnitudes from k - 0.5 to k + 0.5; zero for those up to 0.5.
    low, high = (k - 0.5, k + 0.5) if k else (0.0, 0.5)
    return float(low + (high - low) * (half - (below[k - 1] if k else 0)) / counts[k])
