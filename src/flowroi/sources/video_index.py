"""The packets of a video, without decoding: how many, when each is shown, and where decoding may start."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from zlib import crc32

import numpy as np

from flowroi.errors import CorruptDataError, FlowRoIError, MissingDependencyError
from flowroi.limits import check_frame_count
from flowroi.sources.ffv1 import Ffv1Checks
from flowroi.sources.files import InputFile
from flowroi.sources.pixels import check_size
from flowroi.sources.video_access import AccessPoints

# The demuxer is named: a playlist called .mp4 could make FFmpeg open other files.
DEMUXERS = {".avi": "avi", ".mp4": "mp4", ".mkv": "matroska"}
# Enough to tell packets of one file apart, with their time and size.
_MARKED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The packets of a video stream; about 30 bytes a packet.

    Attributes
    ----------
    codec : str
        FFmpeg's name of the codec.
    frames : int
        Packets that are shown.
    times : ndarray, (frames,), int64
        When each frame is shown, ascending, in units of the stream; empty without usable time stamps.
    stamps : ndarray, (packets,), int64
        The same of every packet, in order of decoding, those that are not shown among them; empty as `times`.
    marks : array of unsigned int
        A checksum of every packet, in order of decoding.
    points : ndarray, (points, 3), int64
        The packets that decoding may start with, but for the first: packet, frame, and the time to seek to.
    others : int
        Streams of the file beside this one.
    """

    codec: str
    frames: int
    times: np.ndarray[Any, np.dtype[np.int64]]
    stamps: np.ndarray[Any, np.dtype[np.int64]]
    marks: array[int]
    points: np.ndarray[Any, np.dtype[np.int64]]
    others: int

    @classmethod
    def survey(cls, file: InputFile, max_pixels: int) -> Self:
        """Read every packet, and compare their number with what the file says about its length.

        Raises
        ------
        CorruptDataError
            If packets are missing or damaged.
        UnsupportedFormatError
            If the frames are larger than `max_pixels`.
        """
        with opened(file) as (container, stream):
            check_size(stream.width, stream.height, max_pixels)
            codec = stream.codec_context.codec.canonical_name
            others = len(container.streams) - 1
            access = AccessPoints(codec, bytes(stream.codec_context.extradata or b""))
            checks = Ffv1Checks() if codec == "ffv1" else None
            by_presentation = DEMUXERS[file.path.suffix.lower()] == "matroska"
            frames, end_s, timed = 0, 0.0, stream.codec_context.pix_fmt != "pal8"
            stamps, marks, shown, starts = array("q"), array("I"), bytearray(), array("q")
            for packet in container.demux(stream):
                if packet.size == 0:
                    continue
                if packet.is_corrupt and not packet.is_discard:
                    raise CorruptDataError(
                        f"{frames} of {stream.frames or 'more'} frames are whole, the next is damaged or cut short; "
                        "the movie was not shortened silently: copy the file again",
                        frame=frames,
                    )
                if packet.pts is None:
                    timed = False
                if timed:
                    if access.is_access(packet, key=packet.is_keyframe):
                        seek_to = packet.pts if by_presentation or packet.dts is None else packet.dts
                        starts.extend((len(stamps), packet.pts, seek_to))
                    stamps.append(packet.pts)
                    marks.append(mark(packet))
                    shown.append(not packet.is_discard)
                if packet.is_discard:
                    continue
                if checks:
                    checks.observe(frames, bytes(packet))
                frames += 1
                check_frame_count(frames)
                if packet.pts is not None and packet.time_base is not None:
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if frames == 0:
                raise CorruptDataError("the file has no frame: copy it again")
            _check_length(container, stream, frames, end_s)
            if checks and checks.first_damaged is not None:
                raise CorruptDataError(
                    "checksum mismatch in a slice of this frame: it is damaged; not decoded: copy the file again",
                    frame=checks.first_damaged,
                )
        times = np.frombuffer(stamps, np.int64)
        if not timed or len(np.unique(times)) < len(times):
            return cls(codec, frames, times[:0], times[:0], array("I"), np.empty((0, 3), np.int64), others)
        ordered = np.sort(times[np.frombuffer(shown, bool)])
        points = _usable(np.frombuffer(starts, np.int64).reshape(-1, 3), times, ordered)
        return cls(codec, frames, ordered, times, marks, points, others)


def _usable(
    starts: np.ndarray[Any, np.dtype[np.int64]],
    stamps: np.ndarray[Any, np.dtype[np.int64]],
    times: np.ndarray[Any, np.dtype[np.int64]],
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Put frames in place of times; only points that everything decoded before them is shown before, too."""
    starts = starts[starts[:, 0] > 0]
    latest_before = np.maximum.accumulate(stamps)[starts[:, 0] - 1]
    points = np.array(starts[latest_before < starts[:, 1]])
    points[:, 1] = np.searchsorted(times, points[:, 1])
    return points


def mark(packet: Any) -> int:
    """Return a checksum of a packet's size and beginning."""
    return crc32(memoryview(packet)[:_MARKED_BYTES], packet.size & 0xFFFFFFFF)


def import_av() -> Any:
    """Import PyAV.

    Raises
    ------
    MissingDependencyError
        Without it.
    """
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "reading AVI, MP4 and MKV needs the package av (PyAV), which is not installed: pip install flowroi[video]"
        ) from error
    return av


@contextmanager
def av_errors() -> Iterator[None]:
    """Put PyAV's errors into CorruptDataError."""
    av = import_av()
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
def opened(file: InputFile) -> Iterator[tuple[Any, Any]]:
    """Open the container and its first video stream."""
    av = import_av()
    # A file object, not its name: FFmpeg would read some names as addresses.
    with (
        file.open() as handle,
        av_errors(),
        av.open(handle, format=DEMUXERS[file.path.suffix.lower()]) as container,
    ):
        if not container.streams.video:
            raise CorruptDataError("the file has no video stream, or is cut short: copy it again")
        yield container, container.streams.video[0]


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
