"""The cells of a movie as label images: what `flowroi segment` does."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from flowroi.archives.atomic import appearing
from flowroi.errors import FlowRoIError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.output import check_target
from flowroi.resources import opencv_threads
from flowroi.segmenters import Segmenter
from flowroi.sources import Source, open_source

_TABLE = "cells.csv"


@dataclass(frozen=True, slots=True)
class FrameCells:
    """What was found in a frame: its name, the number of cells, and their median area in pixels (None without any)."""

    name: str
    cells: int
    median_area_px: float | None


@dataclass(frozen=True, slots=True)
class SegmentationReport:
    """What is known of every frame, what made it (`Segmenter.describe`), and what a user should know."""

    frames: tuple[FrameCells, ...]
    segmenter: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def mean_cells(self) -> float:
        """Mean number of cells in a frame."""
        return float(np.mean([frame.cells for frame in self.frames]))


def save_labels(
    source: str | PathLike[str],
    target: Path,
    segmenter: Segmenter,
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    for_training: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SegmentationReport:
    """Write the cells of a movie into a folder that appears when it is complete.

    Parameters
    ----------
    source : path
        What `open_source` reads.
    target : Path
        Folder for `<frame>.tif`, the labels (Y, X): uint16, or int32 where there are more than 65535 cells; and for
        `cells.csv`: frame, cells, median_area_px, a line a frame.
    segmenter : Segmenter
    pattern, channel, max_pixels
        See `open_source`.
    for_training : bool, default False
        Lay the folder out as Cellpose's training reads it: `<frame>.tif` is the frame, `<frame>_masks.tif` its labels.
    overwrite : bool, default False
        Replace a folder of labels that exists.
    progress : callable, optional
        Called with (frames done, frames in all).

    Raises
    ------
    FlowRoIError
        Bad parameters, input or output, or a segmenter that cannot work; nothing is left behind then.
    """
    with open_source(source, pattern=pattern, channel=channel, max_pixels=max_pixels) as opened:
        return save_labels_of(
            opened, target, segmenter, for_training=for_training, overwrite=overwrite, progress=progress
        )


def save_labels_of(
    opened: Source,
    target: Path,
    segmenter: Segmenter,
    *,
    for_training: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SegmentationReport:
    """Do what `save_labels` does, with a movie that is open already."""
    done: list[FrameCells] = []
    check_target(target, inputs=[opened.path], overwrite=overwrite, replaceable=("*.tif", _TABLE))
    with appearing(target, folder=True, overwrite=overwrite) as unfinished:
        with opencv_threads(1):
            for t, (name, frame) in enumerate(zip(opened.frame_names, opened, strict=True)):
                try:
                    labels = segmenter.segment(frame)
                except MemoryError as error:
                    raise FlowRoIError("not enough memory to segment it", path=opened.path, frame=t) from error
                if for_training:
                    tifffile.imwrite(unfinished / f"{name}.tif", frame, photometric="minisblack")
                write_labels(unfinished / f"{name}{'_masks' if for_training else ''}.tif", labels)
                done.append(_cells(name, labels))
                if progress is not None:
                    progress(len(done), len(opened))
        _write_table(unfinished / _TABLE, done)
        described = segmenter.describe()
    return SegmentationReport(tuple(done), described, tuple(opened.warnings))


def write_labels(path: Path, labels: npt.NDArray[np.int32]) -> None:
    """Write labels (Y, X) as a TIFF file: uint16, which every program reads, or int32 above 65535 cells."""
    small = labels.max() <= np.iinfo(np.uint16).max
    tifffile.imwrite(path, labels.astype(np.uint16) if small else labels, photometric="minisblack", compression="zlib")


def _cells(name: str, labels: npt.NDArray[np.int32]) -> FrameCells:
    areas = np.bincount(labels.ravel())[1:]
    return FrameCells(name, len(areas), float(np.median(areas)) if areas.size else None)


def _write_table(path: Path, frames: list[FrameCells]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("frame", "cells", "median_area_px"))
        for frame in frames:
            area = "" if frame.median_area_px is None else f"{frame.median_area_px:.1f}"
            table.writerow((frame.name, frame.cells, area))
