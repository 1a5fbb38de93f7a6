"""The gains of a method over plain JPEG 2000 at equal quality, read off both curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flowroi.errors import InvalidParameterError
from flowroi.evaluation.gains import Gain, Quality, Sums, gain_at
from flowroi.evaluation.results import SubjectResult
from flowroi.experiments.configuration import Reference, Subject, usual
from flowroi.experiments.statements import unusable
from flowroi.experiments.workbench import Workbench
from flowroi.metrics.curves import Curve, bd_rate, size_gain
from flowroi.params import RoiMethod

RATES = (10.0, 20.0, 40.0, 60.0, 80.0, 120.0, 160.0, 240.0, 320.0)
# The references begin with a better point, so that the level of their point at the first rate lies within their curve.
REFERENCE_RATES = (7.0, *RATES)
# Plain JPEG 2000's points whose PSNR is compared at, and shares of the raw movie's F1.
PSNR_RATES = (10.0, 20.0, 40.0, 80.0)
F1_SHARES = (0.98, 0.95, 0.9, 0.8)


def curve_subjects(method: RoiMethod) -> list[Subject]:
    """Return what the curves of a method and of its references need."""
    ours: list[Subject] = [usual(method, rate=rate) for rate in RATES]
    return ours + [Reference(codec, rate) for codec in ("openjpeg", "cap") for rate in REFERENCE_RATES]


def curve_of(bench: Workbench, method: RoiMethod | None, codec: str = "openjpeg") -> list[SubjectResult]:
    """Return the points of a method, or without one of a reference, that could be measured."""
    subjects: list[Subject] = (
        [Reference("cap" if codec == "cap" else "openjpeg", rate) for rate in REFERENCE_RATES]
        if method is None
        else [usual(method, rate=rate) for rate in RATES]
    )
    return [result for subject in subjects if (result := bench.result(subject)) is not None]


def psnr_gains(bench: Workbench, method: RoiMethod) -> dict[float, Gain]:
    """Return the gain at the PSNR that plain JPEG 2000 has on the cells at each of `PSNR_RATES`."""
    gains = {}
    for rate in PSNR_RATES:
        reference = bench.result(Reference("openjpeg", rate))
        level = None if reference is None else reference.summary().roi_psnr
        if level is not None:
            gains[rate] = _gain(bench, method, "roi_psnr", level)
    return gains


def f1_gains(bench: Workbench, method: RoiMethod) -> dict[float, Gain]:
    """Return the gain at each of `F1_SHARES` of the raw movie's F1; nothing without a segmenter of use."""
    raw = bench.raw.summary().f1
    return (
        {} if raw is None or unusable(raw) else {share: _gain(bench, method, "f1", share * raw) for share in F1_SHARES}
    )


def psnr_bd_rate(bench: Workbench, method: RoiMethod) -> float | None:
    """Return the BD-rate over plain JPEG 2000, in per cent; None where it is not defined."""
    theirs, ours = (_curve(bench, points, "roi_psnr") for points in (curve_of(bench, None), curve_of(bench, method)))
    try:
        return bd_rate(theirs, ours)
    except InvalidParameterError:
        # A larger file with the same PSNR.
        return None


def _gain(bench: Workbench, method: RoiMethod, quality: Quality, level: float) -> Gain:
    theirs, ours, caps = curve_of(bench, None), curve_of(bench, method), curve_of(bench, None, "cap")
    if not theirs or not ours:
        return Gain(quality, level, None)
    gain = gain_at(ours, theirs, bench.frames, quality, level)
    return replace(gain, cap=size_gain(_curve(bench, theirs, quality), _curve(bench, caps, quality), level))


def _curve(bench: Workbench, points: Sequence[SubjectResult], quality: Quality) -> Curve:
    return Curve.of(Sums(points, bench.frames).points(quality) if points else [])
