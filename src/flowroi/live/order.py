"""One position's files in order of their time: each once, a missing one waited for, what comes too late told."""

from __future__ import annotations

import heapq
import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from flowroi.live.scan import Found, Key
from flowroi.sources.ordering import Time

Verdict = Literal["waiting", "late", "duplicate"]
# Frames whose distance in time is looked at.
_WINDOW = 9
_INTERVALS = 5
_LEAST_PATIENCE_S = 10.0


@dataclass(slots=True)
class Candidate:
    """A settled file that waits for its turn.

    Attributes
    ----------
    time : tuple of int
        As its name tells it.
    found : Found
    settled_at : float
        Seconds of the monotonic clock.
    turn_at : float
        When its turn came; only then it can be late on our account.
    not_before : float
        When it is tried again, if it could not be read.
    failed_at : float or None
        When it could not be read for the first time.
    """

    time: Time
    found: Found
    settled_at: float
    turn_at: float = 0.0
    not_before: float = 0.0
    failed_at: float | None = None


class Order:
    """The order of one position.

    Parameters
    ----------
    step : int
        By how much the time grows from frame to frame.
    patience_s : float or None
        How long a missing frame is waited for; None tells it by the frames' own distance.
    hold_s : float
        Where times are not plain numbers, nothing tells what is missing: each file is held back for so long, so that
        an earlier one may come.
    taken : iterable of tuple of int
        Times that were taken by an earlier run.

    Examples
    --------
    >>> def file(name):
    ...     return Found((0, name), None, 1)
    >>> order = Order(step=1, patience_s=10, hold_s=2)
    >>> [order.offer((t,), file(f"{n}"), now=0.0) for n, t in enumerate((1, 0, 0))]
    ['waiting', 'waiting', 'duplicate']
    >>> order.take(0.0).time, order.take(0.0).time, order.take(0.0)
    ((0,), (1,), None)
    >>> order.offer((3,), file("c"), now=1.0), order.take(10.9), order.take(11.0).time
    ('waiting', None, (3,))
    >>> order.offer((2,), file("d"), now=12.0)
    'late'
    """

    def __init__(self, *, step: int, patience_s: float | None, hold_s: float, taken: Iterable[Time] = ()) -> None:
        self._step = step
        self._patience_s = patience_s
        self._hold_s = hold_s
        self._taken = set(taken)
        self.last: Time | None = max(self._taken, default=None)
        self._waiting: dict[Time, Candidate] = {}
        self._times: dict[Key, Time] = {}
        self._heap: list[Time] = []
        # Files that were in turn and went away, or changed: they are missing, and are to come again.
        self._expected: set[Time] = set()
        self._waits_from = 0.0
        self._turn_at = 0.0
        self._arrivals: deque[float] = deque(maxlen=_WINDOW)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def patience_s(self) -> float:
        """How long a missing frame is waited for, seconds."""
        if self._patience_s is not None:
            return self._patience_s
        gaps = [b - a for a, b in pairwise(self._arrivals)]
        return max(_LEAST_PATIENCE_S, _INTERVALS * statistics.median(gaps) if gaps else 0.0)

    def offer(self, time: Time, found: Found, now: float) -> Verdict:
        """Take in a file that has settled; it waits only where the verdict says so."""
        if time in self._waiting or time in self._taken:
            return "duplicate"
        if self.last is not None and time <= self.last:
            return "late"
        self._arrivals.append(now)
        self._insert(Candidate(time, found, now))
        return "waiting"

    def next_at(self, now: float, *, ending: bool = False) -> float | None:
        """Return since when a file has been in turn; None where none is."""
        front = self._front()
        if front is None or front.not_before > now:
            return None
        if self._follows(front.time):
            held = self._hold_s if len(front.time) > 1 else 0.0
            since = max(front.settled_at + held, self._turn_at)
            return since if since <= now or ending else None
        # Something is missing before it.
        since = max(max(front.settled_at, self._waits_from) + self.patience_s, self._turn_at)
        return since if since <= now else now if ending else None

    def wait_from(self, now: float) -> None:
        """Wait anew for what is missing: until now it could not come."""
        self._waits_from = now

    def take(self, now: float, *, ending: bool = False) -> Candidate | None:
        """Return the file whose turn it is, which waits no longer; None where there is none."""
        since = self.next_at(now, ending=ending)
        if since is None:
            return None
        candidate = self._waiting.pop(heapq.heappop(self._heap))
        del self._times[candidate.found.key]
        candidate.turn_at = min(since, now)
        self._turn_at = candidate.turn_at
        self.last = candidate.time
        self._expected = {time for time in self._expected if time > candidate.time}
        self._taken.add(candidate.time)
        return candidate

    def put_back(self, candidate: Candidate, not_before: float) -> None:
        """Take back a file that could not be read yet, to be tried again; those behind it wait."""
        self.give_up(candidate)
        candidate.not_before = not_before
        self._insert(candidate)

    def give_up(self, candidate: Candidate) -> None:
        """Forget that a file was taken: its place in time is free again, and it is missing there."""
        self._taken.discard(candidate.time)
        self._expected.add(candidate.time)
        # Only the last one taken can be given back, and so those before it are in order.
        self.last = max(self._taken, default=None) if self.last == candidate.time else self.last

    def refuse(self, candidate: Candidate) -> None:
        """Take note that a file that was taken is not in the archive after all; its turn is over."""
        self._taken.discard(candidate.time)

    def waits(self, key: Key) -> bool:
        """Whether a file waits here."""
        return key in self._times

    def withdraw(self, key: Key) -> None:
        """Forget a file that waits, if it does: it has another name, or is written again."""
        time = self._times.pop(key, None)
        if time is not None:
            del self._waiting[time]
            self._heap.remove(time)
            heapq.heapify(self._heap)

    def _insert(self, candidate: Candidate) -> None:
        self._expected.discard(candidate.time)
        self._waiting[candidate.time] = candidate
        self._times[candidate.found.key] = candidate.time
        heapq.heappush(self._heap, candidate.time)

    def _front(self) -> Candidate | None:
        return self._waiting[self._heap[0]] if self._heap else None

    def _follows(self, time: Time) -> bool:
        """Whether nothing can be missing before a time."""
        if any(expected < time for expected in self._expected):
            return False
        if len(time) > 1:
            return True
        if self.last is None:
            # A first frame numbered 0 is the first one; before any other there may be one.
            return time[0] == 0
        return time[0] <= self.last[0] + self._step
