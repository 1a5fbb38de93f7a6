"""The RoI of every frame of a movie: the stages in order, streaming, with a bounded look-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.params import RoiMethod, RoiParams
from flowroi.roi.denoise import denoise
from flowroi.roi.grey import Frame, Grey, GreyMapping
from flowroi.roi.mask import Mask, roi_mask
from flowroi.roi.optical_flow import dense_flow
from flowroi.roi.saliency import motion_saliency
from flowroi.roi.stabilise import estimate_drift, undo_drift

FUSED_IS_FLOW = 'roi method "fused" is not built yet and uses "flow", the paper\'s method, in this release'
SINGLE_FRAME = "one frame only: no motion can be seen, so the whole frame is the RoI (plain JPEG 2000)"


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
        At least one frame. A single frame shows no motion: its mask is all True.
    params : RoiParams, optional
        The paper's defaults if not given.
    method : "fused" or "flow", default "fused"
        `"flow"` is the paper's method. `"fused"` is not built yet and gives the same in this release.
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
    masks = [mask for _, mask in iter_roi(frames, checked, method=method)]
    return np.stack(masks)


def iter_roi(
    frames: Iterable[Frame],
    params: RoiParams,
    *,
    method: RoiMethod = "fused",
    executor: Executor | None = None,
    look_ahead: int = 0,
) -> Iterator[tuple[Frame, Mask]]:
    """Yield every frame with its mask, in order, reading only a few frames ahead.

    Parameters
    ----------
    frames : iterable of (Y, X) frames, uint8 or uint16
    params : RoiParams
    method : "fused" or "flow", default "fused"
    executor : Executor, optional
        Threads that share the work; the masks do not depend on it.
    look_ahead : int, default 0
        Frames read beyond the `step + adjacent_factor` that a mask needs, to keep an executor busy.

    Yields
    ------
    (ndarray, ndarray)
        The frame as it came, and its mask, (Y, X) bool.
    """
    if method not in get_args(RoiMethod):
        raise InvalidParameterError(f"method is {method!r}; expected one of {', '.join(get_args(RoiMethod))}")
    return _Extraction(params, executor, look_ahead).run(_checked(frames))


@dataclass(slots=True)
class _Prepared:
    """A frame ready for pairing: as it came, and denoised."""

    grey: Grey
    smooth: Grey


class _Extraction:
    """One movie's extraction: which frames are in flight and what is computed from them."""

    def __init__(self, params: RoiParams, executor: Executor | None, look_ahead: int) -> None:
        self.params = params
        self.executor = executor
        self.look_ahead = look_ahead

    def run(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, Mask]]:
        step, reach = self.params.step, self.params.adjacent_factor
        ahead = step + reach + self.look_ahead
        raw: deque[Frame] = deque()  # from frame `first_raw` on
        prepared: dict[int, Future[_Prepared]] = {}
        masks: dict[int, Future[Mask]] = {}
        mapping: GreyMapping | None = None
        read = paired = out = 0
        ended = False
        while True:
            while not ended and read <= out + ahead:
                frame = next(frames, None)
                if frame is None:
                    ended = True
                    break
                mapping = mapping or GreyMapping.of_first(frame)
                raw.append(frame)
                prepared[read] = self._submit(_prepare, frame, mapping, self.params)
                read += 1
            if out >= read:
                return
            while paired < read and (ended or paired + step < read):
                masks[paired] = self._pair(paired, read, prepared)
                prepared.pop(paired - 2 * step, None)
                paired += 1
            union = masks[out].result()
            for t in range(max(0, out - reach), min(read, out + reach + 1)):
                if t != out:
                    union = union | masks[t].result()
            masks.pop(out - reach, None)
            yield raw.popleft(), union
            out += 1

    def _pair(self, t: int, total: int, prepared: dict[int, Future[_Prepared]]) -> Future[Mask]:
        """Mask of frame t: from frame t + step, or near the end (when `total` is the movie's length) from t - step."""
        if t + self.params.step < total:
            other = t + self.params.step
        elif t - self.params.step >= 0:
            other = t - self.params.step
        else:
            # A movie shorter than the step: the frame farthest away that there is.
            other = total - 1 if total - 1 - t >= t else 0
        return self._submit(_mask_of_pair, prepared[t], prepared.get(other), self.params)

    def _submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if self.executor is not None:
            return self.executor.submit(function, *arguments)
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done


def _prepare(frame: Frame, mapping: GreyMapping, params: RoiParams) -> _Prepared:
    grey = mapping(frame)
    return _Prepared(grey, denoise(grey) if params.denoise else grey)


def _mask_of_pair(first: Future[_Prepared], second: Future[_Prepared] | None, params: RoiParams) -> Mask:
    # Waiting inside the pool is safe: a frame is always submitted before the pairs that need it.
    here = first.result()
    if second is None or second is first:
        return np.ones(here.grey.shape, np.bool_)
    there = second.result()
    drift = estimate_drift(here.grey, there.grey, params)
    flow = dense_flow(here.smooth, undo_drift(there.smooth, drift))
    return roi_mask(motion_saliency(flow, params.alpha), params)


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
