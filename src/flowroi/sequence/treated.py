"""The frames of a movie as they go to a video codec: each part by itself, so that parts can be coded apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.masks import frames_with_masks
from flowroi.params import RoiParams
from flowroi.roi.frame_roi import WHOLE_FRAME, FrameRoi, Mask, RoiDiagnostics
from flowroi.sequence.treatment import Background, open_treatment
from flowroi.sources import Source

Frame = npt.NDArray[Any]


class StoppedError(Exception):
    """Raised where frames are asked for that are not wanted any more."""


# Frames before a part from which masks and background are learnt again: as many as they remember, about.
LEAD_FRAMES = 32


@dataclass(frozen=True, slots=True)
class TreatedFrame:
    """Frame `t` as recorded and as it is to be coded, and where it counts."""

    t: int
    raw: Frame
    treated: Frame
    inside: Mask
    roi: RoiDiagnostics


@dataclass(frozen=True, slots=True)
class Treated:
    """A movie whose background is treated.

    Parameters
    ----------
    source : Source
        Read from several threads.
    roi_method : str
        See `compress`.
    roi_params : RoiParams
    soft_weights : bool
        Whether the background is blended in with the confidence of `fused`, or begins where the mask ends.
    background : "fill", "plate" or "none"
    peak : int
        The highest grey level.
    gop : int
        Frames from key frame to key frame.
    stop : Event
        Once set, whoever is at frames gets StoppedError instead of the next.
    """

    source: Source
    roi_method: str
    roi_params: RoiParams
    soft_weights: bool
    background: Background
    peak: int
    gop: int
    stop: Event = field(default_factory=Event)

    def frames(self, wanted: range) -> Iterator[TreatedFrame]:
        """Yield some frames in a row; which ones are asked for together decides on little, who asks on nothing."""
        treatment = open_treatment(self.background, peak=self.peak, gop=self.gop)
        if wanted.start == 0:
            # There is nothing before: what comes first is looked at twice.
            for frame, roi in self._with_masks(range(min(LEAD_FRAMES, len(self.source)))):
                treatment.learn(frame, roi)
        lead = range(max(wanted.start - LEAD_FRAMES, 0), wanted.stop)
        for t, (frame, roi) in zip(lead, self._with_masks(lead), strict=True):
            if t < wanted.start:
                treatment.learn(frame, roi)
                continue
            known = WHOLE_FRAME if roi is None else roi.diagnostics
            if lead.start:
                # Counted from the first frame of the lead, which tells nobody anything.
                known = replace(known, drift_px=None)
            inside = np.ones(frame.shape, np.bool_) if roi is None else roi.mask
            yield TreatedFrame(t, frame, treatment.apply(frame, roi), inside, known)

    def check(self) -> None:
        """Raise StoppedError once frames are not wanted any more."""
        if self.stop.is_set():
            raise StoppedError

    def describe(self) -> dict[str, Any]:
        """Return what becomes of the background, ready for JSON."""
        return open_treatment(self.background, peak=self.peak, gop=self.gop).describe()

    def _with_masks(self, wanted: range) -> Iterator[tuple[Frame, FrameRoi | None]]:
        """Yield frames with their RoI, told with what comes after them, too."""
        ahead = self.roi_params.look_ahead + self.roi_params.adjacent_factor if self.roi_method == "fused" else 1
        read = range(wanted.start, min(wanted.stop + ahead, len(self.source)))
        pairs = frames_with_masks(self.source, read, self.roi_method, self.roi_params, None, 0)
        for _, pair in zip(wanted, pairs, strict=False):
            self.check()
            frame, roi = pair
            yield frame, roi if roi is None or self.soft_weights else replace(roi, weights=None)
