"""Plain JPEG 2000 through OpenJPEG: what FlowRoI is compared with."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, features


def openjpeg_encode(frame: npt.NDArray[Any], rate: float) -> bytes:
    """Encode a frame with OpenJPEG's usual settings: 9/7, 5 levels, 64×64 code-blocks, one layer, raw codestream.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
    rate : float > 1
        Raw bytes over encoded bytes.

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
        num_resolutions=6,
        no_jp2=True,
    )
    return stream.getvalue()


def openjpeg_version() -> str:
    """Return the version of the library that `openjpeg_encode` uses."""
    return str(features.version("jpg_2000"))
