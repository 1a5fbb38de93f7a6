"""A sample of a movie, on which its quality factor is searched."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import cv2
import numpy as np

from flowroi.sequence.chunk import CodedChunk
from flowroi.sequence.treated import Treated, TreatedFrame

# A key frame, and a whole pyramid of the frames between.
WINDOW_FRAMES = 9
# Up to so many frames, the sample is the movie.
WHOLE_FRAMES = 64
_FEWEST_WINDOWS, _MOST_WINDOWS = 3, 12
_FRAMES_A_WINDOW = 500
_BLOCK_PX = 32
# Of large frames, the sample holds fewer.
_MOST_BYTES = 3 << 27
_FEWEST_FRAMES = 9


@dataclass(frozen=True, slots=True)
class Sample:
    """Windows of a movie, treated and held in memory.

    Attributes
    ----------
    windows : list of list of TreatedFrame
    total : int
        Frames of the movie.
    gop : int
        Frames from key frame to key frame.
    whole : bool
        Whether the windows are the movie's chunks.
    trials : dict
        What was coded already, by crf.
    """

    windows: list[list[TreatedFrame]]
    total: int
    gop: int
    whole: bool
    trials: dict[float, list[CodedChunk]] = field(default_factory=dict)

    @classmethod
    def of(cls, treated: Treated, chunks: list[range], pool: Executor) -> Sample:
        """Take windows from all over a movie; of a short one, all of its chunks."""
        total = chunks[-1].stop
        places = chunks
        # As recorded, as treated, and the mask.
        frame_bytes = math.prod(treated.source.shape[1:]) * (2 * treated.source.dtype.itemsize + 1)
        affordable = max(_MOST_BYTES // frame_bytes, _FEWEST_FRAMES)
        if total > min(WHOLE_FRAMES, affordable):
            size = min(WINDOW_FRAMES, treated.gop, total)
            count = min(max(math.ceil(total / _FRAMES_A_WINDOW), _FEWEST_WINDOWS), _MOST_WINDOWS)
            count = min(count, max(affordable // size, 1))
            size = min(size, affordable // count)
            starts = np.linspace(0, total - size, count).astype(int).tolist()
            places = [range(start, start + size) for start in starts]
        return cls(
            list(pool.map(lambda place: list(treated.frames(place)), places)), total, treated.gop, places is chunks
        )

    @property
    def filling(self) -> float:
        """How full of RoI the blocks of 32 px are that hold any, 0 to 1: little where cells are small and apart."""
        inside, touched = 0.0, 0
        for window in self.windows:
            for frame in window:
                height, width = frame.inside.shape
                size = (-(-width // _BLOCK_PX), -(-height // _BLOCK_PX))
                padded = np.zeros((size[1] * _BLOCK_PX, size[0] * _BLOCK_PX), np.float32)
                padded[:height, :width] = frame.inside
                shares = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
                inside += float(shares.sum())
                touched += int(np.count_nonzero(shares))
        return inside / touched if touched else 0.0

    @property
    def coded_frames(self) -> int:
        """Frames that were coded in all trials."""
        return len(self.trials) * sum(map(len, self.windows))

    def coded(
        self, crf: float, code: Callable[[list[TreatedFrame], float], CodedChunk], pool: Executor
    ) -> list[CodedChunk]:
        """Return the windows, coded at a crf."""
        if crf not in self.trials:
            self.trials[crf] = list(pool.map(code, self.windows, [crf] * len(self.windows)))
        return self.trials[crf]

    def movie_bytes(self, coded: list[CodedChunk]) -> float:
        """Return how many bytes the whole movie takes, as the windows tell: they hold more than their share of keys."""
        stored = sum(chunk.facts.size_bytes for chunk in coded)
        frames = sum(len(chunk.packets) for chunk in coded)
        if frames in (self.total, len(coded)):
            return stored * self.total / frames
        keys = sum(len(chunk.packets[0].data) for chunk in coded) / len(coded)
        inner = (stored - keys * len(coded)) / (frames - len(coded))
        groups = math.ceil(self.total / self.gop)
        return groups * keys + (self.total - groups) * inner
