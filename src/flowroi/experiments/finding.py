"""What an experiment is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowroi.evaluation.results import SubjectResult
from flowroi.experiments.configuration import LABELS, REFERENCE_LABEL, Configuration, Subject
from flowroi.experiments.statements import Statement
from flowroi.experiments.workbench import Workbench
from flowroi.params import RoiMethod
from flowroi.report.blocks import Cell, Section, Table

Methods = Sequence[RoiMethod]
Rows = Sequence[Mapping[str, Any]]
# What tables show of a subject's Summary, with headers.
_COLUMNS = {
    "rate": "rate",
    "roi_psnr": "PSNR, cells (dB)",
    "clean_psnr": "to the noise-free movie (dB)",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "cells_covered": "cells covered",
    "roi_area": "RoI over cell area",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What an experiment found.

    Attributes
    ----------
    section : Section
        Of the report.
    tables : dict of str to rows
        By the CSV file's name.
    pictures : dict of str to bytes
        PNG, by the file's name.
    statements : tuple of Statement
    """

    section: Section
    tables: Mapping[str, Rows]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    """One figure or table of the paper.

    Attributes
    ----------
    name : str
    title : str
    needs : callable
        Methods to the subjects that must be measured first.
    conclude : callable
        (workbench, methods) to what was found.
    """

    name: str
    title: str
    needs: Callable[[Methods], Sequence[Subject]]
    conclude: Callable[[Workbench, Methods], Finding]


def row(result: SubjectResult | None, **what: Any) -> dict[str, Any]:
    """Return a line of a CSV file: what a subject is, and its figures."""
    if result is None:
        return {**what, "size_bytes": None, **dict.fromkeys(_COLUMNS)}
    summary = result.summary()
    figures = summary.as_dict()
    return {**what, "size_bytes": summary.size_bytes, **{name: figures[name] for name in _COLUMNS}}


def figures_table(caption: str, rows: Rows, note: str = "") -> Table:
    """Return rows of `row` as a table; what no row knows has no column."""
    keys = [key for key in rows[0] if key != "size_bytes" and any(one[key] is not None for one in rows)]
    cells: list[tuple[Cell, ...]] = [tuple(one[key] for key in keys) for one in rows]
    return Table(caption, tuple(_COLUMNS.get(key, key.replace("_", " ")) for key in keys), tuple(cells), note)


def label_of(subject: Subject) -> str:
    """Return the name of a curve."""
    return LABELS[subject.method] if isinstance(subject, Configuration) else REFERENCE_LABEL


def measured_on(bench: Workbench) -> str:
    """Say on what figures were measured."""
    cells = sum(frame.matches.truth for frame in bench.raw.frames if frame.matches)
    counted = f", {cells:,} cells" if cells else ""
    return (
        f"Measured on {len(bench.frames)} of {bench.movie.shape[0]} frames, spread over the movie{counted}; all were "
        "compressed."
    )


def statements_table(statements: Sequence[Statement]) -> Table:
    """Return statements as a table."""
    return Table(
        "What the paper says, and what was measured",
        ("experiment", "method", "the paper", "measured", "verdict"),
        tuple((s.experiment, s.method, s.claim, s.measured, s.word) for s in statements),
        note="Differences come with 95 % intervals from frames drawn anew, 400 times; one that its interval does not "
        "tell from none is no difference. Neighbouring frames are alike: the intervals tell of this movie only.",
    )
