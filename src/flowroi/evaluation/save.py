"""An evaluation on disk: the report to look at, and its figures as CSV and JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from flowroi.archives import open_archive
from flowroi.archives.atomic import appearing
from flowroi.baselines import SEQUENCE_BASELINES
from flowroi.evaluation.gains import Gain, archive_gains
from flowroi.evaluation.looks import looks_section
from flowroi.evaluation.migration import SubjectMigration, migration_of
from flowroi.evaluation.run import Evaluation, run_evaluation_of
from flowroi.evaluation.sections import (
    coverage_section,
    gain_section,
    migration_section,
    segmentation_section,
    segmenter_is_useful,
    size_section,
)
from flowroi.evaluation.tables import subject_dict, write_tables
from flowroi.evaluation.verdict import targets_text, verdict
from flowroi.evaluation.worst import cells_outside
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.output import check_target
from flowroi.report.blocks import Report, Section, Table, Text
from flowroi.report.compression import size_on_disk
from flowroi.report.html import render
from flowroi.segmenters import Segmenter
from flowroi.sources import Source, open_source
from flowroi.sources.names import text_name
from flowroi.stores import AnyPath
from flowroi.targets import Target
from flowroi.versions import codec_versions

REPORT = "report.html"
FILES = (REPORT, "summary.csv", "frames.csv", "cells.csv", "migration.csv", "evaluation.json")
# What is told of how an archive was made, where its manifest has it.
_TOLD = ("digest", "flowroi", "codecs", "encode", "sequence", "background", "roi", "source")


@dataclass(frozen=True, slots=True)
class SavedEvaluation:
    """A finished evaluation.

    Attributes
    ----------
    evaluation : Evaluation
    gains : dict of str to dict of str to list of Gain
        By the baseline's key, and the archive's: over every codec of the baselines, the first of them first.
    migrations : tuple of SubjectMigration
    verdict : str
        Of the first archive.
    met : bool or None
        Whether it meets the targets; None without any.
    """

    evaluation: Evaluation
    gains: dict[str, dict[str, list[Gain]]]
    migrations: tuple[SubjectMigration, ...]
    verdict: str
    met: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything that is not about a single frame or cell, ready for JSON."""
        of = self.evaluation
        gains = {
            codec: {key: [asdict(gain) for gain in found] for key, found in archives.items()}
            for codec, archives in self.gains.items()
        }
        return {
            "name": of.name,
            "frames": len(of.subjects[0].frames),
            "shape": list(of.shape),
            "truth": of.truth,
            "segmenter": of.segmenter,
            "noise_sigma": of.noise_sigma,
            "curve_frames": list(of.curve_frames),
            "verdict": self.verdict,
            "targets_met": self.met,
            "subjects": [subject_dict(s) for s in of.subjects],
            "gains": next(iter(gains.values()), {}),
            "gains_over": gains,
            "migration": {m.subject.key: m.comparison.as_dict() for m in self.migrations if m.comparison is not None},
            "warnings": list(of.warnings),
        }


def save_evaluation(
    source: str | PathLike[str],
    archives: Sequence[Path],
    target: Path,
    *,
    segmenter: Segmenter | None,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    **options: Any,
) -> SavedEvaluation:
    """Evaluate archives of a movie and write the report into a folder that appears when it is complete.

    Parameters
    ----------
    source, archives, segmenter, pattern, channel, max_pixels
        See `run_evaluation`.
    target : Path
        New folder for `FILES`.
    **options
        Likewise, and those that follow.
    targets : sequence of Target
        What the first archive should reach.
    overwrite : bool, default False
        Replace the folder of an earlier evaluation.
    command : sequence of str
        The command line, for the report.

    Raises
    ------
    FlowRoIError
        As `run_evaluation`, and for a target folder that may not be written; nothing is left behind then.
    """
    with open_source(source, pattern=pattern, channel=channel, max_pixels=max_pixels) as opened:
        return save_evaluation_of(opened, archives, target, segmenter=segmenter, **options)


