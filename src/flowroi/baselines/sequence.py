"""Plain video codecs: a whole movie as it is, without RoI or treatment, at one even quality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from platform import machine
from typing import Any, Final, NamedTuple

import numpy as np

from flowroi.baselines.base import Frame
from flowroi.errors import CorruptDataError, InvalidParameterError, MissingDependencyError, UnsupportedFormatError
from flowroi.extras import need
from flowroi.params import check_integer
from flowroi.sequence.encoder import (
    CRF_STEP,
    SequenceCodec,
    SequenceFormat,
    VideoLayout,
    open_encoder,
    picture_of,
    to_samples,
)

DEFAULT_GOP: Final = 64
_ONE_SECOND: Final = Fraction(1)
_AVC_PRESETS = ("placebo", "veryslow", "slower", "slow", "medium", "fast", "faster", "veryfast", "superfast")
# With AVX-512, x264 reads memory that nobody wrote where a row is no multiple of 16 macroblocks: no two runs are alike.
_AVC_INSTRUCTIONS = ":asm=SSE4.2" if machine().lower() in ("x86_64", "amd64") else ""


class _Codec(NamedTuple):
    name: str
    codec: str
    encoder: str
    decoder: str
    preset: int
    fastest_preset: int
    most_bits: int
    # Where nothing but rounding is lost, or less than a lossless mode; and the coarsest.
    crf: tuple[float, float]


_CODECS = {
    "svt-av1": _Codec("AV1 (SVT-AV1)", "av1", "libsvtav1", "libdav1d", 7, 13, 10, (1.0, 63.0)),
    "x265": _Codec("HEVC (x265)", "hevc", "libx265", "hevc", 4, 8, 12, (1.0, 51.0)),
    "x264": _Codec("AVC (x264)", "avc", "libx264", "h264", 4, 8, 10, (1.0, 51.0)),
}
SEQUENCE_BASELINES: Final = tuple(_CODECS)


class Packet(NamedTuple):
    """What is stored of frame `t`, in the order in which it is decoded."""

    t: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AvcFormat:
    """How frames are laid out for x264: what `SequenceFormat` is for the codecs of archives; see there."""

    height: int
    width: int
    significant_bits: int
    preset: int
    gop: int

    @property
    def codec(self) -> str:
        """The codec's name."""
        return "avc"

    @property
    def bits(self) -> int:
        """Bits of the coded samples."""
        return 8 if self.significant_bits <= 8 else 10

    @property
    def shift(self) -> int:
        """How far samples are shifted up before they are coded."""
        return self.bits - self.significant_bits

    @property
    def coded_size(self) -> tuple[int, int]:
        """(Y, X) of the coded frames, px: even, and a macroblock at least."""
        height, width = (-(-max(size, 16) // 2) * 2 for size in (self.height, self.width))
        return height, width

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name."""
        return "gray" if self.bits == 8 else "gray10le"

    def options(self, crf: float) -> dict[str, str]:
        """Return the encoder's options; one thread, closed groups of pictures, no key frames of its own accord."""
        return {
            "preset": _AVC_PRESETS[self.preset],
            "crf": f"{crf:g}",
            "x264-params": f"threads=1:lookahead-threads=1:scenecut=0:open-gop=0:keyint={self.gop}"
            f":min-keyint={self.gop}{_AVC_INSTRUCTIONS}",
        }


@dataclass(frozen=True, slots=True)
class PlainVideo:
    """A video codec on a whole movie as it is; monochrome where the codec knows it, full range, one thread.

    Parameters
    ----------
    key : "svt-av1", "x265" or "x264"
    preset : int, optional
        The higher, the faster: 0 to 13 for SVT-AV1 (default 7), 0 to 8 for the others (default 4, their "medium").
    gop : int >= 1, default 64
        Frames from key frame to key frame.

    Raises
    ------
    InvalidParameterError
        For another key, or a parameter outside its range.
    MissingDependencyError
        Without PyAV, or if its FFmpeg was built without the codec.

    Examples
    --------
    >>> codec = PlainVideo("svt-av1", gop=8)
    >>> movie = [np.full((48, 64), 20 * t, np.uint8) for t in range(10)]
    >>> layout = codec.layout((48, 64), 8)
    >>> stored = list(codec.encode(layout, movie, crf=30))
    >>> sorted(packet.t for packet in stored) == list(range(10))
    True
    >>> [(t, int(frame[24, 32])) for t, frame in codec.decode(layout, stored, np.uint8)][-2:]
    [(8, 160), (9, 180)]
    """

    key: str
    preset: int | None = None
    gop: int = DEFAULT_GOP

    def __post_init__(self) -> None:
        if self.key not in _CODECS:
            raise InvalidParameterError(
                f"baseline is {self.key!r}; expected one of {', '.join(SEQUENCE_BASELINES)}, which code whole movies"
            )
        check_integer("preset", self._preset, low=0, high=self._codec.fastest_preset)
        check_integer("gop", self.gop, low=1, high=10_000)
        av = need("av", extra="video")
        for name, mode in ((self._codec.encoder, "w"), (self._codec.decoder, "r")):
            try:
                av.codec.Codec(name, mode)
            except ValueError as error:
                raise MissingDependencyError(
                    f"the installed PyAV {av.__version__} was built without {name}; install its wheel from PyPI, or "
                    f"leave the baseline {self.key} out"
                ) from error

    @property
    def _codec(self) -> _Codec:
        return _CODECS[self.key]

    @property
    def _preset(self) -> int:
        return self._codec.preset if self.preset is None else self.preset

    @property
    def name(self) -> str:
        """The name for people."""
        return self._codec.name

    @property
    def crf_range(self) -> tuple[float, float]:
        """The finest and the coarsest quality factor; multiples of `CRF_STEP` between them are used."""
        return self._codec.crf

    def layout(self, shape: tuple[int, int], significant_bits: int) -> VideoLayout:
        """Return how frames are laid out for the codec.

        Parameters
        ----------
        shape : (int, int)
            (Y, X), px.
        significant_bits : int

        Raises
        ------
        UnsupportedFormatError
            If the codec does not take samples so deep.
        """
        if significant_bits > self._codec.most_bits:
            raise UnsupportedFormatError(
                f"the samples use {significant_bits} bits; {self.name} takes at most {self._codec.most_bits}, and "
                "nothing is cut silently"
            )
        height, width = shape
        if self._codec.codec == "avc":
            return AvcFormat(height, width, significant_bits, self._preset, self.gop)
        codec: SequenceCodec = "av1" if self._codec.codec == "av1" else "hevc"
        # As the encoder comes: what we set for treated movies is not for plain ones.
        return SequenceFormat(codec, height, width, significant_bits, self._preset, self.gop, settings="")

    def encode(
        self, layout: VideoLayout, frames: Iterable[Frame], crf: float, interval_s: Fraction = _ONE_SECOND
    ) -> Iterator[Packet]:
        """Encode a movie as its frames come; yields packets in the order in which they are decoded.

        Parameters
        ----------
        layout : VideoLayout
            See `layout`.
        frames : iterable of ndarray, shape (Y, X), uint8 or uint16
        crf : float
            Quality factor, within `crf_range`; the higher, the coarser.
        interval_s : Fraction, default 1
            From frame to frame.

        Raises
        ------
        InvalidParameterError
            If the quality factor is outside its range.
        UnsupportedFormatError
            If a sample needs more bits than the layout has.
        """
        low, high = self.crf_range
        if not low <= crf <= high:
            raise InvalidParameterError(f"crf is {crf!r}; expected {low:g} to {high:g}")
        encoder = open_encoder(layout, crf, interval_s, in_band=True)
        for t, frame in enumerate(frames):
            for packet in encoder.encode(picture_of(frame, layout, t, interval_s)):
                yield Packet(int(packet.pts), bytes(packet))
        for packet in encoder.encode(None):
            yield Packet(int(packet.pts), bytes(packet))

    def decode(
        self, layout: VideoLayout, stored: Iterable[Packet], dtype: np.dtype[Any] | type[np.generic]
    ) -> Iterator[tuple[int, Frame]]:
        """Decode packets as they come; yields (t, frame) in order of time.

        Parameters
        ----------
        layout : VideoLayout
        stored : iterable of Packet
            Whole groups of pictures, in the order that `encode` has; groups may be left out.
        dtype : dtype
            uint8 or uint16, of the movie.

        Raises
        ------
        CorruptDataError
            If the codec cannot read them.
        """
        av = need("av", extra="video")
        decoder = av.CodecContext.create(self._codec.decoder, "r")
        decoder.thread_count = 1
        try:
            for t, data in stored:
                packet = av.Packet(data)
                packet.pts = t
                for picture in decoder.decode(packet):
                    yield int(picture.pts), to_samples(picture, layout, np.dtype(dtype))
            for picture in decoder.decode(None):
                yield int(picture.pts), to_samples(picture, layout, np.dtype(dtype))
        except av.error.FFmpegError as error:
            raise CorruptDataError(f"{self._codec.decoder} cannot decode the movie: {error}") from error

    def describe(self) -> dict[str, Any]:
        """Return key, name, the library's version and the settings, ready for JSON."""
        av = need("av", extra="video")
        version = ".".join(map(str, av.library_versions["libavcodec"]))
        return {
            "key": self.key,
            "name": self.name,
            "library": f"{self._codec.encoder} in libavcodec {version}, PyAV {av.__version__}",
            "settings": {
                "preset": self._preset if self.key == "svt-av1" else _AVC_PRESETS[self._preset],
                "gop": self.gop,
                "threads": 1,
                "chosen": f"crf in steps of {CRF_STEP:g}",
            },
        }
