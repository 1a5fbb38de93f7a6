"""What an archive gains in size at equal quality, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from flowroi.baselines import SEQUENCE_BASELINES
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import Evaluation
from flowroi.evaluation.subjects import CAP
from flowroi.metrics.curves import Curve, interval, size_gain

Quality = Literal["roi_psnr", "f1"]
_RESAMPLES = 400
# A curve of F1 has begun to fall where its least is below this share of the level in question.
_FALLEN = 0.98


@dataclass(frozen=True, slots=True)
class Gain:
    """A size gain at equal quality.

    Attributes
    ----------
    quality : "roi_psnr" or "f1"
    at : float or None
        The quality at which sizes are compared, dB or F1; None where it is not a number: no error at all, or no cells.
    gain : float or None
        The baseline's bytes over the other's; None where the curves do not reach the quality.
    low, high : float or None
        95 % interval, from frames drawn anew with replacement; None with fewer than 3 frames.
    cap : float or None
        What the encoder gains that is told the true cells, and hardly anything else; None beside a codec of movies.
    """

    quality: Quality
    at: float | None
    gain: float | None
    low: float | None = None
    high: float | None = None
    cap: float | None = None


class Sums:
    """The frames of some subjects as arrays, (subjects, frames), from which any choice of frames is pooled at once."""

    def __init__(self, subjects: Sequence[SubjectResult], frames: Sequence[int]) -> None:
        chosen = set(frames)
        rows = [[f for f in subject.frames if f.t in chosen] for subject in subjects]
        self.peak = subjects[0].peak
        self.bytes = np.array([[f.size_bytes for f in row] for row in rows], np.float64)
        self.error = np.array([[f.cells.total for f in row] for row in rows], np.float64)
        self.pixels = np.array([[f.cells.pixels for f in row] for row in rows], np.float64)
        counts = [
            [(f.matches.true_positives[0], f.matches.truth + f.matches.found) if f.matches else (0, 0) for f in row]
            for row in rows
        ]
        self.hits = np.array(counts, np.float64)

    def points(self, quality: Quality, draw: npt.NDArray[np.intp] | slice = slice(None)) -> list[tuple[float, float]]:
        """Return (bytes, quality) of each subject over the frames drawn."""
        size = self.bytes[:, draw].sum(axis=1)
        if quality == "roi_psnr":
            pixels, error = self.pixels[:, draw].sum(axis=1), self.error[:, draw].sum(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                values = 10 * np.log10(self.peak**2 * pixels / error)
        else:
            hits = self.hits[:, draw].sum(axis=1)
            values = 2 * hits[:, 0] / np.maximum(hits[:, 1], 1)
        return [(float(s), float(v)) for s, v in zip(size, values, strict=True)]


def archive_gains(evaluation: Evaluation, archive: SubjectResult, baseline: str) -> list[Gain]:
    """Return what an archive gains over a baseline at its own PSNR and, with a segmenter, at its own F1.

    An archive better in F1 than the baseline's best point (by chance, both at the ceiling) is compared at that.
    """
    points, frames = evaluation.curve(baseline), evaluation.curve_frames
    qualities: list[Quality] = ["roi_psnr", "f1"] if evaluation.segmenter else ["roi_psnr"]
    if len(points) < 2:
        return []
    # The cap is about JPEG 2000: a codec that predicts frames may well be below it.
    caps = () if baseline in SEQUENCE_BASELINES else evaluation.curve(CAP)
    return [_gain_of(archive, points, caps, frames, quality) for quality in qualities]


def _gain_of(
    archive: SubjectResult,
    baseline: Sequence[SubjectResult],
    caps: Sequence[SubjectResult],
    frames: Sequence[int],
    quality: Quality,
    seed: int = 0,
) -> Gain:
    sums = Sums([archive, *baseline], frames)

    def at(draw: npt.NDArray[np.intp] | slice) -> tuple[float, float | None]:
        own, *theirs = sums.points(quality, draw)
        curve = Curve.of(theirs)
        reach = curve.reach
        if reach is None or not math.isfinite(own[1]):
            return own[1], None
        if quality == "f1":
            level = min(own[1], reach[1])
            if reach[0] > _FALLEN * level:
                # The curve has not begun to fall, it wavers: how much smaller the baseline could go is not known.
                return level, None
        else:
            level = own[1]
        size = curve.size_at(level)
        return level, None if size is None else size / own[0]

    level, gain = at(slice(None))
    if not math.isfinite(level):
        return Gain(quality, None, None)
    low, high = _bootstrap(lambda draw: at(draw)[1], sums.bytes.shape[1], seed)
    cap = None
    if caps:
        reference, best = (Curve.of(Sums(s, frames).points(quality)) for s in (baseline, caps))
        cap = size_gain(reference, best, level)
    return Gain(quality, level, gain, low, high, cap)


def gain_at(
    other: Sequence[SubjectResult],
    baseline: Sequence[SubjectResult],
    frames: Sequence[int],
    quality: Quality,
    level: float,
    seed: int = 0,
) -> Gain:
    """Return the baseline's size over another codec's where both curves have the quality `level`."""
    sums, cut = Sums([*other, *baseline], frames), len(other)

    def at(draw: npt.NDArray[np.intp] | slice) -> float | None:
        points = sums.points(quality, draw)
        return size_gain(Curve.of(points[cut:]), Curve.of(points[:cut]), level)

    return Gain(quality, level, at(slice(None)), *_bootstrap(at, sums.bytes.shape[1], seed))


def _bootstrap(
    at: Callable[[npt.NDArray[np.intp]], float | None], frames: int, seed: int
) -> tuple[float, float] | tuple[None, None]:
    if frames < 3:
        return None, None
    rng = np.random.default_rng(seed)
    gains = [at(rng.integers(0, frames, frames)) for _ in range(_RESAMPLES)]
    known = [gain for gain in gains if gain is not None]
    # Where many draws leave the curves, an interval of the rest would be too narrow.
    return interval(known) if len(known) > 0.95 * _RESAMPLES else (None, None)
