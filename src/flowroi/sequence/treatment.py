"""What becomes of the background before a movie goes to a video codec: filled, shown as it is on average, or kept."""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.roi.frame_roi import FrameRoi
from flowroi.roi.reduced import Plane, enlarge

Background = Literal["fill", "plate", "none"]
Frame = npt.NDArray[Any]

# From this distance on, nothing is kept for the mask's sake.
_FEATHER_PX = 4.0
# Soft weights up to the first are background; from the second on, that of a cell just missed, the frame stays.
_BACKGROUND_WEIGHT, _KEPT_WEIGHT = 0.06, 0.2
_WINDOW_SIGMA_PX = 16.0
# Shares of a new frame in the recursive means.
_FILL_SHARE = 1 / 8
_PLATE_SHARE = 1 / 32
_PLATE_SIGMA_PX = 2.0
# What a place never seen takes from its surroundings.
_PRIOR = 0.05
_OFFSET_SHARE = 1 / 4
# The plate's brightness follows in steps of this, of 255 grey levels.
_OFFSET_STEP = 0.5
_LEAST = np.float32(1e-4)


class Treatment(Protocol):
    """Treats the background of a movie's frames, one after the other."""

    def learn(self, frame: Frame, roi: FrameRoi | None) -> None:
        """Take note of a frame."""

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        """Return the next frame (Y, X), uint8 or uint16, treated: same shape, dtype and grey scale."""

    def describe(self) -> dict[str, Any]:
        """Return name, parameters and what a viewer sees outside the cells, ready for JSON."""


def open_treatment(name: Background, *, peak: int, gop: int = 64) -> Treatment:  # noqa: ARG001
    """Return a treatment that has seen no frame yet.

    Parameters
    ----------
    name : "fill", "plate" or "none"
    peak : int > 0
        The highest grey level.

    Raises
    ------
    InvalidParameterError
        For another name or peak.

    Examples
    --------
    >>> open_treatment("none", peak=255).apply(np.zeros((2, 2), np.uint8), None).tolist()
    [[0, 0], [0, 0]]
    """
    if name not in get_args(Background):
        raise InvalidParameterError(f"background is {name!r}; expected one of {', '.join(get_args(Background))}")
    if not 0 < peak <= 65535:
        raise InvalidParameterError(f"peak is {peak!r}; expected a grey level from 1 to 65535")
    return _Untouched() if name == "none" else _Fill(peak) if name == "fill" else _Plate(peak)


def kept_share(roi: FrameRoi) -> Plane:
    """Return how much of the frame stays at each place, 0 to 1: 1 in the mask, and where the soft weights reach 0.2."""
    distance = cv2.distanceTransform((~roi.mask).view(np.uint8), cv2.DIST_L2, 3)
    kept = _smooth_step(1 - distance / np.float32(_FEATHER_PX))
    if roi.weights is not None:
        span = np.float32(_KEPT_WEIGHT - _BACKGROUND_WEIGHT)
        kept = np.maximum(
            kept, enlarge(_smooth_step((roi.weights - np.float32(_BACKGROUND_WEIGHT)) / span), roi.mask.shape)
        )
    kept[roi.mask] = 1
    return np.asarray(kept, np.float32)


class _Untouched:
    def learn(self, frame: Frame, roi: FrameRoi | None) -> None:
        self.apply(frame, roi)

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:  # noqa: ARG002
        return frame

    def describe(self) -> dict[str, Any]:
        return {"treatment": "none", "parameters": {}, "outside_the_cells": "the frame as recorded"}


class _Fill:
    def learn(self, frame: Frame, roi: FrameRoi | None) -> None:
        self.apply(frame, roi)

    def __init__(self, peak: int) -> None:
        self._peak = peak
        self._seen = 0
        self._sum: Plane | None = None
        self._weight: Plane | None = None

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        if roi is None or roi.mask.all():
            return frame
        kept = kept_share(roi)
        total, weight = _local_sums(frame, 1 - kept)
        self._seen += 1
        if self._sum is not None and self._weight is not None:
            share = np.float32(max(_FILL_SHARE, 1 / self._seen))
            total = self._sum + share * (total - self._sum)
            weight = self._weight + share * (weight - self._weight)
        self._sum, self._weight = total, weight
        return _blended(frame, _mean(total, weight), kept, self._peak)

    def describe(self) -> dict[str, Any]:
        return {
            "treatment": "fill",
            "parameters": {**_BLEND, "window_sigma_px": _WINDOW_SIGMA_PX, "new_frame_share": _FILL_SHARE},
            "outside_the_cells": "the local mean of the background over the last frames: neither texture nor noise",
        }


