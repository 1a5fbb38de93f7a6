"""One video file: packets in, packets out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError
from flowroi.extras import need
from flowroi.resources import ordinary_scheduling
from flowroi.sequence.encoder import ENCODERS, SequenceFormat, configured

MUXERS = {".mkv": "matroska", ".mp4": "mp4"}


@dataclass(frozen=True, slots=True)
class Packet:
    """A coded frame.

    Attributes
    ----------
    pts : int
        Which frame it shows, counted from the file's first.
    key : bool
        Whether it opens a group of pictures.
    data : bytes
    """

    pts: int
    key: bool
    data: bytes


def interval_of(seconds: float | None) -> Fraction:
    """Return the time from frame to frame as a fraction; 1 s where it is not known.

    Containers count in milliseconds at the finest, so that it is at least one; 10⁴ s at most.

    Examples
    --------
    >>> interval_of(None), interval_of(7.5), interval_of(0.0416667)
    (Fraction(1, 1), Fraction(15, 2), Fraction(1, 24))
    """
    if seconds is None:
        return Fraction(1)
    exact = Fraction(min(max(seconds, 1e-3), 1e4))
    for denominator in (1, 1000, 1001, 10**6):
        near = exact.limit_denominator(denominator)
        if abs(near - exact) <= exact * Fraction(1, 10**6):
            return near
    return exact.limit_denominator(10**6)


def write_video(
    path: Path, muxer: str, layout: SequenceFormat, interval_s: Fraction, packets: Iterable[Packet]
) -> None:
    """Write packets, in order of decoding, that an encoder of this layout gave; the same bytes for the same packets."""
    av = need("av", extra="video")
    try:
        with av.open(str(path), "w", format=muxer, options={"fflags": "+bitexact"}) as container:
            # An encoder that encodes nothing: it knows the parameter sets that belong to the packets.
            stream = container.add_stream(ENCODERS[layout.codec], rate=1 / interval_s, options=layout.options(30))
            configured(stream.codec_context, layout, interval_s)
            with ordinary_scheduling():
                container.start_encoding()
            for n, packet in enumerate(packets):
                coded = av.Packet(packet.data)
                coded.stream = stream
                coded.time_base = interval_s
                # Encoders tell other times of decoding now and then, for the same packets.
                coded.pts, coded.dts, coded.duration = packet.pts, n - layout.reordered, 1
                coded.is_keyframe = packet.key
                container.mux(coded)
    except av.error.FFmpegError as error:
        _refuse_errors_of_the_disk(error, path)
        raise UnsupportedFormatError(f"the container cannot hold this movie: {error}", path=path) from error


class VideoFile:
    """Reads the packets of a file.

    Parameters
    ----------
    path : Path
    muxer : str
        One of `MUXERS`.
    interval_s : Fraction
    """

    def __init__(self, path: Path, muxer: str, interval_s: Fraction) -> None:
        self.path = path
        self._muxer = muxer
        self._interval_s = interval_s

    def packets(self, first: int = 0) -> Iterator[Packet]:
        """Yield packets in order of decoding, from a key frame on that is shown at `first` or before."""
        with self._opened() as (container, stream):
            if first:
                container.seek(round(first * self._interval_s / stream.time_base), stream=stream, backward=True)
            for packet in container.demux(stream):
                if packet.size:
                    if packet.pts is None:
                        raise CorruptDataError("a packet has no time stamp", path=self.path)
                    pts = round(packet.pts * stream.time_base / self._interval_s)
                    yield Packet(pts, bool(packet.is_keyframe), bytes(packet))

    def decoder(self) -> Any:
        """Return a decoder (a PyAV codec context) for the packets."""
        with self._opened() as (_, stream):
            decoder = need("av", extra="video").CodecContext.create(stream.codec_context.codec.name, "r")
            decoder.extradata = stream.codec_context.extradata
            decoder.thread_count = 1
            return decoder

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        av = need("av", extra="video")
        try:
            with self.path.open("rb") as handle, av.open(handle, format=self._muxer) as container:
                videos = container.streams.video
                if not videos or videos[0].codec_context is None or not videos[0].time_base:
                    raise CorruptDataError("there is no video stream of a known codec", path=self.path)
                yield container, videos[0]
        except FlowRoIError:
            raise
        except (FileNotFoundError, IsADirectoryError) as error:
            raise MissingInputError("a file of the archive is missing", path=self.path) from error
        except (av.error.FFmpegError, ValueError, EOFError) as error:
            raise CorruptDataError(f"cannot be read: {error}", path=self.path) from error


def _refuse_errors_of_the_disk(error: Exception, path: Path) -> None:
    """Raise what the operating system said as its own error: it is no fault of the movie."""
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and number in (5, 13, 27, 28, 30, 122):
        raise OSError(number, os.strerror(number), str(path)) from error
