"""A sweep on disk: the report, the table of candidates, the front, and the settings to compress with."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from flowroi.archives.atomic import replacing
from flowroi.compression import compress, compress_as_movie
from flowroi.errors import OutputExistsError, QualityTargetError
from flowroi.evaluation.results import Summary
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.output import check_target
from flowroi.plates.base import Plate
from flowroi.plates.report import PlateReport
from flowroi.report.blocks import Report
from flowroi.report.compression import CompressionReport
from flowroi.report.html import render
from flowroi.segmenters import Segmenter
from flowroi.sweep.cache import Cache
from flowroi.sweep.command import check_writable, command_line, settings_of, settings_toml, shell_text
from flowroi.sweep.goal import Candidate
from flowroi.sweep.options import SWEEPABLE, Options, Value, masks_folder
from flowroi.sweep.plate import run_plate_sweep
from flowroi.sweep.run import SampledPlate, Sweep, run_sweep
from flowroi.sweep.sections import front_png, sections, verdict
from flowroi.targets import Target
from flowroi.versions import codec_versions

REPORT = "report.html"
SETTINGS = "settings.toml"
# The report last: where it is, the others are.
FILES = ("sweep.csv", "front.png", SETTINGS, REPORT)
CACHE = "cache"
_SUMMARY = tuple(Summary.__dataclass_fields__)


class Prediction(NamedTuple):
    """What `compress --dry-run` predicts of the encoded frames, and of the time."""

    stored_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SavedSweep:
    """A finished sweep.

    Attributes
    ----------
    sweep : Sweep
    command : list of str
        What compresses the movie with the chosen options.
    dry_run : Prediction or None
        Size and time that `compress --dry-run` predicts; None where the movie, or the plate, cannot be coded so.
    verdict : str
    """

    sweep: Sweep
    command: list[str]
    dry_run: Prediction | None
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome, ready for JSON."""
        of = self.sweep
        return {
            "name": of.name,
            "shape": list(of.shape),
            "truth": of.truth,
            "segmenter": of.segmenter,
            "targets": [str(target) for target in of.goal.targets],
            "best_is": of.goal.best,
            "targets_met": of.met,
            "verdict": self.verdict,
            "candidates": len(of.candidates),
            "measured": of.measured,
            "cached": of.cached,
            "sample_frames": list(of.sample_frames),
            "held_out_frames": list(of.held_out_frames),
            "best": candidate_dict(of.best),
            "confirmed": None if of.confirmed is None else candidate_dict(of.confirmed),
            "command": shell_text(self.command),
            "predicted_bytes": of.predicted_bytes,
            "dry_run_bytes": None if self.dry_run is None else self.dry_run.stored_bytes,
            "dry_run_seconds": None if self.dry_run is None else self.dry_run.seconds,
            "plate": None if of.plate is None else _plate_dict(of.plate),
        }