class _Plate:
    def learn(self, frame: Frame, roi: FrameRoi | None) -> None:
        self.apply(frame, roi)

    def __init__(self, peak: int) -> None:
        self._peak = peak
        self._sum: Plane | None = None
        self._weight: Plane | None = None
        self._position = (0, 0)
        self._offset = self._shown_offset = 0.0

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        if roi is None or roi.mask.all():
            return frame
        kept = kept_share(roi)
        outside = 1 - kept
        self._follow(roi.diagnostics.drift_px)
        if self._sum is None or self._weight is None:
            self._sum, self._weight = np.zeros_like(kept), np.zeros_like(kept)
        forget = np.float32(1 - _PLATE_SHARE)
        self._sum = self._sum * forget + outside * frame
        self._weight = self._weight * forget + outside
        around = _mean(*_local_sums(frame, outside))
        prior = np.float32(_PRIOR)
        plate = (self._sum + prior * around) / (self._weight + prior)
        plate = np.asarray(cv2.GaussianBlur(plate, (0, 0), _PLATE_SIGMA_PX), np.float32)
        self._brighten(float(np.sum(outside * (frame - plate))) / max(float(outside.sum()), 1.0))
        return _blended(frame, plate + np.float32(self._shown_offset), kept, self._peak)

    def _follow(self, drift_px: tuple[float, float] | None) -> None:
        if drift_px is None:
            return
        position = (round(drift_px[0]), round(drift_px[1]))
        dy, dx = position[0] - self._position[0], position[1] - self._position[1]
        self._position = position
        # Whole pixels: to interpolate again and again would blur the plate away.
        if (dy or dx) and self._sum is not None and self._weight is not None:
            self._sum, self._weight = _moved(self._sum, dy, dx), _moved(self._weight, dy, dx)

    def _brighten(self, residual: float) -> None:
        self._offset += _OFFSET_SHARE * (residual - self._offset)
        if abs(self._offset - self._shown_offset) > _OFFSET_STEP * self._peak / 255:
            self._shown_offset = self._offset

    def describe(self) -> dict[str, Any]:
        return {
            "treatment": "plate",
            "parameters": {**_BLEND, "new_frame_share": _PLATE_SHARE, "smoothing_sigma_px": _PLATE_SIGMA_PX},
            "outside_the_cells": "the average scene without cells over the last frames, slightly smoothed",
        }


_BLEND = {"feather_px": _FEATHER_PX, "background_weight": _BACKGROUND_WEIGHT, "kept_weight": _KEPT_WEIGHT}


def _smooth_step(share: Plane) -> Plane:
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def _local_sums(frame: Frame, outside: Plane) -> tuple[Plane, Plane]:
    total = cv2.GaussianBlur(frame * outside, (0, 0), _WINDOW_SIGMA_PX)
    return np.asarray(total, np.float32), np.asarray(cv2.GaussianBlur(outside, (0, 0), _WINDOW_SIGMA_PX), np.float32)


def _mean(total: Plane, weight: Plane) -> Plane:
    """Return the local mean; deep inside large cells, where no background is near, that of the whole frame."""
    everywhere = np.float32(total.sum(dtype=np.float64) / max(float(weight.sum(dtype=np.float64)), 1e-9))
    return np.asarray((total + _LEAST * everywhere) / (weight + _LEAST), np.float32)


def _moved(plane: Plane, dy: int, dx: int) -> Plane:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_NEAREST, borderValue=0), np.float32)


def _blended(frame: Frame, background: Plane, kept: Plane, peak: int) -> Frame:
    mixed = np.rint(background + kept * (frame - background))
    # In exact samples: the blend of a deep one may round.
    treated = np.clip(mixed, 0, peak).astype(frame.dtype)
    return np.asarray(np.where(kept >= 1, frame, treated))
