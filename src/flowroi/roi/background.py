"""What a movie shows where no cell is: the temporal median of frames spread over a window, brought onto one position.

The model learns frame by frame, so it works live: what it says for frame t depends on the frames up to t and a bounded
look-ahead. It keeps a fixed number of frames. Their distance starts at one frame and doubles, up to a limit, whenever
the window is full: fast cells are told from the background at once, slow ones as the window grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from flowroi.roi.memory import RoiMemory, Seen
from flowroi.roi.reduced import REDUCTION, Plane
from flowroi.roi.stabilise import SMALLEST_SHIFT, Shift, move

# Odd, so that the median is a sample. A pixel that cells cover a fifth of the time is told rightly but once in 200.
SAMPLES = 15
# The longest distance of two kept frames: a window of 480 frames.
LONGEST_STEP = 32
# The plate is computed anew when this share of the samples has changed since it was.
_STALE = 0.2
# Rows that are sorted at a time: 15 planes of them stay in the cache.
_STRIP_ROWS = 24


@dataclass(frozen=True, slots=True)
class Background:
    """The scene without cells, reduced, seen from `position`.

    `plate` holds its grey levels; `change` how much each place has changed in the window, but for the one sample that
    stands out most on either side; `samples` says how many frames they were told from.
    """

    plate: Plane
    change: Plane
    position: Shift
    samples: int


@dataclass(frozen=True, slots=True)
class _Sample:
    t: int
    plane: Plane
    position: Shift


class BackgroundModel:
    """Learns the background of a movie from reduced frames, one after the other.

    Parameters
    ----------
    step : int, optional
        A fixed distance of the frames that are kept, instead of one that grows with the movie.
    """

    def __init__(self, step: int | None = None) -> None:
        self._longest = step or LONGEST_STEP
        self.step = step or 1
        self._samples: list[_Sample] = []
        self._new = 0
        self._current: Background | None = None
        self._combined: tuple[Seen, ...] = ()

    def learn(self, t: int, plane: Plane, position: Shift) -> None:
        """Take note of frame `t`, which the model keeps if it is far enough from the last one kept."""
        if self._samples and t - self._samples[-1].t < self.step:
            return
        if len(self._samples) == SAMPLES:
            if self.step < self._longest:
                self.step *= 2
                self._samples = self._samples[::2]
                if t - self._samples[-1].t < self.step:
                    return
            else:
                self._samples.pop(0)
        self._samples.append(_Sample(t, plane, position))
        self._new += 1

    def at(self, position: Shift) -> Background:
        """Return the background as the stage at `position` sees it."""
        if self._current is None or self._new > _STALE * len(self._samples):
            self._current = self._combine(position)
        known = self._current
        dy, dx = (position.dy - known.position.dy) / REDUCTION, (position.dx - known.position.dx) / REDUCTION
        if max(abs(dy), abs(dx)) * 8 > min(known.plate.shape):
            # The view has moved on: what is known lies outside of it.
            self._current = self._combine(position)
            return self._current
        if max(abs(dy), abs(dx)) < SMALLEST_SHIFT:
            return known
        return Background(move(known.plate, dy, dx), move(known.change, dy, dx), position, known.samples)

    @property
    def memory(self) -> dict[str, Any]:
        """The fields of a `RoiMemory` that tell what it knows."""
        position = Shift() if self._current is None else self._current.position
        return {
            "step": self.step,
            "samples": tuple(map(_seen, self._samples)),
            "new": self._new,
            "combined": self._combined,
            "position": (position.dy, position.dx),
        }

    def recall(self, memory: RoiMemory, planes: Mapping[int, Plane]) -> None:
        """Take up where another model was; frames that are not among `planes` are done without."""
        self.step = memory.step
        self._samples = _samples_of(memory.combined, planes)
        if self._samples:
            self._current = self._combine(Shift(*memory.position))
        self._samples = _samples_of(memory.samples, planes)
        self._new = memory.new

    def _combine(self, position: Shift) -> Background:
        self._new = 0
        self._combined = tuple(map(_seen, self._samples))
        planes = [
            move(s.plane, (position.dy - s.position.dy) / REDUCTION, (position.dx - s.position.dx) / REDUCTION)
            for s in self._samples
        ]
        plate, change = np.empty_like(planes[0]), np.empty_like(planes[0])
        last = len(planes) - 1
        middle = last // 2
        spare = 1 if last >= 7 else 0
        for top in range(0, plate.shape[0], _STRIP_ROWS):
            rows = slice(top, top + _STRIP_ROWS)
            ordered = sort_planes([plane[rows] for plane in planes])
            plate[rows] = ordered[middle] if last % 2 == 0 else (ordered[middle] + ordered[middle + 1]) / 2
            change[rows] = ordered[last - spare] - ordered[spare]
        return Background(plate, change, position, len(planes))


def _seen(sample: _Sample) -> Seen:
    return sample.t, sample.position.dy, sample.position.dx


def _samples_of(seen: Iterable[Seen], planes: Mapping[int, Plane]) -> list[_Sample]:
    return [_Sample(t, planes[t], Shift(dy, dx)) for t, dy, dx in seen if t in planes]


def sort_planes(planes: list[Plane]) -> list[Plane]:
    """Sort every pixel's values over the planes, by a network of minima and maxima over whole planes.

    Examples
    --------
    >>> import numpy as np
    >>> planes = [np.full((1, 1), v, np.float32) for v in (3, 1, 2)]
    >>> [float(p[0, 0]) for p in sort_planes(planes)]
    [1.0, 2.0, 3.0]
    """
    planes = list(planes)
    for low, high in _network(len(planes)):
        planes[low], planes[high] = np.minimum(planes[low], planes[high]), np.maximum(planes[low], planes[high])
    return planes


@lru_cache(maxsize=SAMPLES + 1)
def _network(count: int) -> tuple[tuple[int, int], ...]:
    """Return the comparators of Batcher's odd-even merge sort for any count."""
    comparators: list[tuple[int, int]] = []
    block = 1
    while block < count:
        gap = block
        while gap >= 1:
            for start in range(gap % block, count - gap, 2 * gap):
                pairs = ((i, i + gap) for i in range(start, min(start + gap, count - gap)))
                comparators += [(i, j) for i, j in pairs if i // (2 * block) == j // (2 * block)]
            gap //= 2
        block *= 2
    return tuple(comparators)
