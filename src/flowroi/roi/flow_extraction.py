"""The paper's method, `flow`: its stages in order, streaming, with a bounded look-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import cv2
import numpy as np

from flowroi.params import RoiParams
from flowroi.resources import submit
from flowroi.roi.denoise import denoise
from flowroi.roi.frame_roi import FrameRoi, Mask, RoiDiagnostics
from flowroi.roi.grey import Frame, GreyMapping
from flowroi.roi.mask import roi_mask
from flowroi.roi.optical_flow import dense_flow
from flowroi.roi.reduced import REDUCTION, Plane, enlarge, reduce_frame
from flowroi.roi.saliency import motion_saliency
from flowroi.roi.stabilise import Pattern, move, pattern_of, shift_between

SINGLE_FRAME = "one frame only: no motion can be seen, so the whole frame is the RoI (plain JPEG 2000)"


@dataclass(slots=True)
class _Prepared:
    """A frame ready for pairing: denoised and reduced, and what the stage carries along in it."""

    shape: tuple[int, ...]
    smooth: Plane
    pattern: Pattern


class FlowExtraction:
    """One movie's extraction: which frames are in flight and what is computed from them."""

    def __init__(self, params: RoiParams, executor: Executor | None, look_ahead: int) -> None:
        self.params = params
        self.step = 1 if params.step == "auto" else params.step
        self.executor = executor
        self.look_ahead = look_ahead

    def run(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, FrameRoi]]:
        """Yield every frame with its RoI, in order."""
        step, reach = self.step, self.params.adjacent_factor
        ahead = step + reach + self.look_ahead
        raw: deque[Frame] = deque()  # those not yet given back
        prepared: dict[int, Future[_Prepared]] = {}
        masks: dict[int, Future[Mask]] = {}
        mapping: GreyMapping | None = None
        read = paired = out = 0
        ended = False
        while True:
            while not ended and read <= out + ahead:
                frame = next(frames, None)
                if frame is None:
                    ended = True
                    break
                mapping = mapping or GreyMapping.of_first(frame)
                raw.append(frame)
                prepared[read] = submit(self.executor, _prepare, frame, mapping, self.params)
                read += 1
            if out >= read:
                return
            while paired < read and (ended or paired + step < read):
                masks[paired] = self._pair(paired, read, prepared)
                prepared.pop(paired - 2 * step, None)
                paired += 1
            union = masks[out].result()
            for t in range(max(0, out - reach), min(read, out + reach + 1)):
                if t != out:
                    union = union | masks[t].result()
            masks.pop(out - reach, None)
            yield raw.popleft(), _described(union, alone=read == 1)
            out += 1

    def _pair(self, t: int, total: int, prepared: dict[int, Future[_Prepared]]) -> Future[Mask]:
        """Mask of frame t: from frame t + step, or near the end (when `total` is the movie's length) from t - step."""
        if t + self.step < total:
            other = t + self.step
        elif t - self.step >= 0:
            other = t - self.step
        else:
            # A movie shorter than the step: the frame farthest away that there is.
            other = total - 1 if total - 1 - t >= t else 0
        return submit(self.executor, _mask_of_pair, prepared[t], prepared.get(other), self.params)


def _prepare(frame: Frame, mapping: GreyMapping, params: RoiParams) -> _Prepared:
    grey = mapping(frame)
    smooth = denoise(grey) if params.denoise else grey
    return _Prepared(frame.shape, reduce_frame(smooth), pattern_of(reduce_frame(frame)))


def _mask_of_pair(first: Future[_Prepared], second: Future[_Prepared] | None, params: RoiParams) -> Mask:
    # Waiting inside the pool is safe: a frame is always submitted before the pairs that need it.
    here = first.result()
    if second is None or second is first:
        return np.ones(here.shape, np.bool_)
    there = second.result()
    drift = shift_between(here.pattern, there.pattern, params.max_drift_px)
    flow = dense_flow(here.smooth, move(there.smooth, -drift.dy / REDUCTION, -drift.dx / REDUCTION))
    return roi_mask(enlarge(motion_saliency(flow, params.alpha), here.shape), params)


def _described(mask: Mask, *, alone: bool) -> FrameRoi:
    pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)[0] - 1
    return FrameRoi(mask, None, RoiDiagnostics(float(mask.mean()), pieces, warning=SINGLE_FRAME if alone else ""))
