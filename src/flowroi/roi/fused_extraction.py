"""Our own method, `fused`: motion and appearance against a background model, calibrated on the movie itself.

Streaming: what is said of frame t depends on the frames up to t + `look_ahead` and on nothing later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from flowroi.params import RoiParams
from flowroi.resources import submit
from flowroi.roi.background import SAMPLES, Background, BackgroundModel
from flowroi.roi.cells import FoundCells, find_cells
from flowroi.roi.evidence import LEAST_NOISE, Appearance, appearance_of, evidence_of
from flowroi.roi.frame_roi import FrameRoi, Mask, RoiDiagnostics
from flowroi.roi.grey import Frame
from flowroi.roi.mask import dilate
from flowroi.roi.memory import RoiMemory
from flowroi.roi.noise import noise_within
from flowroi.roi.reduced import REDUCTION, Plane, reduce_frame
from flowroi.roi.stabilise import Pattern, Shift, StageTracker, pattern_of
from flowroi.roi.weights import soft_weights

# With fewer samples of the background, what moves and what lies still cannot be told apart.
_FEWEST_SAMPLES = 8
# A mask of more than this says that background cannot be told from cells.
_LARGEST_SHARE = 0.6
# So does a background that varies by so many times what differs from pixel to pixel.
_MOST_TEXTURE = 10.0
# A frame brighter or darker than its neighbours by more than this is not held against the background model.
_LARGEST_FLICKER = 0.25
_SMALLEST_CELL_PX = 32

_NO_PLANE = np.empty((0, 0), np.float32)

ALONE = "one frame only, so no motion can be seen: found by appearance alone"
CROWDED = "background cannot be told from cells: the whole frame is the RoI (plain JPEG 2000)"
FLICKER = "brightness jumps: found by appearance alone"
STILL = "nothing moves, so dirt cannot be told from cells: both are in the RoI"


@dataclass(slots=True)
class _Seen:
    """A frame at half resolution, what it shows by itself, and what differs from pixel to pixel (noise), reduced."""

    plane: Plane
    appearance: Appearance
    pattern: Pattern
    grain: float


@dataclass(slots=True)
class _Learnt:
    """A frame that the background model has seen: in the movie's brightness, and where the stage was."""

    plane: Plane
    appearance: Appearance
    position: Shift
    grain: float


