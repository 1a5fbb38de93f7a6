"""How finely each frame of a movie is coded, so that the movie fits its bytes at even quality."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from itertools import islice
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

# A frame's step depends on no frame later than this many before it, whatever the number of workers.
LAG = 16
# The last frames of a movie are coded again until together they use what is left.
BATCH = 16
# A frame takes at most this many times its even share of what is left.
_MOST_SHARES = 3
# Change of the step from frame to frame, at most: 0.26 dB.
_MOST_CHANGE = 1.03
# Frames whose sizes correct the survey, and the weight of the survey among them, in frames.
_RECENT = 48
_TRUST = 16
# Places of the survey: one in so many frames, at most so many.
_SURVEY_DISTANCE = 10
_MOST_SURVEYED = 24
# Bytes go with this power of the step, about; the corrections make up for the difference.
_EXPONENT = 0.9
# Share of its bytes that a batch may leave unused, and how near a survey comes.
_UNUSED = 0.003
_SURVEY_TOLERANCE = 0.03
_MOST_TRIALS = 10


class Sized(Protocol):
    """A coded frame."""

    @property
    def size_bytes(self) -> int:
        """Bytes of the stream."""

    @property
    def step(self) -> float:
        """Quantiser step, grey levels."""


ItemT = TypeVar("ItemT")
CodedT = TypeVar("CodedT", bound=Sized)


def survey_places(frames: int) -> list[int]:
    """Return the frames to look at before a movie of so many is coded; none for a movie that is one batch.

    Examples
    --------
    >>> survey_places(20), survey_places(48)
    ([], [6, 18, 30, 42])
    """
    if frames < 2 * BATCH:
        return []
    count = min(frames // _SURVEY_DISTANCE, _MOST_SURVEYED)
    return [int((i + 0.5) * frames / count) for i in range(count)]


class MovieRate(Generic[ItemT, CodedT]):
    """Codes a movie in one pass so that it fits a budget, at a step that changes slowly.

    The survey (some frames spread over the movie) gives the first step and foretells how the need for bytes changes;
    a controller that only knew the past would spend too much before it rises. What frames really took then corrects
    the step, and the last batch is coded again until it uses what is left.

    Parameters
    ----------
    frames : int
    budget_bytes : int
        For all frames together; never exceeded.
    code : callable
        Codes a frame: `code(item, step=...)` at a quantiser step, `code(item, budget_bytes=...)` within so many bytes.
        Called from several threads.
    executor : Executor
    in_flight : int
        Frames to have at work at once; the result does not depend on it.
    """

    def __init__(
        self, frames: int, budget_bytes: int, code: Callable[..., CodedT], executor: Executor, in_flight: int
    ) -> None:
        self.frames = frames
        self.budget = budget_bytes
        self.code = code
        self.executor = executor
        self.in_flight = min(in_flight, LAG)
        self.sizes: list[int] = []  # of the frames that are done
        self.needs: list[float] = []  # likewise
        self.steps: list[float] = []  # asked for, of those at work too

    def run(self, items: Iterator[ItemT], survey: Sequence[ItemT]) -> Generator[CodedT]:
        """Yield the coded frames in order.

        Parameters
        ----------
        items : iterator
            The frames in order; at most `BATCH + in_flight` are held (twice a batch in a short movie).
        survey : sequence
            The frames at `survey_places(frames)`.

        Raises
        ------
        QualityTargetError
            If not even the headers fit.
        """
        if self.frames == 1:
            yield self.code(next(items), budget_bytes=self.budget)
            return
        if not survey:
            yield from self._settled(list(items), self.budget, None, exact=True)
            return
        places = survey_places(self.frames)
        samples = self._settled(survey, self.budget * len(survey) // self.frames, None, exact=False)
        needs = [need(sample.size_bytes, sample.step) for sample in samples]
        expected = np.exp(np.interp(np.arange(self.frames), places, np.log(needs)))
        first = (sum(needs) / len(needs) * self.frames / self.budget) ** (1 / _EXPONENT)
        # Frames are large; this generator lives as long as the movie.
        del survey, samples
        yield from self._steered(islice(items, self.frames - BATCH), expected, first)
        left = self.budget - sum(self.sizes)
        yield from self._settled(list(items), left, self.steps[-1], exact=True)

    def _steered(self, items: Iterator[ItemT], expected: npt.NDArray[np.float64], first: float) -> Generator[CodedT]:
        pending: deque[tuple[ItemT, Future[CodedT]]] = deque()
        for t, item in enumerate(items):
            known = max(0, t - LAG)
            step = first if t == 0 else self._next_step(known, expected)
            self.steps.append(step)
            pending.append((item, self.executor.submit(self.code, item, step=step)))
            if len(pending) >= self.in_flight:
                yield self._collect(*pending.popleft())
        while pending:
            yield self._collect(*pending.popleft())

    def _collect(self, item: ItemT, future: Future[CodedT]) -> CodedT:
        coded = future.result()
        most = _MOST_SHARES * (self.budget - sum(self.sizes)) // (self.frames - len(self.sizes))
        if coded.size_bytes > most:
            coded = self.code(item, budget_bytes=most)
        self.sizes.append(coded.size_bytes)
        self.needs.append(need(coded.size_bytes, coded.step))
        return coded

    def _next_step(self, known: int, expected: npt.NDArray[np.float64]) -> float:
        return next_step(self.sizes[:known], self.needs[:known], self.steps, expected, self.budget)

    def _settled(self, items: Sequence[ItemT], budget: int, step: float | None, *, exact: bool) -> list[CodedT]:
        """Code all items at one step, found by trial, so that they take `budget` together.

        An exact result stays within the budget, whatever that takes; another may miss it a little on either side.
        """
        step = step or self._guess(items, budget)
        trials: list[tuple[float, int]] = []
        best: list[CodedT] = []
        for _ in range(_MOST_TRIALS):
            coded = list(self.executor.map(partial(self.code, step=step), items))
            size = sum(c.size_bytes for c in coded)
            trials.append((step, size))
            if size <= budget and size > sum(c.size_bytes for c in best):
                best = coded
            if not exact and abs(size / budget - 1) <= _SURVEY_TOLERANCE:
                return coded
            # Where the encoder keeps to another step, this one is beyond what it can do.
            finest = step < 0.99 * min(c.step for c in coded)
            if (1 - _UNUSED) * budget <= size <= budget or (size <= budget and finest):
                return coded
            if size > budget and step > 1.01 * max(c.step for c in coded):
                break
            step = _next_trial(trials, budget)
        if not exact:
            return best or coded
        # Crooked sizes (few, small frames): shares in proportion, each kept to.
        return best or list(
            self.executor.map(
                lambda pair: self.code(pair[0], budget_bytes=budget * pair[1].size_bytes // size),
                zip(items, coded, strict=True),
            )
        )

    def _guess(self, items: Sequence[ItemT], budget: int) -> float:
        """Return the step that the frames' even shares lead to, on up to three of them."""
        chosen = {0, len(items) // 2, len(items) - 1}
        share = budget // len(items)
        coded = self.executor.map(partial(self.code, budget_bytes=share), [items[i] for i in sorted(chosen)])
        return math.exp(sum(math.log(c.step) for c in coded) / len(chosen))


def need(size_bytes: int, step: float) -> float:
    """Return the bytes that a frame would take at step 1, about."""
    return float(size_bytes * step**_EXPONENT)


def next_step(
    sizes: Sequence[int],
    needs: Sequence[float],
    steps: Sequence[float],
    expected: npt.NDArray[np.float64],
    budget_bytes: int,
) -> float:
    """Return the step that spends the rest of the budget evenly, approached slowly.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of the first frames, as far as they are known.
    needs : sequence of float
        Their `need`.
    steps : sequence of float
        Steps of these frames and of those at work.
    expected : ndarray
        Every frame's need for bytes as the survey has it.
    budget_bytes : int

    Examples
    --------
    >>> next_step([100] * 4, [100.0] * 4, [1.0] * 4, np.full(8, 100.0), 800)
    1.0
    >>> next_step([110] * 4, [110.0] * 4, [1.0] * 4, np.full(8, 100.0), 800)
    1.03
    """
    known, begun = len(sizes), len(steps)
    recent = slice(max(0, known - _RECENT), known)
    trust = _TRUST * float(expected.mean())
    factor = (sum(needs[recent]) + trust) / (float(expected[recent].sum()) + trust)
    at_work = sum(factor * expected[t] / steps[t] ** _EXPONENT for t in range(known, begun))
    left = budget_bytes - sum(sizes) - at_work
    wanted = math.inf if left <= 0 else (factor * float(expected[begun:].sum()) / left) ** (1 / _EXPONENT)
    return float(min(max(wanted, steps[-1] / _MOST_CHANGE), steps[-1] * _MOST_CHANGE))


def _next_trial(trials: Sequence[tuple[float, int]], budget: int) -> float:
    """Return the step to try next: on the line through the nearest trials, in logarithms."""
    aim = math.log(budget * (1 - _UNUSED / 2))
    points = sorted((math.log(step), math.log(size)) for step, size in trials)
    above = [point for point in points if point[1] > math.log(budget)]
    below = [point for point in points if point[1] <= math.log(budget)]
    if above and below:
        (x0, y0), (x1, y1) = above[-1], below[0]
        share = (y0 - aim) / max(y0 - y1, 1e-9)
        # Late trials halve: there the sizes are crooked.
        return math.exp(x0 + (x1 - x0) * (min(max(share, 0.02), 0.98) if len(trials) < _MOST_TRIALS - 3 else 0.5))
    x, y = points[-1] if above else points[0]
    exponent = _EXPONENT
    if len(points) > 1:
        (xa, ya), (xb, yb) = points[0], points[-1]
        exponent = min(max((ya - yb) / max(xb - xa, 1e-9), 0.3), 3.0)
    return math.exp(x + min(max((y - aim) / exponent, -2.0), 2.0))
