"""What is called worth a look on a plate, and what is not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from flowroi.plates import Position
from flowroi.plates.outliers import LEAST_POSITIONS, outliers_of
from flowroi.plates.report import PlateReport
from flowroi.report.compression import CompressionReport, FrameReport

FRAMES = tuple(FrameReport(f"t{t}", 100 + t, 0.2, roi_psnr=40.0 + t) for t in range(3))
USUAL = CompressionReport("raw", "out", "jp2", 3, 4000, 100, 110, 40.0, 0.2, 0.1, False, (), FRAMES, noise_sigma=2.0)


def plate_of(*unusual, count=96):
    """Positions that differ as wells do, and after them the unusual ones."""
    chance = np.random.default_rng(3)
    reports = [
        replace(
            USUAL,
            rate=USUAL.rate * float(np.exp(chance.normal(0, 0.05))),
            roi_share=USUAL.roi_share + float(chance.normal(0, 0.01)),
            noise_sigma=2.0 * float(np.exp(chance.normal(0, 0.03))),
        )
        for _ in range(count)
    ]
    reports += [replace(USUAL, **fields) for fields in unusual]
    wells = (Position(f"{'ABCDEFGHI'[n // 12]}{n % 12 + 1}") for n in range(len(reports)))
    return tuple(zip(wells, reports, strict=True))


def named(done):
    return {(str(outlier.position), outlier.measure) for outlier in outliers_of(done)}


def test_a_usual_plate_has_hardly_any():
    assert len(named(plate_of())) <= 1


@pytest.mark.parametrize(
    ("measure", "fields"),
    [
        ("rate", {"rate": 80.0}),
        ("rate", {"rate": 20.0}),
        ("roi_share", {"roi_share": 0.0}),
        ("roi_share", {"roi_share": 0.6}),
        ("noise_sigma", {"noise_sigma": 4.0}),
        ("warnings", {"warnings": ("saturated",)}),
        ("roi_psnr", {"per_frame": tuple(replace(frame, roi_psnr=30.0) for frame in FRAMES)}),
    ],
)
def test_what_is_far_is_named_with_its_measure(measure, fields):
    usual = named(plate_of())
    done = plate_of(fields)
    assert named(done) - usual == {("I1_f0", measure)}
    (first, *_) = outliers_of(done)
    assert (str(first.position), first.measure) == ("I1_f0", measure)


def test_many_unusual_ones_do_not_hide_each_other():
    # Mean and standard deviation would be theirs.
    done = plate_of(*[{"rate": 400.0}] * 10)
    assert {position for position, measure in named(done) if measure == "rate"} >= {f"I{n}_f0" for n in range(1, 11)}


def test_equal_figures_and_differences_that_mean_nothing():
    same = tuple((Position(f"A{n + 1}"), USUAL) for n in range(8))
    assert outliers_of(same) == ()
    slightly = {"rate": 40.4, "roi_share": 0.205, "noise_sigma": 2.05}
    assert outliers_of((*same, (Position("B1"), replace(USUAL, **slightly)))) == ()


def test_few_positions_are_not_judged():
    few = plate_of({"rate": 400.0}, count=LEAST_POSITIONS - 2)
    assert outliers_of(few) == ()
    assert outliers_of(()) == ()


def test_missing_figures_are_left_out():
    # Of an archive that was there before, no frame's quality is known; without a noise target, no noise.
    unknown = {"per_frame": (), "noise_sigma": None}
    found = named(plate_of({"noise_sigma": 9.0}, *[unknown] * 11))
    assert {one for one in found if one[1] in ("noise_sigma", "roi_psnr")} == {("I1_f0", "noise_sigma")}


def test_the_plate_report_has_the_figures_and_survives_condensing():
    done = plate_of({"rate": 80.0})
    whole = PlateReport("raw", "out", "jp2", done, (), (), finished=True, kept_in=None, seconds=1.0, asked=len(done))
    condensed = replace(whole, done=tuple((position, report.condensed()) for position, report in done))
    assert whole.summary() == condensed.summary()
    entry = json.loads(condensed.to_json())["done"][-1]
    assert entry["roi_psnr"] == {"min": 40.0, "median": 41.0, "max": 42.0}
    assert entry["frame_bytes"] == {"min": 100, "median": 101, "max": 102}
    assert (entry["well"], entry["noise_sigma"], entry["rate"]) == ("I1", 2.0, 80.0)
    (first, *_) = json.loads(condensed.to_json())["outliers"]
    assert (first["well"], first["measure"], first["value"]) == ("I1", "rate", 80.0)
    assert replace(whole, dry_run=True).outliers == ()
