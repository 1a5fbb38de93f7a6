"""What becomes of the background before a movie goes to a video codec: filled, shown as it is on average, or kept.

A background is held from key frame to key frame, so that the codec has nothing to code outside the cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.roi.frame_roi import FrameRoi
from flowroi.roi.reduced import REDUCTION, Plane

Background = Literal["fill", "plate", "none"]
Frame = npt.NDArray[Any]
Kept = npt.NDArray[np.uint8]

# From this distance on, nothing is kept for the mask's sake.
_FEATHER_PX = 4
# Soft weights up to the first are background; from the second on, that of a cell just missed, the frame stays.
_BACKGROUND_WEIGHT, _KEPT_WEIGHT = 0.1, 0.2
# What is kept by half is shown without its noise.
_DENOISE_PX = 5
_WINDOW_SIGMA_PX = 32.0
_WINDOW_REDUCTION = 4
# What a place never seen takes from its surroundings.
_PRIOR = 0.01
_OFFSET_SHARE = 1 / 4
# The background's brightness follows in steps of this, of 255 grey levels.
_OFFSET_STEP = 2.0
_LEAST = np.float32(1e-4)


class Treatment(Protocol):
    """Treats the background of a movie's frames, one after the other."""

    def learn(self, frame: Frame, roi: FrameRoi | None) -> None:
        """See a frame that is not to be shown: one before the first, or one that is shown later."""

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        """Return the next frame (Y, X), uint8 or uint16, treated: same shape, dtype and grey scale."""

    def describe(self) -> dict[str, Any]:
        """Return name, parameters and what a viewer sees outside the cells, ready for JSON."""


def open_treatment(name: Background, *, peak: int, gop: int = 64) -> Treatment:
    """Return a treatment that has seen no frame yet.

    Parameters
    ----------
    name : "fill", "plate" or "none"
    peak : int > 0
        The highest grey level.
    gop : int >= 1, default 64
        Frames from key frame to key frame; the first that is applied is one. The background is held in between.

    Raises
    ------
    InvalidParameterError
        For another name, peak or gop.

    Examples
    --------
    >>> open_treatment("none", peak=255).apply(np.zeros((2, 2), np.uint8), None).tolist()
    [[0, 0], [0, 0]]
    """
    if name not in get_args(Background):
        raise InvalidParameterError(f"background is {name!r}; expected one of {', '.join(get_args(Background))}")
    if not 0 < peak <= 65535:
        raise InvalidParameterError(f"peak is {peak!r}; expected a grey level from 1 to 65535")
    if gop < 1:
        raise InvalidParameterError(f"gop is {gop!r}; expected 1 frame or more")
    return _Untouched() if name == "none" else _Held(_KINDS[name], peak, gop)


