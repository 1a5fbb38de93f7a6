"""What the studies of one parameter share: a line a method, four panels, and plain JPEG 2000 for scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowroi.evaluation.gains import Quality
from flowroi.experiments.bands import QUALITIES, series_of
from flowroi.experiments.configuration import PAPER_RATE, Configuration, Reference
from flowroi.experiments.finding import row
from flowroi.experiments.statements import Difference, Statement, at_ceiling, difference
from flowroi.experiments.workbench import Workbench
from flowroi.report.curves import Panel, panels_figure

REFERENCE = Reference("openjpeg", PAPER_RATE)
REFERENCE_MARK = "JPEG 2000, 40:1"


@dataclass(frozen=True, slots=True)
class Line:
    """The settings of one parameter, for one method: (value, configuration), by value."""

    label: str
    points: tuple[tuple[float, Configuration], ...]


def sweep_rows(bench: Workbench, parameter: str, lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the figures of every point, and those of plain JPEG 2000."""
    rows = [
        row(bench.result(configuration), codec=line.label, **{parameter: value})
        for line in lines
        for value, configuration in line.points
    ]
    return [*rows, row(bench.result(REFERENCE), codec=REFERENCE_MARK, **{parameter: None})]


def sweep_figure(
    bench: Workbench, lines: Sequence[Line], x_label: str, marks: Mapping[str, Configuration] | None = None
) -> bytes:
    """Draw the qualities over a parameter, with 95 % intervals; `marks` are configurations without a value of it."""
    levels = {REFERENCE_MARK: bench.result(REFERENCE)}
    levels |= {name: bench.result(configuration) for name, configuration in (marks or {}).items()}
    panels = []
    for field, label in QUALITIES.items():
        series = [
            series_of(line.label, [v for v, _ in line.points], [bench.result(c) for _, c in line.points], field)
            for line in lines
        ]
        drawn = {
            name: value
            for name, result in levels.items()
            if result is not None and (value := getattr(result.summary(), field)) is not None
        }
        if any(value is not None for one in series for value in one.y):
            panels.append(Panel(series, x_label, label, x_log=False, marks=drawn))
    return panels_figure(panels)


def values_of(bench: Workbench, line: Line, field: str) -> tuple[list[float], list[float]]:
    """Return the values of a parameter that could be measured, and a quality at each."""
    known = [(value, _figure(bench, configuration, field)) for value, configuration in line.points]
    return [value for value, y in known if y is not None], [y for _, y in known if y is not None]


def end_to_end(bench: Workbench, line: Line, quality: Quality) -> Difference | None:
    """Return how much better the last point of a line is than its first."""
    return difference(bench.result(line.points[-1][1]), bench.result(line.points[0][1]), quality)


def trend(
    bench: Workbench, line: Line, quality: Quality, *, up: bool, experiment: str, method: str, claim: str
) -> Statement:
    """Hold the trend from a line's first point to its last against the paper's."""
    gap = end_to_end(bench, line, quality)
    if gap is None:
        return Statement(experiment, method, claim, "not measured", None)
    if quality == "f1" and (ceiling := at_ceiling(values_of(bench, line, "f1")[1], bench.raw.summary().f1)):
        return Statement(experiment, method, claim, ceiling, None)
    unit, digits = ("dB", 2) if quality == "roi_psnr" else ("", 4)
    first, last = line.points[0][0], line.points[-1][0]
    text = f"{gap.text(unit, digits)} from {first:g} to {last:g}"
    return Statement(experiment, method, claim, text, gap.above if up else gap.below)


def _figure(bench: Workbench, configuration: Configuration, field: str) -> float | None:
    result = bench.result(configuration)
    return None if result is None else getattr(result.summary(), field)
