"""A movie in a video file, through PyAV (FFmpeg): grey, or the luma plane of a coloured one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from flowroi.errors import CorruptDataError, FlowRoIError, MissingDependencyError, UnsupportedFormatError
from flowroi.sources.base import Source
from flowroi.sources.files import InputFile, located
from flowroi.sources.names import numbered_names, safe_stem
from flowroi.sources.pixels import Frame, check_channel, check_size, grey_frame

# The demuxer is named: a playlist called .mp4 could make FFmpeg open other files.
DEMUXERS = {".avi": "avi", ".mp4": "mp4", ".mkv": "matroska"}

# Layouts whose luma is not a plane of its own, and the planar layout with the same samples.
_PLANAR_TWIN = {
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "p010le": "yuv420p10le",
    "gray10be": "gray10le",
    "gray12be": "gray12le",
    "gray14be": "gray14le",
    "gray16be": "gray16le",
}
_CHROMA_DROPPED = "the video has colours: its luma plane is read, the colours are not kept"
_LOSSY_VIDEO = (
    "the video codec {codec} is lossy or may be: what was lost there stays lost, and lossy encoding adds to it"
)
_LOSSLESS_CODECS = ("rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "zlib", "v210", "lagarith", "magicyuv")


class VideoSource(Source):
    """Frames of an AVI, MP4 or MKV file, decoded in order.

    Reading in order decodes each frame once; reading an earlier frame starts from the beginning again. The frame rate
    of a video is how fast it is shown, so `frame_interval_s` is None.

    Parameters
    ----------
    path : Path
        The file; its first video stream is taken.
    channel : int or None
        The sample to take of an RGB video.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    MissingDependencyError
        Without PyAV.
    MissingInputError, CorruptDataError, UnsupportedFormatError
        As `open_source`.
    """

    def __init__(self, path: Path, *, channel: int | None, max_pixels: int) -> None:
        _import_av()
        self._channel = channel
        self._lock = Lock()
        self._file = InputFile.find(path)
        self._max_pixels = max_pixels
        self._next = 0
        self._decoder: _Decoder | None = None
        with located(path):
            facts = _survey(self._file, max_pixels)
            self._decoder = _Decoder(self._file, max_pixels)
            try:
                first = self._decoder.next_frame()
                if first is None:
                    raise CorruptDataError(f"none of {facts.frames} frames decodes: copy the file again")
                frame, warnings = _to_grey(first, channel)
            finally:
                self._restart()
        super().__init__(
            name=safe_stem(path.stem),
            path=path,
            shape=(facts.frames, frame.shape[0], frame.shape[1]),
            dtype=frame.dtype,
            frame_names=numbered_names(facts.frames),
            significant_bits=None if (bits := _bits(first)) == 16 else bits,
            warnings=(*facts.warnings, *warnings),
        )

    def _read(self, t: int) -> Frame:
        with self._lock:
            if t < self._next:
                self._restart()
            if self._decoder is None:
                self._decoder = _Decoder(self._file, self._max_pixels)
            while True:
                found = self._decoder.next_frame()
                if found is None:
                    raise CorruptDataError(
                        f"{self._next} of {len(self)} frames could be decoded; the movie was not shortened silently"
                    )
                self._next += 1
                if self._next > t:
                    break
            if t == len(self) - 1 and self._decoder.next_frame() is not None:
                raise CorruptDataError(
                    f"more frames decode than the {len(self)} that the file holds packets for; expected one a packet"
                )
        return _to_grey(found, self._channel)[0]

    def _restart(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None
        self._next = 0

    def _files(self) -> Sequence[InputFile]:
        return [self._file]

    def _release(self) -> None:
        with self._lock:
            self._restart()


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the container says, without decoding."""

    frames: int
    warnings: tuple[str, ...]


class _Decoder:
    """One pass over the frames of a video."""

    def __init__(self, file: InputFile, max_pixels: int) -> None:
        self._stack = ExitStack()
        try:
            container, stream = self._stack.enter_context(_opened(file))
            # Damage raises an error instead of being painted over; larger frames than declared are not decoded.
            stream.codec_context.options = {"err_detect": "explode", "max_pixels": str(min(max_pixels, 2**31 - 1))}
            self._frames = container.decode(stream)
        except BaseException:
            self._stack.close()
            raise

    def next_frame(self) -> Any:
        """Decode the next frame, in order of presentation; None behind the last."""
        with _av_errors():
            frame = next(self._frames, None)
        if frame is not None and frame.is_corrupt:
            raise CorruptDataError("the frame is damaged: copy the file again")
        return frame

    def close(self) -> None:
        self._stack.close()


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "reading AVI, MP4 and MKV needs the package av (PyAV), which is not installed: pip install flowroi[video]"
        ) from error
    return av


