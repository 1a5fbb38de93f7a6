"""Frames of any depth as the 8-bit grey that the filters and the flow work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[Any]
Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class GreyMapping:
    """Maps a movie's samples to 8 bits, with one and the same line for all its frames, so that it adds no flicker.

    Parameters
    ----------
    low, high : float
        Samples that become 0 and 255.

    Examples
    --------
    >>> import numpy as np
    >>> GreyMapping(100, 1120)(np.array([[100, 1120, 5000]], np.uint16)).tolist()
    [[0, 255, 255]]
    """

    low: float
    high: float

    @classmethod
    def of_first(cls, frame: Frame) -> GreyMapping:
        """Return the mapping that a movie's first frame suggests.

        8-bit frames stay as they are. Deeper ones are spread from the 0.1 % to the 99.9 % quantile, with a quarter
        of that range to spare on either side for frames that get darker or brighter.
        """
        if frame.dtype == np.uint8:
            return cls(0, 255)
        low, high = (float(q) for q in np.quantile(frame, (0.001, 0.999)))
        spare = max((high - low) / 4, 1.0)
        return cls(low - spare, high + spare)

    def __call__(self, frame: Frame) -> Grey:
        """Return `frame` in 8 bits, clipped."""
        if frame.dtype == np.uint8:
            return frame
        scaled = (frame.astype(np.float32) - np.float32(self.low)) * np.float32(255 / (self.high - self.low))
        grey: Grey = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return grey
