"""An evaluation as sections of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from flowroi.baselines import SEQUENCE_BASELINES
from flowroi.evaluation.gains import Gain
from flowroi.evaluation.migration import SubjectMigration, paired_speeds
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import Evaluation
from flowroi.evaluation.verdict import USEFUL_F1
from flowroi.metrics.curves import noise_floor
from flowroi.report.blocks import Block, Figure, Section, Table, Text
from flowroi.report.figures import Panel, Series, bland_altman_figure, curve_figure, panels_figure

Quality = tuple[str, str]
# What is drawn over the size: the field of a Summary, and its label.
_QUALITIES: tuple[Quality, ...] = (
    ("roi_psnr", "PSNR on the cells (dB)"),
    ("ssim", "SSIM on the cells"),
    ("background_psnr", "PSNR of the background (dB)"),
)
_SCORES: tuple[Quality, ...] = (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))


def size_section(evaluation: Evaluation, file_bytes: dict[str, int]) -> Section:
    """Return sizes and qualities of everything, over all frames that were measured on it."""
    rows = []
    for subject in evaluation.subjects:
        s = subject.summary()
        rows.append(
            (
                subject.name,
                subject.coded,
                s.frames,
                s.rate,
                s.rate_bpp,
                _overhead(file_bytes.get(subject.key), s.size_bytes),
                s.roi_psnr if np.isfinite(s.roi_psnr or 0) else "exact",
                s.background_psnr if np.isfinite(s.background_psnr or 0) else "exact",
                s.clean_psnr,
                s.ssim,
            )
        )
    columns = (
        "what",
        "coded",
        "frames",
        "rate",
        "bits/px",
        "archive adds",
        "PSNR, cells (dB)",
        "PSNR, elsewhere (dB)",
        "PSNR, cells, to the noise-free movie (dB)",
        "SSIM, cells",
    )
    table = Table(
        "Size and quality. Errors are pooled over all frames before the logarithm.",
        columns,
        tuple(rows),
        note=f"Cells are those of {evaluation.truth}. Rates count the encoded frames; what the archive's file adds to "
        "them (manifest, index, kept masks) stands beside. Where the background was replaced, what stands there is no "
        "measurement: its PSNR tells how far the replacement is from the recording, not how well it was coded.",
    ).without_empty_columns()
    return Section("Size and quality", (table, *_curves(evaluation, _QUALITIES, with_floor=True)))


def gain_section(evaluation: Evaluation, gains: Mapping[str, Mapping[str, Sequence[Gain]]]) -> Section | None:
    """Return what each archive gains over each codec, and the most that it could; None where nothing is known."""
    names = {codec["key"]: codec["name"] for codec in evaluation.codecs}
    tables = [
        _gain_table(evaluation, found, names[codec], whole=codec in SEQUENCE_BASELINES)
        for codec, found in gains.items()
        if any(found.values())
    ]
    return Section("Gain", tuple(tables)) if tables else None


def _gain_table(evaluation: Evaluation, gains: Mapping[str, Sequence[Gain]], baseline: str, *, whole: bool) -> Table:
    rows = []
    for archive in evaluation.of_kind("archive"):
        for gain in gains[archive.key]:
            unit = " dB" if gain.quality == "roi_psnr" else ""
            what = "PSNR on the cells" if gain.quality == "roi_psnr" else "F1"
            between = None if gain.low is None else f"{gain.low:.2f} to {gain.high:.2f}"
            at = None if gain.at is None else f"{gain.at:.4g}{unit}"
            rows.append((archive.name, what, at, gain.gain, between, gain.cap))
    note = (
        f"On {len(evaluation.curve_frames)} frames. Sizes are read off the baseline's curve, log bytes interpolated "
        "linearly in the quality; a dash says that the curve does not reach it. Intervals: frames drawn anew, 400 "
        "times; neighbouring frames are alike, so they tell of this movie only. Near the ceiling of F1 a gain says "
        "little: look where the curves begin to fall. "
    )
    if whole:
        note += "The codec was given the whole movie, untouched, and each frame counts the mean of its packets."
    else:
        note += (
            "The cap is what our encoder gains when it is told the true cells and hardly anything else: 1/(1 - share "
            "of the bits that plain coding spends on the background); coding from frame to frame may exceed it."
        )
    return Table(
        f"Bytes of {baseline} over the archive's, at equal quality",
        ("archive", "quality", "at", "gain", "95 % interval", "cap"),
        tuple(rows),
        note,
    ).without_empty_columns()


def segmentation_section(evaluation: Evaluation) -> Section | None:
    """Return what the segmenter finds on everything; None without one."""
    if evaluation.segmenter is None:
        return None
    rows = []
    for subject in evaluation.subjects:
        s = subject.summary()
        rows.append(
            (subject.name, s.rate, s.precision, s.recall, s.f1, s.average_precision, s.mean_average_precision, s.frames)
        )
    table = Table(
        f"Cells found by {evaluation.segmenter['name']} against {evaluation.truth}",
        ("what", "rate", "precision", "recall", "F1", "AP at 0.5", "AP, mean over 0.5 to 0.95", "frames"),
        tuple(rows),
        note="One-to-one matches at an IoU of at least 0.5. The uncompressed movie is the ceiling.",
    )
    if not segmenter_is_useful(evaluation):
        text = (
            f"{evaluation.segmenter['name']} does not find these cells even on the raw movie: its figures tell "
            "nothing of compression, tracks are left out, and another segmenter should be chosen."
        )
        return Section("Segmentation", (Text((text,)), table))
    return Section("Segmentation", (table, *_curves(evaluation, _SCORES, with_floor=False)))


def segmenter_is_useful(evaluation: Evaluation) -> bool:
    """Return whether the segmenter finds enough of the cells of the raw movie to judge by."""
    f1 = evaluation.subjects[0].summary().f1
    return f1 is not None and f1 >= USEFUL_F1


def coverage_section(evaluation: Evaluation) -> Section | None:
    """Return how the archives' RoI cover the cells; None where no RoI is known."""
    rows = []
    for archive in evaluation.of_kind("archive"):
        s = archive.summary()
        if s.cells_covered is not None:
            missed = sum(f.coverage.missed for f in archive.frames if f.coverage)
            cells = sum(f.coverage.cells for f in archive.frames if f.coverage)
            rows.append((archive.name, cells, s.cells_covered, s.cells_half_covered, missed, s.roi_area))
    if not rows:
        return None
    table = Table(
        "The RoI over the cells, one a frame",
        ("archive", "cells", "covered to 90 %", "covered to 50 %", "missed (below 10 %)", "RoI area over cell area"),
        tuple((name, cells, f"{a:.2%}", f"{b:.2%}", missed, area) for name, cells, a, b, missed, area in rows),
    )
    return Section("Region of interest", (table,))


