"""The noise target: the camera's noise found on the movie, and the RoI's error held to it in what decoders give."""

import cv2
import numpy as np
import pytest

import flowroi
from flowroi import _core
from flowroi.roi.noise import noise_of

ROUNDING = 12**-0.5


def noisy(sigma, frames=10, shape=(200, 240), seed=0, depth=np.uint8, **movie):
    """A synthetic movie without its own noise, and labels, under normal noise of `sigma`."""
    made = flowroi.synthetic_movie(frames=frames, height=shape[0], width=shape[1], cells=30, noise=0, **movie)
    scale = 1 if depth == np.uint8 else 16
    values = made.frames.astype(float) * scale + np.random.default_rng(seed).normal(0, sigma, made.frames.shape)
    return np.clip(np.rint(values), 0, np.iinfo(depth).max).astype(depth), made.labels


@pytest.mark.parametrize(
    "movie",
    [
        {},
        {"drift_px": 3.3},
        {"flicker": 0.05},
        {"drift_px": 2.0, "flicker": 0.03, "illumination": 0.3, "texture": 3.0},
    ],
)
@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
def test_noise_is_found(sigma, movie):
    frames, _ = noisy(sigma, **movie)
    assert noise_of(frames[:9]) == pytest.approx(np.hypot(sigma, ROUNDING), rel=0.1)
    assert noise_of(frames[:1]) == pytest.approx(np.hypot(sigma, ROUNDING), rel=0.2)


def test_noise_of_deep_frames():
    frames, _ = noisy(40.0, depth=np.uint16)
    assert noise_of(frames) == pytest.approx(40, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
def test_noise_of_tiny_frames_is_none(shape):
    assert noise_of([np.zeros(shape, np.uint8)] * 3) == 0


def rms_in_cells(archive, frames, labels):
    return [np.sqrt(np.square(archive[t].astype(float) - frames[t])[labels[t] > 0].mean()) for t in range(len(frames))]


def put_masks(folder, labels):
    folder.mkdir()
    for t, frame in enumerate(labels):
        cv2.imwrite(str(folder / f"t{t:03d}.png"), (frame > 0).astype(np.uint8))
    return str(folder)


@pytest.mark.parametrize("factor", [0.5, 1, 2])
@pytest.mark.parametrize(("sigma", "depth"), [(2.0, np.uint8), (30.0, np.uint16)])
def test_error_of_every_frame_is_within_the_noise(tmp_path, factor, sigma, depth):
    # More frames than the lag, so that searches begin at earlier frames' steps too.
    frames, labels = noisy(sigma, frames=20, depth=depth)
    report = flowroi.compress(frames, tmp_path / "a", noise=factor, roi_method=put_masks(tmp_path / "m", labels))
    with flowroi.open_archive(tmp_path / "a") as archive:
        errors = rms_in_cells(archive, frames, labels)
        settings = archive.manifest["encode"]
    assert report.noise_sigma == pytest.approx(np.hypot(sigma, ROUNDING), rel=0.1)
    assert settings["noise"] == factor
    assert settings["noise_sigma"] == pytest.approx(report.noise_sigma, abs=1e-3)
    # Decoders round differently now and then.
    assert max(errors) <= factor * report.noise_sigma * 1.002
    assert min(errors) >= 0.93 * factor * report.noise_sigma


def test_one_frame(tmp_path):
    frames, _ = noisy(2.0)
    report = flowroi.compress(frames[:1], tmp_path / "a", noise=1, roi_method="flow")
    with flowroi.open_archive(tmp_path / "a") as archive:
        error = archive[0].astype(float) - frames[0]
        assert archive.codestream(0) == flowroi.encode(frames[0], np.ones(frames[0].shape, bool), noise=1)
    assert np.sqrt(np.square(error).mean()) <= report.noise_sigma * 1.002


def test_without_a_target_the_noise_is_the_limit_and_that_is_said(tmp_path):
    frames, _ = noisy(2.0, frames=3)
    report = flowroi.compress(frames, tmp_path / "a", roi_method="none")
    again = flowroi.compress(frames, tmp_path / "b", roi_method="none", noise=1)
    assert any("noise" in warning for warning in report.warnings)
    assert again.warnings == ()
    assert report.stored_bytes == again.stored_bytes
    assert report.rate_control is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_constant_frames(tmp_path, dtype):
    frames = np.full((3, 40, 50), 77, dtype)
    report = flowroi.compress(frames, tmp_path / "a", noise=1, roi_method="none")
    assert report.noise_sigma == 0
    assert any("rounding" in warning for warning in report.warnings)
    with flowroi.open_archive(tmp_path / "a") as archive:
        assert np.array_equal(archive[:], frames)


@pytest.mark.parametrize("why", ["less than rounding", "not reached"])
def test_where_lossy_coding_does_not_reach_the_roi_is_exact(tmp_path, monkeypatch, why):
    frames, labels = noisy(0.0, frames=3)
    if why == "not reached":
        core = _core.encode

        def encode(frame, mask, weights, params):
            if params.psnr is not None:
                raise ArithmeticError("beyond what lossy coding gives")
            return core(frame, mask, weights, params)

        monkeypatch.setattr(_core, "encode", encode)
    factor = 0.9 if why == "less than rounding" else 5
    report = flowroi.compress(frames, tmp_path / "a", noise=factor, roi_method=put_masks(tmp_path / "m", labels))
    assert any("exact" in warning for warning in report.warnings)
    assert all(frame.step is None for frame in report.per_frame)
    with flowroi.open_archive(tmp_path / "a") as archive:
        assert rms_in_cells(archive, frames, labels) == [0, 0, 0]
        assert archive.manifest["lossy"] is True


def test_a_dry_run_predicts_the_size(tmp_path):
    frames, _ = noisy(2.0, frames=30)
    predicted = flowroi.compress(frames, tmp_path / "a", noise=1, dry_run=True)
    real = flowroi.compress(frames, tmp_path / "a", noise=1)
    assert predicted.stored_bytes == pytest.approx(real.stored_bytes, rel=0.05)
    assert predicted.noise_sigma == pytest.approx(real.noise_sigma, rel=0.05)


@pytest.mark.parametrize("options", [{"noise": 0}, {"noise": -1}, {"noise": "1"}, {"noise": 1, "rate": 10}])
def test_bad_values_are_refused(tmp_path, options):
    with pytest.raises(flowroi.FlowRoIError):
        flowroi.compress(np.zeros((2, 8, 8), np.uint8), tmp_path / "a", **options)
