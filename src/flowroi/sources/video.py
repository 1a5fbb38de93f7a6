"""AVI, MP4 and MKV through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.errors import CorruptDataError, MissingDependencyError, UnsupportedFormatError
from flowroi.sources.base import Frame, Source, check_frame_pixels
from flowroi.sources.image_file import as_grey

SUFFIXES = (".avi", ".mp4", ".mkv", ".mov")


class VideoSource(Source):
    """The first video stream of a file: grey, or the luma plane of a YUV stream whose colour is neutral."""

    def __init__(self, path: Path, *, channel: int | None, max_pixels: int) -> None:
        self.path = path
        self.name = path.stem
        self._channel = channel
        self._cursor: Iterator[Frame] | None = None
        self._next = 0
        self._av = _import_av()
        with self._open() as container:
            stream = container.streams.video[0]
            check_frame_pixels(stream.codec_context.height, stream.codec_context.width, max_pixels, path)
            rate = stream.average_rate
            # Playback rate, not the acquisition's: a movie at 25 frames a second says nothing about the microscope.
            self.warnings = (
                (f"the file plays at {float(rate):g} frames/s; the acquisition interval is unknown",) if rate else ()
            )
        count = 0
        first: Frame | None = None
        for frame in self._frames():
            first = frame if first is None else first
            count += 1
        if first is None:
            raise CorruptDataError("the video holds no frame", path=path)
        self.shape = (count, first.shape[0], first.shape[1])
        self.dtype = first.dtype
        digits = max(3, len(str(count - 1)))
        self.frame_names = tuple(f"t{t:0{digits}d}" for t in range(count))

    def read(self, t: int) -> Frame:
        """Return frame `t`; going forward is quick, going back decodes from the start again."""
        if self._cursor is None or t < self._next:
            self._cursor, self._next = self._frames(), 0
        for frame in self._cursor:
            self._next += 1
            if self._next == t + 1:
                return frame
        raise CorruptDataError("the video ends before this frame", path=self.path, frame=t)

    def __iter__(self) -> Iterator[Frame]:
        return self._frames()

    def files(self) -> list[Path]:
        """Return the video file."""
        assert self.path is not None
        return [self.path]

    def close(self) -> None:
        """Stop decoding."""
        self._cursor = None

    def _open(self) -> Any:
        try:
            container = self._av.open(str(self.path))
        except (self._av.FFmpegError, OSError) as error:
            raise CorruptDataError(f"FFmpeg cannot open the file: {error}", path=self.path) from error
        if not container.streams.video:
            container.close()
            raise UnsupportedFormatError("the file holds no video stream", path=self.path)
        return container

    def _frames(self) -> Iterator[Frame]:
        with self._open() as container:
            try:
                for t, frame in enumerate(container.decode(video=0)):
                    yield self._grey(frame, t)
            except self._av.FFmpegError as error:
                raise CorruptDataError(f"FFmpeg cannot decode the video: {error}", path=self.path) from error

    def _grey(self, frame: Any, t: int) -> Frame:
        name = frame.format.name
        if name.startswith("gray"):
            return np.ascontiguousarray(frame.to_ndarray())
        if name.startswith("yuv") and self._channel is None:
            bits = frame.format.components[0].bits
            planes = [_plane(frame, i, bits) for i in range(3)]
            if any(np.ptp(p) > 2 or abs(int(p.flat[0]) - 2 ** (bits - 1)) > 2 for p in planes[1:]):
                raise UnsupportedFormatError(
                    "the video is in colour; expected grey: choose a channel (of red, green, blue)",
                    path=self.path,
                    frame=t,
                )
            return planes[0]
        return as_grey(frame.to_ndarray(format="rgb24"), self._channel, self.path)


def _plane(frame: Any, index: int, bits: int) -> Frame:
    plane = frame.planes[index]
    dtype = np.uint8 if bits <= 8 else np.uint16
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // np.dtype(dtype).itemsize)
    return np.ascontiguousarray(rows[:, : plane.width])


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("video files need PyAV: pip install 'flowroi[video]'") from error
    return av
