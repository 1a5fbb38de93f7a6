"""What came of watching: frames, what is missing and why, and how far behind the machine was."""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import dataclass, field
from typing import Any

# Kinds of events that are somebody's business.
FAULTS = (
    "cut",
    "duplicate",
    "gap",
    "ignored",
    "late",
    "refused",
    "renamed",
    "rewritten",
    "source-lost",
    "stalled",
    "unsettled",
)


class Lags:
    """Seconds from a file's turn to its frame on the disk, of every frame.

    Examples
    --------
    >>> lags = Lags()
    >>> for lag in (3.0, 1.0, 2.0):
    ...     lags.add(lag)
    >>> lags.summary()
    {'median': 2.0, 'p99': 3.0, 'max': 3.0}
    """

    def __init__(self) -> None:
        self._all = array("f")

    def add(self, lag_s: float) -> None:
        """Take in one frame's."""
        self._all.append(lag_s)

    def summary(self) -> dict[str, float] | None:
        """Return the median, the 99th percentile and the longest; None where there is none."""
        if not self._all:
            return None
        ordered = sorted(self._all)
        count = len(ordered)
        chosen = {"median": count // 2, "p99": math.ceil(0.99 * count) - 1, "max": count - 1}
        return {name: round(ordered[at], 3) for name, at in chosen.items()}


@dataclass(frozen=True, slots=True)
class LiveReport:
    """The report of a run.

    Attributes
    ----------
    target : str
    finished : bool
        Whether the archives stand complete at the target.
    reason : str
        Why it ended.
    frames : int
        Frames in the archives, or in the journals where it is not finished.
    positions : tuple of (str, int)
        Name and frames of every position; the one movie is "movie".
    told : tuple of (str, str, str)
        What files are not in the archives, and what else was wrong with them: kind ("late", "duplicate", "refused",
        "unsettled", "rewritten", "renamed", ...), position (or empty), and in words.
    failed : tuple of (str, str)
        Positions without an archive, and why.
    kept_in : str or None
        Where the journals are, if it is not finished: the same command goes on from there.
    lag_s : dict or None
        See `Lags.summary`; of the frames of this run.
    seconds : float
    file_bytes : int or None
        Of the finished archives.
    """

    target: str
    finished: bool
    reason: str
    frames: int
    positions: tuple[tuple[str, int], ...]
    told: tuple[tuple[str, str, str], ...] = field(default=())
    failed: tuple[tuple[str, str], ...] = ()
    kept_in: str | None = None
    lag_s: dict[str, float] | None = None
    seconds: float = 0.0
    file_bytes: int | None = None

    @property
    def missing(self) -> tuple[tuple[str, str, str], ...]:
        """Of `told`: files that came and are not in the archives."""
        return tuple(entry for entry in self.told if entry[0] in ("late", "duplicate", "refused", "unsettled"))

    def summary(self) -> dict[str, Any]:
        """Return the report ready for JSON."""
        return {
            "target": self.target,
            "finished": self.finished,
            "reason": self.reason,
            "frames": self.frames,
            "positions": [{"position": name, "frames": frames} for name, frames in self.positions],
            "told": [{"kind": kind, "position": where, "message": text} for kind, where, text in self.told],
            "failed": [{"position": name, "message": text} for name, text in self.failed],
            "kept_in": self.kept_in,
            "lag_s": self.lag_s,
            "seconds": round(self.seconds, 3),
            "file_bytes": self.file_bytes,
        }

    def to_json(self) -> str:
        """Return the summary as one line of strict JSON."""
        return json.dumps({"type": "finished", **self.summary()}, allow_nan=False)
