"""Step 2 of the paper's method: the stage's drift, by correlation with a key frame, with guards.

Plain phase correlation follows whatever has contrast. On sparse movies that is the cells, not the stage: on a real
ComplexEye crop it gives shifts of many pixels. So only fine structure is compared, grey levels are clipped to what the
background shows, places where many pixels are clipped (cells and their halos) are left out, and a shift is believed
only if its peak stands far above the rest of the correlation. A movie's frames are compared with one key frame, not
with their neighbours: errors do not add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.reduced import REDUCTION, Plane

# Frames smaller than this on a side, reduced, do not carry a correlation.
SMALLEST_SIDE = 16
# Standard deviations of the correlation that its peak must reach. Noise reaches 6, and so do moving cells on a flat
# background; the background of the real ComplexEye crop reaches 17 to 21, that of t98g 170.
LEAST_SIGNIFICANCE = 12.0
# Below this, in reduced px, interpolation costs more than the drift.
SMALLEST_SHIFT = 0.125
# All in reduced px or grey levels: what is finer than this belongs to the pattern, ...
_HIGH_PASS = 9
# ... up to so many standard deviations, above 0.85 of which a pixel is strong; ...
_CLIP_SIGMAS = 3.0
# ... and a neighbourhood of a cell's size counts the less the more of it is strong, and not at all from an eighth on.
_CELL_NEIGHBOURHOOD = 11
_MOST_STRONG = 1 / 8
# A pattern of less than this is the rounding of a constant frame.
_LEAST_PATTERN = 0.01
# The middle of the frame, so much on a side, is looked at: more costs more than it tells.
_LARGEST_SIDE = 320
# A key frame is replaced when the view has moved by this share of a side.
_LONGEST_FROM_KEY = 0.25


@dataclass(frozen=True, slots=True)
class Pattern:
    """The spectrum of a frame's fixed pattern: background texture and dirt, without cells and lighting."""

    spectrum: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Shift:
    """A stage shift (dy, dx) in full-resolution px, and how far its peak stands out; (0, 0) where not believed."""

    dy: float = 0.0
    dx: float = 0.0
    significance: float = 0.0

    @property
    def believed(self) -> bool:
        """Whether the shift was seen, rather than assumed to be nothing."""
        return self.significance >= LEAST_SIGNIFICANCE


def pattern_of(reduced: Plane) -> Pattern:
    """Return what the stage carries along in a reduced frame."""
    if min(reduced.shape) < SMALLEST_SIDE:
        return Pattern(None)
    reduced = _middle(reduced)
    rows, columns = (_good_size(n) for n in reduced.shape)
    high = reduced - cv2.blur(reduced, (_HIGH_PASS, _HIGH_PASS))
    typical = float(np.median(np.abs(high[::3, ::3]))) * 1.4826
    if typical < _LEAST_PATTERN:
        return Pattern(None)
    limit = _CLIP_SIGMAS * typical
    pattern = np.clip(high, -limit, limit)
    strong = (np.abs(pattern) > 0.85 * limit).astype(np.float32)
    share = cv2.blur(strong, (_CELL_NEIGHBOURHOOD, _CELL_NEIGHBOURHOOD))
    pattern *= np.maximum(1 - share * np.float32(1 / _MOST_STRONG), 0)
    window = pattern[:rows, :columns] * _window(rows, columns)
    return Pattern(np.asarray(cv2.dft(window), np.float32))


def shift_between(first: Pattern, second: Pattern, max_drift_px: float) -> Shift:
    """Return the stage's shift from `first` to `second`.

    Parameters
    ----------
    first, second : Pattern
        Of frames of one size.
    max_drift_px : float
        A larger shift is not believed.

    Notes
    -----
    The peak of the cross-correlation, refined by a parabola through its neighbours: within 0.15 px where the background
    has as much texture as noise has (significance 40), within 1 px at the least significance.

    References
    ----------
    FlowRoI, "Optical flow extraction".
    """
    if first.spectrum is None or second.spectrum is None:
        return Shift()
    product = cv2.mulSpectrums(second.spectrum, first.spectrum, 0, conjB=True)
    correlation = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    _, peak, _, (x, y) = cv2.minMaxLoc(correlation)
    _, deviation = cv2.meanStdDev(correlation)
    significance = peak / max(float(deviation[0, 0]), 1e-12)
    if significance < LEAST_SIGNIFICANCE:
        return Shift(significance=significance)
    height, width = correlation.shape
    dy = y + _vertex(correlation[y - 1, x], peak, correlation[(y + 1) % height, x])
    dx = x + _vertex(correlation[y, x - 1], peak, correlation[y, (x + 1) % width])
    dy, dx = (d - n if d > n / 2 else d for d, n in ((dy, height), (dx, width)))
    if max(abs(dy), abs(dx)) * REDUCTION > max_drift_px:
        return Shift()
    if max(abs(dy), abs(dx)) < SMALLEST_SHIFT:
        return Shift(significance=significance)
    return Shift(dy * REDUCTION, dx * REDUCTION, significance)


