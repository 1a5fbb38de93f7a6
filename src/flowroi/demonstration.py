"""The main job on a synthetic movie, from making it to the report of what it cost: what `flowroi demo` runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from flowroi.archives import open_archive
from flowroi.archives.atomic import appearing
from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.codec import decode
from flowroi.compression import compress_as_movie
from flowroi.errors import CorruptDataError, QualityTargetError, VerificationError
from flowroi.evaluation.save import SavedEvaluation, save_evaluation
from flowroi.output import check_target
from flowroi.params import check_integer
from flowroi.png import write_png
from flowroi.roi import draw_overlay
from flowroi.segmenters import open_segmenter
from flowroi.synthetic import SyntheticMovie, synthetic_movie

FILES = {
    "movie.tif": "the movie, uncompressed (Fiji, napari, ...)",
    "labels.tif": "its true cells",
    "movie.ome.tif": "the archive: the same programs open it",
    "roi.png": "the RoI that was found (orange) over the true cells (blue)",
    "report": "report.html: what the archive costs and gains, with frames to compare; the figures as CSV",
    "compare.png": "a crop of one frame: original, FlowRoI, plain JPEG 2000 of the same size",
}
# Rates at which plain JPEG 2000 is measured, over the archive's own.
_CURVE = (0.25, 0.5, 0.75, 1.0, 1.5)
_LEAST_RATE = 1.01
_CURVE_FRAMES = 8
_CROP_PX = 120
_ZOOM = 4
_TITLE_PX = 28


def run_demo(
    target: Path,
    *,
    frames: int = 24,
    rate: float = 40.0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **movie: Any,
) -> dict[str, Any]:
    """Make a movie, compress it, read it back, and evaluate it beside plain JPEG 2000 of the same size.

    Parameters
    ----------
    target : Path
        New folder for the files of `FILES`; it appears when everything is done.
    frames : int >= 2, default 24
    rate : float > 1, default 40
    overwrite : bool, default False
        Replace the folder of an earlier demo.
    progress : callable, optional
        Called with (frames compressed, frames in all).
    **movie
        Parameters of `synthetic_movie`.

    Returns
    -------
    dict
        The figures: PSNR in dB over the pixels of the true cells and over the rest, and the segmentation's F1, of ours
        and of plain JPEG 2000 at the same rate; the share of the cells that the RoI covers to 90 % at least; sizes; the
        report's verdict; and the files with what they show.

    Raises
    ------
    VerificationError
        If a frame that was read back is not what was written; nothing is left behind then.
    """
    check_integer("frames", frames, low=2)
    check_target(target, inputs=[], overwrite=overwrite, replaceable=tuple(FILES))
    made = synthetic_movie(frames=frames, **movie)
    with appearing(target, folder=True, overwrite=overwrite) as folder:
        figures = _fill(folder, made, rate, progress)
    return {**figures, "files": {str(target / name): what for name, what in FILES.items()}}


def _fill(
    folder: Path, movie: SyntheticMovie, rate: float, progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    metadata = {"axes": "TYX", "finterval": movie.frame_interval_s, "unit": "um"}
    resolution = (1 / movie.pixel_size_um, 1 / movie.pixel_size_um)
    tifffile.imwrite(folder / "movie.tif", movie.frames, imagej=True, resolution=resolution, metadata=metadata)
    labels = movie.labels.astype(np.uint16)
    tifffile.imwrite(folder / "labels.tif", labels, imagej=True, metadata={"axes": "TYX"}, compression="zlib")
    report = compress_as_movie(
        folder / "movie.tif", folder / "movie.ome.tif", rate=rate, keep_masks=True, progress=progress
    )
    evaluated = _evaluated(folder, movie, report.rate)
    archive, plain = evaluated.evaluation.of_kind("archive")[0], evaluated.evaluation.curve("openjpeg")
    same_size = next((point for point in plain if point.rate == float(f"{report.rate:g}")), None)
    if same_size is None:
        raise QualityTargetError(f"OpenJPEG cannot go to {rate:g}:1 on these frames: nothing to compare with")
    only = evaluated.evaluation.curve_frames
    ours, theirs, whole = archive.summary(only), same_size.summary(), archive.summary()
    _draw(folder, movie)
    return {
        "frames": len(movie.frames),
        "frames_verified": whole.frames,
        "raw_bytes": report.raw_bytes,
        "stored_bytes": report.stored_bytes,
        "rate": report.rate,
        "roi_share": report.roi_share,
        "cells_covered": whole.cells_covered,
        "seconds": report.seconds,
        "flowroi_cells_psnr": ours.roi_psnr,
        "flowroi_background_psnr": ours.background_psnr,
        "flowroi_f1": ours.f1,
        "openjpeg_cells_psnr": theirs.roi_psnr,
        "openjpeg_background_psnr": theirs.background_psnr,
        "openjpeg_f1": theirs.f1,
        "verdict": evaluated.verdict,
    }


def _evaluated(folder: Path, movie: SyntheticMovie, rate: float) -> SavedEvaluation:
    """Read every frame back and measure it; any damage is a VerificationError."""
    try:
        return save_evaluation(
            folder / "movie.tif",
            [folder / "movie.ome.tif"],
            folder / "report",
            segmenter=open_segmenter("classical"),
            labels=folder / "labels.tif",
            clean=movie.clean,
            baselines=("openjpeg",),
            rates=[max(rate * factor, _LEAST_RATE) for factor in _CURVE],
            curve_frames=_CURVE_FRAMES,
            command=("flowroi", "demo"),
        )
    except CorruptDataError as error:
        raise VerificationError(f"not what was written: {error.message}", path=error.path, frame=error.frame) from error


def _draw(folder: Path, movie: SyntheticMovie) -> None:
    """Draw the pictures, of the frame in the middle."""
    t = len(movie.frames) // 2
    frame, truth = movie.frames[t], movie.labels[t]
    with open_archive(folder / "movie.ome.tif") as archive:
        plain = decode(openjpeg_encode(frame, frame.nbytes / len(archive.codestream(t))))
        write_png(folder / "roi.png", draw_overlay(frame, archive.roi(t), truth=truth))
        write_png(folder / "compare.png", _side_by_side(frame, archive[t], plain, truth))


def _side_by_side(
    frame: npt.NDArray[np.uint8], ours: npt.NDArray[Any], theirs: npt.NDArray[Any], truth: npt.NDArray[Any]
) -> npt.NDArray[np.uint8]:
    """Return one crop of each, where the cells are densest, enlarged, in the contrast of the original."""
    size = min(_CROP_PX, *frame.shape)
    density = cv2.boxFilter((truth > 0).astype(np.float32), -1, (size, size), anchor=(0, 0), normalize=False)
    inside = density[: frame.shape[0] - size + 1, : frame.shape[1] - size + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    crops = [picture[top : top + size, left : left + size].astype(np.float32) for picture in (frame, ours, theirs)]
    low, high = float(crops[0].min()), float(crops[0].max())
    pieces = []
    for crop, title in zip(crops, ("original", "FlowRoI", "JPEG 2000, same size"), strict=True):
        grey = np.clip((crop - low) * (255 / max(high - low, 1.0)), 0, 255).astype(np.uint8)
        large = cv2.resize(grey, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
        titled = cv2.copyMakeBorder(large, _TITLE_PX, 0, 4, 4, cv2.BORDER_CONSTANT, value=(255,))
        cv2.putText(titled, title, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0,), 1, cv2.LINE_AA)
        pieces.append(np.asarray(titled, np.uint8))
    return np.hstack(pieces)
