"""What a sweep is after: which candidates meet the targets, which of them is best, and which lie on the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flowroi.errors import InvalidParameterError
from flowroi.evaluation.results import Summary
from flowroi.sweep.options import Options, changed, options_text
from flowroi.targets import OF_RAW, Target

BEST = ("size", "roi_psnr", "f1")
# What counts as one step of a figure when misses of different figures are added up.
_STEPS = {"roi_psnr": 1.0, "background_psnr": 1.0, "psnr": 1.0, "roi_area": 0.1}
_SHARE_STEP = 0.01
_RATE_STEP = 0.1
# Figures so close count as equal, and the other one decides: of a size, of dB, of F1.
_SAME_SIZE = 0.02
_SAME_STEPS = 0.1
_SAME = {"roi_psnr": 0.05, "f1": 0.002}
_EXACT_DB = 100.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """Options, and what came of them.

    Attributes
    ----------
    options : mapping
        Of `compress`; those not named are at their defaults.
    summary : Summary or None
        Over all measured frames; None where they could not be coded as asked.
    misses : tuple of str
        What it misses of the targets, in words; empty where it meets all of them.
    shortfall : float
        By how much, 0 where it meets all: in steps of 1 dB, 10 % of a rate, 0.01 of a share.
    """

    options: Options
    summary: Summary | None
    misses: tuple[str, ...]
    shortfall: float

    @property
    def feasible(self) -> bool:
        """Whether all targets are met."""
        return self.summary is not None and not self.misses

    @property
    def text(self) -> str:
        """The options in words."""
        return options_text(self.options)


@dataclass(frozen=True, slots=True)
class Goal:
    """Targets, and what is best among the candidates that meet them.

    Attributes
    ----------
    targets : tuple of Target
    best : "size", "roi_psnr" or "f1"
        The smallest size, or the best quality. Candidates within 2 % of the smallest size count as equally small, and
        the one with most to spare over the targets wins; of those that have as much to spare but for 0.1 dB (0.001 of
        a share), the one with the fewest options off their defaults. Within 0.05 dB, or 0.002 of F1, of the best
        quality, the smallest wins.
    """

    targets: tuple[Target, ...]
    best: str

    def judge(self, options: Options, summary: Summary | None, failure: str, raw: Summary) -> Candidate:
        """Hold a measured candidate against the targets."""
        if summary is None:
            return Candidate(options, None, (f"cannot be coded: {failure}",), math.inf)
        misses, shortfall = [], 0.0
        for target in self.targets:
            if not target.met(summary, raw):
                short = _short(target, summary, raw)
                shortfall += short
                misses.append(_words(target, summary, raw))
        return Candidate(options, summary, tuple(misses), shortfall)

    def judge_each(
        self, options: Options, whole: Summary | None, parts: Sequence[tuple[str, Summary | None, str, Summary]]
    ) -> Candidate:
        """Hold a candidate against the targets in each of several movies; its figures are those of all together.

        Parameters
        ----------
        options : mapping
        whole : Summary or None
        parts : sequence of (str, Summary or None, str, Summary)
            Of each movie its name, and the other arguments of `judge`.
        """
        judged = [(name, self.judge(options, summary, failure, raw)) for name, summary, failure, raw in parts]
        misses = tuple(f"{name}: {miss}" for name, one in judged for miss in one.misses)
        return Candidate(options, whole, misses, max(one.shortfall for _, one in judged))

    def choose(self, candidates: Sequence[Candidate], raw: Summary) -> Candidate:
        """Return the best candidate that meets the targets; where none does, the one that misses them by least."""
        good = [c for c in candidates if c.feasible]
        if not good:
            return min(candidates, key=lambda c: c.shortfall)
        if self.best == "size":
            smallest = min(_size(c) for c in good)
            equal = [c for c in good if _size(c) <= (1 + _SAME_SIZE) * smallest]
            most = max(self._to_spare(c, raw) for c in equal)
            # What is hardly better than the usual is better by chance.
            plain = [c for c in equal if self._to_spare(c, raw) >= most - _SAME_STEPS]
            return min(plain, key=lambda c: (changed(c.options), -self._to_spare(c, raw)))
        highest = max(_figure(c, self.best) for c in good)
        return min((c for c in good if _figure(c, self.best) >= highest - _SAME[self.best]), key=_size)

    def _to_spare(self, candidate: Candidate, raw: Summary) -> float:
        assert candidate.summary is not None
        return min(-_short(t, candidate.summary, raw) for t in self.targets if t.metric != "rate")

    @property
    def segments(self) -> bool:
        """Whether it takes the segmenter to tell which candidate is best."""
        return self.best == "f1" or any(target.metric in OF_RAW for target in self.targets)

    @property
    def least_rate(self) -> float | None:
        """The rate that the targets ask for at least, if they do."""
        return max((t.value for t in self.targets if t.metric == "rate" and t.at_least), default=None)


def make_goal(targets: Sequence[Target], best: str | None, *, segments: bool) -> Goal:
    """Return the goal that targets make.

    Parameters
    ----------
    targets : sequence of Target
    best : "size", "roi_psnr" or "f1", optional
        By default the smallest size; where the targets name a least rate, and so the size, the best PSNR on the cells.
    segments : bool
        Whether there is a segmenter.

    Raises
    ------
    InvalidParameterError
        If nothing tells what to look for, or it cannot be measured.
    """
    if best is None:
        if not targets:
            raise InvalidParameterError("there is no target; give one, such as roi_psnr>=40, or say what is best")
        best = "roi_psnr" if any(t.metric == "rate" and t.at_least for t in targets) else "size"
    if best not in BEST:
        raise InvalidParameterError(f"best is {best!r}; expected one of {', '.join(BEST)}")
    if best == "size" and all(t.metric == "rate" for t in targets):
        raise InvalidParameterError("the smallest size without a target for quality is nothing at all; give a target")
    wanted = [t.metric for t in targets if t.metric in OF_RAW] + [best] * (best == "f1")
    if wanted and not segments:
        raise InvalidParameterError(f"{wanted[0]} needs a segmenter, and there is none; choose one")
    return Goal(tuple(targets), best)


def front(candidates: Sequence[Candidate], figure: str) -> list[Candidate]:
    """Return the candidates that no smaller one equals in a figure of quality, smallest first.

    Parameters
    ----------
    candidates : sequence of Candidate
    figure : str
        A field of `Summary`, the higher the better.
    """
    known = [c for c in candidates if c.summary is not None and getattr(c.summary, figure) is not None]
    found: list[Candidate] = []
    for candidate in sorted(known, key=lambda c: (_size(c), -_figure(c, figure))):
        if not found or _figure(candidate, figure) > _figure(found[-1], figure):
            found.append(candidate)
    return found


def _size(candidate: Candidate) -> float:
    # Bits a pixel: the windows of all candidates are the same.
    return math.inf if candidate.summary is None else candidate.summary.rate_bpp


def _figure(candidate: Candidate, name: str) -> float:
    value = None if candidate.summary is None else getattr(candidate.summary, name)
    return -math.inf if value is None else min(value, _EXACT_DB)


def _short(target: Target, summary: Summary, raw: Summary) -> float:
    """Return by how many steps a target is missed; negative where there is something to spare."""
    figure, limit = getattr(summary, target.metric), target.limit(raw)
    if figure is None or limit is None:
        return math.inf
    step = _RATE_STEP * limit if target.metric == "rate" else _STEPS.get(target.metric, _SHARE_STEP)
    below = limit - min(figure, max(limit, _EXACT_DB)) if target.at_least else figure - limit
    return float(below / step)


def _words(target: Target, summary: Summary, raw: Summary) -> str:
    figure, limit = getattr(summary, target.metric), target.limit(raw)
    if figure is None or limit is None:
        return f"{target.metric} was not measured"
    unit = " dB" if "psnr" in target.metric else ""
    side = "below" if target.at_least else "above"
    return f"{target.metric} is {figure:.4g}{unit}, {abs(figure - limit):.3g}{unit} {side} {limit:.4g}{unit}"
