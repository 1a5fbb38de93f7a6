"""Experiments from a movie to a folder of results: what `flowroi experiment` does."""

from __future__ import annotations

import csv
import json
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowroi.baselines import open_baseline
from flowroi.errors import InvalidParameterError
from flowroi.experiments.configuration import Subject
from flowroi.experiments.finding import Finding, Methods, Rows, statements_table
from flowroi.experiments.movie import DEFAULT_FRAMES, Movie, default_movie, given_movie
from flowroi.experiments.registry import chosen
from flowroi.experiments.statements import Statement, unusable
from flowroi.experiments.verdict import verdict
from flowroi.experiments.workbench import Workbench
from flowroi.output import check_target
from flowroi.params import RoiMethod, check_integer
from flowroi.report.blocks import Block, Report, Section, Text
from flowroi.report.html import render
from flowroi.segmenters import Segmenter
from flowroi.versions import codec_versions

Progress = Callable[[int, int], None]
REPORT, STATEMENTS, SUMMARY = "report.html", "statements.csv", "experiments.json"
CACHE = "cache"
# What a folder of results holds.
_NAMES = (REPORT, STATEMENTS, SUMMARY, "fig*.csv", "fig*.png", "table2.csv", "runtime.csv")
BOTH: tuple[RoiMethod, ...] = ("fused", "flow")


