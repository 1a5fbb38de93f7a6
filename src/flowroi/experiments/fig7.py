"""Figure 7: the RoI threshold."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.experiments.configuration import LABELS, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, figures_table, measured_on, row
from flowroi.experiments.statements import Statement, at_ceiling, peaks_at, rises_then_stays
from flowroi.experiments.sweep import REFERENCE, Line, sweep_figure, sweep_rows, values_of
from flowroi.experiments.workbench import Workbench
from flowroi.params import RoiMethod
from flowroi.report.blocks import Figure, Section, Text

NAME = "fig7"
_TITLE = "Figure 7: the RoI threshold"
_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
_BEST = 0.2


def _line(method: RoiMethod) -> Line:
    return Line(LABELS[method], tuple((value, usual(method, roi_threshold=value)) for value in _THRESHOLDS))


def _needs(methods: Methods) -> Sequence[Subject]:
    points: list[Subject] = [configuration for method in methods for _, configuration in _line(method).points]
    return [*points, *(usual(method) for method in methods), REFERENCE]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    lines = [_line(method) for method in methods]
    rows = sweep_rows(bench, "roi_threshold", lines)
    marks = {}
    if "fused" in methods:
        marks["fused, auto"] = usual("fused")
        rows.append(row(bench.result(usual("fused")), codec=LABELS["fused"], roi_threshold="auto"))
    picture = sweep_figure(bench, lines, "RoI threshold", marks)
    text = [f"At 40:1, denoise on, adjacent factor 0, scaling factor 5. {measured_on(bench)}"]
    if "fused" in methods:
        text.append(
            'The threshold is a share of the pixels. Left to itself ("auto", its default), fused finds the share that '
            "each frame's cells need."
        )
    section = Section(
        _TITLE,
        (
            Text(tuple(text)),
            Figure(
                "Quality over the RoI threshold, with 95 % intervals from frames drawn anew.",
                "Curves of quality over the RoI threshold",
                picture,
            ),
            figures_table("Figures by RoI threshold", rows),
        ),
        NAME,
    )
    statements = [s for method, line in zip(methods, lines, strict=True) for s in _statements(bench, method, line)]
    return Finding(section, {"fig7.csv": rows}, {"fig7.png": picture}, tuple(statements))


def _statements(bench: Workbench, method: RoiMethod, line: Line) -> list[Statement]:
    found = []
    claim = f"PSNR rises to a peak at a threshold of {_BEST:g}, and falls beyond it"
    places, values = values_of(bench, line, "roi_psnr")
    agrees, text = peaks_at(places, values, _BEST, "dB") if _BEST in places else (None, "not measured")
    found.append(Statement(NAME, method, claim, text, agrees))
    claim = f"segmentation improves from 0.1 to {_BEST:g}, and stays nearly constant beyond it"
    places, values = values_of(bench, line, "f1")
    ceiling = at_ceiling(values, bench.raw.summary().f1)
    if _BEST not in places or ceiling:
        found.append(Statement(NAME, method, claim, ceiling or "not measured", None))
        return found
    agrees, text = rises_then_stays(places, values, _BEST)
    found.append(Statement(NAME, method, claim, text, agrees))
    return found


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
