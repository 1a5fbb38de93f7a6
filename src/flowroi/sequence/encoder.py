"""Frames to the packets of AV1 (SVT-AV1) or HEVC (x265), through PyAV, the same bytes whatever the threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from flowroi.errors import UnsupportedFormatError
from flowroi.extras import need
from flowroi.resources import ordinary_scheduling

Frame = npt.NDArray[Any]
SequenceCodec = Literal["av1", "hevc"]
# SVT-AV1 takes no frame below 4 px; x265 writes past its buffers on deep frames narrower than a coding unit.
_LEAST_PX = {"av1": 16, "hevc": 64}
_MULTIPLE_PX = {"av1": 1, "hevc": 8}
_MOST_BITS = {"av1": 10, "hevc": 12}
ENCODERS = {"av1": "libsvtav1", "hevc": "libx265", "avc": "libx264"}
CRF_RANGE = {"av1": (1.0, 63.0), "hevc": (0.0, 51.0)}
CRF_STEP = 0.25
_HEVC_PRESETS = ("placebo", "veryslow", "slower", "slow", "medium", "fast", "faster", "veryfast", "superfast")
# For movies whose background is treated (figures in docs/benchmarks.md): no temporal filter, which smooths key frames,
# cells and all; the tools for screens, which held backgrounds resemble, always, instead of when a guess says so;
# quality spread more evenly over the frames.
AV1_SETTINGS = "enable-tf=0:scm=1:qp-scale-compress-strength=1:hierarchical-levels=3"
# And for cells smaller than a block: finer where a block is flat in part, which is where a cell meets the background,
# and no filter across directions, which finds noise there.
AV1_SMALL_CELLS = f"{AV1_SETTINGS}:enable-cdef=0:enable-variance-boost=1:variance-boost-strength=1:variance-octile=2"
# Blocks less full of RoI than this: where those settings gain (0.2 to 0.35) and lose (0.45 to 0.6).
_SMALL_CELLS = 0.4
# SVT-AV1's fastest preset that reaches high qualities on 10 bits.
FINEST_PRESET = 7
_BITEXACT = 1 << 23
_GLOBAL_HEADER = 1 << 22
_FULL_RANGE = 2
# What SVT-AV1 takes; it steers nothing, and time stamps tell the time.
_MOST_FPS = 240


class VideoLayout(Protocol):
    """What encoder and decoder need to know of the frames; see `SequenceFormat`."""

    @property
    def codec(self) -> str: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def significant_bits(self) -> int: ...  # noqa: D102
    @property
    def bits(self) -> int: ...  # noqa: D102
    @property
    def shift(self) -> int: ...  # noqa: D102
    @property
    def coded_size(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def pixel_format(self) -> str: ...  # noqa: D102
    def options(self, crf: float) -> dict[str, str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class SequenceFormat:
    """How frames are laid out for a codec.

    Parameters
    ----------
    codec : "av1" or "hevc"
    height, width : int
        Of the movie, px.
    significant_bits : int
        Of its samples.
    preset : int, 0 to 13 for AV1, 0 to 8 for HEVC
        The higher, the faster.
    gop : int >= 1
        Frames from key frame to key frame.
    settings : str, optional
        More of SVT-AV1's own parameters, with colons between them; by default those that suit treated movies.
    """

    codec: SequenceCodec
    height: int
    width: int
    significant_bits: int
    preset: int
    gop: int
    settings: str = AV1_SETTINGS

    def __post_init__(self) -> None:
        most = _MOST_BITS[self.codec]
        if self.significant_bits > most:
            raise UnsupportedFormatError(
                f"the samples use {self.significant_bits} bits; {self.codec} keeps at most {most}, and nothing is cut "
                "silently: use --codec jpeg2000, which keeps 16"
            )

    @property
    def bits(self) -> int:
        """Bits of the coded samples."""
        if self.codec == "av1":
            return 10
        return next(bits for bits in (8, 10, 12) if bits >= self.significant_bits)

    @property
    def shift(self) -> int:
        """How far samples are shifted up before they are coded."""
        return self.bits - self.significant_bits

    @property
    def coded_size(self) -> tuple[int, int]:
        """(Y, X) of the coded frames, px: small ones are padded below and on the right."""
        least, multiple = _LEAST_PX[self.codec], _MULTIPLE_PX[self.codec]
        height, width = (-(-max(size, least) // multiple) * multiple for size in (self.height, self.width))
        return height, width

    @property
    def reordered(self) -> int:
        """How many frames later than in order of time a packet may come: HEVC's pyramid is two deep."""
        return 0 if self.codec == "av1" else 2

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name: SVT-AV1 takes no grey, so that its chroma is constant."""
        if self.codec == "av1":
            return "yuv420p10le"
        return "gray" if self.bits == 8 else f"gray{self.bits}le"

    def options(self, crf: float) -> dict[str, str]:
        """Return the encoder's options; one thread, closed groups of pictures, no key frames of its own accord."""
        if self.codec == "av1":
            return {
                "preset": str(self.preset),
                "g": str(self.gop),
                # FFmpeg's own crf would be rounded to a whole number.
                "svtav1-params": ":".join(filter(None, (f"crf={crf:g}:lp=1:scd=0", self.settings))),
            }
        return {
            "preset": _HEVC_PRESETS[self.preset],
            "crf": f"{crf:g}",
            "x265-params": f"pools=none:frame-threads=1:scenecut=0:open-gop=0:keyint={self.gop}:min-keyint={self.gop}"
            ":info=0:log-level=error",
        }

    def describe(self) -> dict[str, Any]:
        """Return the layout for the manifest."""
        return {
            "coded_bits": self.bits,
            "shift": self.shift,
            "coded_size": list(self.coded_size),
            "pixel_format": self.pixel_format,
            **({"settings": self.settings} if self.codec == "av1" else {}),
        }


