"""Image quality: PSNR and SSIM over chosen pixels, as sums that pool over frames before anything is averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.extras import need

Frame = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
# Window of the SSIM: a Gaussian of 1.5 px, cut off at 5 px.
_SSIM_SIGMA_PX = 1.5
_SSIM_WINDOW_PX = 11


@dataclass(frozen=True, slots=True)
class PooledError:
    """Squared errors over some pixels; errors of several frames are added up, so that a movie need not be held.

    Attributes
    ----------
    total : float
        Sum of the squared errors, grey levels².
    pixels : int

    Examples
    --------
    >>> frame = np.zeros((4, 4), np.uint8)
    >>> changed = frame.copy(); changed[0, 0] = 4
    >>> error = PooledError.between(frame, changed)
    >>> round(error.psnr(255), 2), round((error + PooledError.between(frame, frame)).psnr(255), 2)
    (48.13, 51.14)
    """

    total: float = 0.0
    pixels: int = 0

    @classmethod
    def between(cls, original: Frame, decoded: Frame, where: Mask | None = None) -> PooledError:
        """Return the errors of a frame at the pixels that `where` chooses."""
        if where is not None:
            original, decoded = original[where], decoded[where]
        chosen = np.subtract(original, decoded, dtype=np.float64)
        return cls(float(np.square(chosen).sum()), chosen.size)

    def __add__(self, other: PooledError) -> PooledError:
        return PooledError(self.total + other.total, self.pixels + other.pixels)

    @property
    def mse(self) -> float | None:
        """Mean squared error, grey levels²; None where there were no pixels."""
        return self.total / self.pixels if self.pixels else None

    def psnr(self, peak: int) -> float | None:
        """Return the PSNR in dB; infinite where there was no error, None where there were no pixels.

        Parameters
        ----------
        peak : int
            2**significant_bits - 1.
        """
        mse = self.mse
        if mse is None:
            return None
        return math.inf if mse == 0 else 10 * math.log10(peak**2 / mse)


@dataclass(frozen=True, slots=True)
class PooledMean:
    """A mean over pixels, or over cells, as a sum that pools over frames."""

    total: float = 0.0
    count: int = 0

    def __add__(self, other: PooledMean) -> PooledMean:
        return PooledMean(self.total + other.total, self.count + other.count)

    @property
    def mean(self) -> float | None:
        """The mean; None where there was nothing."""
        return self.total / self.count if self.count else None


def ssim_within(original: Frame, decoded: Frame, where: Mask, peak: int) -> PooledMean:
    """Return the mean structural similarity at the pixels that `where` chooses.

    Parameters
    ----------
    original, decoded : ndarray, shape (Y, X)
    where : ndarray, shape (Y, X), bool
    peak : int
        2**significant_bits - 1.

    Returns
    -------
    PooledMean
        Of nothing where a frame is smaller than the window, 11 px.

    Raises
    ------
    MissingDependencyError
        Without scikit-image, which computes it.

    References
    ----------
    Wang et al. 2004, doi:10.1109/TIP.2003.819861: Gaussian window of 1.5 px, K1 = 0.01, K2 = 0.03.

    Examples
    --------
    >>> frame = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    >>> ssim_within(frame, frame, frame > 99, 255).mean
    1.0
    """
    if min(original.shape) < _SSIM_WINDOW_PX or not where.any():
        return PooledMean()
    structural_similarity = need("skimage.metrics", extra="evaluation").structural_similarity
    rows, columns = (_span(np.flatnonzero(where.any(axis=1 - axis)), where.shape[axis]) for axis in (0, 1))
    _, similarity = structural_similarity(
        original[rows, columns].astype(np.float64),
        decoded[rows, columns].astype(np.float64),
        data_range=peak,
        gaussian_weights=True,
        sigma=_SSIM_SIGMA_PX,
        use_sample_covariance=False,
        full=True,
    )
    chosen = similarity[where[rows, columns]]
    return PooledMean(float(chosen.sum()), chosen.size)


def _span(places: npt.NDArray[np.intp], length: int) -> slice:
    """Return the rows (or columns) that the windows around the occupied ones see: the rest need not be looked at."""
    # A margin of the whole window keeps the padding at the cut out of the windows that count.
    low = max(int(places[0]) - _SSIM_WINDOW_PX, 0)
    return slice(low, min(max(int(places[-1]) + 1 + _SSIM_WINDOW_PX, low + _SSIM_WINDOW_PX), length))
