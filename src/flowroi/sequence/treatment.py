"""What becomes of the background before a movie is coded from frame to frame."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from flowroi.baselines.smooth import smoothed
from flowroi.errors import InvalidParameterError
from flowroi.roi import FrameRoi

Frame = npt.NDArray[Any]
_SIGMA_PX = 16.0
_FEATHER_PX = 4.0


class Treatment(Protocol):
    """Takes the frames of a movie one by one, in order of time."""

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        """Return the frame to encode, (Y, X), of the same dtype and grey scale."""

    def describe(self) -> dict[str, Any]:
        """Return what was done, for the manifest."""


class _None:
    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:  # noqa: ARG002 - see Treatment
        return frame

    def describe(self) -> dict[str, Any]:
        return {"treatment": "none"}


class _Fill:
    def __init__(self, peak: int) -> None:
        self._peak = peak

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        if roi is None:
            return frame
        return np.minimum(
            smoothed(frame, roi.mask, sigma_px=_SIGMA_PX, feather_px=_FEATHER_PX), self._peak, dtype=frame.dtype
        )

    def describe(self) -> dict[str, Any]:
        return {"treatment": "fill", "sigma_px": _SIGMA_PX, "feather_px": _FEATHER_PX}


def open_treatment(name: Literal["fill", "plate", "none"], *, peak: int) -> Treatment:
    """Start a treatment.

    Parameters
    ----------
    name : "fill" or "none"
        The background becomes its feathered local mean, or stays.
    peak : int
        Largest grey level of the movie.

    Raises
    ------
    InvalidParameterError
        For another name.

    Examples
    --------
    >>> open_treatment("none", peak=255).describe()
    {'treatment': 'none'}
    """
    if name == "fill":
        return _Fill(peak)
    if name == "none":
        return _None()
    raise InvalidParameterError(f"background is {name!r}; expected fill or none")
