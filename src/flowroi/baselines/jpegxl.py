"""JPEG XL (ISO/IEC 18181) through libjxl."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import imagecodecs
import numpy as np

from flowroi.baselines.base import Frame, Mask, checked, require_codec
from flowroi.baselines.search import MOST_ENCODES, encode_within
from flowroi.errors import CorruptDataError
from flowroi.params import check_integer

# libjxl takes distances from 0.01 to 25; 1 is meant to look like the original.
_FINEST, _COARSEST = 0.01, 25.0


@dataclass(frozen=True, slots=True)
class JpegXl:
    """JPEG XL, lossy (VarDCT), grey, one thread, the distance searched; see `Baseline`.

    Its distance is about what an eye sees on a display, not about squared errors: PSNR is not what it optimises.

    Parameters
    ----------
    effort : int in [1, 9], default 7
        libjxl's own default.
    significant_bits : int in [9, 16], optional
        Of uint16 samples; by default of the frame's largest sample. Samples are not scaled.

    Raises
    ------
    InvalidParameterError
        If a parameter is outside its range.
    MissingDependencyError
        If imagecodecs was built without libjxl.
    """

    name: ClassVar[str] = "JPEG XL (libjxl)"
    key: ClassVar[str] = "jpegxl"
    effort: int = 7
    significant_bits: int | None = None

    def __post_init__(self) -> None:
        check_integer("effort", self.effort, low=1, high=9)
        if self.significant_bits is not None:
            check_integer("significant_bits", self.significant_bits, low=9, high=16)
        require_codec("JPEGXL", "libjxl")

    def encode(self, frame: Frame, rate: float, roi: Mask | None = None) -> bytes:  # noqa: ARG002
        """See `Baseline.encode`."""
        frame, budget = checked(frame, rate)
        bits = 8
        if frame.dtype == np.uint16:
            # What exceeds the declared bits would be clipped.
            bits = max(9, int(frame.max()).bit_length(), self.significant_bits or 0)

        def code(log_distance: float) -> bytes:
            return bytes(
                imagecodecs.jpegxl_encode(
                    frame,
                    distance=math.exp(log_distance),
                    effort=self.effort,
                    lossless=False,
                    bitspersample=bits,
                    photometric="gray",
                    numthreads=1,
                )
            )

        return encode_within(code, budget, finest=math.log(_FINEST), coarsest=math.log(_COARSEST), slope=-1.0)

    def decode(self, data: bytes) -> Frame:
        """See `Baseline.decode`."""
        try:
            return np.asarray(imagecodecs.jpegxl_decode(data, numthreads=1))
        except (imagecodecs.JpegxlError, ValueError) as error:
            raise CorruptDataError(f"libjxl cannot decode the stream: {error}") from error

    def describe(self) -> dict[str, Any]:
        """See `Baseline.describe`."""
        return {
            "key": self.key,
            "name": self.name,
            "library": f"{imagecodecs.jpegxl_version()}, imagecodecs {imagecodecs.__version__}",
            "settings": {
                "effort": self.effort,
                "significant_bits": self.significant_bits,
                "searched": "distance",
                "most_encodes": MOST_ENCODES,
            },
        }