class FusedExtraction:
    """One movie's extraction: which frames are in flight, and what has been learnt so far."""

    def __init__(self, params: RoiParams, executor: Executor | None, look_ahead: int) -> None:
        self.params = params
        self.executor = executor
        self.look_ahead = look_ahead
        self.tracker = StageTracker(params.max_drift_px)
        self.background = BackgroundModel(None if params.step == "auto" else params.step)
        self.learnt: dict[int, _Learnt] = {}
        self.recent: deque[Appearance] = deque(maxlen=SAMPLES)
        self.first_level = 0.0
        self.count = 0

    def run(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, FrameRoi]]:
        """Yield every frame with its RoI, in order."""
        reach = self.params.adjacent_factor
        raw: deque[Frame] = deque()  # those not yet given back
        seen: dict[int, Future[_Seen]] = {}
        found: dict[int, Future[FrameRoi]] = {}
        read = learnt = decided = out = self.count
        ended = False
        while True:
            while not ended and read <= out + reach + self.params.look_ahead + self.look_ahead:
                frame = next(frames, None)
                if frame is None:
                    ended = True
                    break
                raw.append(frame)
                seen[read] = submit(self.executor, _look, frame)
                read += 1
            if out >= read:
                return
            # Half of what is read ahead waits to be looked at, half to be decided, so that an executor has both to do.
            while decided < read and (ended or decided + self.params.look_ahead + self.look_ahead // 2 < read):
                while learnt < min(read, decided + self.params.look_ahead + 1):
                    self._learn(learnt, seen.pop(learnt).result())
                    learnt += 1
                found[decided] = self._decide(decided, raw[decided - out].shape, alone=ended and read == 1)
                decided += 1
            near = [found[t].result() for t in range(max(0, out - reach), min(read, out + reach + 1))]
            found.pop(out - reach, None)
            yield raw.popleft(), _united(near, out - max(0, out - reach))
            out += 1

    @property
    def memory(self) -> RoiMemory:
        """What is known after the frame that came out last, where none is read ahead and none is waited for."""
        return RoiMemory(
            frames=self.count,
            first_level=self.first_level,
            recent=tuple((a.noise, a.strength, a.level) for a in self.recent),
            key=self.tracker.key,
            last=self.tracker.last,
            **self.background.memory,
        )

    def recall(self, memory: RoiMemory, frames: Mapping[int, Frame]) -> None:
        """Go on where another extraction was, before `run` begins.

        Parameters
        ----------
        memory : RoiMemory
        frames : mapping of int to ndarray, shape (Y, X)
            Those that are `wanted`, by number. Without one of them less is known than was.
        """
        seen = {t: _look(frame) for t, frame in frames.items()}
        self.count, self.first_level = memory.frames, memory.first_level
        self.recent.extend(Appearance(_NO_PLANE, *numbers) for numbers in memory.recent)
        patterns = {t: one.pattern for t, one in seen.items()}
        nothing = Pattern(None)
        key, last = patterns.get(memory.key[0], nothing), patterns.get(memory.frames - 1, nothing)
        self.tracker.recall(memory.frames, memory.key, key, memory.last, last)
        self.background.recall(memory, {t: self._in_brightness(one) for t, one in seen.items()})

    def _in_brightness(self, seen: _Seen) -> Plane:
        """Return a reduced frame in the brightness of the first one."""
        level = seen.appearance.level
        gain = self.first_level / level if level > 0 and self.first_level > 0 else 1.0
        return seen.plane if gain == 1 else seen.plane * np.float32(gain)

    def _learn(self, t: int, seen: _Seen) -> None:
        level = seen.appearance.level
        self.first_level = self.first_level or level
        self.count = t + 1
        plane = self._in_brightness(seen)
        self.learnt[t] = _Learnt(plane, seen.appearance, self.tracker.add(seen.pattern), seen.grain)
        # Its numbers alone: many movies may be under way at once, and each would keep a plane a frame.
        self.recent.append(replace(seen.appearance, variance=_NO_PLANE))
        if not self._flickers(level):
            self.background.learn(t, plane, self.learnt[t].position)

    def _decide(self, t: int, shape: tuple[int, ...], *, alone: bool) -> Future[FrameRoi]:
        here = self.learnt.pop(t)
        flickers = self._flickers(here.appearance.level)
        background = None if alone or flickers else self.background.at(here.position)
        noise = float(np.median([a.noise for a in self.recent]))
        typical = float(np.median([a.strength for a in self.recent]))
        note = ALONE if alone else FLICKER if flickers else ""
        return submit(self.executor, _frame_roi, here, background, noise, typical, shape, self.params, note)

    def _flickers(self, level: float) -> bool:
        usual = float(np.median([a.level for a in self.recent]))
        return abs(level - usual) > _LARGEST_FLICKER * max(usual, 1.0)


def _look(frame: Frame) -> _Seen:
    plane = reduce_frame(frame)
    return _Seen(plane, appearance_of(plane), pattern_of(plane), noise_within(frame) / REDUCTION)


def _frame_roi(
    here: _Learnt,
    background: Background | None,
    noise: float,
    typical: float,
    shape: tuple[int, ...],
    params: RoiParams,
    note: str,
) -> FrameRoi:
    evidence = evidence_of(here.plane, here.appearance, background, noise)
    cells = find_cells(
        evidence,
        typical,
        share=None if params.roi_threshold == "auto" else params.roi_threshold,
        min_area=(_SMALLEST_CELL_PX if params.min_area_px == "auto" else params.min_area_px) / REDUCTION**2,
        motion_known=background is not None and background.samples >= _FEWEST_SAMPLES,
    )
    mask = _enlarged(cells.mask, shape, params.margin)
    share = float(np.count_nonzero(mask) / mask.size)
    position = (here.position.dy, here.position.dx)
    # Where most of the frame is cells, their texture passes for the background's noise.
    crowded = share > _LARGEST_SHARE or noise > _MOST_TEXTURE * max(here.grain, LEAST_NOISE)
    if crowded and params.roi_threshold == "auto":
        whole = RoiDiagnostics(1.0, 1, 0.0, REDUCTION * noise, position, CROWDED)
        return FrameRoi(np.ones(shape, np.bool_), None, whole)
    confidence = 1 - 1 / cells.peak if cells.peak > 1 else 0.0
    diagnostics = RoiDiagnostics(
        share, cells.pieces, confidence, REDUCTION * noise, position, note or (STILL if cells.still else "")
    )
    return FrameRoi(mask, _weights(cells, mask, params.margin), diagnostics)


def _enlarged(reduced: Any, shape: tuple[int, ...], margin: int) -> Mask:
    height, width = shape
    size = (reduced.shape[1] * REDUCTION, reduced.shape[0] * REDUCTION)
    smooth = cv2.resize(reduced * np.uint8(255), size, interpolation=cv2.INTER_LINEAR)
    return dilate(np.ascontiguousarray(smooth[:height, :width] > 127), margin)


def _weights(cells: FoundCells, mask: Mask, margin: int) -> Any:
    if cells.pieces == 0:
        return None
    reduced = cells.mask
    if margin:
        reduced = np.asarray(reduce_frame(mask.view(np.uint8)) > 0.5).view(np.uint8)
    return soft_weights(reduced, cells.relative)


def _united(near: list[FrameRoi], middle: int) -> FrameRoi:
    here = near[middle]
    if len(near) == 1:
        return here
    mask = np.logical_or.reduce([roi.mask for roi in near])
    weights = here.weights
    for roi in near:
        # Without weights a mask is its own.
        theirs = reduce_frame(roi.mask.view(np.uint8)) if roi.weights is None else roi.weights
        weights = theirs if weights is None else np.maximum(weights, theirs)
    return FrameRoi(mask, weights, replace(here.diagnostics, roi_share=float(mask.mean())))
