"""The plan of a plate: a task a position, which any executor can run, in this process or in another."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowroi.archives import open_archive
from flowroi.archives.atomic import discard
from flowroi.archives.claim import claimed
from flowroi.errors import FlowRoIError, InvalidParameterError, OutputExistsError
from flowroi.job import Settings
from flowroi.masks import mask_folder
from flowroi.pipeline import compress_movie
from flowroi.plan import Plan, finished_before
from flowroi.plates.base import Position
from flowroi.plates.batch import concerns_all
from flowroi.report.compression import CompressionReport
from flowroi.sources import Source
from flowroi.stores import AnyPath
from flowroi.versions import codec_versions

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """All that is needed to compress one position: it can be pickled if `opener` can, and run anywhere.

    Parameters
    ----------
    position : Position
    opener : callable
        Opens the movie.
    place : Path or StorePath
        Where its archive is to be; the folders around it are there.
    settings : Settings
        Of the plate: what is this position's own of it, the task finds itself.
    hidden : bool
        Whether the place is in the plate's hidden folder, where whatever is not wanted is dropped. In the target
        itself it is refused, unless the settings say to overwrite.
    source : Path or StorePath
        The plate: whoever runs the task must see it.
    threads : int, optional
        Of this position; all cores by default. The archive does not depend on it.
    """

    position: Position
    opener: Callable[[], Source]
    place: AnyPath
    settings: Settings
    hidden: bool
    source: AnyPath
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task, small enough to be sent: a report and the manifest's digest, or why it failed.

    Attributes
    ----------
    position : Position
    report : CompressionReport or None
        Without the reports of single frames.
    digest : str or None
        Of the manifest.
    error : FlowRoIError or None
        What is wrong with this position alone.
    """

    position: Position
    report: CompressionReport | None = None
    digest: str | None = None
    error: FlowRoIError | None = None


def run_task(task: Task, progress: Progress | None = None) -> Outcome:
    """Compress a position, unless that is done already: then its archive is compared with its input and checksums.

    Running a task again is safe at any time, whatever became of it before.

    Parameters
    ----------
    task : Task
    progress : callable, optional
        Called with (frames done, frames of this position).

    Raises
    ------
    FlowRoIError
        For what concerns all positions; OutputExistsError also if another process is at this one.
    OSError
        If the disk is full, or fails.
    """
    # A store has claims of its own, for the plate as a whole.
    with claimed(task.place) if isinstance(task.place, Path) else nullcontext():
        return run_claimed(task, progress)


def run_claimed(task: Task, progress: Progress | None = None) -> Outcome:
    """Do what `run_task` does, for a caller who has claimed the place."""
    try:
        settings = settings_at(task.position, task.settings, threads=task.threads)
        with task.opener() as movie:
            report, digest = _archived(movie, task, settings, progress)
    except FlowRoIError as error:
        if concerns_all(error):
            raise
        return Outcome(task.position, error=error)
    return Outcome(task.position, report.condensed(), digest)


def settings_at(position: Position, settings: Settings, *, threads: int | None) -> Settings:
    """Return the settings of one position's movie: its own masks, where masks are given.

    Raises
    ------
    InvalidParameterError
        If there are no masks for it.
    """
    job = replace(settings.job, workers=threads)
    masks = mask_folder(job.roi_method)
    if masks is not None:
        own = masks / str(position)
        if not own.is_dir():
            raise InvalidParameterError(
                f"there are no masks for {position}: expected them in a folder {own.name} within", path=masks
            )
        job = replace(job, roi_method=str(own))
    return replace(settings, job=job)


def _archived(
    movie: Source, task: Task, settings: Settings, progress: Progress | None
) -> tuple[CompressionReport, str]:
    """Return the report and the digest of a position's archive, which is there then."""
    started = time.perf_counter()
    manifest = _kept(task, Plan(movie, settings))
    if manifest is not None:
        if progress is not None:
            progress(len(movie), len(movie))
        seconds = time.perf_counter() - started
        return CompressionReport.of_manifest(manifest, str(movie.path), task.place, seconds), manifest["digest"]
    report = compress_movie(movie, task.place, settings, progress)
    with open_archive(task.place) as archive:
        return report, archive.manifest["digest"]


def _kept(task: Task, plan: Plan) -> dict[str, Any] | None:
    """Return the manifest of a position that is finished already; in the hidden folder, any other is dropped."""
    if task.settings.job.overwrite and not task.hidden:
        return None
    try:
        manifest = finished_before(task.place, plan)
    except OutputExistsError:
        if not task.hidden:
            raise
        _drop(task.place)
        return None
    versions = codec_versions()
    made_by = (versions.pop("flowroi"), versions)
    if manifest is not None and task.hidden and (manifest["flowroi"], manifest["codecs"]) != made_by:
        # Another release may code otherwise: the plate is to be as if it was made in one go.
        _drop(task.place)
        return None
    return manifest


def _drop(place: AnyPath) -> None:
    # In a store it stands until what replaces it is uploaded.
    if isinstance(place, Path):
        discard(place)
