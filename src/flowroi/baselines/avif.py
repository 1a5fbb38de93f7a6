"""AVIF: AV1 still pictures through libavif."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import imagecodecs
import numpy as np

from flowroi.baselines.base import Frame, Mask, checked, require_codec
from flowroi.baselines.search import MOST_ENCODES, encode_within
from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.params import check_integer

_DEPTHS = (10, 12)
# libavif's quality: 100 would be lossless, which is another mode of AV1.
_FINEST, _COARSEST = 1, 100


@dataclass(frozen=True, slots=True)
class Avif:
    """AVIF, monochrome (4:0:0), full range, one thread, the quality searched; see `Baseline`.

    Samples of 16 bits must not need more than 12, which is all that AV1 has; they are coded with 10 or 12.

    Parameters
    ----------
    speed : int in [0, 10], default 6
        libavif's own default is 6.

    Raises
    ------
    InvalidParameterError
        If the speed is outside its range.
    MissingDependencyError
        If imagecodecs was built without libavif.
    """

    name: ClassVar[str] = "AVIF (libavif)"
    key: ClassVar[str] = "avif"
    speed: int = 6

    def __post_init__(self) -> None:
        check_integer("speed", self.speed, low=0, high=10)
        require_codec("AVIF", "libavif")

    def encode(self, frame: Frame, rate: float, roi: Mask | None = None) -> bytes:  # noqa: ARG002
        """See `Baseline.encode`."""
        frame, budget = checked(frame, rate)
        depth = _depth(frame)
        # imagecodecs codes grey arrays without loss, whatever the quality; three equal channels become the same 4:0:0.
        channels = np.repeat(frame[..., np.newaxis], 3, axis=2)

        def code(coarseness: float) -> bytes:
            return bytes(
                imagecodecs.avif_encode(
                    channels,
                    level=100 - int(coarseness),
                    speed=self.speed,
                    bitspersample=depth,
                    pixelformat=imagecodecs.AVIF.PIXEL_FORMAT.YUV400,
                    numthreads=1,
                )
            )

        return encode_within(code, budget, finest=_FINEST, coarsest=_COARSEST, slope=-0.05, whole=True)

    def decode(self, data: bytes) -> Frame:
        """See `Baseline.decode`."""
        try:
            return np.asarray(imagecodecs.avif_decode(data, numthreads=1))
        except imagecodecs.AvifError as error:
            raise CorruptDataError(f"libavif cannot decode the file: {error}") from error

    def describe(self) -> dict[str, Any]:
        """See `Baseline.describe`."""
        return {
            "key": self.key,
            "name": self.name,
            "library": f"{imagecodecs.avif_version()}, imagecodecs {imagecodecs.__version__}",
            "settings": {
                "speed": self.speed,
                "pixel_format": "4:0:0",
                "range": "full",
                "searched": "quality",
                "most_encodes": MOST_ENCODES,
            },
        }


def _depth(frame: Frame) -> int:
    if frame.dtype == np.uint8:
        return 8
    bits = int(frame.max()).bit_length()
    for depth in _DEPTHS:
        if bits <= depth:
            return depth
    raise UnsupportedFormatError(
        f"the frame's largest sample is {int(frame.max())}, which needs {bits} bits; AVIF has at most {_DEPTHS[-1]}: "
        "leave this baseline out, or scale the movie down"
    )
