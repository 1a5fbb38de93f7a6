"""What RoI extraction says of a frame: the mask, the soft weights, and how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RoiDiagnostics:
    """How a frame's RoI came about.

    Attributes
    ----------
    roi_share : float
        Share of the pixels, 0 to 1.
    components : int
        Separate pieces of the mask (cells that touch count as one).
    confidence : float or None
        How far the pieces stand out of what would just be kept, 0 to 1: 0 at the threshold or where the method fell
        back, 0.5 at twice the threshold. None where the method does not tell.
    noise : float or None
        Standard deviation of the noise and fine texture in the background, grey levels.
    drift_px : (float, float) or None
        Position (dy, dx) of the stage against the movie's first frame.
    warning : str
        Why the method is out of its depth on this frame, and what was done instead; empty where it is not.
    """

    roi_share: float
    components: int
    confidence: float | None = None
    noise: float | None = None
    drift_px: tuple[float, float] | None = None
    warning: str = ""


# Where there is no RoI, everything is.
WHOLE_FRAME = RoiDiagnostics(1.0, 1)


@dataclass(frozen=True, slots=True)
class FrameRoi:
    """The RoI of one frame.

    Attributes
    ----------
    mask : ndarray, shape (Y, X), bool
    weights : ndarray, shape (ceil(Y / 2), ceil(X / 2)), float32, or None
        Importance, 0 to 1, at half the resolution; None where the mask says it all.
    diagnostics : RoiDiagnostics
    """

    mask: Mask
    weights: Weights | None
    diagnostics: RoiDiagnostics
