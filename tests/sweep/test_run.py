"""What a sweep finds is what it says, and it measures nothing twice."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import flowroi
from flowroi.errors import InvalidParameterError, MissingInputError, OutputExistsError
from flowroi.metrics.image import PooledError
from flowroi.png import write_png
from flowroi.segmenters import open_segmenter
from flowroi.sweep.options import grid, parse_grid

GRID = {"rate": (5.0, 10.0, 20.0), "margin": (0, 2)}


def test_the_best_meets_the_target_when_it_is_measured_again(sweep_of, small, tmp_path):
    frames, labels = small
    found = sweep_of("roi_psnr>=38", axes=GRID)
    assert found.met
    error, size = PooledError(), 0
    assert found.sample_frames == (0, 1, 2, 3)
    flowroi.compress(frames[:4], tmp_path / "a.ome.tif", workers=1, **found.best.options)
    with flowroi.open_archive(tmp_path / "a.ome.tif") as archive:
        for t in range(4):
            error += PooledError.between(frames[t], archive[t], labels[t] > 0)
            size += archive.manifest["frames"][t]["size_bytes"]
    # The search gives a window more neighbours than it measures; this movie's windows are whole.
    assert error.psnr(255) == pytest.approx(found.best.summary.roi_psnr, abs=0.5)
    assert found.best.summary.roi_psnr >= 38
    assert frames[:4].nbytes / size == pytest.approx(found.best.summary.rate, rel=0.05)
    sizes = [c.summary.size_bytes for c in found.candidates if c.feasible]
    assert found.best.summary.size_bytes <= 1.02 * min(sizes)
    assert found.predicted_bytes == round(frames.nbytes / found.best.summary.rate)


def test_a_grid_is_complete(sweep_of):
    found = sweep_of("roi_psnr>=30", axes=GRID, fixed={"scaling_factor": 10.0})
    expected = {(rate, margin) for rate in GRID["rate"] for margin in GRID["margin"]}
    assert [(c.options["rate"], c.options["margin"]) for c in found.candidates] == sorted(expected)
    assert all(c.options["scaling_factor"] == 10 for c in found.candidates)


def test_refinement_does_no_worse_than_its_coarse_look(sweep_of):
    coarse = sweep_of("roi_psnr>=38", rounds=0)
    fine = sweep_of("roi_psnr>=38", rounds=1)
    assert fine.candidates[: len(coarse.candidates)] == coarse.candidates
    assert len(fine.candidates) > len(coarse.candidates)
    assert fine.best.summary.size_bytes <= 1.02 * coarse.best.summary.size_bytes
    assert fine.best.summary.rate > 1.1 * coarse.best.summary.rate
    assert len({json.dumps(c.options, sort_keys=True) for c in fine.candidates}) == len(fine.candidates)


def test_the_confirmation_uses_other_frames(sweep_of):
    found = sweep_of("roi_psnr>=30", axes=GRID)
    assert found.held_out_frames == (4, 5)
    assert found.confirmed.options == found.best.options
    assert found.confirmed.summary.frames == 2
    assert found.confirmed.summary.roi_psnr != found.best.summary.roi_psnr
    without = sweep_of("roi_psnr>=30", axes=GRID, confirm=False)
    assert (without.confirmed, without.held_out_frames) == (None, ())


def test_nothing_is_measured_twice(sweep_of, tmp_path):
    first = sweep_of("roi_psnr>=38", axes=GRID)
    # The raw frames and six candidates; then the raw frames and the best on the frames held out.
    assert (first.measured, first.cached) == (9, 0)
    second = sweep_of("roi_psnr>=38", axes=GRID)
    assert (second.measured, second.cached) == (0, 9)
    assert replace(second, measured=9, cached=0) == first
    more = sweep_of("roi_psnr>=38", axes={**GRID, "margin": (0, 2, 4)})
    assert more.measured == 3
    other = sweep_of("roi_psnr>=38", axes=GRID, cache=tmp_path / "other")
    assert other.measured == 9


def test_options_without_an_effect_cost_nothing(sweep_of):
    found = sweep_of(
        "roi_psnr>=30", axes={"rate": (10.0,), "denoise": (True, False), "alpha": (0.5, 0.7)}, confirm=False
    )
    assert (len(found.candidates), found.measured) == (4, 2)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": "x"}', b"[1]", None])
def test_a_damaged_entry_is_measured_again(sweep_of, tmp_path, damage):
    first = sweep_of("roi_psnr>=38", axes=GRID)
    entries = sorted((tmp_path / "cache").glob("*.json"))
    assert len(entries) == 9
    for entry in entries[:3]:
        if damage is None:
            content = entry.read_text()
            changed = content.replace('"size_bytes": ', '"size_bytes": 1')
            assert changed != content
            entry.write_text(changed)
        else:
            entry.write_bytes(damage)
    again = sweep_of("roi_psnr>=38", axes=GRID)
    assert (again.measured, again.cached) == (3, 6)
    assert again.candidates == first.candidates


def test_the_cache_depends_on_pixels_and_labels(sweep_of, small):
    sweep_of("roi_psnr>=38", axes=GRID, confirm=False)
    labels = small[1].copy()
    labels[0, 0, 0] = 99
    assert sweep_of("roi_psnr>=38", axes=GRID, confirm=False, labels=labels).measured == 7


def test_workers_do_not_change_the_figures(sweep_of, tmp_path):
    one = sweep_of("f1>=0.5*raw", axes=GRID, segmenter=open_segmenter("classical"))
    two = sweep_of("f1>=0.5*raw", axes=GRID, segmenter=open_segmenter("classical"), workers=2, cache=tmp_path / "two")
    assert one == two
    assert one.best.summary.f1 is not None


def test_without_labels_the_segmenter_tells_the_cells(sweep_of):
    found = sweep_of("roi_psnr>=30", axes=GRID, labels=None, segmenter=open_segmenter("classical"))
    assert found.truth == "what classical finds on the raw frames"
    assert found.raw.f1 == 1
    # Looked at with the segmenter only where it matters: on the front.
    known = [c.summary.f1 is not None for c in found.candidates]
    assert any(known)
    assert found.best.summary.f1 is not None
    assert found.confirmed.summary.f1 is not None


def test_nothing_meets_it(sweep_of):
    found = sweep_of("roi_psnr>=90", axes=GRID)
    assert not found.met
    assert found.best.shortfall == min(c.shortfall for c in found.candidates)
    assert found.best.options["rate"] == 5
    assert found.best.misses[0].endswith("below 90 dB")


def test_with_a_least_rate_the_best_quality_wins(sweep_of):
    found = sweep_of("rate>=10", rounds=1)
    assert found.goal.best == "roi_psnr"
    assert found.best.summary.rate >= 10
    good = [c.summary.roi_psnr for c in found.candidates if c.feasible]
    assert found.best.summary.roi_psnr >= max(good) - 0.05


def test_what_cannot_be_coded_is_a_candidate_that_fails(sweep_of):
    found = sweep_of("roi_psnr>=30", axes={"rate": (10.0, 5000.0)}, confirm=False)
    assert [c.feasible for c in found.candidates] == [True, False]
    assert found.candidates[1].misses[0].startswith("cannot be coded")
    assert math.isinf(found.candidates[1].shortfall)
    assert sweep_of("roi_psnr>=30", axes={"rate": (10.0, 5000.0)}, confirm=False).measured == 0


def test_a_folder_of_masks(sweep_of, small, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for t in range(6):
        write_png(masks / f"t{t:03d}_roi.png", (small[1][t] > 0).astype(np.uint8) * 255)
    axes = {"rate": (10.0,), "roi_method": ("none", str(masks))}
    found = sweep_of("roi_psnr>=10", axes=axes)
    plain, masked = found.candidates
    assert masked.summary.cells_covered == 1
    assert plain.summary.cells_covered is None
    assert masked.summary.roi_psnr > plain.summary.roi_psnr + 1
    assert sweep_of("roi_psnr>=10", axes=axes).measured == 0
    write_png(masks / "t000_roi.png", np.full((80, 96), 255, np.uint8))
    assert sweep_of("roi_psnr>=10", axes=axes, confirm=False).measured == 1
    (masks / "t001_roi.png").unlink()
    with pytest.raises(MissingInputError, match="frame 1: no mask for this frame"):
        sweep_of("roi_psnr>=10", axes=axes)


def test_labels_of_some_frames(small, sweep_of, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    for t in (2, 5):
        write_png(labels / f"t{t:03d}.png", small[1][t].astype(np.uint8))
    found = sweep_of("roi_psnr>=20", axes=GRID, labels=labels)
    assert (found.sample_frames, found.held_out_frames) == ((2,), (5,))
    assert found.best.summary.frames == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axes": {"rate": (0.5,)}}, "rate is 0.5"),
        ({"axes": {"margin": (2.5,)}}, "margin is 2.5"),
        ({"fixed": {"roi_method": "magic"}}, "roi_method is 'magic'"),
        ({"axes": {"rate": (10.0,)}, "fixed": {"psnr": 40.0}}, "exactly one of"),
        ({"sample_frames": 0}, "sample_frames is 0"),
        ({"best": "speed"}, "best is 'speed'"),
        ({"best": "f1"}, "f1 needs a segmenter"),
        ({"fixed": {"codec": "av1"}}, "'codec' cannot be swept"),
        ({"axes": {"codec": ("jpeg2000", "hevc"), "rate": (5,)}}, "'codec' cannot be swept"),
    ],
)
def test_bad_options_are_refused_before_anything_is_run(sweep_of, tmp_path, options, words):
    with pytest.raises(InvalidParameterError, match=words):
        sweep_of("roi_psnr>=30", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_goal_is_needed(sweep_of):
    with pytest.raises(InvalidParameterError, match="no target"):
        sweep_of()
    with pytest.raises(InvalidParameterError, match="nothing at all"):
        sweep_of("rate<=50", best="size")
    assert sweep_of(best="roi_psnr", axes=GRID).best.options["rate"] == 5


def test_another_folder_is_no_cache(sweep_of, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "thesis.txt").write_text("x")
    with pytest.raises(OutputExistsError, match="no cache of a sweep"):
        sweep_of("roi_psnr>=30", axes=GRID)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["thesis.txt"]


def test_bad_names_and_values():
    for text, words in [
        ("margins=2", "cannot be swept"),
        ("workers=2", "cannot be swept"),
        ("margin", "no setting"),
        ("margin=", "lacks a value"),
        ("margin=1,,2", "lacks a value"),
    ]:
        with pytest.raises(InvalidParameterError, match=words):
            parse_grid([text], {})
    with pytest.raises(InvalidParameterError, match="given twice"):
        parse_grid(["margin=1", "margin=2"], {})
    with pytest.raises(InvalidParameterError, match="given twice"):
        parse_grid(["margin=1"], {"margin": 2})
    with pytest.raises(InvalidParameterError, match="denoise is 'maybe'"):
        grid(parse_grid(["denoise=maybe"], {}), {})
    with pytest.raises(InvalidParameterError, match="at most"):
        grid({"margin": range(200), "adjacent_factor": range(200)}, {})


def test_without_cells_there_is_nothing_to_aim_at(sweep_of, small):
    frames, _ = small
    with pytest.raises(InvalidParameterError, match="no cells on the frames"):
        sweep_of("roi_psnr>=38", axes=GRID, labels=np.zeros(frames.shape, np.uint8))
