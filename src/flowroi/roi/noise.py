"""The camera's noise, measured on the movie itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flowroi.roi.grey import Frame

# Frames, from the first, on which the camera's noise is measured.
NOISE_FRAMES = 9
# Side of the tiles that a frame is cut into, px.
_TILE = 16
# Pixels of a frame that are looked at, at most, about.
_MOST_PIXELS = 2**19
# Share of the tiles, the calmest, that count.
_CALM = 0.25
# Median of |x| of a normal distribution of standard deviation 1.
_MEDIAN_OF_NORMAL = 0.6745


def noise_of(frames: Sequence[Frame]) -> float:
    """Return the standard deviation of a movie's noise, in grey levels, from its first frames.

    Parameters
    ----------
    frames : sequence of ndarray, shape (Y, X), uint8 or uint16
        At least one, neighbours in time.

    Notes
    -----
    The median over the pairs, unless single frames show less: under strong drift, texture does not drop out of pairs.
    Where noise grows with brightness, it is that of the calm places, as a rule the background.

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
    Every 2x2 pixels of the difference in time give their sum, which shows what moves, and their mixed difference, which
    noise fills independently of it. The median mixed difference counts, of the tiles whose sums vary least: lighting,
    drift and cells drop out. Noise that is correlated from pixel to pixel (a movie that was compressed before) is
    underestimated.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a, b = (np.rint(100 + 3 * rng.normal(size=(200, 200))).astype(np.uint8) for _ in range(2))
    >>> bool(abs(noise_between(a, b) - 3) < 0.1)
    True
    """
    return _sigma(_sampled(second) - _sampled(first)) / 2**0.5


def noise_within(frame: Frame) -> float:
    """Return the standard deviation of the noise from one frame alone; fine texture counts as noise."""
    return _sigma(_sampled(frame))


def _sampled(frame: Frame) -> npt.NDArray[np.int32]:
    """Return bands of rows spread over the frame."""
    apart = -(-frame.size // _MOST_PIXELS)
    if apart > 1:
        bands = np.arange(len(frame) // _TILE)[::apart]
        frame = frame[(bands[:, None] * _TILE + np.arange(_TILE)).ravel()]
    return frame.astype(np.int32)


def _sigma(values: npt.NDArray[np.int32]) -> float:
    height, width = (2 * (n // 2) for n in values.shape)
    if height == 0 or width == 0:
        return 0.0
    a, b, c, d = (values[y:height:2, x:width:2] for y in (0, 1) for x in (0, 1))
    sums, mixed = _tiles(a + b + c + d), np.abs(_tiles(a - b - c + d))
    # Places without any noise are clipped, or were never seen.
    seen = mixed.any(axis=1)
    if not seen.any():
        return 0.0
    sums, mixed = sums[seen], mixed[seen]
    unrest = sums.var(axis=1)
    calm = mixed[unrest <= np.quantile(unrest, _CALM)]
    return _median(np.bincount(calm.ravel())) / _MEDIAN_OF_NORMAL / 2


def _tiles(blocks: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return one row for each tile; what is left over at the edges is left out, unless it is all there is."""
    side_y, side_x = (min(_TILE // 2, n) for n in blocks.shape)
    rows, columns = blocks.shape[0] // side_y, blocks.shape[1] // side_x
    cut = blocks[: rows * side_y, : columns * side_x].reshape(rows, side_y, columns, side_x)
    return cut.swapaxes(1, 2).reshape(rows * columns, side_y * side_x)


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
