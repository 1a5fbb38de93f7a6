"""The figures of an evaluation as CSV; what is not known is left empty."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from flowroi.evaluation.migration import SubjectMigration
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import Evaluation

Row = dict[str, Any]


def write_tables(folder: Path, evaluation: Evaluation, migrations: Sequence[SubjectMigration]) -> None:
    """Write `summary.csv` (a row a subject), `frames.csv` and `cells.csv` (of archives), `migration.csv` (tracks)."""
    _write(folder / "summary.csv", _summaries(evaluation))
    _write(folder / "frames.csv", _frames(evaluation))
    _write(folder / "cells.csv", _cells(evaluation))
    _write(folder / "migration.csv", chain.from_iterable(map(_tracks, migrations)))


def subject_dict(subject: SubjectResult) -> Row:
    """Return what a subject is, and its figures, ready for JSON."""
    return {
        "key": subject.key,
        "name": subject.name,
        "kind": subject.kind,
        "coded": subject.coded,
        **subject.summary().as_dict(),
    }


def _summaries(evaluation: Evaluation) -> Iterator[Row]:
    yield from map(subject_dict, evaluation.subjects)


def _frames(evaluation: Evaluation) -> Iterator[Row]:
    for archive in evaluation.of_kind("archive"):
        for frame in archive.frames:
            alone = replace(archive, frames=(frame,)).summary()
            yield {"archive": archive.name, "frame": frame.t, **alone.as_dict()}


def _cells(evaluation: Evaluation) -> Iterator[Row]:
    segmented = evaluation.segmenter is not None
    for archive in evaluation.of_kind("archive"):
        for frame in archive.frames:
            per = frame.per_cell
            if per is None:
                continue
            for i in range(len(per.ids)):
                yield {
                    "archive": archive.name,
                    "frame": frame.t,
                    "cell": int(per.ids[i]),
                    "y_px": _number(per.centres[i, 0], 2),
                    "x_px": _number(per.centres[i, 1], 2),
                    "area_px": int(per.pixels[i]),
                    "mse": _number(per.mse[i], 4),
                    "covered": _number(per.covered[i], 4),
                    "found": int(per.found[i]) if segmented else None,
                }


def _tracks(of: SubjectMigration) -> Iterator[Row]:
    m = of.migration
    for i in range(len(m.track)):
        yield {
            "subject": of.subject.name,
            "track": int(m.track[i]),
            "points": int(m.points[i]),
            "length_unit": m.length_unit,
            "time_unit": m.time_unit,
            "duration": _number(m.duration[i], 4),
            "path_length": _number(m.path_length[i], 4),
            "net_displacement": _number(m.net_displacement[i], 4),
            "mean_speed": _number(m.mean_speed[i], 5),
            "directness": _number(m.directness[i], 5),
        }


def _number(value: Any, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _write(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table: csv.DictWriter[str] | None = None
        for row in rows:
            if table is None:
                table = csv.DictWriter(file, list(row))
                table.writeheader()
            table.writerow(row)