def save_sweep(
    source: str | PathLike[str],
    target: Path,
    targets: Sequence[Target],
    *,
    labels: Path | None = None,
    segmenter: Segmenter | None = None,
    axes: Mapping[str, Sequence[Value]] | None = None,
    fixed: Options | None = None,
    cache: Path | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    workers: int | None = None,
    plate: Plate | None = None,
    wells: tuple[str, ...] = (),
    **options: Any,
) -> SavedSweep:
    """Run a sweep and write what it found into a folder.

    Parameters
    ----------
    source, targets, labels, segmenter, axes, fixed, pattern, channel, max_pixels, workers, **options
        See `run_sweep`.
    target : Path
        Folder for `FILES`. One that holds no more than the cache of an earlier sweep is gone on with.
    cache : Path, optional
        Folder of the cache; by default `cache` in the target.
    overwrite : bool, default False
        Replace the files of an earlier sweep; its cache stays.
    command : sequence of str
        The command line, for the report.
    plate, wells : optional
        The plate that the source is, see `run_plate_sweep`; a movie by default.

    Raises
    ------
    FlowRoIError
        As `run_sweep`, and for a target that may not be written. What was measured stays in the cache.
    """
    axes_given = dict(axes or {})
    for name, values in [*axes_given.items(), *((name, (value,)) for name, value in (fixed or {}).items())]:
        for value in values:
            check_writable({name: value})
    folders = [masks_folder({"roi_method": m}) for m in (*axes_given.get("roi_method", ()), *_method(fixed))]
    inputs = [Path(source), labels, *folders]
    _check_folder(target, inputs, overwrite=overwrite)
    kept = cache or target / CACHE
    if cache is not None:
        check_target(cache, inputs=inputs, overwrite=True, replaceable=("*",))
    Cache(kept)
    made = not target.exists()
    target.mkdir(exist_ok=True)
    try:
        asked: dict[str, Any] = {"labels": labels, "segmenter": segmenter, "axes": axes, "fixed": fixed}
        asked |= {"workers": workers, **options}
        if plate is None:
            sweep = run_sweep(source, kept, targets, pattern=pattern, channel=channel, max_pixels=max_pixels, **asked)
        else:
            sweep = run_plate_sweep(plate, kept, targets, wells=wells, **asked)
        reading = {"pattern": pattern, "channel": channel}
        found = _concluded(sweep, Path(source), target, workers, reading, max_pixels)
        _write(found, target, command, reading)
    finally:
        if made and not any(target.iterdir()):
            target.rmdir()
    return found