class StageTracker:
    """Follows the stage through a movie: the position of each frame against the first, frame by frame."""

    def __init__(self, max_drift_px: float) -> None:
        self._max_drift_px = max_drift_px
        self._key: Pattern | None = None
        self._key_position = (0.0, 0.0)
        self._key_frame = self._count = 0
        self._last = Shift()
        self._last_pattern = Pattern(None)

    def add(self, pattern: Pattern) -> Shift:
        """Return the position of the next frame; where none can be told, that of the frame before."""
        self._count += 1
        if self._key is None:
            self._key = self._last_pattern = pattern
            self._last = Shift(significance=float("inf") if pattern.spectrum is not None else 0.0)
            return self._last
        shift = shift_between(self._key, pattern, float("inf"))
        dy, dx = self._key_position[0] + shift.dy, self._key_position[1] + shift.dx
        jump = max(abs(dy - self._last.dy), abs(dx - self._last.dx))
        if not shift.believed or jump > self._max_drift_px:
            # The view has changed too much since the key frame, or the stage has jumped: ask the frame before.
            shift = shift_between(self._last_pattern, pattern, self._max_drift_px)
            dy, dx = self._last.dy + shift.dy, self._last.dx + shift.dx
            self._set_key(pattern, dy, dx)
        elif pattern.spectrum is not None and max(abs(shift.dy), abs(shift.dx)) > _LONGEST_FROM_KEY * REDUCTION * min(
            pattern.spectrum.shape
        ):
            self._set_key(pattern, dy, dx)
        self._last, self._last_pattern = Shift(dy, dx, shift.significance), pattern
        return self._last

    @property
    def key(self) -> tuple[int, float, float]:
        """The key frame's number, and its position."""
        return (self._key_frame, *self._key_position)

    @property
    def last(self) -> tuple[float, float]:
        """The position of the last frame."""
        return self._last.dy, self._last.dx

    def recall(
        self,
        count: int,
        key: tuple[int, float, float],
        key_pattern: Pattern,
        last: tuple[float, float],
        last_pattern: Pattern,
    ) -> None:
        """Take up where another tracker was after `count` frames."""
        self._count = count
        self._key_frame, *position = key
        self._key, self._key_position = key_pattern, (position[0], position[1])
        self._last, self._last_pattern = Shift(*last), last_pattern

    def _set_key(self, pattern: Pattern, dy: float, dx: float) -> None:
        self._key, self._key_position, self._key_frame = pattern, (dy, dx), self._count - 1


def move(plane: npt.NDArray[Any], dy: float, dx: float) -> npt.NDArray[Any]:
    """Move a plane by (dy, dx) of its own px; the border repeats the outermost pixels."""
    if dy == 0 and dx == 0:
        return plane
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    moved = cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, plane.dtype)


def _vertex(before: float, peak: float, after: float) -> float:
    curvature = float(before) - 2 * float(peak) + float(after)
    return 0.0 if curvature == 0 else 0.5 * (float(before) - float(after)) / curvature


def _middle(plane: Plane) -> Plane:
    cut = (slice(max(0, n - _LARGEST_SIDE) // 2, max(0, n - _LARGEST_SIDE) // 2 + _LARGEST_SIDE) for n in plane.shape)
    return plane[tuple(cut)]


@lru_cache(maxsize=16)
def _good_size(n: int) -> int:
    # The largest size up to n that the transform is quick at.
    return next(k for k in range(n, 0, -1) if cv2.getOptimalDFTSize(k) == k)


@lru_cache(maxsize=4)
def _window(rows: int, columns: int) -> npt.NDArray[np.float32]:
    return np.sqrt(np.asarray(cv2.createHanningWindow((columns, rows), cv2.CV_32F), np.float32))
