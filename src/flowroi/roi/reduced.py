"""Frames at half the resolution: where noise, background, drift and the evidence for cells are estimated."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.roi.grey import Frame

# The measurements behind this choice are in docs/benchmarks.md: half the resolution costs a quarter of the time, and
# averaging four pixels finds faint cells that the full resolution loses in the noise.
REDUCTION = 2

Plane = npt.NDArray[np.float32]


def reduce_frame(frame: Frame) -> Plane:
    """Average blocks of 2×2 pixels; an odd last row or column is repeated.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16

    Returns
    -------
    ndarray, shape (ceil(Y / 2), ceil(X / 2)), float32
        Grey levels.

    Examples
    --------
    >>> import numpy as np
    >>> reduce_frame(np.array([[1, 2, 9], [3, 4, 9]], np.uint8)).tolist()
    [[2.5, 9.0]]
    """
    height, width = frame.shape
    if height % REDUCTION or width % REDUCTION:
        frame = cv2.copyMakeBorder(frame, 0, height % REDUCTION, 0, width % REDUCTION, cv2.BORDER_REPLICATE)
    exact = frame.astype(np.float32)
    size = (exact.shape[1] // REDUCTION, exact.shape[0] // REDUCTION)
    return np.asarray(cv2.resize(exact, size, interpolation=cv2.INTER_AREA), np.float32)


def enlarge(plane: npt.NDArray[np.float32], shape: tuple[int, ...]) -> Plane:
    """Interpolate a plane back to the (Y, X) of the frame that it was reduced from."""
    height, width = shape
    full = cv2.resize(plane, (plane.shape[1] * REDUCTION, plane.shape[0] * REDUCTION), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full[:height, :width], np.float32)
