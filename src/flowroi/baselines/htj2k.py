"""High-throughput JPEG 2000 (ISO/IEC 15444-15) through OpenJPH."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import imagecodecs
import numpy as np

from flowroi.baselines.base import Frame, Mask, checked, require_codec
from flowroi.baselines.search import MOST_ENCODES, encode_within
from flowroi.errors import CorruptDataError

# Steps relative to the range of the samples: at the finest, nothing but rounding is lost; beyond the coarsest, OpenJPH
# changes no more.
_FINEST_OF_LEVEL = 0.25
_COARSEST = 1.0


@dataclass(frozen=True, slots=True)
class Htj2k:
    """HTJ2K: 9/7, 5 levels, 64×64 code-blocks, the quantiser step searched; see `Baseline`.

    OpenJPH has no rate control: one step serves the whole frame, and whole code-blocks follow it.

    Raises
    ------
    MissingDependencyError
        If imagecodecs was built without OpenJPH.
    """

    name: ClassVar[str] = "HTJ2K (OpenJPH)"
    key: ClassVar[str] = "htj2k"

    def __post_init__(self) -> None:
        require_codec("HTJ2K", "OpenJPH")

    def encode(self, frame: Frame, rate: float, roi: Mask | None = None) -> bytes:  # noqa: ARG002
        """See `Baseline.encode`."""
        frame, budget = checked(frame, rate)

        def code(log_step: float) -> bytes:
            return bytes(imagecodecs.htj2k_encode(frame, math.exp(log_step), reversible=False))

        finest = math.log(_FINEST_OF_LEVEL / 2 ** (8 * frame.itemsize))
        return encode_within(code, budget, finest=finest, coarsest=math.log(_COARSEST), slope=-1.0)

    def decode(self, data: bytes) -> Frame:
        """See `Baseline.decode`."""
        try:
            return np.asarray(imagecodecs.htj2k_decode(data))
        except imagecodecs.Htj2kError as error:
            raise CorruptDataError(f"OpenJPH cannot decode the stream: {error}") from error

    def describe(self) -> dict[str, Any]:
        """See `Baseline.describe`."""
        return {
            "key": self.key,
            "name": self.name,
            "library": f"{imagecodecs.htj2k_version()}, imagecodecs {imagecodecs.__version__}",
            "settings": {"reversible": False, "searched": "quantiser step", "most_encodes": MOST_ENCODES},
        }
