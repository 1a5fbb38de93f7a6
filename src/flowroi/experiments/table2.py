"""Table 2: the related methods' figures as the paper reports them, and ours as they are measured."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.experiments.comparison import curve_subjects, psnr_gains
from flowroi.experiments.configuration import LABELS, PAPER_RATE, Reference, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, measured_on
from flowroi.experiments.statements import Statement, difference
from flowroi.experiments.workbench import Workbench
from flowroi.params import RoiMethod
from flowroi.report.blocks import Section, Table, Text

NAME = "table2"
_TITLE = "Table 2: related methods"
# As the paper reports them: method, training, platform, gain over JPEG 2000.
_REPORTED = (
    ("RoI compression (Han 2006)", "yes", "CPU", "around 3 dB"),
    ("Swin transformer based RoI compression (Li 2023)", "yes", "GPU", "2 to 2.5 dB"),
    ("RoI compression with variable rate (Kao 2023)", "yes", "GPU", "around 3 to 4 dB"),
    ("Variable-rate deep image compression (Song 2021)", "yes", "CPU", "around 2 dB"),
    ("Image codec paradigm (Chen 2021)", "yes", "GPU", "around 5 dB"),
    ("Content-weighted image compression (Li 2018)", "yes", "GPU", "no significant improvement"),
    ("Saliency segmentation based compression (Li 2024)", "yes", "GPU", "10 % bitrate reduction"),
    ("FlowRoI (the paper)", "no", "CPU", "around 5 dB (50 to 55 % bitrate reduction)"),
)
PAPER_GAIN_DB, PAPER_REDUCTION = 5.0, 0.5


def _needs(methods: Methods) -> Sequence[Subject]:
    return [subject for method in methods for subject in curve_subjects(method)]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    columns = ("method", "training", "platform", "gain over JPEG 2000", "source")
    rows = [dict(zip(columns, (*line, "reported"), strict=True)) for line in _REPORTED]
    statements = []
    for method in methods:
        text, found = _ours(bench, method)
        rows.append(dict(zip(columns, (LABELS[method], "no", "CPU", text, "measured"), strict=True)))
        statements += found
    table = Table("Gain over JPEG 2000", columns, tuple(tuple(one.values()) for one in rows))
    notes = (
        f"Ours: PSNR on the cells above plain JPEG 2000's at {PAPER_RATE:g}:1, and fewer bytes at the PSNR that it has "
        f"there. {measured_on(bench)}",
        "Reported figures are of other images, and of whole images or other regions: they do not compare.",
    )
    return Finding(Section(_TITLE, (Text(notes), table), NAME), {"table2.csv": rows}, {}, tuple(statements))


def _ours(bench: Workbench, method: RoiMethod) -> tuple[str, list[Statement]]:
    gap = difference(bench.result(usual(method)), bench.result(Reference("openjpeg", PAPER_RATE)), "roi_psnr")
    gain = psnr_gains(bench, method).get(PAPER_RATE)
    smaller = None if gain is None or gain.gain is None else 1 - 1 / gain.gain
    text = "not measured" if gap is None else gap.text("dB", 2)
    reduction = "not measured" if smaller is None else f"{smaller:.1%}"
    statements = [
        Statement(
            NAME,
            method,
            f"around {PAPER_GAIN_DB:g} dB above JPEG 2000 at the same rate",
            text,
            None if gap is None else gap.value >= PAPER_GAIN_DB,
        ),
        Statement(
            NAME,
            method,
            "50 to 55 % fewer bits at the same PSNR",
            f"{reduction} at JPEG 2000's PSNR at {PAPER_RATE:g}:1",
            None if smaller is None else smaller >= PAPER_REDUCTION,
        ),
    ]
    return f"{text}; {reduction} bitrate reduction", statements


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