def candidate_dict(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate, ready for JSON."""
    return {
        "options": dict(candidate.options),
        "feasible": candidate.feasible,
        "misses": list(candidate.misses),
        **(dict.fromkeys(_SUMMARY) if candidate.summary is None else candidate.summary.as_dict()),
    }


def _plate_dict(of: SampledPlate) -> dict[str, Any]:
    return {
        "positions": of.positions,
        "sampled": [
            {
                "position": movie.name,
                "sample_frames": list(movie.sample_frames),
                "held_out_frames": list(movie.held_out_frames),
                "uncompressed": movie.raw.as_dict(),
                "best": candidate_dict(movie.best),
                "confirmed": None if movie.confirmed is None else candidate_dict(movie.confirmed),
            }
            for movie in of.movies
        ],
        "left_out": [{"position": position, "reason": why} for position, why in of.left_out],
    }


def _method(fixed: Options | None) -> tuple[Value, ...]:
    return tuple(value for name, value in (fixed or {}).items() if name == "roi_method")


def _check_folder(target: Path, inputs: Sequence[Path | None], *, overwrite: bool) -> None:
    replaceable = (*FILES, CACHE, ".*.flowroi-part")
    check_target(target, inputs=inputs, overwrite=True, replaceable=replaceable)
    if (target.exists() or target.is_symlink()) and not target.is_dir():
        raise OutputExistsError("the output is to be a folder, and this is none; choose another name", path=target)
    for name in FILES if target.exists() and not overwrite else ():
        if (target / name).exists():
            raise OutputExistsError(
                "the output exists; nothing was written: choose another name, or overwrite it (the cache stays)",
                path=target / name,
            )


def _concluded(
    sweep: Sweep,
    source: Path,
    folder: Path,
    workers: int | None,
    reading: Mapping[str, Any],
    max_pixels: int,
) -> SavedSweep:
    name = f"{sweep.name}.ome.{'tif' if sweep.plate is None else 'zarr'}"
    settings: dict[str, Any] = settings_of(sweep.best.options, reading)
    asked = {**settings, "dry_run": True, "workers": workers, "max_pixels": max_pixels}
    # In the sweep's own folder nothing has this name yet, whatever the user has under it elsewhere.
    target = folder / name
    try:
        if sweep.plate is None:
            report = compress_as_movie(source, target, **asked)
            dry_run: Prediction | None = Prediction(report.stored_bytes, report.seconds)
        else:
            # Of those that are known to be readable.
            sampled = tuple(movie.name for movie in sweep.plate.movies)
            dry_run = _of_plate(compress(source, target, wells=sampled, **asked), sweep.plate.positions)
    except QualityTargetError:
        dry_run = None
    return SavedSweep(sweep, command_line(source, name, settings), dry_run, verdict(sweep))


def _of_plate(report: CompressionReport | PlateReport, positions: int) -> Prediction:
    """Return what a dry run of some positions predicts of all."""
    assert isinstance(report, PlateReport)
    share = positions / len(report.done)
    stored, seconds = (sum(getattr(one, name) for _, one in report.done) for name in ("stored_bytes", "seconds"))
    return Prediction(round(stored * share), seconds * share)


def _write(found: SavedSweep, folder: Path, command: Sequence[str], reading: Mapping[str, Any]) -> None:
    sweep = found.sweep
    png = front_png(sweep)
    report = Report(
        title=f"{sweep.name}: which parameters",
        verdict=found.verdict,
        verdict_good=None if sweep.met and sweep.confirmed and not sweep.confirmed.feasible else sweep.met,
        sections=tuple(sections(sweep, png, shell_text(found.command), prediction_text(found))),
        provenance=_provenance(sweep, command),
    )
    contents = {
        "front.png": png,
        SETTINGS: settings_toml(settings_of(sweep.best.options, reading), _comments(found)).encode(),
        REPORT: render(report).encode(),
    }
    for name in FILES:
        path = folder / name
        with replacing(path) as unfinished:
            if name == "sweep.csv":
                _write_table(unfinished, sweep)
            else:
                unfinished.write_bytes(contents[name])


def prediction_text(found: SavedSweep) -> list[str]:
    """Return what the whole movie will take, in words."""
    lines = []
    of = found.sweep.plate
    over, of_all = "the whole movie", ""
    if of is not None:
        over, of_all = "sampled positions", f" for all {of.positions} positions"
    if found.sweep.predicted_bytes is not None:
        lines.append(
            f"Predicted from the sampled frames' rate: {found.sweep.predicted_bytes:,} bytes{of_all}, "
            f"of {found.sweep.raw_bytes:,} uncompressed."
        )
    if found.dry_run is not None:
        lines.append(
            f"Predicted by a dry run over {over}: {found.dry_run.stored_bytes:,} bytes{of_all}, "
            f"{found.dry_run.seconds:.1f} s on this machine."
        )
    return lines


def _comments(found: SavedSweep) -> list[str]:
    sweep = found.sweep
    lines = [f"flowroi sweep of {sweep.name}: for flowroi compress --config"]
    if not sweep.met:
        lines.append(f"the nearest, which misses: {'; '.join(sweep.best.misses)}")
    return lines


def _write_table(path: Path, sweep: Sweep) -> None:
    names = [name for name in SWEEPABLE if any(name in c.options for c in sweep.candidates)]
    fronts = {figure: {id(c) for c in sweep.front(figure)} for figure in ("roi_psnr", "f1")}
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("candidate", *names, *_SUMMARY, "feasible", "chosen", "on_front", "on_f1_front", "misses"))
        for n, c in enumerate(sweep.candidates):
            figures = dict.fromkeys(_SUMMARY) if c.summary is None else c.summary.as_dict()
            marks = (c.feasible, c is sweep.best, id(c) in fronts["roi_psnr"], id(c) in fronts["f1"])
            table.writerow(
                (n, *(c.options.get(name) for name in names), *figures.values(), *map(int, marks), "; ".join(c.misses))
            )


def _provenance(sweep: Sweep, command: Sequence[str]) -> dict[str, Any]:
    return {
        "movie": {"name": sweep.name, "shape": list(sweep.shape), "dtype": sweep.dtype},
        **({} if sweep.plate is None else {"sampled positions": [movie.name for movie in sweep.plate.movies]}),
        "cells": sweep.truth,
        "segmenter": sweep.segmenter,
        "targets": [str(target) for target in sweep.goal.targets],
        "best is": sweep.goal.best,
        "held constant": dict(sweep.fixed),
        "sampled frames": list(sweep.sample_frames),
        "frames held out": list(sweep.held_out_frames),
        "candidates": len(sweep.candidates),
        "versions": codec_versions(),
        "command": shlex.join(command),
    }