def save_evaluation_of(
    opened: Source,
    archives: Sequence[AnyPath],
    target: Path,
    *,
    segmenter: Segmenter | None,
    labels: Path | None = None,
    targets: Sequence[Target] = (),
    overwrite: bool = False,
    command: Sequence[str] = (),
    **options: Any,
) -> SavedEvaluation:
    """Do what `save_evaluation` does, with a movie that is open already."""
    check_target(target, inputs=[opened.path, *archives, labels], overwrite=overwrite, replaceable=FILES)
    evaluation = run_evaluation_of(opened, archives, labels=labels, segmenter=segmenter, **options)
    found = _concluded(evaluation, targets)
    with appearing(target, folder=True, overwrite=overwrite) as folder:
        pairs = zip(archives, evaluation.of_kind("archive"), strict=True)
        segmented = segmenter_is_useful(evaluation)
        looks = [looks_section(opened, path, result, segmented=segmented) for path, result in pairs]
        report = _report(found, archives, looks, targets, command)
        (folder / REPORT).write_text(render(report), encoding="utf-8")
        write_tables(folder, evaluation, found.migrations)
        text = json.dumps(found.as_dict(), indent=1, allow_nan=False)
        (folder / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    return found


def _concluded(evaluation: Evaluation, targets: Sequence[Target]) -> SavedEvaluation:
    subjects = evaluation.of_kind("archive")
    gains: dict[str, dict[str, list[Gain]]] = {
        codec["key"]: {s.key: archive_gains(evaluation, s, codec["key"]) for s in subjects}
        for codec in evaluation.codecs
    }
    sentence, met = "Nothing but the movie itself was measured.", None
    if subjects:
        first, raw = subjects[0], evaluation.subjects[0].summary()
        over = [(codec["name"], gains[codec["key"]][first.key]) for codec in evaluation.codecs]
        # Beside the first codec, those that also code from frame to frame.
        over = over[:1] + [
            pair
            for pair, codec in zip(over[1:], evaluation.codecs[1:], strict=True)
            if codec["key"] in SEQUENCE_BASELINES
        ]
        sentence = verdict(first.summary(), raw, over, cells_outside(first))
        if targets:
            met = targets_text(targets, first.summary(), raw)[0]
    tracked = migration_of(evaluation) if segmenter_is_useful(evaluation) else ()
    return SavedEvaluation(evaluation, gains, tracked, sentence, met)


def _report(
    found: SavedEvaluation,
    archives: Sequence[AnyPath],
    looks: Sequence[Section],
    targets: Sequence[Target],
    command: Sequence[str],
) -> Report:
    evaluation = found.evaluation
    subjects = evaluation.of_kind("archive")
    files = {s.key: size_on_disk(path) for s, path in zip(subjects, archives, strict=True)}
    sections: list[Section | None] = []
    if subjects and targets:
        _, rows = targets_text(targets, subjects[0].summary(), evaluation.subjects[0].summary())
        sections.append(Section("Targets", (Table("What was asked for", ("target", "reached", "met"), tuple(rows)),)))
    sections.append(gain_section(evaluation, found.gains))
    sections += [size_section(evaluation, files), coverage_section(evaluation), *looks]
    sections += [segmentation_section(evaluation), migration_section(evaluation, found.migrations)]
    if evaluation.warnings:
        sections.append(Section("Warnings", (Text(evaluation.warnings),)))
    return Report(
        title=f"{evaluation.name}: what compression costs",
        verdict=found.verdict,
        verdict_good=found.met,
        sections=tuple(section for section in sections if section is not None),
        provenance=_provenance(evaluation, archives, command),
    )


def _provenance(evaluation: Evaluation, archives: Sequence[AnyPath], command: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, subject in zip(archives, evaluation.of_kind("archive"), strict=True):
        with open_archive(path) as archive:
            made[subject.name] = {key: archive.manifest[key] for key in _TOLD if key in archive.manifest}
    return {
        "movie": {
            "name": evaluation.name,
            "shape": list(evaluation.shape),
            "dtype": evaluation.dtype,
            "pixel_size_um": evaluation.pixel_size_um,
            "frame_interval_s": evaluation.frame_interval_s,
            "noise_sigma": round(evaluation.noise_sigma, 4),
        },
        "cells": evaluation.truth,
        "segmenter": evaluation.segmenter,
        "baselines": list(evaluation.codecs),
        "archives": made,
        "versions": codec_versions(),
        "command": shlex.join(text_name(part) for part in command),
    }