def kept_share(roi: FrameRoi) -> Kept:
    """Return how much of the frame stays, (Y, X) uint8: 255 (all) in the mask, and where the weights reach 0.2."""
    # Grown by half the feather, the mask keeps its own pixels through a blur over the other half.
    half = 2 * (_FEATHER_PX // 2) + 1
    kept = cv2.dilate(roi.mask.view(np.uint8) * np.uint8(255), np.ones((half, half), np.uint8))
    kept = cv2.blur(kept, (half, half))
    if roi.weights is not None:
        span = (_KEPT_WEIGHT - _BACKGROUND_WEIGHT) / 255
        share = np.clip(roi.weights / np.float32(span) - np.float32(_BACKGROUND_WEIGHT / span), 0, 255)
        size = (share.shape[1] * REDUCTION, share.shape[0] * REDUCTION)
        weighed = cv2.resize(np.rint(share).astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
        kept = cv2.max(kept, np.ascontiguousarray(weighed[: kept.shape[0], : kept.shape[1]]))
    return np.asarray(kept, np.uint8)


class _Untouched:
    def learn(self, frame: Frame, roi: FrameRoi | None) -> None: ...

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:  # noqa: ARG002
        return frame

    def describe(self) -> dict[str, Any]:
        return {"treatment": "none", "outside_the_cells": "the frame as recorded"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where `fill` and `plate` differ."""

    name: str
    # Of the memory: what is blurred anyway needs no full resolution.
    reduction: int
    # Of a new frame in the recursive means.
    share: float
    # Of the scene; 0 shows its local mean instead.
    smoothing_sigma_px: float
    shown: str


_KINDS = {
    "fill": _Kind("fill", _WINDOW_REDUCTION, 1 / 16, 0.0, "local mean of the background: no texture, no noise"),
    "plate": _Kind("plate", 1, 1 / 32, 3.0, "average scene of the last frames, smoothed, no cells"),
}


class _Held:
    """The background of the frames so far, as it was at the last key frame."""

    def __init__(self, kind: _Kind, peak: int, gop: int) -> None:
        self._kind, self._peak, self._gop = kind, peak, gop
        self._seen = self._applied = 0
        self._sum: Plane | None = None
        self._weight: Plane | None = None
        self._held: Frame | None = None
        self._shown: Frame | None = None
        self._due = True
        self._position = (0, 0)
        self._offset = self._shown_offset = 0.0

    def learn(self, frame: Frame, roi: FrameRoi | None) -> None:
        if roi is not None and not roi.mask.all():
            self._learn(frame, roi, kept_share(roi))

    def apply(self, frame: Frame, roi: FrameRoi | None) -> Frame:
        self._due |= self._applied % self._gop == 0
        self._applied += 1
        if roi is None or roi.mask.all():
            return frame
        kept = kept_share(roi)
        self._learn(frame, roi, kept)
        outside = (kept == 0).view(np.uint8)
        if self._due or self._held is None or self._shown is None:
            renewed = self._background(frame.shape, frame.dtype)
            if self._held is not None:
                # The means lag behind a slow gain; what is known of the brightness stays.
                self._offset += _mean_difference(self._held, renewed, outside)
            self._held = self._shown = renewed
            self._shown_offset, self._due = 0.0, False
        self._offset += _OFFSET_SHARE * (_mean_difference(frame, self._held, outside) - self._offset)
        if abs(self._offset - self._shown_offset) > _OFFSET_STEP * self._peak / 255:
            self._shown_offset = self._offset
            self._shown = self._in_samples(self._held + np.float32(self._offset), frame.dtype)
        return _blended(frame, self._shown, kept)

    def describe(self) -> dict[str, Any]:
        kind = self._kind
        return {
            "treatment": kind.name,
            "feather_px": _FEATHER_PX,
            "background_weight": _BACKGROUND_WEIGHT,
            "kept_weight": _KEPT_WEIGHT,
            "new_frame_share": kind.share,
            "smoothing_sigma_px": kind.smoothing_sigma_px or _WINDOW_SIGMA_PX,
            "held_frames": self._gop,
            "outside_the_cells": kind.shown,
        }

    def _learn(self, frame: Frame, roi: FrameRoi, kept: Kept) -> None:
        self._follow(roi.diagnostics.drift_px)
        by, outside = self._kind.reduction, np.asarray(255 - kept)
        total = _reduced(cv2.multiply(frame, outside, scale=1 / 255, dtype=cv2.CV_32F), by)
        weight = _reduced(outside, by) * np.float32(1 / 255)
        self._seen += 1
        if self._sum is None or self._weight is None:
            self._sum, self._weight = total, weight
            return
        share = max(self._kind.share, 1 / self._seen)
        cv2.accumulateWeighted(total, self._sum, share)
        cv2.accumulateWeighted(weight, self._weight, share)

    def _follow(self, drift_px: tuple[float, float] | None) -> None:
        if drift_px is None or not self._kind.smoothing_sigma_px:
            return
        before, self._position = self._position, (round(drift_px[0]), round(drift_px[1]))
        dy, dx = self._position[0] - before[0], self._position[1] - before[1]
        # Whole pixels: to interpolate again and again would blur the scene away.
        if (dy or dx) and self._sum is not None and self._weight is not None:
            self._sum, self._weight = _moved(self._sum, dy, dx), _moved(self._weight, dy, dx)
            if self._held is not None and self._shown is not None:
                self._held = _moved(self._held, dy, dx, cv2.BORDER_REPLICATE)
                self._shown = _moved(self._shown, dy, dx, cv2.BORDER_REPLICATE)

    def _background(self, shape: tuple[int, ...], dtype: Any) -> Frame:
        assert self._sum is not None and self._weight is not None  # noqa: PT018
        coarse = _WINDOW_REDUCTION // self._kind.reduction
        mean = _local_mean(_reduced(self._sum, coarse), _reduced(self._weight, coarse))
        around = np.asarray(cv2.resize(mean, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
        if not self._kind.smoothing_sigma_px:
            return self._in_samples(around, dtype)
        prior = np.float32(_PRIOR)
        scene = (self._sum + prior * around) / (self._weight + prior)
        return self._in_samples(cv2.GaussianBlur(scene, (0, 0), self._kind.smoothing_sigma_px), dtype)

    def _in_samples(self, background: npt.NDArray[Any], dtype: Any) -> Frame:
        return np.asarray(np.clip(np.rint(background), 0, self._peak).astype(dtype))


def _reduced(plane: npt.NDArray[Any], by: int) -> Plane:
    if by > 1:
        # A last block may be cut: all blocks weigh what they hold.
        size = (-(-plane.shape[1] // by), -(-plane.shape[0] // by))
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return np.asarray(plane, np.float32)


def _local_mean(total: Plane, weight: Plane) -> Plane:
    """Return the local mean; deep inside large cells, where no background is near, that of the whole frame."""
    everywhere = np.float32(total.sum(dtype=np.float64) / max(float(weight.sum(dtype=np.float64)), 1e-9))
    sigma = _WINDOW_SIGMA_PX / _WINDOW_REDUCTION
    total, weight = (np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32) for plane in (total, weight))
    return np.asarray((total + _LEAST * everywhere) / (weight + _LEAST), np.float32)


def _moved(plane: npt.NDArray[Any], dy: int, dx: int, border: int = cv2.BORDER_CONSTANT) -> npt.NDArray[Any]:
    by = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(plane, by, plane.shape[::-1], flags=cv2.INTER_NEAREST, borderMode=border, borderValue=0)


def _mean_difference(first: Frame, second: Frame, where: Kept) -> float:
    return float(cv2.mean(first, where)[0] - cv2.mean(second, where)[0])


def _blended(frame: Frame, background: Frame, kept: Kept) -> Frame:
    """Return background + kept · (smooth + kept · (frame - smooth) - background): the frame where all is kept."""
    smooth = cv2.blur(frame, (_DENOISE_PX, _DENOISE_PX))
    mixed = cv2.multiply(cv2.subtract(frame, smooth, dtype=cv2.CV_32F), kept, scale=1 / 255, dtype=cv2.CV_32F)
    mixed = cv2.subtract(cv2.add(mixed, smooth, dtype=cv2.CV_32F), background, dtype=cv2.CV_32F)
    mixed = cv2.multiply(mixed, kept, scale=1 / 255, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(mixed, background, dtype=cv2.CV_8U if frame.dtype == np.uint8 else cv2.CV_16U))