def migration_section(evaluation: Evaluation, migrations: Sequence[SubjectMigration]) -> Section | None:
    """Return tracking and migration against the raw movie; None where there are no tracks."""
    if not migrations:
        return None
    raw = migrations[0]
    unit, time = raw.migration.length_unit, raw.migration.time_unit
    unit = "µm" if unit == "um" else unit
    lag, lag_unit = (evaluation.frame_interval_s or 1, "s") if time == "min" else (1, "frames")
    rows: list[tuple[Any, ...]] = []
    for of in migrations:
        m, c = of.migration, of.comparison
        rows.append(
            (
                of.subject.name,
                len(m.track),
                _mean(m.mean_speed),
                _mean(m.directness),
                None if c is None or c.matched_share is None else f"{c.matched_share:.1%}",
                *(_agreement(None if c is None else c.speed)),
                *(_agreement(None if c is None else c.directness)),
                None if c is None or c.msd_max_deviation is None else f"{c.msd_max_deviation:.1%}",
            )
        )
    table = Table(
        "Migration of the cells that the segmenter finds, against the uncompressed movie",
        (
            "what",
            "tracks",
            f"mean speed ({unit}/{time})",
            "mean directness",
            "tracks found again",
            "speed: mean difference",
            "limits of agreement",
            "directness: mean difference",
            "limits of agreement ",
            "MSD differs by at most",
        ),
        tuple(rows),
        note="Differences are against the uncompressed movie, track by track (Bland–Altman, ± 1.96 standard "
        "deviations). The movie recorded again says what camera noise alone changes: an archive within that costs "
        "migration nothing.",
    )
    blocks: list[Block] = [
        table,
        Figure(
            f"Mean squared displacement over the lag, all tracks ({unit}² over {lag_unit})",
            "Curves of the mean squared displacement of each movie",
            curve_figure(
                [
                    Series(
                        of.subject.name,
                        (lag * of.migration.msd.lag_frames).tolist(),
                        of.migration.msd.value.tolist(),
                    )
                    for of in migrations
                ],
                x_label=f"lag ({lag_unit})",
                y_label=f"mean squared displacement ({unit}²)",
            ),
        ),
    ]
    for of in migrations[1:]:
        c = of.comparison
        if c is not None and c.speed.n >= 2:
            reference, other = paired_speeds(raw, of)
            blocks.append(
                Figure(
                    f"Speed of each track, {of.subject.name} against uncompressed ({unit}/{time}): Bland–Altman",
                    "Differences of speed over their mean, with limits of agreement",
                    bland_altman_figure(
                        ((reference + other) / 2).tolist(),
                        (other - reference).tolist(),
                        limits=(c.speed.lower_limit or 0.0, c.speed.upper_limit or 0.0),
                        x_label=f"mean speed ({unit}/{time})",
                        y_label=f"difference ({unit}/{time})",
                    ),
                )
            )
    return Section("Tracking and migration", tuple(blocks))


