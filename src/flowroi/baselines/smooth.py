"""The trivial way to spend bits on a region: blur the rest, then plain JPEG 2000."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np

from flowroi.baselines.base import Frame, Mask, checked
from flowroi.baselines.openjpeg import described, encode_within_budget
from flowroi.codec.decoder import decode
from flowroi.errors import InvalidParameterError


def smoothed(frame: Frame, roi: Mask, *, sigma_px: float = 16.0, feather_px: float = 4.0) -> Frame:
    """Replace the background by its local mean, feathered towards the RoI.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
    roi : ndarray, shape (Y, X), bool
        Stays as it is.
    sigma_px : float > 0, default 16
        Of the Gaussian window of the mean, which only sees background.
    feather_px : float > 0, default 4
        Distance from the RoI over which the frame turns into the mean.

    Returns
    -------
    ndarray
        Shape and dtype of `frame`.

    Examples
    --------
    >>> frame = np.array([[0, 9] * 8] * 16, np.uint8)
    >>> roi = np.zeros(frame.shape, bool)
    >>> roi[:4, :4] = True
    >>> soft = smoothed(frame, roi)
    >>> bool((soft[roi] == frame[roi]).all()), sorted(set(soft[8:, 8:].ravel().tolist()))
    (True, [4])
    """
    outside = (~roi).astype(np.float32)
    weight = np.maximum(cv2.GaussianBlur(outside, (0, 0), sigma_px), np.float32(1e-3))
    mean = cv2.GaussianBlur(frame.astype(np.float32) * outside, (0, 0), sigma_px) / weight
    distance = cv2.distanceTransform((~roi).astype(np.uint8), cv2.DIST_L2, 3)
    keep = np.clip(1 - distance / feather_px, 0, 1)
    mixed = np.rint(keep * frame + (1 - keep) * mean)
    return np.asarray(np.clip(mixed, 0, np.iinfo(frame.dtype).max).astype(frame.dtype))


@dataclass(frozen=True, slots=True)
class Smooth:
    """Background replaced by a feathered local mean, then plain JPEG 2000; see `Baseline`.

    Parameters
    ----------
    sigma_px, feather_px : float > 0
        See `smoothed`.

    Raises
    ------
    InvalidParameterError
        If a parameter is outside its range.
    """

    name: ClassVar[str] = "background smoothed, JPEG 2000 (OpenJPEG)"
    key: ClassVar[str] = "smooth"
    sigma_px: float = 16.0
    feather_px: float = 4.0

    def __post_init__(self) -> None:
        for field in ("sigma_px", "feather_px"):
            value = getattr(self, field)
            if not 0 < value <= 1000:
                raise InvalidParameterError(f"{field} is {value!r}; expected a number above 0, at most 1000")

    def encode(self, frame: Frame, rate: float, roi: Mask | None = None) -> bytes:
        """See `Baseline.encode`; the RoI must be given."""
        frame, _ = checked(frame, rate)
        if roi is None:
            raise InvalidParameterError("the baseline smooth keeps a region of interest; roi is None, expected a mask")
        if roi.shape != frame.shape or roi.dtype != np.bool_:
            raise InvalidParameterError(
                f"roi has shape {roi.shape} and dtype {roi.dtype}; expected {frame.shape} and bool"
            )
        return encode_within_budget(smoothed(frame, roi, sigma_px=self.sigma_px, feather_px=self.feather_px), rate)

    def decode(self, data: bytes) -> Frame:
        """See `Baseline.decode`."""
        return decode(data)

    def describe(self) -> dict[str, Any]:
        """See `Baseline.describe`."""
        known = described()
        settings = {"sigma_px": self.sigma_px, "feather_px": self.feather_px, **known["settings"]}
        return {"key": self.key, "name": self.name, **known, "settings": settings}
