"""Figure 2: PSNR on the cells and segmentation over the compression rate, FlowRoI against plain JPEG 2000."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowroi.evaluation.gains import Gain
from flowroi.experiments.bands import QUALITIES, series_of
from flowroi.experiments.comparison import (
    RATES,
    REFERENCE_RATES,
    curve_of,
    curve_subjects,
    f1_gains,
    psnr_bd_rate,
    psnr_gains,
)
from flowroi.experiments.configuration import LABELS, REFERENCE_LABEL, Reference, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, figures_table, measured_on, row
from flowroi.experiments.statements import Statement, at_least, difference, unusable
from flowroi.experiments.workbench import Workbench
from flowroi.metrics.curves import noise_floor
from flowroi.params import RoiMethod
from flowroi.report.blocks import Block, Figure, Section, Table, Text
from flowroi.report.curves import Panel, panels_figure

NAME = "fig2"
_TITLE = "Figure 2: quality and segmentation over the compression rate"
# The paper's size gains at equal PSNR and at equal segmentation.
PAPER_PSNR_GAIN, PAPER_F1_GAIN = (2.0, 2.2), (2.2, 2.3)


def _needs(methods: Methods) -> Sequence[Subject]:
    return [subject for method in methods for subject in curve_subjects(method)]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    rows = [
        row(bench.result(usual(method, rate=rate)), codec=LABELS[method], asked=rate)
        for method in methods
        for rate in RATES
    ]
    for codec, label in (("openjpeg", REFERENCE_LABEL), ("cap", "cells alone (cap)")):
        for rate in REFERENCE_RATES:
            reference = Reference("cap" if codec == "cap" else "openjpeg", rate)
            rows.append(row(bench.result(reference), codec=label, asked=rate))
    rows.append(row(bench.raw, codec="uncompressed", asked=1.0))
    gains = {method: (psnr_gains(bench, method), f1_gains(bench, method)) for method in methods}
    picture = _picture(bench, methods)
    blocks: list[Block] = [
        Text((measured_on(bench), *(_sentence(method, *gains[method]) for method in methods))),
        Figure(
            "PSNR on the true cells, precision, recall and F1 (IoU of at least 0.5) over the compression rate, with "
            "95 % intervals from frames drawn anew. Above the line of the camera noise, a codec codes noise.",
            "Four panels of curves: FlowRoI and plain JPEG 2000 over the compression rate",
            picture,
        ),
        _gain_table(bench, gains),
        figures_table("The points of the curves", rows),
    ]
    tables = {"fig2.csv": rows, "fig2_gains.csv": _gain_rows(bench, gains)}
    statements = [s for method in methods for s in _statements(bench, method, *gains[method])]
    return Finding(Section(_TITLE, tuple(blocks), NAME), tables, {"fig2.png": picture}, tuple(statements))


def _picture(bench: Workbench, methods: Methods) -> bytes:
    curves = {LABELS[method]: curve_of(bench, method) for method in methods}
    curves[REFERENCE_LABEL] = curve_of(bench, None)
    raw = bench.raw.summary()
    panels = []
    for field, label in QUALITIES.items():
        marks = {}
        if field == "roi_psnr" and bench.movie.noise_sigma > 0:
            marks["camera noise"] = noise_floor(bench.movie.noise_sigma, bench.movie.peak)
        elif getattr(raw, field) is not None:
            marks["uncompressed"] = getattr(raw, field)
        series = [
            series_of(name, [point.summary().rate for point in points], points, field)
            for name, points in curves.items()
        ]
        if any(value is not None for one in series for value in one.y):
            panels.append(Panel(series, "compression rate", label, marks=marks))
    return panels_figure(panels)


def _gain_rows(
    bench: Workbench, gains: dict[RoiMethod, tuple[dict[float, Gain], dict[float, Gain]]]
) -> list[dict[str, Any]]:
    rows = []
    for method, (psnr, f1) in gains.items():
        for where, quality, found in (("JPEG 2000 at {:g}:1", "PSNR, dB", psnr), ("{:.0%} of the raw F1", "F1", f1)):
            for key, gain in found.items():
                place = {"codec": LABELS[method], "quality": quality, "where": where.format(key)}
                rows.append(
                    {**place, "level": gain.at, "gain": gain.gain, "low": gain.low, "high": gain.high, "cap": gain.cap}
                )
        bd = {"codec": LABELS[method], "quality": "BD-rate, %", "where": "the PSNR that both curves have"}
        rows.append({**bd, "level": None, "gain": psnr_bd_rate(bench, method), "low": None, "high": None, "cap": None})
    return rows


def _gain_table(bench: Workbench, gains: dict[RoiMethod, tuple[dict[float, Gain], dict[float, Gain]]]) -> Table:
    return Table(
        "Bytes of plain JPEG 2000 over FlowRoI's, at equal quality",
        ("codec", "quality", "where", "level", "gain", "95 % from", "to", "cap"),
        tuple(tuple(one.values()) for one in _gain_rows(bench, gains)),
        note="Log bytes are interpolated linearly in the quality. The cap is what our encoder gains when told the true "
        "cells and hardly anything else. A dash: a curve does not reach the level, or too many draws do not. "
        "The last lines are no gain but the BD-rate: the mean change of the bytes at equal PSNR.",
    )


def _sentence(method: RoiMethod, psnr: dict[float, Gain], f1: dict[float, Gain]) -> str:
    parts = []
    for found, quality, (low, high) in ((psnr, "PSNR", PAPER_PSNR_GAIN), (f1, "F1", PAPER_F1_GAIN)):
        _, text = at_least([gain.gain for gain in found.values()], low)
        parts.append(f"{text} at equal {quality} (the paper: {low:g} to {high:g})")
    return f"Bytes of plain JPEG 2000 over those of {LABELS[method]}: {', and '.join(parts)}."


def _statements(bench: Workbench, method: RoiMethod, psnr: dict[float, Gain], f1: dict[float, Gain]) -> list[Statement]:
    better = [
        (
            rate,
            difference(bench.result(usual(method, rate=rate)), bench.result(Reference("openjpeg", rate)), "roi_psnr"),
        )
        for rate in RATES
    ]
    known = [(rate, gap) for rate, gap in better if gap is not None]
    text = ", ".join(f"{gap.value:+.2f} dB at {rate:g}:1" for rate, gap in known)
    found = [
        Statement(
            NAME,
            method,
            "higher PSNR than JPEG 2000 at every compression rate",
            text,
            all(gap.above for _, gap in known) if known else None,
        )
    ]
    useless = unusable(bench.raw.summary().f1)
    for what, gains, limits, where in (
        ("PSNR", psnr, PAPER_PSNR_GAIN, "at JPEG 2000's {:g}:1"),
        ("segmentation", f1, PAPER_F1_GAIN, "at {:.0%} of the raw F1"),
    ):
        agrees, text = at_least([gain.gain for gain in gains.values()], limits[0])
        if gains is f1 and useless:
            text = useless
        elif agrees is not None:
            text = ", ".join(
                _gain_text(gain, where.format(key)) for key, gain in gains.items() if gain.gain is not None
            )
        claim = f"{limits[0]:g} to {limits[1]:g} times the compression at equal {what}"
        found.append(Statement(NAME, method, claim, text, agrees))
    known_f1 = {share: gain.gain for share, gain in f1.items() if gain.gain is not None}
    text = ", ".join(f"{share:.0%} of the raw F1 at {gain:.2f} times the rate" for share, gain in known_f1.items())
    claim = "segmentation begins to drop at higher rates than with JPEG 2000"
    later = all(gain > 1 for gain in known_f1.values()) if known_f1 else None
    found.append(Statement(NAME, method, claim, text or useless or "not measured", later))
    return found


def _gain_text(gain: Gain, where: str) -> str:
    cap = "" if gain.cap is None else f" (cap {gain.cap:.2f})"
    return f"{gain.gain:.2f} {where}{cap}"


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