def _curves(evaluation: Evaluation, qualities: Iterable[Quality], *, with_floor: bool) -> list[Block]:
    """Return one figure with a panel for each quality that was measured."""
    only = set(evaluation.curve_frames)
    groups: dict[str, list[SubjectResult]] = {}
    for subject in evaluation.subjects:
        if subject.kind in ("archive", "baseline"):
            groups.setdefault("archives" if subject.kind == "archive" else subject.name, []).append(subject)
    panels = []
    for field, label in qualities:
        series = [Series(name, *_points(subjects, only, attrgetter(field))) for name, subjects in groups.items()]
        if all(y is None for one in series for y in one.y):
            continue
        marks = {}
        raw = getattr(evaluation.subjects[0].summary(only), field)
        if raw is not None and np.isfinite(raw):
            marks["uncompressed"] = raw
        if with_floor and field == "roi_psnr" and evaluation.noise_sigma > 0:
            marks["camera noise"] = noise_floor(evaluation.noise_sigma, evaluation.peak)
        panels.append(Panel(series=series, x_label="compression rate", y_label=label, marks=marks))
    if not panels:
        return []
    names = ", ".join(label for _, label in qualities)
    floor = " Above the line of the camera noise, a codec codes noise." if with_floor else ""
    return [
        Figure(
            f"{names} over the compression rate, on the {len(only)} frames of the curves.{floor}",
            f"Curves of {names} of {', '.join(groups)}",
            panels_figure(panels, columns=len(panels)),
        )
    ]


def _points(
    subjects: Sequence[SubjectResult], only: set[int], value: Callable[[Any], float | None]
) -> tuple[list[float], list[float | None]]:
    summaries = sorted((s.summary(only) for s in subjects), key=lambda s: s.rate)
    return [s.rate for s in summaries], [_finite(value(s)) for s in summaries]


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _overhead(file_bytes: int | None, stored: int) -> str | None:
    return None if file_bytes is None else f"{file_bytes / stored - 1:.1%}"


def _mean(values: Any) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _agreement(of: Any) -> tuple[float | None, str | None]:
    if of is None or of.mean_difference is None:
        return None, None
    limits = None if of.lower_limit is None else f"{of.lower_limit:.3g} to {of.upper_limit:.3g}"
    return of.mean_difference, limits
