"""The RoI of every frame of a movie: checks the frames and hands them to the method asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.params import RoiMethod, RoiParams
from flowroi.roi.flow_extraction import FlowExtraction
from flowroi.roi.frame_roi import FrameRoi
from flowroi.roi.fused_extraction import FusedExtraction
from flowroi.roi.grey import Frame


def extract_roi(
    frames: npt.NDArray[Any] | Iterable[Frame],
    params: RoiParams | None = None,
    *,
    method: RoiMethod = "fused",
    **overrides: Any,
) -> npt.NDArray[np.bool_]:
    """Find the moving cells in every frame of a movie.

    Parameters
    ----------
    frames : ndarray, shape (T, Y, X), or iterable of (Y, X) frames, uint8 or uint16
        At least one frame. A single frame shows no motion: `flow` returns a mask that is all True, `fused` goes by
        appearance.
    params : RoiParams, optional
        The defaults if not given.
    method : "fused" or "flow", default "fused"
        `"fused"` weighs motion and appearance against a background model; `"flow"` is the paper's method.
    **overrides
        Fields of `RoiParams` to change.

    Returns
    -------
    ndarray, shape (T, Y, X), bool

    Raises
    ------
    InvalidParameterError
        For frames of the wrong kind or of different shapes, an unknown method, or bad parameters.

    References
    ----------
    FlowRoI, "Method".

    Examples
    --------
    >>> import numpy as np
    >>> movie = np.full((3, 64, 64), 120, np.uint8)
    >>> for t in range(3): movie[t, 20:40, 10 + 4 * t : 30 + 4 * t] = 60
    >>> roi = extract_roi(movie, method="flow", min_area_px=50)
    >>> bool(roi[1, 25:35, 15:33].any()), bool(roi[1, 55:, 55:].any())
    (True, False)
    """
    checked = (params or RoiParams()).with_overrides(**overrides)
    masks = [roi.mask for _, roi in iter_roi(frames, checked, method=method)]
    return np.stack(masks)


def iter_roi(
    frames: Iterable[Frame],
    params: RoiParams,
    *,
    method: RoiMethod = "fused",
    executor: Executor | None = None,
    look_ahead: int = 0,
) -> Iterator[tuple[Frame, FrameRoi]]:
    """Yield every frame with its mask, in order, reading only a few frames ahead.

    Parameters
    ----------
    frames : iterable of (Y, X) frames, uint8 or uint16
    params : RoiParams
    method : "fused" or "flow", default "fused"
    executor : Executor, optional
        Threads that share the work; the masks do not depend on it.
    look_ahead : int, default 0
        Frames read beyond those that a mask needs (`adjacent_factor`, and `step` in `flow` or the parameters'
        `look_ahead` in `fused`), to keep an executor busy.

    Yields
    ------
    (ndarray, FrameRoi)
        The frame as it came, and its RoI.
    """
    if method not in get_args(RoiMethod):
        raise InvalidParameterError(f"method is {method!r}; expected one of {', '.join(get_args(RoiMethod))}")
    extraction = FlowExtraction if method == "flow" else FusedExtraction
    return extraction(params, executor, look_ahead).run(_checked(frames))


def _checked(frames: Iterable[Frame]) -> Iterator[Frame]:
    shape: tuple[int, ...] | None = None
    dtype: Any = None
    for t, frame in enumerate(frames):
        if not isinstance(frame, np.ndarray) or frame.ndim != 2 or frame.size == 0:
            seen = f"shape {frame.shape}" if isinstance(frame, np.ndarray) else f"a {type(frame).__name__}"
            raise InvalidParameterError(f"{seen}; expected (Y, X) frames, both at least 1", frame=t)
        if frame.dtype not in (np.uint8, np.uint16):
            raise InvalidParameterError(f"pixel type {frame.dtype}; expected uint8 or uint16", frame=t)
        if shape is not None and (frame.shape != shape or frame.dtype != dtype):
            raise InvalidParameterError(
                f"{frame.shape} {frame.dtype}; expected {shape} {dtype} like the frames before", frame=t
            )
        shape, dtype = frame.shape, frame.dtype
        yield frame
    if shape is None:
        raise InvalidParameterError("there are no frames; expected at least one")
