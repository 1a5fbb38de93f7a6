"""Figure 8: the adjacent factor, at a high and at a low RoI threshold."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.evaluation.gains import Quality
from flowroi.experiments.configuration import Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, figures_table, measured_on
from flowroi.experiments.statements import Statement
from flowroi.experiments.sweep import REFERENCE, Line, sweep_figure, sweep_rows, trend
from flowroi.experiments.workbench import Workbench
from flowroi.params import RoiMethod
from flowroi.report.blocks import Figure, Section, Text

NAME = "fig8"
_TITLE = "Figure 8: the adjacent factor"
_FACTORS = (0, 1, 2, 3)
_LOW, _HIGH = 0.1, 0.2
_QUALITIES: dict[Quality, str] = {"roi_psnr": "PSNR", "f1": "segmentation (F1)"}


def _line(method: RoiMethod, threshold: float) -> Line:
    points = ((float(n), usual(method, roi_threshold=threshold, adjacent_factor=n)) for n in _FACTORS)
    return Line(f"{method}, threshold {threshold:g}", tuple(points))


def _lines(methods: Methods) -> list[Line]:
    return [_line(method, threshold) for method in methods for threshold in (_LOW, _HIGH)]


def _needs(methods: Methods) -> Sequence[Subject]:
    return [*(configuration for line in _lines(methods) for _, configuration in line.points), REFERENCE]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    lines = _lines(methods)
    rows = sweep_rows(bench, "adjacent_factor", lines)
    picture = sweep_figure(bench, lines, "adjacent factor")
    section = Section(
        _TITLE,
        (
            Text((f"At 40:1, denoise on, scaling factor 5. {measured_on(bench)}",)),
            Figure(
                "Quality over the adjacent factor, with 95 % intervals from frames drawn anew.",
                "Curves of quality over the adjacent factor",
                picture,
            ),
            figures_table("Figures by adjacent factor", rows),
        ),
        NAME,
    )
    statements = [s for method in methods for s in _statements(bench, method)]
    return Finding(section, {"fig8.csv": rows}, {"fig8.png": picture}, tuple(statements))


def _statements(bench: Workbench, method: RoiMethod) -> list[Statement]:
    found = []
    for threshold, up in ((_HIGH, False), (_LOW, True)):
        line = _line(method, threshold)
        change = "improves" if up else "reduces"
        for quality, what in _QUALITIES.items():
            claim = f"at a threshold of {threshold:g}, a larger adjacent factor {change} {what}"
            found.append(trend(bench, line, quality, up=up, experiment=NAME, method=method, claim=claim))
    return found


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
