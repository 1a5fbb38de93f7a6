"""Figure 6: denoising before the motion, off and on."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.evaluation.gains import Quality
from flowroi.experiments.configuration import Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, figures_table, measured_on, row
from flowroi.experiments.statements import Difference, Statement, at_ceiling, difference
from flowroi.experiments.sweep import REFERENCE, REFERENCE_MARK
from flowroi.experiments.workbench import Workbench
from flowroi.report.blocks import Block, Figure, Section, Text
from flowroi.report.distributions import Bars, bars_figure

NAME = "fig6"
_TITLE = "Figure 6: denoising"
_SETTINGS = {"off": usual("flow", denoise=False), "on": usual("flow")}
# The paper's improvement is "small": less than this.
_SMALL_DB = 1.0
_QUALITIES: tuple[tuple[Quality, str, str, int], ...] = (
    ("roi_psnr", "PSNR", "dB", 2),
    ("f1", "segmentation (F1)", "", 4),
)
_IGNORED = (
    "fused has no denoising stage: it takes no notice of the parameter, its masks are the same with and without, and "
    "there is nothing to plot."
)


def _needs(methods: Methods) -> Sequence[Subject]:
    return [*_SETTINGS.values(), REFERENCE] if "flow" in methods else []


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    if "flow" not in methods:
        return Finding(Section(_TITLE, (Text((_IGNORED,)),), NAME), {})
    results = {name: bench.result(configuration) for name, configuration in _SETTINGS.items()}
    rows = [row(result, denoise=name) for name, result in results.items()]
    rows.append(row(bench.result(REFERENCE), denoise=REFERENCE_MARK))
    gaps = {name: _over_reference(bench, name, "roi_psnr") for name in _SETTINGS}
    gain = bars_figure(
        [f"denoise {name}" for name in gaps],
        [
            Bars(
                "flow",
                [None if gap is None else gap.value for gap in gaps.values()],
                [None if gap is None else gap.low for gap in gaps.values()],
                [None if gap is None else gap.high for gap in gaps.values()],
            )
        ],
        y_label="PSNR on the cells above JPEG 2000 (dB)",
    )
    pictures = {"fig6_psnr.png": gain}
    text = [f"flow at 40:1, RoI threshold 0.2, adjacent factor 0, scaling factor 5. {measured_on(bench)}"]
    blocks: list[Block] = [
        Figure(
            f"What FlowRoI gains over {REFERENCE_MARK}; with 95 % intervals.",
            "Two bars: the gain in PSNR with denoising off and on",
            gain,
        )
    ]
    if bench.segmenter is not None:
        scores = ("precision", "recall", "f1")
        segmentation = bars_figure(
            ["precision", "recall", "F1"],
            [Bars(_bar_name(one["denoise"]), [one[score] for score in scores]) for one in rows],
            y_label="score at an IoU of 0.5",
        )
        pictures["fig6_segmentation.png"] = segmentation
        blocks.append(Figure("Segmentation.", "Bars of precision, recall and F1", segmentation))
    if "fused" in methods:
        text.append(_IGNORED)
    section = Section(_TITLE, (Text(tuple(text)), *blocks, figures_table("Figures by denoising", rows)), NAME)
    return Finding(section, {"fig6.csv": rows}, pictures, tuple(_statements(bench)))


def _bar_name(denoise: str) -> str:
    return denoise if denoise == REFERENCE_MARK else f"denoise {denoise}"


def _over_reference(bench: Workbench, name: str, quality: Quality) -> Difference | None:
    return difference(bench.result(_SETTINGS[name]), bench.result(REFERENCE), quality)


def _statements(bench: Workbench) -> list[Statement]:
    found = []
    for quality, what, unit, digits in _QUALITIES:
        step = difference(bench.result(_SETTINGS["on"]), bench.result(_SETTINGS["off"]), quality)
        gaps = [(name, gap) for name in _SETTINGS if (gap := _over_reference(bench, name, quality)) is not None]
        claims = (
            f"denoising improves {what}, but little",
            f"with and without denoising, {what} is significantly above JPEG 2000's",
        )
        subjects: tuple[Subject, ...] = (*_SETTINGS.values(), REFERENCE)
        scores = [result.summary().f1 for subject in subjects if (result := bench.result(subject)) is not None]
        ceiling = at_ceiling(scores, bench.raw.summary().f1) if quality == "f1" else None
        if step is None or not gaps or ceiling:
            found += [Statement(NAME, "flow", claim, ceiling or "not measured", None) for claim in claims]
            continue
        small = step.above and (quality == "f1" or step.value < _SMALL_DB)
        found.append(Statement(NAME, "flow", claims[0], step.text(unit, digits), small))
        text = "; ".join(f"{name}: {gap.text(unit, digits)}" for name, gap in gaps)
        found.append(Statement(NAME, "flow", claims[1], text, all(gap.above for _, gap in gaps)))
    return found


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
