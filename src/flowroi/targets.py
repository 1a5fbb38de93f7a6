"""What a compression has to reach, as people write it: `roi_psnr>=40`, `f1>=0.95*raw`, `rate>=60`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowroi.errors import InvalidParameterError

if TYPE_CHECKING:
    from flowroi.evaluation.results import Summary

# Those that the uncompressed movie has, too, so that a target may be a share of its figure.
OF_RAW = ("precision", "recall", "f1", "average_precision", "mean_average_precision")
SHARES = ("ssim", *OF_RAW, "cells_covered", "cells_half_covered", "cells_missed")
METRICS = (
    "rate",
    "roi_psnr",
    "background_psnr",
    "psnr",
    "ssim",
    *OF_RAW,
    "cells_covered",
    "cells_half_covered",
    "cells_missed",
    "roi_area",
)
_GRAMMAR = re.compile(r"\s*([a-z0-9_]+)\s*(>=|<=)\s*([0-9.]+)\s*(\*\s*raw)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A limit to one figure of a `Summary`.

    Attributes
    ----------
    metric : str
        One of `METRICS`.
    at_least : bool
        Whether the limit is the least or the most.
    value : float
    of_raw : bool
        Whether `value` is a share of the uncompressed movie's figure.
    """

    metric: str
    at_least: bool
    value: float
    of_raw: bool = False

    def limit(self, raw: Summary) -> float | None:
        """Return the limit in the metric's own unit; None where it is a share of what the raw movie does not have."""
        if not self.of_raw:
            return self.value
        figure = getattr(raw, self.metric)
        return None if figure is None else self.value * figure

    def met(self, summary: Summary, raw: Summary) -> bool:
        """Return whether it is reached; what was not measured reaches nothing."""
        figure, limit = getattr(summary, self.metric), self.limit(raw)
        if figure is None or limit is None:
            return False
        return bool(figure >= limit if self.at_least else figure <= limit)

    def __str__(self) -> str:
        return f"{self.metric}{'>=' if self.at_least else '<='}{self.value:g}{'*raw' if self.of_raw else ''}"


def parse_target(text: str) -> Target:
    """Read a target.

    Raises
    ------
    InvalidParameterError
        If it is none, or its metric is unknown.

    Examples
    --------
    >>> parse_target("f1 >= 0.95*raw")
    Target(metric='f1', at_least=True, value=0.95, of_raw=True)
    >>> str(parse_target("cells_missed<=0.01"))
    'cells_missed<=0.01'
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise InvalidParameterError(f"target is {text!r}; expected a metric, >= or <=, and a number: roi_psnr>=40")
    metric, relation, number, of_raw = match.groups()
    if metric not in METRICS:
        raise InvalidParameterError(f"target is {text!r}; expected one of {', '.join(METRICS)} before {relation}")
    if of_raw and metric not in OF_RAW:
        raise InvalidParameterError(
            f"target is {text!r}: the raw movie has no {metric} to take a share of; expected one of {', '.join(OF_RAW)}"
        )
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidParameterError(f"target is {text!r}; expected a number after {relation}")
    if metric == "rate" and value <= 1:
        raise InvalidParameterError(f"target is {text!r}; expected a rate above 1: raw bytes over encoded bytes")
    if (of_raw or metric in SHARES) and value > 1:
        raise InvalidParameterError(f"target is {text!r}; expected a share, 0 to 1, after {relation}")
    return Target(metric, relation == ">=", value, of_raw is not None)
