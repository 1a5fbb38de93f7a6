"""Figure 3: what the eye sees of a frame and of a place in it, plain JPEG 2000 against FlowRoI at three rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.baselines.openjpeg import OpenJpeg
from flowroi.errors import QualityTargetError
from flowroi.experiments.configuration import Reference, Subject, usual
from flowroi.experiments.finding import Experiment, Finding, Methods, figures_table, label_of, measured_on, row
from flowroi.experiments.statements import Statement, difference
from flowroi.experiments.views import Box, densest, frame_and_truth, middle_frame
from flowroi.experiments.workbench import Workbench, decoded
from flowroi.report.blocks import Figure, Section, Text
from flowroi.report.image_grid import GridImage, image_grid
from flowroi.report.pictures import grey_range

NAME = "fig3"
_TITLE = "Figure 3: what the eye sees"
_RATES = (40.0, 80.0, 120.0)
_ZOOM_PX = 96
_BOX_RGB = (230, 159, 0)
Frame = npt.NDArray[Any]


def _subjects(methods: Methods) -> list[list[Subject]]:
    """Return a row a codec, a rate a column."""
    subjects: list[list[Subject]] = [[Reference("openjpeg", rate) for rate in _RATES]]
    subjects += [[usual(method, rate=rate) for rate in _RATES] for method in methods]
    return subjects


def _needs(methods: Methods) -> Sequence[Subject]:
    return [subject for line in _subjects(methods) for subject in line]


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    t = middle_frame(bench)
    frame, truth = frame_and_truth(bench, t)
    place = densest(truth, _ZOOM_PX)
    low, high = grey_range(frame)
    shown = [[_view(bench, subject, frame, t) for subject in line] for line in _subjects(methods)]
    names = ["JPEG 2000", *methods]
    marked = np.zeros(frame.shape, np.bool_)
    marked[place] = True
    whole = image_grid(
        _grid(frame, shown, (slice(None), slice(None)), marked), len(_RATES) + 1, row_labels=names, low=low, high=high
    )
    zoomed = image_grid(_grid(frame, shown, place, None), len(_RATES) + 1, row_labels=names, low=low, high=high)
    rows = [
        row(bench.result(subject), codec=label_of(subject), asked=subject.rate)
        for line in _subjects(methods)
        for subject in line
    ]
    top, left = place[0].start, place[1].start
    section = Section(
        _TITLE,
        (
            Text((measured_on(bench),)),
            Figure(f"Frame {t}; the square is the place below.", "Whole frames in rows by codec", whole),
            Figure(
                f"Frame {t}, {place[0].stop - top} pixels square from ({top}, {left}), all in the grey range of the "
                "original.",
                "The same place in rows by codec, columns by rate",
                zoomed,
            ),
            figures_table("Figures of these rates, over the measured frames", rows),
        ),
        NAME,
    )
    statements = [_statement(bench, method) for method in methods]
    return Finding(section, {"fig3.csv": rows}, {"fig3_field.png": whole, "fig3_zoom.png": zoomed}, tuple(statements))


def _view(bench: Workbench, subject: Subject, frame: Frame, t: int) -> Frame | None:
    if isinstance(subject, Reference):
        codec = OpenJpeg()
        try:
            return codec.decode(codec.encode(frame, subject.rate))
        except QualityTargetError:
            return None
    path = bench.archive(subject)
    return None if path is None else np.asarray(decoded(path, t)[0])


def _grid(
    frame: Frame, shown: Sequence[Sequence[Frame | None]], place: Box, marked: npt.NDArray[np.bool_] | None
) -> list[GridImage]:
    contours = () if marked is None else ((marked, _BOX_RGB),)
    images = []
    for line in shown:
        images.append(GridImage("uncompressed", frame[place], contours))
        for rate, view in zip(_RATES, line, strict=True):
            # What cannot be coded in so few bytes is an empty place.
            picture = np.zeros_like(frame) if view is None else view
            images.append(
                GridImage(f"{rate:g}:1" if view is not None else f"{rate:g}:1 out of reach", picture[place], contours)
            )
    return images


def _statement(bench: Workbench, method: Any) -> Statement:
    claim = "at 120:1, cells are as well preserved as in JPEG 2000 at 40:1 (here: PSNR on the cells)"
    gap = difference(
        bench.result(usual(method, rate=_RATES[-1])), bench.result(Reference("openjpeg", 40.0)), "roi_psnr"
    )
    if gap is None:
        return Statement(NAME, method, claim, "not measured", None)
    return Statement(NAME, method, claim, gap.text("dB", 2), not gap.below)


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
