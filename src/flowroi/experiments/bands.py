"""Curves of measured subjects, each point with its 95 % interval: what the frames alone make uncertain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowroi.evaluation.results import SubjectResult
from flowroi.metrics.curves import interval
from flowroi.report.curves import Series

QUALITIES = {"roi_psnr": "PSNR on the cells (dB)", "precision": "precision", "recall": "recall", "f1": "F1"}
_RESAMPLES = 400
Interval = tuple[float, float] | tuple[None, None]


def series_of(label: str, places: Sequence[float], results: Sequence[SubjectResult | None], field: str) -> Series:
    """Return a curve of one quality of `QUALITIES`; gaps are what was not measured."""
    values = [None if result is None else getattr(result.summary(), field) for result in results]
    ends = [(None, None) if result is None else interval_of(result)[field] for result in results]
    return Series(label, places, values, [low for low, _ in ends], [high for _, high in ends])


def interval_of(result: SubjectResult, seed: int = 0) -> dict[str, Interval]:
    """Return the 95 % interval of each of `QUALITIES`, from frames drawn anew; (None, None) where there is none."""
    found: dict[str, Interval] = dict.fromkeys(QUALITIES, (None, None))
    count = len(result.frames)
    if count < 3:
        return found
    draws = np.random.default_rng(seed).integers(0, count, (_RESAMPLES, count))
    error, pixels = (np.array([getattr(f.cells, name) for f in result.frames])[draws] for name in ("total", "pixels"))
    mse = error.sum(axis=1) / np.maximum(pixels.sum(axis=1), 1)
    if (mse > 0).all():
        found["roi_psnr"] = interval(10 * np.log10(result.peak**2 / mse))
    matches = [f.matches for f in result.frames if f.matches is not None]
    if len(matches) < count:
        return found
    hits = np.array([m.true_positives[0] for m in matches])[draws].sum(axis=1)
    theirs, ours = (np.array([getattr(m, name) for m in matches])[draws].sum(axis=1) for name in ("found", "truth"))
    for field, parts, whole in (("precision", hits, theirs), ("recall", hits, ours), ("f1", 2 * hits, theirs + ours)):
        if (whole > 0).all():
            found[field] = interval(parts / whole)
    return found
