"""The masks of a movie as files: what `flowroi roi` does."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from flowroi.archives.atomic import appearing
from flowroi.errors import InvalidParameterError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.output import check_target
from flowroi.params import RoiMethod, RoiParams, check_integer
from flowroi.png import write_png
from flowroi.report.compression import roi_warnings
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi import FrameRoi, RoiDiagnostics, draw_overlay, iter_roi
from flowroi.sources import Source, open_source

_TABLE = "roi.csv"


@dataclass(frozen=True, slots=True)
class RoiReport:
    """What is known of every frame's RoI, by the frame's name, and what a user should know."""

    frames: tuple[tuple[str, RoiDiagnostics], ...]
    warnings: tuple[str, ...]

    @property
    def mean_share(self) -> float:
        """Mean share of RoI pixels."""
        return float(np.mean([diagnostics.roi_share for _, diagnostics in self.frames]))


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
    max_pixels: int = DEFAULT_MAX_PIXELS,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> RoiReport:
    """Write the masks of a movie into a folder that appears when it is complete.

    Parameters
    ----------
    source : path
        What `open_source` reads.
    target : Path
        Folder for `<frame>_roi.png` (0 and 255), `<frame>_overlay.png` and `roi.csv`: `RoiDiagnostics`, a line a frame.
    params : RoiParams
    method : "fused" or "flow", default "fused"
    workers : int, optional
        Threads; all cores by default. They do not change the masks.
    overlays : bool, default True
        Also draw every mask over its frame.
    pattern, channel, max_pixels
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
    with open_source(source, pattern=pattern, channel=channel, max_pixels=max_pixels) as opened:
        return save_roi_of(
            opened,
            target,
            params,
            method=method,
            workers=workers,
            overlays=overlays,
            overwrite=overwrite,
            progress=progress,
        )


def save_roi_of(
    opened: Source,
    target: Path,
    params: RoiParams,
    *,
    method: RoiMethod = "fused",
    workers: int | None = None,
    overlays: bool = True,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> RoiReport:
    """Do what `save_roi` does, with a movie that is open already."""
    if method not in get_args(RoiMethod):
        raise InvalidParameterError(f"roi_method is {method!r}; expected one of {', '.join(get_args(RoiMethod))}")
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    count = workers or available_cores()
    check_target(target, inputs=[opened.path], overwrite=overwrite, replaceable=("*_roi.png", "*_overlay.png", _TABLE))
    done: list[tuple[str, RoiDiagnostics]] = []
    pending: deque[Future[tuple[str, RoiDiagnostics]]] = deque()

    def collect(limit: int) -> None:
        while len(pending) > limit:
            done.append(pending.popleft().result())
            if progress is not None:
                progress(len(done), len(opened))

    with appearing(target, folder=True, overwrite=overwrite) as unfinished:
        with opencv_threads(1), ThreadPoolExecutor(count) as pool:
            try:
                pairs = iter_roi(opened, params, method=method, executor=pool, look_ahead=2 * count)
                for (frame, roi), name in zip(pairs, opened.frame_names, strict=True):
                    pending.append(pool.submit(_save, unfinished, name, frame, roi, overlays))
                    collect(2 * count)
                collect(0)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        _write_table(unfinished / _TABLE, done)
    return RoiReport(tuple(done), (*opened.warnings, *roi_warnings(done)))


def _save(folder: Path, name: str, frame: npt.NDArray[Any], roi: FrameRoi, overlay: bool) -> tuple[str, RoiDiagnostics]:
    write_png(folder / f"{name}_roi.png", np.where(roi.mask, np.uint8(255), np.uint8(0)))
    if overlay:
        write_png(folder / f"{name}_overlay.png", draw_overlay(frame, roi.mask, weights=roi.weights))
    return name, roi.diagnostics


def _write_table(path: Path, frames: list[tuple[str, RoiDiagnostics]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ("frame", "roi_share", "components", "confidence", "noise", "drift_y_px", "drift_x_px", "warning")
        )
        for name, known in frames:
            numbers = (known.confidence, known.noise, *(known.drift_px or (None, None)))
            cells = ("" if number is None else f"{number:.3f}" for number in numbers)
            table.writerow((name, f"{known.roi_share:.5f}", known.components, *cells, known.warning))
