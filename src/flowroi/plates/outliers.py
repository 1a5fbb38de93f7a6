"""Positions worth a look: those whose figures are far from the others' of the same plate, by a robust rule."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flowroi.plates.base import Position
from flowroi.report.compression import CompressionReport

# Modified z-score of Iglewicz and Hoaglin (1993), "How to detect and handle outliers": |x - median| / (1.4826 MAD).
LIMIT = 3.5
# Fewer positions tell nothing of what is usual.
LEAST_POSITIONS = 6
_SIGMAS_PER_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class _Measure:
    """A figure of a position: how it is read, and the least spread, below which differences mean nothing."""

    name: str
    unit: str
    of: Callable[[CompressionReport], float | None]
    least_spread: float
    # Ratios are compared by their logarithms: half is as far as twice.
    is_ratio: bool = False


@dataclass(frozen=True, slots=True)
class Outlier:
    """One figure of one position that is far from the others'.

    Attributes
    ----------
    position : Position
    measure : str
        "rate", "roi_share", "noise_sigma" (grey levels), "roi_psnr" (dB, the median of the frames measured, in the
        encoder's RoI) or "warnings" (their number).
    value, median : float
        Of the position, and of all.
    score : float
        Distance from the median in robust standard deviations: more than 3.5, or it would not be here.
    """

    position: Position
    measure: str
    value: float
    median: float
    score: float

    def __str__(self) -> str:
        unit = next(measure.unit for measure in _MEASURES if measure.name == self.measure)
        side = "high" if self.value > self.median else "low"
        return f"{self.position}: {self.measure} {side}, {self.value:.3g}{unit} (median {self.median:.3g}{unit})"


def _roi_psnr(report: CompressionReport) -> float | None:
    spread = report.summary()["roi_psnr"]
    return None if spread is None else float(spread["median"])


_MEASURES = (
    _Measure("rate", ":1", lambda report: report.rate, 0.02, is_ratio=True),
    _Measure("roi_share", "", lambda report: report.roi_share, 0.005),
    _Measure("noise_sigma", " grey levels", lambda report: report.noise_sigma, 0.02, is_ratio=True),
    _Measure("roi_psnr", " dB", _roi_psnr, 0.1),
    _Measure("warnings", "", lambda report: float(len(report.warnings)), 0.25),
)


def outliers_of(done: Iterable[tuple[Position, CompressionReport]]) -> tuple[Outlier, ...]:
    """Return what is far from usual on a plate, the farthest first.

    A figure is far from the others' if it differs from their median by more than 3.5 robust standard deviations,
    1.4826 times the median absolute deviation each, and at least 2 % (of rates and noise), 0.005 (of RoI shares),
    0.1 dB, or a quarter of a warning. Fewer than six positions that have the figure are not judged.

    Parameters
    ----------
    done : iterable of (Position, CompressionReport)

    Examples
    --------
    >>> of = lambda rate: CompressionReport("", "", "jp2", 1, 1, 1, 1, rate, 0.2, 0.1, False, (), ())
    >>> rates = (40.0, 41.0, 39.5, 40.2, 80.0, 40.1)
    >>> for outlier in outliers_of((Position(f"A{n + 1}"), of(rate)) for n, rate in enumerate(rates)):
    ...     print(outlier)
    A5_f0: rate high, 80:1 (median 40.2:1)
    """
    positions = tuple(done)
    found: list[Outlier] = []
    for measure in _MEASURES:
        values = [(position, value) for position, report in positions if (value := measure.of(report)) is not None]
        if len(values) >= LEAST_POSITIONS:
            found += _far(measure, values)
    return tuple(sorted(found, key=lambda outlier: (-outlier.score, outlier.position, outlier.measure)))


def as_dict(outlier: Outlier) -> dict[str, Any]:
    """Return an outlier ready for JSON."""
    return {
        "well": outlier.position.well,
        "field": outlier.position.field,
        "measure": outlier.measure,
        "value": outlier.value,
        "median": outlier.median,
        "score": outlier.score,
    }


def _far(measure: _Measure, values: list[tuple[Position, float]]) -> Iterable[Outlier]:
    scaled = [_scaled(value, measure) for _, value in values]
    middle = statistics.median(scaled)
    spread = _SIGMAS_PER_MAD * statistics.median(abs(value - middle) for value in scaled)
    median = statistics.median(value for _, value in values)
    for (position, value), at in zip(values, scaled, strict=True):
        score = abs(at - middle) / max(spread, measure.least_spread)
        if score > LIMIT:
            yield Outlier(position, measure.name, value, median, round(score, 2))


def _scaled(value: float, measure: _Measure) -> float:
    return math.log(max(value, 1e-9)) if measure.is_ratio else value