@dataclass(frozen=True, slots=True)
class Experiments:
    """Finished experiments.

    Attributes
    ----------
    names : tuple of str
    movie : str
    frames : int
        Of the movie.
    measured_frames : int
    verdict : str
        In a sentence or two.
    statements : tuple of Statement
    files : tuple of str
        Names in the folder.
    """

    names: tuple[str, ...]
    movie: str
    frames: int
    measured_frames: int
    verdict: str
    statements: tuple[Statement, ...]
    files: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, ready for JSON."""
        return {
            "experiments": list(self.names),
            "movie": self.movie,
            "frames": self.frames,
            "measured_frames": self.measured_frames,
            "verdict": self.verdict,
            "statements": [statement.as_dict() for statement in self.statements],
            "files": list(self.files),
        }


def run_experiments(
    names: Sequence[str],
    target: Path,
    *,
    source: Path | None = None,
    labels: Path | None = None,
    segmenter: Segmenter | None = None,
    methods: Methods = BOTH,
    frames: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    progress: Progress | None = None,
    **synthetic: Any,
) -> Experiments:
    """Repeat experiments of the paper, and write what they find into a folder.

    Parameters
    ----------
    names : sequence of str
        See `chosen`.
    target : Path
        Folder for the report, its tables and its pictures. In its subfolder `cache` every archive and every figure
        stays: a run that was stopped goes on where it was, and another asks only for what is missing.
    source, labels : Path, optional
        A movie and its true cells, see `run_evaluation`; by default a synthetic movie.
    segmenter : Segmenter, optional
        Without one, nothing is said of segmentation.
    methods : sequence of "fused" or "flow", default both
    frames : int >= 2, optional
        Of the synthetic movie, 60 by default.
    seed : int, optional
        Of the synthetic movie, 0 by default.
    workers : int, optional
        Threads and processes; all cores by default. They do not change the figures, those of `runtime` apart.
    overwrite : bool, default False
        Replace earlier results in the folder. The cache stays.
    command : sequence of str
        The command line, for the report.
    progress : callable, optional
        Called with (steps done, steps in all).
    **synthetic
        Fields of `SyntheticParams`.

    Raises
    ------
    InvalidParameterError
        For an unknown name, or a parameter that is out of range or of the other kind of movie.
    OutputExistsError
        If the folder holds results and `overwrite` is False, or anything that is not of an experiment.
    FlowRoIError
        As `compress` and `run_evaluation`.
    """
    experiments = chosen(names)
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    _check_folder(target, [source, labels], overwrite=overwrite)
    movie = _movie(target / CACHE, source, labels, segmenter, frames, seed, synthetic)
    bench = Workbench(movie, target / CACHE, segmenter, workers=workers, progress=progress)
    wanted = [subject for experiment in experiments for subject in experiment.needs(methods)]
    bench.prepare(wanted)
    findings = [experiment.conclude(bench, methods) for experiment in experiments]
    statements = tuple(statement for finding in findings for statement in finding.statements)
    done = tuple(experiment.name for experiment in experiments)
    sentence = verdict(bench, done, methods, statements)
    report = Report(
        title=f"The paper's experiments on {movie.name}",
        verdict=sentence,
        verdict_good=None,
        sections=(*_overview(statements, bench, wanted), *(finding.section for finding in findings)),
        provenance=_provenance(bench, done, methods, command),
    )
    files = _publish(target, report, findings, statements, done, sentence, bench)
    return Experiments(done, movie.name, movie.shape[0], len(bench.frames), sentence, statements, files)


def _check_folder(target: Path, inputs: Sequence[Path | None], *, overwrite: bool) -> None:
    # A folder with nothing but a cache is that of a run that was stopped.
    stopped = target.is_dir() and all(entry.name == CACHE for entry in target.iterdir())
    check_target(target, inputs=inputs, overwrite=overwrite or stopped, replaceable=(*_NAMES, CACHE))


def _movie(
    cache: Path,
    source: Path | None,
    labels: Path | None,
    segmenter: Segmenter | None,
    frames: int | None,
    seed: int | None,
    synthetic: dict[str, Any],
) -> Movie:
    if source is None:
        if labels is not None:
            raise InvalidParameterError("labels are given without a movie; expected both, or neither")
        return default_movie(
            cache, frames=DEFAULT_FRAMES if frames is None else frames, seed=0 if seed is None else seed, **synthetic
        )
    given = {"frames": frames, "seed": seed, **synthetic}
    extra = [name for name, value in given.items() if value is not None]
    if extra:
        raise InvalidParameterError(f"{', '.join(extra)}: of the synthetic movie only; leave out, or give no movie")
    if labels is None and segmenter is None:
        raise InvalidParameterError("there are neither labels nor a segmenter to tell where the cells are; give one")
    return given_movie(source, labels)


def _overview(statements: Sequence[Statement], bench: Workbench, wanted: Sequence[Subject]) -> list[Section]:
    blocks: list[Block] = []
    useless = unusable(bench.raw.summary().f1)
    if useless:
        blocks.append(Text((f"Precision, recall and F1 mean nothing on this movie: {useless}. Choose another one.",)))
    if statements:
        blocks.append(statements_table(statements))
    refused = bench.refused(wanted)
    if refused:
        blocks.append(Text(("Left out, because so few bytes do not do:", *refused)))
    return [Section("The paper's statements", tuple(blocks), "statements")] if blocks else []


def _provenance(bench: Workbench, names: Sequence[str], methods: Methods, command: Sequence[str]) -> dict[str, Any]:
    movie = bench.movie
    return {
        "experiments": list(names),
        "methods": list(methods),
        "movie": {
            "name": movie.name,
            "shape": list(movie.shape),
            "sha256": movie.digest,
            "truth_sha256": movie.truth_digest,
            "noise_sigma": round(movie.noise_sigma, 4),
            **movie.described,
        },
        "measured_frames": list(bench.frames),
        "segmenter": None if bench.segmenter is None else bench.segmenter.describe(),
        "baselines": [open_baseline("openjpeg").describe()],
        "versions": codec_versions(),
        "command": shlex.join(command),
    }


def _publish(
    target: Path,
    report: Report,
    findings: Sequence[Finding],
    statements: Sequence[Statement],
    names: Sequence[str],
    sentence: str,
    bench: Workbench,
) -> tuple[str, ...]:
    """Write the results aside, and move them into place when all are there; earlier ones go."""
    with tempfile.TemporaryDirectory(prefix=".results-", dir=target / CACHE) as name:
        aside = Path(name)
        (aside / REPORT).write_text(render(report), encoding="utf-8")
        _write_csv(aside / STATEMENTS, [statement.as_dict() for statement in statements])
        for finding in findings:
            for file, rows in finding.tables.items():
                _write_csv(aside / file, rows)
            for file, png in finding.pictures.items():
                (aside / file).write_bytes(png)
        files = (*sorted(path.name for path in aside.iterdir()), SUMMARY)
        result = Experiments(
            tuple(names), bench.movie.name, bench.movie.shape[0], len(bench.frames), sentence, tuple(statements), files
        )
        text = json.dumps(result.as_dict(), indent=1, allow_nan=False)
        (aside / SUMMARY).write_text(text + "\n", encoding="utf-8")
        for entry in target.iterdir():
            if entry.name not in (CACHE, *files):
                entry.unlink()
        for file in files:
            (aside / file).replace(target / file)
    return files


def _write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        if rows:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
