"""A plate in, a compressed plate out: position by position, so that whatever breaks off can be gone on with."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowroi.archives.atomic import hidden_beside, refuse_existing
from flowroi.archives.manifest import sha256
from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError, OutputExistsError
from flowroi.job import Settings
from flowroi.masks import mask_folder
from flowroi.output import refuse_overlap
from flowroi.pipeline import compress_movie
from flowroi.plan import Plan, finished_before, settings_of
from flowroi.plates.base import Plate, Position
from flowroi.plates.executor import Executor, run_tasks
from flowroi.plates.finished import finished_plate
from flowroi.plates.record import is_marked_complete, write_durably, write_record
from flowroi.plates.report import PlateReport
from flowroi.plates.selection import chosen_positions
from flowroi.plates.storage import PlateFormat, is_zarr, place_of, plate_format_of
from flowroi.plates.store_workplace import StoreWorkplace
from flowroi.plates.tally import Tally
from flowroi.plates.tasks import Outcome, Progress, Task, settings_at
from flowroi.plates.workplace import Workplace, discard_displaced, refuse_foreign_plate
from flowroi.report.compression import CompressionReport
from flowroi.stores import AnyPath, StorePath
from flowroi.versions import codec_versions

# Positions that a dry run looks at.
_SAMPLES = 3


def compress_plate(
    plate: Plate,
    target: AnyPath,
    settings: Settings,
    progress: Progress | None = None,
    *,
    executor: Executor = run_tasks,
) -> PlateReport:
    """Compress a plate into `NAME.ome.zarr`, or into a folder with an archive for each position.

    The plate appears at the target when it is complete. Until then it is a hidden folder beside it, in which finished
    positions are kept whatever happens; the same call goes on from there, and its result is, byte for byte, that of a
    run that was never interrupted. With `wells` among the settings, only these are compressed, right into the target;
    a call without it then finishes the plate there. In a store, too, it grows at the target: nothing reads it as a
    plate before its last object, the mark of completeness.

    Parameters
    ----------
    plate : Plate
    target : Path or StorePath
    settings : Settings
        As of `compress`; of a folder of masks, each position has its own in the folder `A1_f0` within.
    progress : callable, optional
        Called with (frames done, frames in all); the latter is estimated from the positions opened until then.
    executor : callable, default `run_tasks`
        Runs the positions' tasks; the plate does not depend on it.

    Returns
    -------
    PlateReport
        Not `finished` where a position failed: the others are done and kept.

    Raises
    ------
    InvalidParameterError
        For options that do not go together, or a target that overlaps the input.
    OutputExistsError
        If something else is at the target, or another process is writing it.
    OSError
        If the disk is full, or fails: what is finished is kept.
    """
    job = settings.job
    plate_format = plate_format_of(target, job.format, job.codec)
    chosen = chosen_positions(plate.positions, job.wells)
    if job.wells and job.skip_failed:
        raise InvalidParameterError("skip_failed finishes a plate, and wells asks for a part of one: give one of them")
    refuse_overlap(target, [plate.path, mask_folder(job.roi_method)])
    if isinstance(target, StorePath):
        from flowroi.stores.compression import check_store_target

        check_store_target(target, job)
    elif not target.parent.is_dir():
        raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
    run = _Run(plate, target, plate_format, chosen, settings, progress, executor)
    return run.predict() if job.dry_run else run.write()


class _Run:
    """One plate on its way."""

    def __init__(
        self,
        plate: Plate,
        target: AnyPath,
        plate_format: PlateFormat,
        chosen: tuple[Position, ...],
        settings: Settings,
        progress: Progress | None,
        executor: Executor,
    ) -> None:
        self.plate, self.target, self.format, self.chosen = plate, target, plate_format, chosen
        # The format is written down as it is, so that naming it and not naming it are the same command; of videos the
        # codec tells it.
        named = None if plate_format == "mkv" else plate_format
        self.settings = replace(settings, job=replace(settings.job, format=named, wells=(), skip_failed=False))
        self.job = settings.job
        self.progress = progress
        self.executor = executor
        self.started = time.perf_counter()
        self.done: dict[Position, CompressionReport] = {}
        self.digests: dict[Position, str] = {}
        self.failed: dict[Position, FlowRoIError] = {}

    def write(self) -> PlateReport:
        job, finished = self.job, is_marked_complete(self.target)
        if finished and not job.overwrite:
            return self._unchanged()
        if finished and job.wells:
            raise OutputExistsError(
                "the plate is finished, and one well of it cannot be replaced; nothing was written: make it all anew",
                path=self.target,
            )
        with self._workplace() as work:
            self._do_all(work)
            whole = not job.wells and bool(self.done) and (not self.failed or job.skip_failed)
            if whole:
                self._finish(work)
            keeps = not whole and bool(self.done)
            return self._report(finished=whole, kept_in=str(work.root) if keeps else None)

    def _workplace(self) -> Workplace | StoreWorkplace:
        job, target = self.job, self.target
        how: dict[str, Any] = {"well_by_well": bool(job.wells), "overwrite": job.overwrite}
        if isinstance(target, StorePath):
            return StoreWorkplace(target, self.format, self.plate.positions, **how)
        if job.overwrite and not job.wells:
            refuse_foreign_plate(target)
        elif not target.is_dir():
            refuse_existing(target, overwrite=False)
        return Workplace(target, self.format, self.plate.positions, **how)

    def predict(self) -> PlateReport:
        """Predict the whole from a few positions."""
        step = max(1, len(self.chosen) // _SAMPLES)
        sample = self.chosen[::step][:_SAMPLES]
        for position in sample:
            # Where nothing is, and nothing will be.
            mark = f".{place_of(position, self.format).replace('/', '_')}"
            place = self.target.with_name(hidden_beside(Path(self.target.name), mark).name)
            with self.plate.open(position) as movie:
                report = compress_movie(movie, place, self._settings_at(position, overwrite=True))
            report = replace(report, target=str(self.target / place_of(position, self.format)))
            self.done[position] = report.condensed()
        whole = self._report(finished=False, kept_in=None)
        note = f"predicted from {len(sample)} of {len(self.chosen)} positions: {', '.join(map(str, sample))}"
        return replace(whole, dry_run=True, warnings=(*whole.warnings, note))

    def _do_all(self, work: Workplace | StoreWorkplace) -> None:
        """Compress every position that is not finished; what is wrong with one alone does not stop the others."""
        job, hidden = self.job, not work.in_place
        settings = replace(self.settings, job=replace(self.settings.job, overwrite=job.overwrite or hidden))
        tasks = [
            Task(position, self.plate.openers[position], work.place(position), settings, hidden, self.plate.path)
            for position in self.chosen
        ]
        tally = Tally(len(tasks), self.progress)
        found: dict[Position, Outcome] = {}
        with closing(self.executor(tasks, job.workers, tally)) as outcomes:
            for outcome in outcomes:
                found[outcome.position] = outcome
        # In plate order, whichever was done first.
        for position in self.chosen:
            outcome = found[position]
            if outcome.error is not None:
                self.failed[position] = outcome.error
            elif outcome.report is not None and outcome.digest is not None:
                self.done[position], self.digests[position] = outcome.report, outcome.digest

    def _finish(self, work: Workplace | StoreWorkplace) -> None:
        """Put everything around the archives, the record last but one and the mark of completeness last."""
        stored = tuple(self.done)
        work.tidy(stored)
        files: dict[str, bytes] = {}
        if is_zarr(self.format):
            from flowroi.archives.ome_zarr_plate import plate_files

            version = "0.4" if self.format == "ome-zarr-0.4" else "0.5"
            files = plate_files(self.plate.name, stored, version=version)  # type: ignore[arg-type] # one of the two
            for name, data in files.items():
                write_durably(work.root / name, data)
        work.confirm({position: self.digests[position] for position in stored})
        versions = codec_versions()
        write_record(
            work.root,
            {
                "archive": self.format,
                "name": self.plate.name,
                "flowroi": versions.pop("flowroi"),
                "codecs": versions,
                "settings": self._settings_record(),
                "positions": [
                    {
                        "well": position.well,
                        "field": position.field,
                        "path": place_of(position, self.format),
                        "digest": self.digests[position],
                        "frames": self.done[position].frames,
                    }
                    for position in stored
                ],
                "skipped": [
                    {"well": position.well, "field": position.field, "reason": error.message}
                    for position, error in self.failed.items()
                ],
                "warnings": list(self.plate.warnings),
                "files": [
                    {"name": name, "size_bytes": len(data), "sha256": sha256(data)} for name, data in files.items()
                ],
            },
        )
        work.publish()
        # Under their final name now.
        self.done = {
            position: replace(report, target=str(self.target / place_of(position, self.format)))
            for position, report in self.done.items()
        }

    def _unchanged(self) -> PlateReport:
        """Report on the plate that stands at the target, after every archive was found to be what is asked for."""
        archive = finished_plate(
            self.target,
            self.format,
            self._settings_record(),
            self.plate.positions,
            skip_failed=self.job.skip_failed or bool(self.job.wells),
        )
        tally = Tally(len(self.chosen), self.progress)
        for number, position in enumerate(self.chosen):
            if position in archive.skipped:
                if self.job.wells:
                    raise OutputExistsError(
                        f"the plate was finished without {position}; nothing was written: make the whole plate anew",
                        path=self.target,
                    )
                continue
            with self.plate.open(position) as movie:
                place = archive.place(position)
                settings = self._settings_at(position, overwrite=False)
                manifest = finished_before(place, Plan(movie, settings))
                if manifest is None:
                    raise OutputExistsError("the archive is gone; make the plate anew", path=place)
                report = CompressionReport.of_manifest(manifest, str(movie.path), place, 0.0)
                self.done[position] = report.condensed()
                tally.note(number, report)
        if isinstance(self.target, Path):
            discard_displaced(self.target)
        whole = self._report(finished=True, kept_in=None)
        notes = [f"finished without {position}, which failed" for position in archive.skipped]
        return replace(whole, unchanged=True, warnings=(*whole.warnings, *notes))

    def _settings_at(self, position: Position, *, overwrite: bool) -> Settings:
        job = replace(self.settings.job, overwrite=overwrite)
        return settings_at(position, replace(self.settings, job=job), threads=job.workers)

    def _settings_record(self) -> dict[str, Any]:
        return settings_of(self.settings, ())

    def _report(self, *, finished: bool, kept_in: str | None) -> PlateReport:
        chosen = set(self.chosen)
        return PlateReport(
            source=str(self.plate.path),
            target=str(self.target),
            format=self.format,
            done=tuple(self.done.items()),
            failed=tuple(self.failed.items()),
            remaining=tuple(position for position in self.plate.positions if position not in chosen),
            finished=finished,
            kept_in=kept_in,
            seconds=time.perf_counter() - self.started,
            asked=len(self.chosen),
            warnings=self.plate.warnings,
        )
