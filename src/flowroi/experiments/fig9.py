"""Figure 9: the scaling factor."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.experiments.configuration import LABELS, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, figures_table, measured_on
from flowroi.experiments.statements import Statement, rises_more, unusable
from flowroi.experiments.sweep import REFERENCE, Line, sweep_figure, sweep_rows, trend, values_of
from flowroi.experiments.workbench import Workbench
from flowroi.params import RoiMethod
from flowroi.report.blocks import Figure, Section, Text

NAME = "fig9"
_TITLE = "Figure 9: the scaling factor"
_FACTORS = tuple(float(s) for s in range(1, 11))


def _line(method: RoiMethod) -> Line:
    return Line(LABELS[method], tuple((value, usual(method, scaling_factor=value)) for value in _FACTORS))


def _needs(methods: Methods) -> Sequence[Subject]:
    return [*(configuration for method in methods for _, configuration in _line(method).points), REFERENCE]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    lines = [_line(method) for method in methods]
    rows = sweep_rows(bench, "scaling_factor", lines)
    picture = sweep_figure(bench, lines, "scaling factor")
    text = [f"At 40:1, denoise on, RoI threshold 0.2, adjacent factor 0. {measured_on(bench)}"]
    if "fused" in methods:
        text.append("fused keeps its own threshold (auto), and has no denoising.")
    section = Section(
        _TITLE,
        (
            Text(tuple(text)),
            Figure(
                "Quality over the scaling factor, with 95 % intervals from frames drawn anew.",
                "Curves of quality over the scaling factor",
                picture,
            ),
            figures_table("Figures by scaling factor", rows),
        ),
        NAME,
    )
    statements = [s for method, line in zip(methods, lines, strict=True) for s in _statements(bench, method, line)]
    return Finding(section, {"fig9.csv": rows}, {"fig9.png": picture}, tuple(statements))


def _statements(bench: Workbench, method: RoiMethod, line: Line) -> list[Statement]:
    claim = "a higher scaling factor raises {}"
    where = {"experiment": NAME, "method": method}
    found = [
        trend(bench, line, "roi_psnr", up=True, **where, claim=claim.format("PSNR")),
        trend(bench, line, "f1", up=True, **where, claim=claim.format("segmentation (F1)")),
    ]
    psnr, f1 = (values_of(bench, line, field)[1] for field in ("roi_psnr", "f1"))
    agrees, text = None, unusable(bench.raw.summary().f1)
    if psnr and f1 and not text:
        agrees, text = rises_more((psnr[0], psnr[-1]), (f1[0], f1[-1]))
    return [*found, Statement(NAME, method, "PSNR rises more than segmentation does", text or "not measured", agrees)]


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
