"""The paper's statements, and whether the figures that were measured agree: functions of numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from flowroi.evaluation.gains import Quality, Sums
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.verdict import USEFUL_F1
from flowroi.metrics.curves import interval

_RESAMPLES = 400
# A change of F1 within this is none: the paper's "nearly constant".
CONSTANT_F1 = 0.01
# An F1 so close to that of the uncompressed movie has lost nothing: of such figures none is better.
_CEILING_F1 = 0.002


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the paper, held against what was measured.

    Attributes
    ----------
    experiment : str
    method : str
        Ours that it was tried with.
    claim : str
        What the paper says.
    measured : str
        The figures.
    agrees : bool or None
        None where it could not be measured.
    """

    experiment: str
    method: str
    claim: str
    measured: str
    agrees: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return it by name, ready for JSON and CSV."""
        return asdict(self)

    @property
    def word(self) -> str:
        """In a word."""
        return {True: "agrees", False: "disagrees", None: "cannot be told"}[self.agrees]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one subject is than another; `low` and `high` are its 95 % interval, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def above(self) -> bool:
        """Whether it is above 0, and surely so."""
        return self.value > 0 and (self.low is None or self.low > 0)

    @property
    def below(self) -> bool:
        """Whether it is below 0, and surely so."""
        return self.value < 0 and (self.high is None or self.high < 0)

    def text(self, unit: str, digits: int) -> str:
        """Write it for people.

        Examples
        --------
        >>> Difference(0.5, 0.25, 0.75).text("dB", 2)
        '+0.50 dB (95 % interval +0.25 to +0.75)'
        """
        own = f"{self.value:+.{digits}f}{f' {unit}' if unit else ''}"
        return own if self.low is None else f"{own} (95 % interval {self.low:+.{digits}f} to {self.high:+.{digits}f})"


def difference(
    better: SubjectResult | None, than: SubjectResult | None, quality: Quality, seed: int = 0
) -> Difference | None:
    """Return the difference of two subjects on the same frames, with an interval from frames drawn anew.

    Returns
    -------
    Difference or None
        None where one of them was not measured.
    """
    if better is None or than is None or (quality == "f1" and any(f.matches is None for f in better.frames)):
        return None
    sums = Sums([better, than], [f.t for f in better.frames])

    def value(draw: Any) -> float:
        (_, first), (_, second) = sums.points(quality, draw)
        return first - second

    frames = sums.bytes.shape[1]
    own = value(slice(None))
    if frames < 3:
        return Difference(own)
    rng = np.random.default_rng(seed)
    return Difference(own, *interval([value(rng.integers(0, frames, frames)) for _ in range(_RESAMPLES)]))


def unusable(raw: float | None) -> str | None:
    """Say that segmentation shows nothing where the segmenter does not find the cells before compression either.

    Examples
    --------
    >>> unusable(0.01)
    'the segmenter does not find the cells: F1 0.010 uncompressed, below 0.5'
    >>> unusable(0.9) is None
    True
    """
    if raw is None or raw >= USEFUL_F1:
        return None
    return f"the segmenter does not find the cells: F1 {raw:.3f} uncompressed, below {USEFUL_F1:g}"


def at_ceiling(values: Sequence[float | None], raw: float | None) -> str | None:
    """Say that nothing can be told of F1: compression costs none of it, or it is `unusable`; None where it can.

    Examples
    --------
    >>> at_ceiling([0.99, 0.989], 0.99)
    'F1 0.9890 to 0.9900, and 0.9900 uncompressed: nothing is lost that could be lost less'
    >>> at_ceiling([0.99, 0.9], 0.99) is None
    True
    """
    known = [value for value in values if value is not None]
    if unusable(raw):
        return unusable(raw)
    if raw is None or not known or min(known) < raw - _CEILING_F1:
        return None
    return (
        f"F1 {min(known):.4f} to {max(known):.4f}, and {raw:.4f} uncompressed: nothing is lost that could be lost less"
    )


def peaks_at(places: Sequence[float], values: Sequence[float], at: float, unit: str) -> tuple[bool, str]:
    """Return whether values rise to a peak at a place and fall after it, and the figures.

    Examples
    --------
    >>> peaks_at([0.1, 0.2, 0.3], [40.0, 41.0, 40.5], 0.2, "dB")
    (True, 'highest at 0.2: 41.00 dB; 40.00 at 0.1, 41.00 at 0.2, 40.50 at 0.3')
    """
    best = int(np.argmax(values))
    rising = all(a < b for a, b in pairwise(values[: best + 1]))
    falling = all(a > b for a, b in pairwise(values[best:]))
    text = f"highest at {places[best]:g}: {values[best]:.2f} {unit}"
    if places[best] != at:
        text += f", {values[best] - values[list(places).index(at)]:.2f} {unit} above {at:g}"
    return places[best] == at and rising and falling, f"{text}; {_listed(places, values, 2)}"


def rises_then_stays(
    places: Sequence[float], values: Sequence[float], knee: float, tolerance: float = CONSTANT_F1
) -> tuple[bool, str]:
    """Return whether values rise up to a place and then stay within a tolerance of what they are there.

    Examples
    --------
    >>> rises_then_stays([0.1, 0.2, 0.3], [0.9, 0.95, 0.955], 0.2)[0]
    True
    """
    at = list(places).index(knee)
    rise = values[at] - values[0]
    moves = max((abs(value - values[at]) for value in values[at + 1 :]), default=0.0)
    text = f"{rise:+.4f} from {places[0]:g} to {knee:g}, then within {moves:.4f} of that (constant: {tolerance:g})"
    return rise > 0 and moves <= tolerance, f"{text}; {_listed(places, values, 4)}"


def rises_more(psnr: tuple[float, float], f1: tuple[float, float]) -> tuple[bool, str]:
    """Return whether PSNR gains, and more than F1 does, each relative to where it began.

    Examples
    --------
    >>> rises_more((40.0, 42.0), (0.9, 0.99))[0], rises_more((40.0, 46.0), (0.9, 0.99))[0]
    (False, True)
    """
    first, second = psnr[1] / psnr[0] - 1, f1[1] / f1[0] - 1 if f1[0] else float("inf")
    text = (
        f"PSNR {psnr[0]:.2f} to {psnr[1]:.2f} dB, {first:+.1%}; F1 {f1[0]:.4f} to {f1[1]:.4f}, {second:+.1%} "
        "(gains relative to where each began)"
    )
    return first > max(second, 0), text


def at_least(values: Sequence[float | None], least: float) -> tuple[bool | None, str]:
    """Return whether all values that are known reach a limit, and their range.

    Examples
    --------
    >>> at_least([2.5, 1.75, None], 2.0)
    (False, '1.75 to 2.50')
    """
    known = [value for value in values if value is not None]
    if not known:
        return None, "no figure: the curves do not reach these qualities"
    low, high = min(known), max(known)
    return low >= least, f"{low:.2f}" if len(known) == 1 else f"{low:.2f} to {high:.2f}"


def _listed(places: Sequence[float], values: Sequence[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f} at {place:g}" for place, value in zip(places, values, strict=True))
