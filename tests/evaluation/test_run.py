"""Figures of an evaluation against what is computed here, from the files, by other means."""

import os
import signal
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile
from skimage.metrics import peak_signal_noise_ratio
from stardist.matching import matching_dataset

import flowroi
from flowroi.baselines import open_baseline
from flowroi.errors import FlowRoIError, InvalidParameterError
from flowroi.evaluation.run import run_evaluation
from flowroi.segmenters import open_segmenter


def decoded(case, place):
    with flowroi.open_archive(case.archives[place]) as archive:
        return archive[:]


@pytest.mark.parametrize("place", [0, 1])
def test_quality_of_an_archive(case, place):
    s = case.evaluation.of_kind("archive")[place].summary()
    frames, inside = decoded(case, place), case.labels > 0
    assert s.frames == 7
    assert s.roi_psnr == pytest.approx(
        peak_signal_noise_ratio(case.frames[inside], frames[inside], data_range=255), abs=1e-9
    )
    assert s.background_psnr == pytest.approx(
        peak_signal_noise_ratio(case.frames[~inside], frames[~inside], data_range=255), abs=1e-9
    )
    assert s.psnr == pytest.approx(peak_signal_noise_ratio(case.frames, frames, data_range=255), abs=1e-9)
    error = np.square(case.clean[inside].astype(float) - frames[inside]).mean()
    assert s.clean_psnr == pytest.approx(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("place", [0, 1])
def test_segmentation_of_an_archive(case, place):
    segmenter = open_segmenter("classical")
    found = [segmenter.segment(frame) for frame in decoded(case, place)]
    theirs = matching_dataset(list(case.labels), found, thresh=0.5, show_progress=False)
    s = case.evaluation.of_kind("archive")[place].summary()
    assert (s.precision, s.recall, s.f1) == pytest.approx((theirs.precision, theirs.recall, theirs.f1))
    assert s.average_precision == pytest.approx(theirs.accuracy)


def test_size_is_that_of_the_streams(case):
    for place, result in enumerate(case.evaluation.of_kind("archive")):
        with flowroi.open_archive(case.archives[place]) as archive:
            stored = sum(len(archive.codestream(t)) for t in range(7))
        s = result.summary()
        assert s.size_bytes == stored
        assert s.rate == pytest.approx(case.frames.nbytes / stored)
        assert s.rate_bpp == pytest.approx(8 * stored / case.frames.size)


def test_masks_that_were_not_kept_are_found_again(case):
    masks = flowroi.extract_roi(case.frames, roi_threshold=0.1)
    covered = []
    for mask, truth in zip(masks, case.labels, strict=True):
        covered += [mask[truth == cell].mean() >= 0.9 for cell in np.unique(truth)[1:]]
    s = case.evaluation.of_kind("archive")[1].summary()
    assert s.cells_covered == pytest.approx(np.mean(covered))
    assert s.roi_area == pytest.approx(masks.sum() / (case.labels > 0).sum())


def test_baselines_are_measured_on_the_frames_of_the_curve(case):
    of = case.evaluation
    assert of.curve_frames == (0, 3, 6)
    points = of.curve("openjpeg")
    assert [p.rate for p in points] == [4, 8, 16, 32]
    codec = open_baseline("openjpeg")
    streams = [codec.encode(case.frames[t], 16) for t in of.curve_frames]
    s = points[2].summary()
    assert s.size_bytes == sum(map(len, streams))
    chosen = case.labels[list(of.curve_frames)] > 0
    back = np.stack([codec.decode(stream) for stream in streams])
    expected = peak_signal_noise_ratio(case.frames[list(of.curve_frames)][chosen], back[chosen], data_range=255)
    assert s.roi_psnr == pytest.approx(expected)
    quality = [p.summary().roi_psnr for p in points]
    assert quality == sorted(quality, reverse=True)


def test_smooth_and_cap_know_the_true_cells(case):
    """They keep the cells better than plain coding does at the same rate."""
    plain, smooth, cap = (case.evaluation.curve(key)[2].summary() for key in ("openjpeg", "smooth", "cap"))
    assert smooth.roi_psnr > plain.roi_psnr + 0.5
    assert cap.roi_psnr > smooth.roi_psnr
    assert plain.background_psnr > smooth.background_psnr + 2


def test_the_movie_recorded_again_differs_by_its_noise(case):
    again = next(s for s in case.evaluation.subjects if s.kind == "repeat").summary()
    # Two recordings with noise of 2 grey levels each.
    assert 255**2 / 10 ** (again.background_psnr / 10) == pytest.approx(8, rel=0.1)
    assert 0.8 < again.f1 <= 1


def test_every_cell_is_accounted_for(case):
    good = case.evaluation.of_kind("archive")[0]
    frames = decoded(case, 0)
    assert sum(len(f.per_cell.ids) for f in good.frames) == sum(len(np.unique(t)) - 1 for t in case.labels)
    cells = good.frames[2].per_cell
    for i in (0, 5):
        inside = case.labels[2] == cells.ids[i]
        assert cells.mse[i] == pytest.approx(np.square(case.frames[2][inside].astype(float) - frames[2][inside]).mean())
        assert cells.centres[i] == pytest.approx(np.argwhere(inside).mean(axis=0))
    assert sum(int(f.per_cell.found.sum()) for f in good.frames) == sum(
        f.matches.true_positives[0] for f in good.frames
    )


def test_processes_change_nothing(case):
    options = {
        "labels": case.folder / "labels.tif",
        "segmenter": open_segmenter("classical"),
        "rates": (8, 16),
        "curve_frames": 2,
        "frames": range(1, 4),
    }
    one, two = (run_evaluation(case.movie, case.archives, workers=n, **options) for n in (1, 2))
    assert [s.key for s in one.subjects] == [s.key for s in two.subjects]
    for a, b in zip(one.subjects, two.subjects, strict=True):
        assert a.summary() == b.summary()
        assert [f.t for f in a.frames] == [f.t for f in b.frames]


def test_without_labels_the_segmenter_tells_the_cells(case):
    found = run_evaluation(
        case.movie, case.archives[:1], segmenter=open_segmenter("classical"), rates=(8,), curve_frames=1, workers=1
    )
    assert found.truth == "what classical finds on the raw frames"
    assert found.subjects[0].summary().f1 == 1


def test_labels_of_some_frames(case, tmp_path):
    (tmp_path / "labels").mkdir()
    with flowroi.open_source(case.movie) as source:
        names = source.frame_names
    for t in (2, 5):
        cv2.imwrite(str(tmp_path / "labels" / f"{names[t]}_masks.png"), case.labels[t].astype(np.uint16))
    found = run_evaluation(case.movie, case.archives[:1], labels=tmp_path / "labels", rates=(8,), workers=1)
    assert [f.t for f in found.of_kind("archive")[0].frames] == [2, 5]
    assert found.curve_frames == (2, 5)


def test_a_codec_that_cannot_go_so_low_is_left_out_and_named(case):
    found = run_evaluation(
        case.movie,
        [],
        labels=case.folder / "labels.tif",
        baselines=("openjpeg",),
        rates=(8, 4000),
        curve_frames=1,
        workers=1,
    )
    assert [s.rate for s in found.curve("openjpeg")] == [8]
    assert any("4000:1" in warning for warning in found.warnings)


def test_what_does_not_fit_is_refused(case, tmp_path):
    other = tmp_path / "other.ome.tif"
    flowroi.compress(case.frames[:, :80], other, rate=10)
    with pytest.raises(InvalidParameterError, match="expected an archive of this movie"):
        run_evaluation(case.movie, [other], labels=case.folder / "labels.tif")
    with pytest.raises(InvalidParameterError, match="neither labels nor a segmenter"):
        run_evaluation(case.movie, case.archives)
    with pytest.raises(InvalidParameterError, match="expected some within 0:7"):
        run_evaluation(case.movie, [], labels=case.folder / "labels.tif", frames=range(3, 9))
    with pytest.raises(InvalidParameterError, match="curve_frames"):
        run_evaluation(case.movie, [], labels=case.folder / "labels.tif", curve_frames=0)


def test_summaries_are_fit_for_json(case):
    raw = case.evaluation.subjects[0].summary()
    assert raw.roi_psnr == float("inf")
    assert raw.as_dict()["roi_psnr"] is None
    assert replace(raw, roi_psnr=40.0).as_dict()["roi_psnr"] == 40


def test_an_archive_of_other_files_is_doubted(case, tmp_path):
    flipped = tmp_path / "flipped.tif"
    tifffile.imwrite(flipped, case.frames[:, ::-1].copy(), photometric="minisblack", metadata={"axes": "TYX"})
    found = run_evaluation(flipped, case.archives[:1], labels=case.labels, baselines=(), workers=1)
    assert any("made of other files" in warning for warning in found.warnings)
    assert not any("made of other files" in warning for warning in case.evaluation.warnings)


def test_a_roi_that_is_not_known_is_named(case, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    with flowroi.open_source(case.movie) as source:
        for t, name in enumerate(source.frame_names):
            cv2.imwrite(str(masks / f"{name}.png"), (case.labels[t] > 0).astype(np.uint8))
    flowroi.compress(case.movie, tmp_path / "a.ome.tif", rate=10, roi_method=str(masks))
    found = run_evaluation(case.movie, [tmp_path / "a.ome.tif"], labels=case.labels, baselines=(), workers=1)
    assert any("RoI of a.ome.tif is not known" in warning for warning in found.warnings)
    assert found.of_kind("archive")[0].summary().cells_covered is None


def test_masks_in_the_place_of_labels_are_named(case):
    found = run_evaluation(case.movie, [], labels=(case.labels > 0).astype(np.uint8), baselines=(), workers=1)
    assert any("look like masks" in warning for warning in found.warnings)


def test_a_curve_of_one_point_is_named(case):
    found = run_evaluation(case.movie, [], labels=case.labels, rates=(8, 8.0000001), curve_frames=1, workers=1)
    assert [s.key for s in found.of_kind("baseline")] == ["openjpeg:8", "cap:8"]
    assert any("takes at least two" in warning for warning in found.warnings)


def test_the_peak_is_that_of_all_frames():
    """A bright frame that the source's own sampling does not meet."""
    movie = np.full((40, 24, 32), 100, np.uint16)
    movie[:, 4:12, 4:12] = 200
    movie[4, 20, 20] = 25_000
    labels = np.zeros(movie.shape, np.int32)
    labels[:, 4:12, 4:12] = 1
    found = run_evaluation(movie, [], labels=labels, baselines=(), workers=1)
    assert found.peak == 2**15 - 1


def test_a_worker_that_is_killed_is_named(case, monkeypatch):
    monkeypatch.setattr("flowroi.evaluation.pool.measure_frame", _die)
    with pytest.raises(FlowRoIError, match="killed, probably because memory ran out"):
        run_evaluation(case.movie, [], labels=case.labels, baselines=(), workers=2)


def _die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