@contextmanager
def _av_errors() -> Iterator[None]:
    av = _import_av()
    try:
        yield
    except FlowRoIError:
        raise
    except (av.error.FFmpegError, av.error.EOFError, ValueError, EOFError) as error:
        raise CorruptDataError(
            f"cannot be decoded ({getattr(error, 'strerror', None) or error}); nothing was filled in: copy the file "
            "again"
        ) from error


@contextmanager
def _opened(file: InputFile) -> Iterator[tuple[Any, Any]]:
    """Open the container and its first video stream."""
    av = _import_av()
    # A file object, not its name: FFmpeg would read some names as addresses.
    with (
        file.open() as handle,
        _av_errors(),
        av.open(handle, format=DEMUXERS[file.path.suffix.lower()]) as container,
    ):
        if not container.streams.video:
            raise CorruptDataError("the file has no video stream, or is cut short: copy it again")
        yield container, container.streams.video[0]


def _survey(file: InputFile, max_pixels: int) -> _Facts:
    """Count the frames by their packets, and compare with what the file says about its length."""
    with _opened(file) as (container, stream):
        check_size(stream.width, stream.height, max_pixels)
        codec = stream.codec_context.name
        frames, end_s = 0, 0.0
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.is_corrupt:
                raise CorruptDataError(
                    f"{frames} of {stream.frames or 'more'} frames are whole, the next is damaged or cut short; the "
                    "movie was not shortened silently: copy the file again",
                    frame=frames,
                )
            frames += 1
            if packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if frames == 0:
            raise CorruptDataError("the file has no frame: copy it again")
        _check_length(container, stream, frames, end_s)
    warnings = () if codec in _LOSSLESS_CODECS else (_LOSSY_VIDEO.format(codec=codec),)
    return _Facts(frames, warnings)


def _check_length(container: Any, stream: Any, frames: int, end_s: float) -> None:
    """Compare the packets that are there with the count or the duration that the header promises."""
    if stream.frames > frames:
        raise CorruptDataError(
            f"{frames} of {stream.frames} frames are there; the movie was not shortened silently: copy the file again"
        )
    rate = float(stream.average_rate or 0)
    # With sound beside it, the duration may be that of the sound.
    if stream.frames or not container.duration or not rate or not end_s or len(container.streams) > 1:
        return
    missing = (container.duration / 1e6 - end_s) * rate
    if missing > 0.9 and math.isfinite(missing):
        raise CorruptDataError(
            f"{frames} of about {frames + round(missing)} frames are there: the file is said to last "
            f"{container.duration / 1e6:g} s and its frames end at {end_s:g} s; the movie was not shortened silently: "
            "copy the file again"
        )


def _bits(frame: Any) -> int:
    return int(frame.format.components[0].bits)


def _to_grey(frame: Any, channel: int | None) -> tuple[Frame, tuple[str, ...]]:
    """Return the grey or luma plane of a decoded frame, and what was left out."""
    layout = frame.format
    if layout.name == "pal8" or (layout.is_rgb and _bits(frame) == 8):
        return grey_frame(frame.to_ndarray(format="rgb24"), channel), ()
    name = _PLANAR_TWIN.get(layout.name, layout.name)
    if name != layout.name:
        frame = frame.reformat(format=name)
        layout = frame.format
    bits = _bits(frame)
    known = name.startswith(("gray", "yuv", "nv")) and not name.endswith("be") and not name.startswith("gray8a")
    if not known or layout.components[0].plane != 0 or bits > 16 or "f32" in name:
        raise UnsupportedFormatError(
            f"pixel format {layout.name} is not read; expected grey, YUV or 8-bit RGB: convert the video, e.g. to "
            "gray with a lossless codec"
        )
    check_channel(channel or 0, 1)
    dtype = np.dtype(np.uint8 if bits == 8 else "<u2")
    plane = frame.planes[0]
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    luma = np.array(rows[: frame.height, : frame.width], dtype=dtype.newbyteorder("="))
    return luma, (() if name.startswith("gray") or _is_neutral(frame) else (_CHROMA_DROPPED,))


def _is_neutral(frame: Any) -> bool:
    """Whether every chroma sample is the middle value, but for rounding."""
    middle = 1 << (_bits(frame) - 1)
    dtype = np.dtype(np.uint8 if _bits(frame) == 8 else "<u2")
    for plane in frame.planes[1:3]:
        chroma = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        used = chroma[:, : plane.width * (2 if frame.format.name.startswith("nv") else 1)].astype(np.int64)
        if np.abs(used - middle).max() > max(1, middle // 64):
            return False
    return True