def settings_for(filling: float) -> str:
    """Return SVT-AV1's own parameters for a movie whose blocks, where they hold RoI, are so full of it, 0 to 1."""
    return AV1_SMALL_CELLS if filling < _SMALL_CELLS else AV1_SETTINGS


def open_encoder(layout: VideoLayout, crf: float, interval_s: Fraction, *, in_band: bool = False) -> Any:
    """Return an open encoder (a PyAV codec context), its parameter sets within its packets or beside them."""
    context = need("av", extra="video").CodecContext.create(ENCODERS[layout.codec], "w")
    context.options = layout.options(crf)
    if not in_band:
        context.flags |= _GLOBAL_HEADER
    configured(context, layout, interval_s)
    with ordinary_scheduling():
        context.open()
    return context


def open_decoder(layout: SequenceFormat, encoder: Any) -> Any:
    """Return a decoder (a PyAV codec context) for the packets of an encoder that is open."""
    name = "libdav1d" if layout.codec == "av1" else "hevc"
    decoder = need("av", extra="video").CodecContext.create(name, "r")
    decoder.extradata, decoder.thread_count = encoder.extradata, 1
    return decoder


def configured(context: Any, layout: VideoLayout, interval_s: Fraction) -> Any:
    """Set size, samples and time of an encoder that is not open yet; what its packets need is the same each time."""
    # Read when the encoder starts: it would write its settings to stderr.
    os.environ.setdefault("SVT_LOG", "-1")
    context.height, context.width = layout.coded_size
    context.pix_fmt = layout.pixel_format
    context.time_base = interval_s
    context.framerate = min(1 / interval_s, _MOST_FPS)
    context.color_range = _FULL_RANGE
    context.flags |= _BITEXACT
    return context


def picture_of(frame: Frame, layout: VideoLayout, t: int, interval_s: Fraction) -> Any:
    """Return a frame as the encoder takes it.

    Raises
    ------
    UnsupportedFormatError
        If a sample needs more bits than the layout has.
    """
    peak = int(frame.max())
    if peak >> layout.significant_bits:
        raise UnsupportedFormatError(
            f"a sample is {peak}; the movie was taken to use {layout.significant_bits} bits: give --significant-bits, "
            "or use --codec jpeg2000"
        )
    height, width = layout.coded_size
    picture = need("av", extra="video").VideoFrame(width, height, layout.pixel_format)
    missing = height - layout.height, width - layout.width
    padded = np.pad(frame, ((0, missing[0]), (0, missing[1])), mode="edge") if any(missing) else frame
    for number, plane in enumerate(picture.planes):
        samples = _plane(plane, layout)
        if number == 0:
            np.left_shift(padded, layout.shift, out=samples[:, :width], dtype=samples.dtype, casting="unsafe")
        else:
            samples[:] = 1 << (layout.bits - 1)
    picture.pts = t
    picture.time_base = interval_s
    picture.color_range = _FULL_RANGE
    return picture


def to_samples(picture: Any, layout: VideoLayout, dtype: np.dtype[Any]) -> Frame:
    """Return a decoded picture as (Y, X), in the movie's own grey scale and size."""
    samples = _plane(picture.planes[0], layout)[: layout.height, : layout.width]
    if layout.shift:
        # In the coded depth there is room for the rounding: the highest sample is 1 below a power of two.
        samples = (samples + samples.dtype.type(1 << (layout.shift - 1))) >> samples.dtype.type(layout.shift)
    return np.asarray(np.minimum(samples, 2**layout.significant_bits - 1).astype(dtype))


def _plane(plane: Any, layout: VideoLayout) -> Frame:
    return np.frombuffer(plane, np.uint8 if layout.bits == 8 else np.dtype("<u2")).reshape(plane.height, -1)
