"""Plain JPEG 2000 through OpenJPEG: what FlowRoI is compared with first."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from flowroi.baselines.base import Frame, Mask, checked
from flowroi.codec.decoder import decode
from flowroi.errors import QualityTargetError

_RESOLUTIONS = 6
# OpenJPEG may miss a small budget by some bytes; so often it is asked for less.
_ATTEMPTS = 8


def openjpeg_encode(frame: npt.NDArray[Any], rate: float) -> bytes:
    """Encode a frame with OpenJPEG's usual settings: 9/7, 5 levels, 64×64 code-blocks, one layer, raw codestream.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
    rate : float > 1
        Raw bytes over encoded bytes, as OpenJPEG understands it: for budgets of a few hundred bytes it may need more.

    Notes
    -----
    OpenJPEG refuses more levels than halve the shorter side to one pixel; frames of less than 32 get what it takes.

    Examples
    --------
    >>> frame = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    >>> len(openjpeg_encode(frame, 8)) <= 64 * 64 // 8
    True
    """
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(
        stream,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[rate],
        irreversible=True,
        num_resolutions=min(_RESOLUTIONS, min(frame.shape).bit_length()),
        no_jp2=True,
    )
    return stream.getvalue()


def openjpeg_version() -> str:
    """Return the version of the library that `openjpeg_encode` uses."""
    return str(features.version("jpg_2000"))


@dataclass(frozen=True, slots=True)
class OpenJpeg:
    """Plain JPEG 2000: `openjpeg_encode`, held to its budget; see `Baseline`.

    Where OpenJPEG overshoots, it is asked for higher rates, a few times.
    """

    name: ClassVar[str] = "JPEG 2000 (OpenJPEG)"
    key: ClassVar[str] = "openjpeg"

    def encode(self, frame: Frame, rate: float, roi: Mask | None = None) -> bytes:  # noqa: ARG002
        """See `Baseline.encode`."""
        return encode_within_budget(frame, rate)

    def decode(self, data: bytes) -> Frame:
        """See `Baseline.decode`."""
        return decode(data)

    def describe(self) -> dict[str, Any]:
        """See `Baseline.describe`."""
        return {"key": self.key, "name": self.name, **described()}


def described() -> dict[str, Any]:
    """Return library, version and settings of `openjpeg_encode`, ready for JSON."""
    return {
        "library": f"OpenJPEG {openjpeg_version()}, Pillow",
        "settings": {
            "quality_mode": "rates",
            "irreversible": True,
            "num_resolutions": _RESOLUTIONS,
            "container": "codestream",
        },
    }


def encode_within_budget(frame: Frame, rate: float) -> bytes:
    """Return `openjpeg_encode` of a frame at a rate, or at the next higher one that keeps to the rate's bytes.

    Raises
    ------
    QualityTargetError
        If OpenJPEG fails, or needs more bytes whatever it is asked for.
    """
    frame, budget = checked(frame, rate)
    asked, sizes = float(rate), []
    for _ in range(_ATTEMPTS):
        try:
            data = openjpeg_encode(frame, asked)
        except OSError as error:
            raise QualityTargetError(
                f"OpenJPEG cannot code a frame of shape {frame.shape} at {asked:g}:1 ({error}); ask for a lower rate"
            ) from error
        if len(data) <= budget:
            return data
        sizes.append(len(data))
        asked *= 1.01 * len(data) / max(budget, 1)
    raise QualityTargetError(
        f"OpenJPEG needs {min(sizes)} bytes for a frame of shape {frame.shape}; at {rate:g}:1 {budget} are allowed: "
        "ask for a lower rate"
    )
