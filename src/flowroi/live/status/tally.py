"""What a run tells, counted as it is told: frames, lags, faults and the latest warnings."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowroi.live.report import FAULTS
from flowroi.report.wording import legible

# Upper bounds of the lags that are counted together, seconds.
LAG_BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
# Lags of the last minutes are told, and frames of the last minute.
WINDOW_S = 300.0
MINUTE_S = 60.0
_MOST_RECENT = 20_000
MOST_WARNINGS = 200
_LONGEST_WORDS = 600


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning: when (seconds since 1970; None in an earlier run), what kind, of which position, and in words."""

    at: float | None
    kind: str
    position: str
    text: str


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest frame of a position: its number, the file it is of, and its lag in seconds."""

    frame: int
    file: str
    lag_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What a tally held at a moment.

    Attributes
    ----------
    recent : tuple of (float, str, float)
        Of every frame of the last minutes: when (monotonic clock), position and lag, in order.
    latest : dict of str to Latest
        By position.
    lags : tuple of int
        Frames of this run by lag: one number for each of `LAG_BOUNDS_S`, and one for longer ones.
    lag_sum_s : float
    faults : dict of str to int
        By kind, those that never occurred included.
    warnings : tuple of Warned
        The latest ones, in order.
    """

    recent: tuple[tuple[float, str, float], ...]
    latest: Mapping[str, Latest]
    lags: tuple[int, ...]
    lag_sum_s: float
    faults: Mapping[str, int]
    warnings: tuple[Warned, ...]


class Tally:
    """Counts events; may be told from any thread, and holds its lock for no longer than that takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, str, float]] = deque(maxlen=_MOST_RECENT)
        self._latest: dict[str, Latest] = {}
        self._lags = [0] * (len(LAG_BOUNDS_S) + 1)
        self._lag_sum_s = 0.0
        self._faults = Counter(dict.fromkeys(FAULTS, 0))
        self._warnings: deque[Warned] = deque(maxlen=MOST_WARNINGS)
        self._source_lost = False

    def hear(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Take in an event."""
        with self._lock:
            if kind == "frame":
                lag = float(facts["lag_s"])
                position = facts["position"]
                self._recent.append((time.monotonic(), position, lag))
                self._latest[position] = Latest(facts["frame"], legible(facts["file"]), lag)
                self._lags[bisect_left(LAG_BOUNDS_S, lag)] += 1
                self._lag_sum_s += lag
            elif kind in FAULTS:
                self._faults[kind] += 1
                self._warnings.append(_warned(time.time(), kind, facts.get("position", ""), facts["message"]))
            if kind in ("source-lost", "source-back"):
                self._source_lost = kind == "source-lost"

    def recall(self, kind: str, position: str, text: str) -> None:
        """Take in what an earlier run told."""
        with self._lock:
            self._warnings.append(_warned(None, kind, position, text))

    @property
    def source_lost(self) -> bool:
        """Whether an incoming folder cannot be read just now."""
        return self._source_lost

    def counts(self) -> Counts:
        """Return what is known by now."""
        with self._lock:
            start = time.monotonic() - WINDOW_S
            while self._recent and self._recent[0][0] < start:
                self._recent.popleft()
            return Counts(
                tuple(self._recent),
                dict(self._latest),
                tuple(self._lags),
                self._lag_sum_s,
                dict(self._faults),
                tuple(self._warnings),
            )


def _warned(at: float | None, kind: str, position: str, text: str) -> Warned:
    words = legible(text)
    return Warned(at, kind, position, words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…")
