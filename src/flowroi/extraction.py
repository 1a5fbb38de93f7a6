"""The masks of a movie as files: what `flowroi roi` does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.archives.atomic import discard, publish, temporary_beside
from flowroi.errors import FlowRoIError, InvalidParameterError
from flowroi.output import check_target
from flowroi.params import RoiMethod, RoiParams, check_integer
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi import FUSED_IS_FLOW, SINGLE_FRAME, draw_overlay, iter_roi
from flowroi.sources import open_source


@dataclass(frozen=True, slots=True)
class RoiReport:
    """The share of RoI pixels in every frame, by name, and what a user should know."""

    shares: tuple[tuple[str, float], ...]
    warnings: tuple[str, ...]

    @property
    def mean_share(self) -> float:
        """Mean share of RoI pixels."""
        return float(np.mean([share for _, share in self.shares]))


def save_roi(
    source: str | PathLike[str],
    target: Path,
    params: RoiParams,
    *,
    method: RoiMethod = "fused",
    workers: int | None = None,
    overlays: bool = True,
    pattern: str | None = None,
    channel: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> RoiReport:
    """Write the masks of a movie into a folder that appears when it is complete.

    Parameters
    ----------
    source : path
        What `open_source` reads.
    target : Path
        Folder for `<frame>_roi.png` (0 and 255) and `<frame>_overlay.png`.
    params : RoiParams
    method : "fused" or "flow", default "fused"
    workers : int, optional
        Threads; all cores by default. They do not change the masks.
    overlays : bool, default True
        Also draw every mask over its frame.
    pattern, channel
        See `open_source`.
    overwrite : bool, default False
        Replace a folder of masks that exists.
    progress : callable, optional
        Called with (frames done, frames in all).

    Raises
    ------
    FlowRoIError
        Bad parameters, input or output; nothing is left behind then.
    """
    if method not in get_args(RoiMethod):
        raise InvalidParameterError(f"roi_method is {method!r}; expected one of {', '.join(get_args(RoiMethod))}")
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    count = workers or available_cores()
    with open_source(source, pattern=pattern, channel=channel) as opened:
        check_target(target, inputs=[opened.path], overwrite=overwrite, replaceable=("*_roi.png", "*_overlay.png"))
        temporary = temporary_beside(target)
        shares: list[tuple[str, float]] = []
        pending: deque[Future[tuple[str, float]]] = deque()

        def collect(limit: int) -> None:
            while len(pending) > limit:
                shares.append(pending.popleft().result())
                if progress is not None:
                    progress(len(shares), len(opened))

        try:
            temporary.mkdir()
            with opencv_threads(1), ThreadPoolExecutor(count) as pool:
                try:
                    pairs = iter_roi(opened, params, method=method, executor=pool, look_ahead=2 * count)
                    for (frame, mask), name in zip(pairs, opened.frame_names, strict=True):
                        pending.append(pool.submit(_save, temporary, name, frame, mask, overlays))
                        collect(2 * count)
                    collect(0)
                finally:
                    pool.shutdown(wait=True, cancel_futures=True)
            publish(temporary, target, overwrite=overwrite)
        except BaseException:
            discard(temporary)
            raise
        warnings = [*opened.warnings, *([FUSED_IS_FLOW] if method == "fused" else [])]
        if len(opened) == 1:
            warnings.append(SINGLE_FRAME)
    return RoiReport(tuple(shares), tuple(warnings))


def _save(
    folder: Path, name: str, frame: npt.NDArray[Any], mask: npt.NDArray[np.bool_], overlay: bool
) -> tuple[str, float]:
    write_png(folder / f"{name}_roi.png", np.where(mask, np.uint8(255), np.uint8(0)))
    if overlay:
        write_png(folder / f"{name}_overlay.png", draw_overlay(frame, mask))
    return name, float(mask.mean())


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write a grey (Y, X) or RGB (Y, X, 3) image; a failure is an error, which OpenCV's own writer only hints at."""
    done, data = cv2.imencode(".png", image if image.ndim == 2 else image[..., ::-1])
    if not done:
        raise FlowRoIError(f"the image of shape {image.shape} cannot be coded as PNG", path=path)
    path.write_bytes(data.tobytes())
