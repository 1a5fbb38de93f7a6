"""A movie into an archive in a store: made and proven on the local disk, then uploaded and read back."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from flowroi.errors import InvalidParameterError
from flowroi.masks import mask_folder
from flowroi.output import refuse_overlap
from flowroi.plan import Plan, finished_before
from flowroi.stores.path import StorePath
from flowroi.stores.scratch import Scratch
from flowroi.stores.upload import upload_archive

if TYPE_CHECKING:
    from flowroi.job import Job, Settings
    from flowroi.pipeline import Progress
    from flowroi.report.compression import CompressionReport
    from flowroi.sources import Source


def compress_to_store(
    opened: Source, target: StorePath, settings: Settings, progress: Progress | None = None
) -> CompressionReport:
    """Do what `compress_movie` does, with a target in a store.

    Raises
    ------
    InvalidParameterError
        If the target is not that of an OME-Zarr archive, or overlaps the input.
    OutputExistsError, VerificationError, StoreError
        As `upload_archive`.
    """
    from flowroi.pipeline import compress_movie
    from flowroi.report.compression import CompressionReport

    started = time.perf_counter()
    job = settings.job
    check_store_target(target, job)
    refuse_overlap(target, [*opened.to_spare, mask_folder(job.roi_method)])
    if not (job.dry_run or job.overwrite):
        manifest = finished_before(target, Plan(opened, settings))
        if manifest is not None:
            seconds = time.perf_counter() - started
            return CompressionReport.of_manifest(manifest, str(opened.path or opened.name), target, seconds)
    with Scratch(target.scratch) as folder:
        local = folder / target.name
        report = compress_movie(opened, local, replace(settings, job=replace(job, overwrite=False)), progress)
        if not job.dry_run:
            upload_archive(local, target, overwrite=job.overwrite)
    seconds = report.seconds if job.dry_run else time.perf_counter() - started
    return replace(report, target=str(target), seconds=seconds)


def check_store_target(target: StorePath, job: Job) -> None:
    """Raise InvalidParameterError unless what is asked for is OME-Zarr, in a store that can be written to."""
    if not target.lists:
        raise InvalidParameterError(
            f"the output {str(target)!r} is on a web server, which is only read; expected s3, gs, az or the like"
        )
    if len(target.parts) < 2:
        raise InvalidParameterError(f"the output {str(target)!r} is a whole bucket; expected BUCKET/NAME.ome.zarr")
    if job.codec != "jpeg2000" or job.format not in (None, "ome-zarr", "ome-zarr-0.4"):
        raise InvalidParameterError(
            f"{job.format or job.codec} cannot be written to a store; expected OME-Zarr of JPEG 2000 frames (ome-zarr "
            "or ome-zarr-0.4): write other formats to a disk, and copy them"
        )
    if job.format is None and target.suffix.lower() != ".zarr":
        raise InvalidParameterError(
            f"the output is {target.name!r}; into a store only OME-Zarr is written: expected NAME.ome.zarr"
        )
