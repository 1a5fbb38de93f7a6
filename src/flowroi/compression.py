"""Compression of whatever is given: a movie, or a plate of movies."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.job import Job, Settings, parse_options
from flowroi.pipeline import Progress, compress_movie
from flowroi.report.compression import CompressionReport
from flowroi.sources import open_source
from flowroi.stores import StorePath, as_path

if TYPE_CHECKING:
    from flowroi.plates.executor import Executor
    from flowroi.plates.report import PlateReport


def compress(
    source: str | PathLike[str] | StorePath | npt.NDArray[Any],
    target: str | PathLike[str] | StorePath,
    *,
    progress: Progress | None = None,
    executor: Executor | None = None,
    **options: Any,
) -> CompressionReport | PlateReport:
    """Compress a movie into an archive, or a plate into a plate of archives.

    Parameters
    ----------
    source : path, URL or ndarray
        A movie that `open_source` reads, or a plate that `open_plate` reads.
    target : path or URL
        `NAME.ome.tif`, `NAME.ome.zarr`, or a folder for JP2 files; `NAME.mkv`, `NAME.mp4` or a folder of MKV files with
        the codecs of videos. For a plate: `NAME.ome.zarr`, or a folder for an archive each well and field.
        Into a store (`s3://bucket/NAME.ome.zarr`) goes OME-Zarr alone.
    progress : callable, optional
        Called with (frames done, frames in all).
    executor : callable, optional
        Runs the positions of a plate elsewhere, as `flowroi.cluster` does; by default processes of this machine.
    **options
        Fields of `EncodeParams` and `RoiParams`, and: `roi_method` ("fused", "flow", "none" or a folder of masks
        named `<frame>_roi.png` or `<frame>.png`), `soft_weights` (the quality falls off with the confidence of `fused`
        instead of ending at the mask), `rate_control` ("movie": `rate` limits all frames together, and they
        share it at even quality; "frame": it limits each), `format` ("ome-tiff", "ome-zarr", "ome-zarr-0.4" or
        "jp2"), `workers` (cores, all by default: threads of a movie, processes of a plate; the archive does not
        depend on it), `keep_masks`,
        `scratch` (a folder for what is on its way to or from a store, instead of the system's temporary one),
        `overwrite`, `dry_run` (predict size and time from a sample of frames, write nothing), `measure` (PSNR in the
        RoI), `pattern`, `channel` and `max_pixels` (see `open_source`).
        With `codec` "av1" or "hevc" (default "jpeg2000") frames are coded from one to the next: `preset` (the higher,
        the faster), `gop` (frames from key frame to key frame, 64) and `background` (what becomes of it outside the
        RoI: "fill", "plate" or "none"). A run that breaks off is gone on with by the same call.
        Without `rate`, `psnr`, `noise` or `lossless`, `noise` is 1: errors in the RoI within the camera's noise.
        For plates also `plate` (the input is one, even if the names of its images tell only one position), `wells`
        (only these: `("A1", "B/3", "A/1/0")`, right into the target; a later call without it finishes the plate) and
        `skip_failed` (finish a plate without the positions that cannot be compressed).

    Returns
    -------
    CompressionReport or PlateReport
        The latter for a plate; it says what failed.

    Raises
    ------
    InvalidParameterError
        For unknown or bad options, or a target that overlaps an input.
    OutputExistsError
        If the target exists, unless `overwrite` is set; a folder that is no archive is never replaced.
    QualityTargetError
        If a frame cannot be coded in so few bytes, or not as well as asked.
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If the input, or a mask, cannot be read.

    Notes
    -----
    Whatever the error, or an interruption, nothing is left at `target` that was not there before.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from flowroi.synthetic import write_synthetic_plate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_synthetic_plate(f"{folder}/raw", wells=["A1", "A2"], frames=2, height=32, width=32, cells=1)
    ...     report = compress(f"{folder}/raw", f"{folder}/small", lossless="all", roi_method="none")
    ...     sorted(path.name for path in Path(folder, "small").iterdir())
    ['A1_f0.ome.tif', 'A2_f0.ome.tif', 'COMPLETE', 'plate.json']
    """
    settings = parse_options(options)
    job = settings.job
    if not isinstance(source, np.ndarray) and taken_for_plate(source, job):
        from flowroi.plates import open_plate
        from flowroi.plates.compression import compress_plate
        from flowroi.plates.executor import run_tasks

        plate = open_plate(
            as_path(source, scratch=job.scratch), pattern=job.pattern, channel=job.channel, max_pixels=job.max_pixels
        )
        place = as_path(target, scratch=job.scratch)
        return compress_plate(plate, place, settings, progress, executor=executor or run_tasks)
    return _compress_movie(source, target, settings, progress)


def taken_for_plate(source: str | PathLike[str] | StorePath, job: Job) -> bool:
    """Whether an input is compressed as a plate: it looks like one, or is said to be one."""
    from flowroi.plates import is_plate

    return job.plate or is_plate(source, job.pattern, asked=bool(job.wells) or job.skip_failed)


def compress_as_movie(
    source: str | PathLike[str] | StorePath | npt.NDArray[Any],
    target: str | PathLike[str] | StorePath,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> CompressionReport:
    """Do what `compress` does, with an input that is a movie, whatever its name looks like."""
    return _compress_movie(source, target, parse_options(options), progress)


def _compress_movie(
    source: str | PathLike[str] | StorePath | npt.NDArray[Any],
    target: str | PathLike[str] | StorePath,
    settings: Settings,
    progress: Progress | None,
) -> CompressionReport:
    job = settings.job
    if job.wells or job.skip_failed:
        raise InvalidParameterError(
            f"the input is a movie, or not surely a plate: {'wells' if job.wells else 'skip_failed'} has no meaning; "
            "give a pattern that tells the wells"
        )
    if not isinstance(source, np.ndarray):
        source = as_path(source, scratch=job.scratch)
    with open_source(source, pattern=job.pattern, channel=job.channel, max_pixels=job.max_pixels) as opened:
        return compress_movie(opened, as_path(target, scratch=job.scratch), settings, progress)
