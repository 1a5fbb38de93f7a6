"""Quality factors (crf) that keep a movie within a limit: of its bytes, or of its errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flowroi.sequence.encoder import CRF_STEP

_MOST_TRIALS = 10
NEAR = 0.02
# Quantisers have coarser steps than this.
_NEAR_CRF = 0.5
# What is saved beyond what must be, when some chunks of a movie are coded again: of that, or of the limit if less.
_SPARE = 0.1
# Steps by which their crf moves.
_MOVES = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit, and how its figure moves with the crf.

    Attributes
    ----------
    kind : "bytes" or "mse"
        Bytes of the packets fall with the crf, the mean squared error in the RoI grows.
    limit : float > 0
    low, high : float
        The crf's range.
    """

    kind: Literal["bytes", "mse"]
    limit: float
    low: float
    high: float

    def nearer(self, margin: float) -> Goal:
        """Return the goal with a limit lower by a share."""
        return replace(self, limit=self.limit * (1 - margin))

    @property
    def safe(self) -> float:
        """The crf that keeps the figure lowest."""
        return self.high if self.kind == "bytes" else self.low

    @property
    def sign(self) -> int:
        """1 where the figure falls with the crf."""
        return 1 if self.kind == "bytes" else -1


@dataclass(frozen=True, slots=True)
class Found:
    """A crf, the figure there, and how fast the figure's logarithm changes with a crf of 1, without sign."""

    crf: float
    figure: float
    slope: float


def find_crf(
    measure: Callable[[float], float], goal: Goal, start: float, slope: float, *, near: float = NEAR
) -> Found | None:
    """Return the crf at which a figure comes nearest to its limit from below.

    Parameters
    ----------
    measure : callable
        The figure at a crf.
    goal : Goal
    start : float
        Where to look first.
    slope : float > 0
        How fast the figure's logarithm changes with the crf, about: leads the second trial only.
    near : float, default 0.02
        A figure this near its limit, in proportion, is near enough.

    Returns
    -------
    Found or None
        None if even the safest crf is over the limit. The crf is a multiple of `CRF_STEP`.

    Examples
    --------
    >>> found = find_crf(lambda crf: 1e6 * 0.93**crf, Goal("bytes", 1e5, 1, 63), start=35, slope=0.06)
    >>> found.crf, round(found.figure)
    (31.75, 99847)
    """
    over: tuple[float, float] | None = None  # (crf, logarithm of figure over limit)
    under: tuple[float, float] | None = None
    crf, before, width = start, None, math.inf
    for _ in range(_MOST_TRIALS):
        value = math.log(max(measure(crf), 1e-9) / goal.limit)
        if before is not None and value != before[1]:
            slope = min(max(abs((value - before[1]) / (crf - before[0])), slope / 2), 2 * slope)
        before = crf, value
        if value > 0:
            over = crf, value
            if crf == goal.safe:
                return None
        else:
            under = crf, value
            if value > -near or (crf in (goal.low, goal.high) and crf != goal.safe):
                break
        width_before, width = width, abs(over[0] - under[0]) if over and under else math.inf
        if width <= _NEAR_CRF:
            break
        # Curves bend: between two trials, one of which is far off, a line leads to the near one's side for ever.
        halve = width_before < math.inf and width > width_before / 2
        crf = _next(over, under, goal, slope, near, halve=halve)
    if under is None:
        return Found(goal.safe, math.nan, slope)
    return Found(under[0], goal.limit * math.exp(under[1]), slope)


def _next(
    over: tuple[float, float] | None,
    under: tuple[float, float] | None,
    goal: Goal,
    slope: float,
    near: float,
    *,
    halve: bool,
) -> float:
    """Return the next crf to try: between what is over and what is under the limit, or beyond what is known."""
    known = min((trial for trial in (over, under) if trial is not None), key=lambda trial: abs(trial[1]))
    if over and under and halve:
        return round((over[0] + under[0]) / 2 / CRF_STEP) * CRF_STEP
    if over and under:
        slope = abs((over[1] - under[1]) / (over[0] - under[0])) or slope
    # A little below the limit, so that the next trial is likely to be the last.
    crf = round((known[0] + goal.sign * (known[1] + near / 2) / slope) / CRF_STEP) * CRF_STEP
    if over and under:
        inner = sorted((over[0] + goal.sign * CRF_STEP, under[0] - goal.sign * CRF_STEP))
        return min(max(crf, inner[0]), inner[1])
    if crf == known[0]:
        crf += goal.sign * CRF_STEP * (1 if over else -1)
    return min(max(crf, goal.low), goal.high)


def adjusted(crfs: Sequence[float], figures: Sequence[float], goal: Goal, slope: float) -> list[float] | None:
    """Return crfs for the chunks of a movie that is over its limit: few of them moved, and by little.

    Parameters
    ----------
    crfs, figures : sequence of float
        Of each chunk.
    goal : Goal
        For the sum of the figures.
    slope : float > 0
        See `Found`.

    Returns
    -------
    list of float or None
        None if nothing can be moved any more.

    Examples
    --------
    >>> adjusted([30, 30, 30], [40, 50, 20], Goal("bytes", 108, 1, 63), slope=0.06)
    [30.5, 30.5, 30]
    >>> adjusted([63], [40], Goal("bytes", 30, 1, 63), slope=0.06) is None
    True
    """
    excess = sum(figures) - goal.limit
    wanted = excess + _SPARE * min(excess, goal.limit)
    moved = list(crfs)
    for move in _MOVES:
        there = [min(max(crf + goal.sign * move * CRF_STEP, goal.low), goal.high) for crf in crfs]
        saved = [f * -math.expm1(-slope * abs(b - a)) for f, a, b in zip(figures, crfs, there, strict=True)]
        moved = there
        if sum(saved) >= wanted:
            chosen, total = set[int](), 0.0
            for n in sorted(range(len(crfs)), key=lambda n: -saved[n]):
                if total < wanted:
                    chosen.add(n)
                    total += saved[n]
            return [there[n] if n in chosen else crfs[n] for n in range(len(crfs))]
    return moved if moved != list(crfs) else None
