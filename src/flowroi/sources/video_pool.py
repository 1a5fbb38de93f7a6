"""Frames of a video by their number: a few decoders, each at its place in the movie."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock, get_ident
from typing import Any

import numpy as np

from flowroi.sources.files import InputFile
from flowroi.sources.video_decoder import AccessPoint, Decoder, Misplaced, Unproven
from flowroi.sources.video_index import PacketIndex

# Decoders kept open; beyond these each reading thread keeps only its latest.
_KEPT = 4
_KEPT_OF_THREADS = 16
# Decoding a few frames costs less than opening the file again.
_NEAR_FRAMES = 8
# Access points that are tried for a frame before decoding starts at the first frame.
_TRIED_POINTS = 3


class DecoderPool:
    """Reads any frame of a video, with decoders that are left where they are for the frames that follow.

    Safe to use from several threads; each decodes with a decoder of its own. A frame is the one that decoding from
    the first frame gives: where starting in the middle cannot prove that, decoding starts at the first frame.
    """

    def __init__(self, file: InputFile, index: PacketIndex, max_pixels: int) -> None:
        self._file = file
        self._index = index
        self._max_pixels = max_pixels
        self._lock = Lock()
        self._idle: list[Decoder] = []
        self._closed = False
        self._timed = len(index.times) > 0
        self._points = index.points
        self._seeks = True

    def read(self, t: int) -> Any:
        """Decode frame `t`.

        Raises
        ------
        CorruptDataError
            If it cannot be decoded, or the file changed.
        """
        failed: list[AccessPoint] = []
        seek = self._seeks
        decoder = self._take(t)
        while True:
            try:
                frame = decoder.read(t, timed=self._timed)
                if decoder.point and not self._timed:
                    raise Unproven("the time stamps were given up meanwhile")
                break
            except Unproven as doubt:
                decoder.close()
                point = decoder.point
                if point is None:
                    self._count_frames()
                elif seek and isinstance(doubt, Misplaced):
                    seek = False
                else:
                    failed.append(point)
                    point = self._point_before(t, failed)
                decoder = self._open(point, seek=seek)
            except BaseException:
                decoder.close()
                raise
        # Only now is it certain that the way to the frame failed, and not the frame.
        with self._lock:
            self._seeks = self._seeks and seek
            if failed:
                self._points = self._points[~np.isin(self._points[:, 0], [point.packet for point in failed])]
        self._put_back(decoder)
        return frame

    def close(self) -> None:
        """Close what is open, and whatever is still being read as soon as that ends."""
        with self._lock:
            self._closed = True
        self.rewind()

    def rewind(self) -> None:
        """Close the decoders that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.close()

    def _open(self, point: AccessPoint | None, *, seek: bool = True) -> Decoder:
        decoder = Decoder(self._file, self._index, self._max_pixels, point, seek=seek)
        decoder.reader = get_ident()
        return decoder

    def _point_before(self, t: int, failed: Sequence[AccessPoint] = ()) -> AccessPoint | None:
        """Return the last access point that gives frame `t`; None for the beginning of the file."""
        points = self._points
        place = int(np.searchsorted(points[:, 1], t, side="right"))
        while place > 0 and len(failed) < _TRIED_POINTS:
            place -= 1
            point = AccessPoint(*(int(value) for value in points[place]))
            if point not in failed:
                return point
        return None

    def _take(self, t: int) -> Decoder:
        """Return a decoder that stands a little before frame `t`, for this thread alone."""
        with self._lock:
            point = self._point_before(t)
            from_here = point.frame if point else 0
            fit = [
                decoder
                for decoder in self._idle
                if decoder.next <= t
                and (decoder.next >= from_here or t - decoder.next <= _NEAR_FRAMES)
                and (decoder.point is None or self._timed)
            ]
            if fit:
                me = get_ident()
                best = max(fit, key=lambda decoder: (decoder.reader == me, decoder.next))
                self._idle.remove(best)
                best.reader = me
                return best
        return self._open(point, seek=self._seeks)

    def _put_back(self, decoder: Decoder) -> None:
        with self._lock:
            self._idle.append(decoder)
            surplus = []
            if self._closed:
                surplus, self._idle = self._idle, []
            elif len(self._idle) > _KEPT:
                # A decoder that its thread has left behind goes first: threads must not close each other's.
                latest = {kept.reader: kept for kept in self._idle}
                left = [kept for kept in self._idle if latest[kept.reader] is not kept]
                if left or len(self._idle) > _KEPT_OF_THREADS:
                    surplus = [left[0] if left else self._idle[0]]
                    self._idle.remove(surplus[0])
        for old in surplus:
            old.close()

    def _count_frames(self) -> None:
        """Give the time stamps up, once it is certain that the movie decodes to its number of frames."""
        with self._lock:
            if not self._timed:
                return
            self._timed = False
            self._points = self._points[:0]
            idle, self._idle = self._idle, []
            for old in idle:
                old.close()
            decoder = self._open(None)
            try:
                decoder.read(self._index.frames - 1, timed=False)
            finally:
                decoder.close()
