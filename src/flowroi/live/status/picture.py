"""The newest frame of a position with its RoI drawn in, small enough for a page; made when it is asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from flowroi.live.status.newest import Newest, decoded
from flowroi.png import encode_png
from flowroi.roi.frame_roi import Mask
from flowroi.roi.overlay import draw_overlay
from flowroi.sources.pixels import Frame

WIDEST_PX = 600
# Pictures that are kept: more are made anew when they are asked for.
_MOST_KEPT = 32
# Who waits longer for another picture to be made is told to come again.
_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG image, and the number of the frame that it shows."""

    frame: int
    png: bytes


class Busy(Exception):  # noqa: N818 - no error: it is asked for again
    """Another picture is being made."""


class Pictures:
    """Makes pictures, one at a time, and keeps the last ones.

    Parameters
    ----------
    newest : Newest
    """

    def __init__(self, newest: Newest) -> None:
        self._newest = newest
        self._making = threading.Lock()
        self._kept: OrderedDict[Path, Picture] = OrderedDict()

    def of(self, journal: Path) -> Picture | None:
        """Return the picture of a journal's newest frame; None where there is none.

        Raises
        ------
        Busy
            If others are being made for too long.
        CorruptDataError
            If the journal is not what was written.
        """
        if not self._making.acquire(timeout=_WAIT_S):
            raise Busy
        try:
            record = self._newest.record(journal)
            kept = self._kept.get(journal)
            if record is not None and (kept is None or kept.frame != record[0]["t"]):
                kept = self._kept[journal] = Picture(record[0]["t"], overlay_png(*decoded(record)))
            if kept is not None:
                self._kept.move_to_end(journal)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return kept
        finally:
            self._making.release()


def overlay_png(frame: Frame, mask: Mask | None) -> bytes:
    """Return a frame with its RoI as PNG, at most `WIDEST_PX` wide and high.

    Examples
    --------
    >>> from flowroi.png import png_size
    >>> png_size(overlay_png(np.zeros((300, 1200), np.uint16), None))
    (600, 150)
    """
    roi = np.zeros(frame.shape, np.uint8) if mask is None else mask.astype(np.uint8)
    scale = WIDEST_PX / max(frame.shape)
    if scale >= 1:
        return encode_png(draw_overlay(frame, roi.astype(np.bool_)))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    # First smaller, then drawn: an outline stays a pixel wide.
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    roi_small = cv2.resize(roi, size, interpolation=cv2.INTER_NEAREST)
    return encode_png(draw_overlay(small, roi_small.astype(np.bool_)))
