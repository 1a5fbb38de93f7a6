"""How strongly each place of a frame differs from an empty background: a signal-to-noise ratio, at half resolution.

Two things speak for a cell. Its texture and outline: the variance in a small window, less that of noise and of the
background's fine texture. And its difference from the background model, which sees flat bodies and whatever moves.
Both are powers, so they add, and one unit serves both: the noise of the movie itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.background import Background
from flowroi.roi.reduced import Plane

# All in reduced px. The window in which texture is measured, and the one over which the difference is averaged.
_TEXTURE_PX = 5
_DIFFERENCE_PX = 3
# The neighbourhood of a cell's size in which it is judged how strong a cell is.
NEIGHBOURHOOD_PX = 9
# Rounding to whole grey levels, averaged over four pixels, is the least noise there is.
LEAST_NOISE = 0.15
# Signal-to-noise ratio that noise does not reach.
STRONG = 3.0
# Places of less spread than this (grey levels) are constant: saturated, black, masked out. They tell nothing of noise.
_CONSTANT = 0.05
_NOISE_BINS_PER_OCTAVE = 16
# The background's peak is at least this part of the highest one, and a valley down to this part of it follows.
_SMALLEST_PEAK = 0.15
_DEEPEST_VALLEY = 0.7
# Medians of a plane are taken on every so-manieth row and column.
_SPARSE = 6
_NOISE_OCTAVES = 22


@dataclass(frozen=True, slots=True)
class Appearance:
    """What one frame shows by itself.

    `variance` is that in a window around every place; `noise` the commonest standard deviation, which is that of the
    background; `strength` the signal-to-noise ratio of a typical cell (0 without any); `level` the brightness.
    """

    variance: Plane
    noise: float
    strength: float
    level: float


def appearance_of(reduced: Plane) -> Appearance:
    """Return what a reduced frame shows by itself."""
    level = float(np.median(reduced[::_SPARSE, ::_SPARSE]))
    # Around zero, so that squares of deep samples keep their precision.
    centred = reduced - np.float32(level)
    mean = _mean(centred, _TEXTURE_PX)
    variance = _mean(centred * centred, _TEXTURE_PX) - mean * mean
    np.maximum(variance, 0, out=variance)
    noise = commonest_deviation(variance[::2, ::2])
    ratio = np.maximum(variance[::2, ::2] - noise * noise, 0) / np.float32(noise * noise)
    around = cv2.dilate(ratio, np.ones((NEIGHBOURHOOD_PX // 2 + 1,) * 2, np.uint8))
    strong = around[ratio > STRONG * STRONG]
    strength = float(np.sqrt(np.median(strong))) if strong.size else 0.0
    return Appearance(np.asarray(variance, np.float32), noise, strength, level)


def commonest_deviation(variance: npt.NDArray[np.float32]) -> float:
    """Return the mode of the standard deviations, at least that of rounding.

    The background has one noise everywhere, cells have many strengths: the background is the lowest peak, up to the
    point where it is hardly seen any more.
    """
    spread = variance[variance > _CONSTANT * _CONSTANT]
    if spread.size == 0:
        return LEAST_NOISE
    half_octaves = np.log2(spread) * np.float32(0.5) - np.float32(np.log2(_CONSTANT))
    bins = _NOISE_BINS_PER_OCTAVE * _NOISE_OCTAVES
    counts = np.bincount(
        np.clip(half_octaves * _NOISE_BINS_PER_OCTAVE, 0, bins - 1).astype(np.int32), minlength=bins
    ).astype(np.float32)
    smooth = np.convolve(np.convolve(counts, np.ones(5, np.float32), "same"), np.ones(5, np.float32), "same")
    octave = (_lowest_peak(smooth) + 0.5) / _NOISE_BINS_PER_OCTAVE
    return max(LEAST_NOISE, float(_CONSTANT * 2**octave))


def _lowest_peak(counts: npt.NDArray[np.float32]) -> int:
    """Return the first peak that a valley parts from the highest one: in dense movies that one is the cells'."""
    best, reach = int(counts.argmax()), _NOISE_BINS_PER_OCTAVE // 4
    for i in np.flatnonzero(counts[:best] >= _SMALLEST_PEAK * counts[best]).tolist():
        if counts[i] < counts[max(0, i - reach) : i + reach + 1].max():
            continue
        higher = i + int(np.argmax(counts[i:] > counts[i]))
        if counts[i:higher].min() < _DEEPEST_VALLEY * counts[i]:
            return int(i)
    return best


@dataclass(frozen=True, slots=True)
class Evidence:
    """For every place of a reduced frame, in units of the noise.

    `ratio` is the signal-to-noise ratio; `around` its largest value in the neighbourhood, smoothed; `motion` what of
    it is due to change in time, now or within the background model's window.
    """

    ratio: Plane
    around: Plane
    motion: Plane


def evidence_of(reduced: Plane, appearance: Appearance, background: Background | None, noise: float) -> Evidence:
    """Weigh a frame against the background model (None: by its appearance alone) and the movie's noise."""
    power = np.maximum(appearance.variance - np.float32(noise * noise), 0)
    motion = np.zeros_like(power)
    if background is not None:
        difference = _mean(reduced - background.plate, _DIFFERENCE_PX)
        # What is left of flicker shifts the whole frame.
        difference -= np.float32(np.median(difference[::_SPARSE, ::_SPARSE]))
        power += difference * difference
        motion = np.maximum(np.abs(difference), _mean(background.change, _DIFFERENCE_PX)) * np.float32(1 / noise)
    ratio = np.sqrt(power) * np.float32(1 / noise)
    around = np.asarray(cv2.dilate(ratio, np.ones((NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), np.uint8)), np.float32)
    return Evidence(ratio, _mean(around, NEIGHBOURHOOD_PX), motion)


def _mean(plane: Plane, side_px: int) -> Plane:
    return np.asarray(cv2.blur(plane, (side_px, side_px)), np.float32)
