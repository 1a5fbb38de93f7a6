"""Curves of quality over size, and what can be read off them: gains at equal quality, BD-rate, cap, noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.extras import need


@dataclass(frozen=True, slots=True)
class Curve:
    """Quality over size of one codec on one movie, by size.

    Parameters
    ----------
    size_bytes : sequence of float > 0
        All sizes different; sorted here.
    quality : sequence of float
        PSNR in dB, F1, or anything that larger files do not make worse; an infinite PSNR is left out.
    """

    size_bytes: tuple[float, ...]
    quality: tuple[float, ...]

    @classmethod
    def of(cls, points: Sequence[tuple[float, float | None]]) -> Curve:
        """Return the curve through (size, quality) points in any order; points without a quality are left out."""
        good = sorted((size, quality) for size, quality in points if quality is not None and math.isfinite(quality))
        return cls(tuple(size for size, _ in good), tuple(quality for _, quality in good))

    @property
    def reach(self) -> tuple[float, float] | None:
        """The least and the highest quality of the curve, made to rise as in `size_at`; None where it is empty."""
        if not self.quality:
            return None
        rising = _rising(np.array(self.quality, np.float64))
        return float(rising[0]), float(rising[-1])

    def size_at(self, quality: float) -> float | None:
        """Return the smallest size that has a quality, log bytes interpolated linearly in it.

        Where a larger file happens to be worse, the curve is the closest one that never falls (isotonic regression).

        Returns
        -------
        float or None
            None where the curve does not reach so low or so high.

        Examples
        --------
        >>> round(Curve((100, 200, 400), (30, 36, 42)).size_at(33), 1)
        141.4
        """
        if not self.quality:
            return None
        rising = _rising(np.array(self.quality, np.float64))
        if not rising[0] <= quality <= rising[-1]:
            return None
        above = int(np.searchsorted(rising, quality))
        if above == 0 or rising[above] == quality:
            return float(self.size_bytes[above])
        share = (quality - rising[above - 1]) / (rising[above] - rising[above - 1])
        low, high = np.log(self.size_bytes[above - 1]), np.log(self.size_bytes[above])
        return float(np.exp(low + share * (high - low)))


def size_gain(reference: Curve, other: Curve, quality: float) -> float | None:
    """Return the reference's size over the other's, at equal quality; None where a curve does not reach it.

    Examples
    --------
    >>> size_gain(Curve((100, 200), (30, 36)), Curve((50, 100), (30, 36)), 36)
    2.0
    """
    theirs, ours = reference.size_at(quality), other.size_at(quality)
    return None if theirs is None or ours is None else theirs / ours


def bd_rate(reference: Curve, other: Curve) -> float | None:
    """Return the mean difference in size at equal quality, in per cent of the reference's; negative is smaller.

    Log size is interpolated over quality by piecewise cubics that keep its shape (PCHIP), the difference averaged over
    the qualities that both curves have.

    Returns
    -------
    float or None
        None where the curves have no quality in common, or one of them has fewer than two points.

    Raises
    ------
    InvalidParameterError
        If the quality of a curve does not rise with the size.

    References
    ----------
    Bjøntegaard 2001, ITU-T VCEG-M33.

    Examples
    --------
    >>> sizes, quality = (100.0, 200.0, 400.0, 800.0), (30.0, 34.0, 38.0, 42.0)
    >>> round(bd_rate(Curve(sizes, quality), Curve(tuple(s / 2 for s in sizes), quality)), 6)
    -50.0
    """
    curves = (reference, other)
    if any(len(curve.quality) < 2 for curve in curves):
        return None
    for curve in curves:
        if any(b <= a for a, b in zip(curve.quality, curve.quality[1:], strict=False)):
            raise InvalidParameterError(f"the quality {curve.quality} does not rise with the size: no BD-rate")
    low = max(curve.quality[0] for curve in curves)
    high = min(curve.quality[-1] for curve in curves)
    if low >= high:
        return None
    interpolator = need("scipy.interpolate", extra="evaluation").PchipInterpolator
    areas = [
        float(interpolator(np.array(curve.quality), np.log(np.array(curve.size_bytes))).integrate(low, high))
        for curve in curves
    ]
    return 100 * math.expm1((areas[1] - areas[0]) / (high - low))


def _rising(quality: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if np.all(np.diff(quality) >= 0):
        return quality
    return np.asarray(need("scipy.optimize", extra="evaluation").isotonic_regression(quality).x, np.float64)


def gain_cap(background_share: float) -> float:
    """Return the most that a RoI can gain in size, given the share of the bits that plain coding spends on background.

    Parameters
    ----------
    background_share : float in [0, 1)

    Examples
    --------
    >>> gain_cap(0.5)
    2.0
    """
    return math.inf if background_share >= 1 else 1 / (1 - background_share)


def noise_floor(sigma: float, peak: int) -> float:
    """Return the PSNR in dB at which errors are as large as the camera's noise; above it, a codec codes noise.

    Examples
    --------
    >>> round(noise_floor(2.0, 255), 1)
    42.1
    """
    return math.inf if sigma <= 0 else 20 * math.log10(peak / sigma)


def interval(values: Sequence[float] | npt.NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """Return the middle part of a bootstrap's values.

    Examples
    --------
    >>> interval([0.0, 1.0, 2.0], 0.5)
    (0.5, 1.5)
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(values, np.float64), (tail, 1 - tail))
    return float(low), float(high)
