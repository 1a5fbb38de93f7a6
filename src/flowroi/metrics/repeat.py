"""The same scene recorded once more: how much would differ without any compression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.codec.encoder import ROUNDING_NOISE, check_frame, significant_bits_of
from flowroi.errors import InvalidParameterError
from flowroi.params import check_integer


def repeat_with_noise(
    frame: npt.NDArray[Any],
    sigma: float,
    rng: np.random.Generator,
    *,
    clean: npt.NDArray[Any] | None = None,
    significant_bits: int | None = None,
) -> npt.NDArray[Any]:
    """Record a frame's scene once more, as far as that can be known.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
        As it was recorded.
    sigma : float >= 0, grey levels
        Standard deviation of the recording's noise, rounding included, as `flowroi.roi.noise.noise_of` measures it.
    rng : numpy.random.Generator
    clean : ndarray, shape (Y, X), optional
        The scene without noise, where it is known (`SyntheticMovie.clean`).
    significant_bits : int, optional
        Samples are clipped to these; by default to those that the frame's largest sample needs (8 for uint8).

    Returns
    -------
    ndarray
        Shape and dtype of `frame`.

    Raises
    ------
    InvalidParameterError
        For a frame or scene of the wrong kind or shape, or a sigma or number of bits outside its range.

    Notes
    -----
    With `clean`, this is what the camera would have recorded again: the two recordings have independent noise, and what
    differs between their segmentations or tracks is the repeatability that no compression can be asked to beat.

    Without it, noise is added to a frame that has its own. Both frames share the first noise, so they differ by sigma
    and not by sqrt(2) sigma as two recordings do; and the repeat has sqrt(2) sigma of noise itself, so whatever suffers
    from noise suffers more than in a true second recording. The two errors pull in opposite directions; the result is
    an estimate, not a bound. Either way noise is taken as Gaussian and everywhere the same: where it grows with
    brightness, that of the cells, which are brighter than the background it was measured on, is underestimated.
    Noise that is correlated between pixels is not reproduced, and neither is what moves between two recordings.

    Examples
    --------
    >>> frame = np.full((200, 200), 100, np.uint8)
    >>> again = repeat_with_noise(frame, 3.0, np.random.default_rng(0), clean=frame.astype(float))
    >>> bool(abs(again.std() - 3) < 0.05), bool(abs(again.mean() - 100) < 0.05)
    (True, True)
    """
    check_frame(frame)
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not (math.isfinite(sigma) and sigma >= 0):
        raise InvalidParameterError(f"sigma is {sigma!r}; expected a number of grey levels, at least 0")
    bits = significant_bits_of(frame)
    if significant_bits is not None:
        check_integer("significant_bits", significant_bits, low=1, high=8 * frame.itemsize)
        bits = significant_bits
    if clean is not None and np.shape(clean) != frame.shape:
        raise InvalidParameterError(f"clean has shape {np.shape(clean)}; expected {frame.shape}, that of the frame")
    scene = np.asarray(frame if clean is None else clean, np.float64)
    # Rounding brings its share of the noise again.
    fresh = math.sqrt(max(sigma**2 - ROUNDING_NOISE**2, 0.0))
    noisy = scene + fresh * rng.standard_normal(frame.shape)
    return np.clip(np.rint(noisy), 0, 2**bits - 1).astype(frame.dtype)
