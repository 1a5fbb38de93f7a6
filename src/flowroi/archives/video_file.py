"""One video file: packets in, packets out, and the manifest in an element behind the movie that players pass over."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from flowroi.archives.manifest import sha256_of
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError
from flowroi.extras import need
from flowroi.sequence.encoder import ENCODERS, SequenceFormat, configured

MUXERS = {".mkv": "matroska", ".mp4": "mp4"}
# An EBML Void element, and a box of a type of its own: readers pass over either.
_VOID = b"\xec\x01"
_UUID = b"uuid" + bytes.fromhex("6f7c2f1d8f2a4d0b9b5c666c6f77726f")
# Length of the deflated manifest, 8 bytes, then this: the end of the file.
_MARK = b"flowroi1"
_FOOTER_BYTES = 16
_LARGEST_MANIFEST = 1 << 30
# Half of a manifest is checksums, which do not deflate: one that grows more than this is none.
_MOST_GROWTH = 64
_ALWAYS_READ = 1 << 20


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


def append_manifest(path: Path, muxer: str, text: bytes) -> None:
    """Put the manifest behind the movie."""
    with path.open("ab") as file:
        file.write(_element(text, muxer))


def read_manifest(path: Path) -> tuple[bytes, int]:
    """Return the manifest at the end of a file, and how many bytes of movie stand before it.

    Raises
    ------
    UnsupportedFormatError
        If there is none.
    CorruptDataError
        If it is damaged.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _FOOTER_BYTES))
        footer = file.read()
        if footer[8:] != _MARK:
            raise UnsupportedFormatError(
                "a video without a FlowRoI manifest at its end, so not an archive of ours, or cut short: read it as a "
                "source",
                path=path,
            )
        length = int.from_bytes(footer[:8], "big")
        if not 0 < length <= min(size - _FOOTER_BYTES, _LARGEST_MANIFEST):
            raise CorruptDataError(f"the manifest is said to have {length} bytes", path=path)
        file.seek(size - _FOOTER_BYTES - length)
        deflated = file.read(length)
        inflater = zlib.decompressobj()
        try:
            text = inflater.decompress(deflated, min(max(_MOST_GROWTH * length, _ALWAYS_READ), _LARGEST_MANIFEST))
        except zlib.error as error:
            raise CorruptDataError(f"the manifest cannot be inflated: {error}", path=path) from error
        if not inflater.eof or inflater.unused_data:
            raise CorruptDataError("the manifest ends too early or too late, or is far too long", path=path)
        # What stands around it is known, too, so that not even there a byte can change unseen.
        element = _element(text, MUXERS.get(path.suffix.lower(), ""))
        file.seek(max(size - len(element), 0))
        if file.read() != element:
            raise CorruptDataError("the element that holds the manifest was changed", path=path)
    return text, size - len(element)


def has_manifest(path: Path) -> bool:
    """Whether a file ends as archives of ours do."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(_MARK)))
        return file.read() == _MARK


def digest_of_movie(path: Path, size: int) -> str:
    """Return the SHA-256 of the first `size` bytes of a file."""
    with path.open("rb") as file:
        return sha256_of(file, size)


def _element(text: bytes, muxer: str) -> bytes:
    deflated = zlib.compress(text, 9)
    tail = deflated + len(deflated).to_bytes(8, "big") + _MARK
    if muxer == "matroska":
        return _VOID + len(tail).to_bytes(7, "big") + tail
    # A size of 1 announces the true one, in 64 bits.
    return (1).to_bytes(4, "big") + _UUID[:4] + (len(tail) + 32).to_bytes(8, "big") + _UUID[4:] + tail


def _refuse_errors_of_the_disk(error: Exception, path: Path) -> None:
    """Raise what the operating system said as its own error: it is no fault of the movie."""
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and number in (5, 13, 27, 28, 30, 122):
        raise OSError(number, os.strerror(number), str(path)) from error
    return
