"""The quality factor (crf) at which a movie reaches its target."""

from __future__ import annotations

import math
from collections.abc import Callable

from flowroi.sequence.encoder import CRF_STEP

_MOST_TRIALS = 9


def largest_crf(measure: Callable[[float], float], aim: float, low: float, high: float, start: float) -> float | None:
    """Return the coarsest quality factor at which a falling figure is still at or above its aim.

    Parameters
    ----------
    measure : callable
        The figure at a crf.
    aim : float
    low, high : float
        Limits of the crf; multiples of `CRF_STEP`.
    start : float
        Where to look first.

    Returns
    -------
    float or None
        None if not even `low` reaches the aim.

    Examples
    --------
    >>> largest_crf(lambda crf: 60 - crf, 40.1, 1, 63, 35)
    19.75
    """
    below: tuple[float, float] | None = None  # reaches the aim
    above: tuple[float, float] | None = None
    crf, width = start, 8.0
    for trial in range(_MOST_TRIALS):
        value = measure(crf)
        if value >= aim:
            below = crf, value
        else:
            above = crf, value
        if (below and below[0] >= high) or (above and above[0] <= low):
            break
        if below and above:
            if above[0] - below[0] <= CRF_STEP:
                break
            share = (below[1] - aim) / max(below[1] - above[1], 1e-12) if trial < _MOST_TRIALS - 3 else 0.5
            crf = below[0] + share * (above[0] - below[0])
            crf = min(max(_on_grid(crf), below[0] + CRF_STEP), above[0] - CRF_STEP)
        else:
            crf = min(max(crf + (width if below else -width), low), high)
            width *= 2
    return None if below is None else below[0]


def _on_grid(crf: float) -> float:
    return math.floor(crf / CRF_STEP) * CRF_STEP
