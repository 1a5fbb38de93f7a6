"""PSNR: the peak from the significant bits, squared errors pooled over all chosen pixels before the logarithm."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


class PooledError:
    """Squared errors gathered over frames, so that a movie need not be held as a whole.

    Examples
    --------
    >>> frame = np.zeros((4, 4), np.uint8)
    >>> changed = frame.copy(); changed[0, 0] = 4
    >>> error = PooledError()
    >>> error.add(frame, changed)
    >>> round(error.psnr(255), 2)
    48.13
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._pixels = 0

    def add(
        self,
        original: npt.NDArray[Any],
        decoded: npt.NDArray[Any],
        where: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Add the errors of a frame at the pixels that `where` chooses."""
        chosen = original.astype(np.float64) - decoded
        if where is not None:
            chosen = chosen[where]
        self._sum += float(np.square(chosen).sum())
        self._pixels += chosen.size

    def psnr(self, peak: int) -> float | None:
        """Return the PSNR in dB; infinite where there was no error, None where there were no pixels."""
        if self._pixels == 0:
            return None
        return math.inf if self._sum == 0 else 10 * math.log10(peak**2 * self._pixels / self._sum)
