"""The search: a coarse look over the usual values first, then ever finer steps around the best; no chance in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowroi.params import TARGETS
from flowroi.sweep.goal import Candidate, Goal
from flowroi.sweep.options import Options, Value, grid, identity

Measure = Callable[[Sequence[Options]], list[Candidate]]
Choose = Callable[[Sequence[Candidate]], Candidate]

_RATES = (10.0, 20.0, 40.0, 80.0, 160.0)
_COARSE_SCALING = (5.0, 10.0)
_LEAST_RATE = 1.2
# How often the rate may be doubled, or halved, beyond the coarse values.
_FURTHER = 4
# Rates closer than 2 ** (1 / 2 ** 5), 2 %, count as equal.
_FINEST = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """An option and its usual values; numbers may be refined between `low` and `high`.

    Attributes
    ----------
    name : str
    values : tuple
        Looked at first, all of them.
    default : value
        Of `compress`.
    spacing : float
        Of the values: a factor above 1, or 0 where only the values themselves make sense; 1 for whole numbers.
    low, high : float
    only : str
        The one RoI method that looks at the option; empty for all.
    """

    name: str
    values: tuple[Value, ...]
    default: Value
    spacing: float = 0.0
    low: float = 0.0
    high: float = 0.0
    only: str = ""

    def finer(self, value: Value, level: int) -> tuple[Value, ...]:
        """Return the values beside one, closer with every level from 1 on."""
        if self.spacing == 0 or not isinstance(value, int | float) or isinstance(value, bool):
            return ()
        if self.spacing == 1:
            return tuple(v for v in (int(value) - 1, int(value) + 1) if self.low <= v <= self.high)
        factor = self.spacing ** (0.5**level)
        beside = (min(max(v, self.low), self.high) for v in (value / factor, value * factor))
        return tuple(v for v in (_rounded(v) for v in beside) if v != value)


# The paper's five (the rate aside) and ours. Beyond 10 a scaling factor leaves hardly anything of the background.
AXES = (
    Axis("roi_method", ("fused", "flow"), "fused"),
    Axis("scaling_factor", (2.5, 5.0, 10.0), 5.0, 2.0, 1.0, 10.0),
    Axis("roi_threshold", ("auto", 0.05, 0.1, 0.2), "auto", 2.0, 0.01, 0.5),
    Axis("margin", (0, 2, 4), 0, 1, 0, 8),
    Axis("adjacent_factor", (0, 1, 2), 0, 1, 0, 3),
    Axis("denoise", (True, False), True, only="flow"),
    Axis("soft_weights", (True, False), True, only="fused"),
    Axis("look_ahead", (8, 2), 8, only="fused"),
)


def rate_axis(goal: Goal) -> Axis:
    """Return the usual rates; where the targets name a least one, from there on."""
    least = goal.least_rate
    rates = _RATES if least is None else tuple(least * factor for factor in (1.0, 2.0, 4.0))
    return Axis("rate", rates, _RATES[2], 2.0, _LEAST_RATE, 1e4)


def search(goal: Goal, fixed: Options, measure: Measure, choose: Choose, rounds: int) -> list[Candidate]:
    """Look coarsely, then refine around the best.

    Parameters
    ----------
    goal : Goal
    fixed : mapping
        Options held constant. One of `TARGETS` among them takes the rate out of the search.
    measure : callable
        From options to candidates.
    choose : callable
        The best of some candidates.
    rounds : int >= 0
        Of refinement; 0 leaves the coarse look.

    Returns
    -------
    list of Candidate
        All that were looked at, in their order, each once.
    """
    space = _Space(goal, fixed, measure, choose)
    space.coarse()
    for level in range(rounds):
        space.refine(level)
    if rounds:
        space.around_the_best()
    return space.seen


class _Space:
    """What was looked at until now, and where the best of it lies."""

    def __init__(self, goal: Goal, fixed: Options, measure: Measure, choose: Choose) -> None:
        self.goal = goal
        self.fixed = fixed
        self.measure = measure
        self.choose = choose
        self.axes = [axis for axis in AXES if axis.name not in fixed]
        self.rate = None if any(name in fixed for name in TARGETS) else rate_axis(goal)
        self.seen: list[Candidate] = []
        self._identities: set[str] = set()

    @property
    def best(self) -> Candidate:
        return self.choose(self.seen)

    def look(self, many: Sequence[Options]) -> None:
        new = []
        for options in many:
            known = identity(options)
            if known not in self._identities:
                self._identities.add(known)
                new.append(options)
        self.seen += self.measure(new) if new else []

    def coarse(self) -> None:
        axes: dict[str, tuple[Value, ...]] = {} if self.rate is None else {"rate": self.rate.values}
        if "scaling_factor" not in self.fixed:
            axes["scaling_factor"] = _COARSE_SCALING
        self.look(grid(axes, self.fixed))
        self._further()

    def refine(self, level: int) -> None:
        for axis in self.axes:
            best = self.best.options
            value = best.get(axis.name, axis.default)
            self.look(self._along(axis, axis.values if level == 0 else axis.finer(value, level)))
        if self.rate is not None:
            self._further()
            for half in (1, 2):
                self._step_rate(min(2 * level + half, _FINEST))

    def around_the_best(self) -> None:
        """See what each option does with the others at the best; where one does better, begin again."""
        for _ in range(len(AXES)):
            best = self.best
            for axis in self.axes:
                self.look(self._along(axis, axis.values, best.options))
            if self.rate is not None:
                rate = float(best.options["rate"])
                rates = [_rounded(rate * factor) for factor in (0.5, 1 / 1.41, 1.41, 2.0)]
                self.look([{**best.options, "rate": r} for r in rates if r >= _LEAST_RATE])
            if self.best is best:
                return
            for level in range(1, _FINEST + 1) if self.rate is not None else ():
                self._step_rate(level)

    def _along(self, axis: Axis, values: Sequence[Value], at: Options | None = None) -> list[dict[str, Value]]:
        options = self.best.options if at is None else at
        if axis.only and options.get("roi_method", "fused") != axis.only:
            return []
        return [{**options, axis.name: value} for value in values]

    def _further(self) -> None:
        """Go beyond the coarse rates while the best lies at their end."""
        if self.rate is None or self.goal.least_rate is not None:
            return
        for _ in range(_FURTHER):
            best = self.best
            rate = float(best.options["rate"])
            tried = [float(c.options["rate"]) for c in self.seen]
            if best.feasible and self.goal.best == "size" and rate >= max(tried):
                new = 2 * rate
            elif not best.feasible and rate <= min(tried) and rate / 2 >= _LEAST_RATE:
                new = rate / 2
            else:
                return
            self.look([{**best.options, "rate": _rounded(new)}])

    def _step_rate(self, level: int) -> None:
        best = self.best
        rate, factor = float(best.options["rate"]), 2.0 ** (0.5**level)
        up = best.feasible and self.goal.best == "size"
        least = self.goal.least_rate or _LEAST_RATE
        if not best.feasible and self.goal.least_rate is not None:
            rates = [rate / factor, rate * factor]
        else:
            rates = [rate * factor if up else rate / factor]
        self.look([{**best.options, "rate": _rounded(r)} for r in rates if r >= least])


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def varied(candidates: Sequence[Candidate]) -> list[str]:
    """Return the options that not all candidates have in common."""
    names = dict.fromkeys(name for c in candidates for name in c.options)
    return [name for name in names if len({repr(c.options.get(name)) for c in candidates}) > 1]
