"""Background treatments: cells stay exact, missed ones are forgiven, borders have no edge, and nothing flickers."""

import json

import cv2
import numpy as np
import pytest

import flowroi
from flowroi.errors import InvalidParameterError
from flowroi.roi.frame_roi import WHOLE_FRAME, FrameRoi, RoiDiagnostics
from flowroi.sequence.treatment import kept_share, open_treatment

NAMES = ("fill", "plate")


def roi_of(mask, weight=0.0, drift=(0.0, 0.0)):
    weights = np.full((mask.shape[0] // 2, mask.shape[1] // 2), weight, np.float32)
    return FrameRoi(mask, weights, RoiDiagnostics(float(mask.mean()), 1, drift_px=drift))


def square():
    mask = np.zeros((96, 128), bool)
    mask[30:60, 40:80] = True
    return mask


def noisy(frames=12, dtype=np.uint8, scale=1):
    rng = np.random.default_rng(3)
    return (np.rint(rng.normal(100, 3, (frames, 96, 128))) * scale).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("dtype", "peak", "scale"), [(np.uint8, 255, 1), (np.uint16, 4095, 16), (np.uint16, 65535, 257)]
)
def test_cells_come_back_exactly_and_the_rest_in_range(name, dtype, peak, scale):
    treatment = open_treatment(name, peak=peak)
    for frame in noisy(dtype=dtype, scale=scale):
        out = treatment.apply(frame, roi_of(square()))
        assert out.dtype == dtype
        assert out.shape == frame.shape
        assert (out[square()] == frame[square()]).all()
        assert out.max() <= peak
        assert out[:, 100:].std() < frame[:, 100:].std()


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_just_missed_stays_and_a_doubtful_one_keeps_half_its_contrast(name):
    frame = np.full((96, 128), 100, np.uint8)
    frame[40:50, 90:100] = 160
    assert (open_treatment(name, peak=255).apply(frame, roi_of(square(), 0.2)) == frame).all()
    half = open_treatment(name, peak=255).apply(frame, roi_of(square(), 0.13))
    assert half[45, 95] >= 130


@pytest.mark.parametrize("name", NAMES)
def test_no_edge_at_the_masks_border(name):
    frame = np.broadcast_to(np.linspace(60, 180, 128), (96, 128)).astype(np.uint8)
    treatment = open_treatment(name, peak=255)
    for _ in range(4):
        out = treatment.apply(frame, roi_of(square())).astype(int)
    inner = out[8:-8, 20:-20]
    assert max(abs(np.diff(inner, axis=0)).max(), abs(np.diff(inner, axis=1)).max()) <= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_background_flickers_less_than_a_third_of_the_noise(name):
    frames = noisy(40)
    treatment = open_treatment(name, peak=255)
    out = np.stack([treatment.apply(frame, roi_of(square())) for frame in frames]).astype(float)
    far = np.s_[20:, :, 90:]
    assert np.diff(out, axis=0)[far].std() < np.diff(frames.astype(float), axis=0)[far].std() / 3


def test_the_plate_becomes_the_scene_without_cells():
    options = {"frames": 20, "seed": 4, "height": 160, "width": 200}
    movie, empty = (flowroi.synthetic_movie(cells=cells, **options) for cells in (15, 0))
    treatment = open_treatment("plate", peak=255)
    # As automatic masks do, these cover the cells' halos.
    masks = [cv2.dilate((labels > 0).astype(np.uint8), np.ones((15, 15))) > 0 for labels in movie.labels]
    for frame, mask in zip(movie.frames, masks, strict=True):
        out = treatment.apply(frame, roi_of(mask))
    outside = kept_share(roi_of(masks[-1])) == 0
    error = (out.astype(float) - empty.clean[-1])[outside]
    assert np.sqrt(np.square(error).mean()) < 0.75 * movie.params.noise


def test_the_plate_follows_the_stage():
    rng = np.random.default_rng(5)
    scene = np.kron(rng.normal(100, 15, (40, 60)), np.ones((8, 8)))
    errors = {}
    for told in (True, False):
        treatment = open_treatment("plate", peak=255)
        for t in range(20):
            frame = np.rint(scene[100 - 2 * t : 196 - 2 * t, 100:228]).astype(np.uint8)
            out = treatment.apply(frame, roi_of(square(), drift=(2.0 * t, 0.0) if told else (0.0, 0.0)))
        errors[told] = np.abs(out.astype(float) - frame)[45:, 90:].mean()
    assert errors[True] < errors[False] / 2


@pytest.mark.parametrize("name", NAMES)
def test_slow_gain_is_followed(name):
    treatment = open_treatment(name, peak=255)
    for frame in (np.full((96, 128), 100 + t // 4, np.uint8) for t in range(80)):
        out = treatment.apply(frame, roi_of(square()))
    assert np.abs(out.astype(int) - frame).max() <= 3


@pytest.mark.parametrize("name", [*NAMES, "none"])
def test_frames_without_a_roi_or_wholly_roi_come_back_as_they_are(name):
    frame = noisy(1)[0]
    treatment = open_treatment(name, peak=255)
    assert treatment.apply(frame, None) is frame
    assert treatment.apply(frame, FrameRoi(np.ones(frame.shape, bool), None, WHOLE_FRAME)) is frame


@pytest.mark.parametrize("name", NAMES)
def test_same_frames_same_result_and_memory_does_not_grow(name):
    def held(treatment):
        return sum(getattr(value, "nbytes", 0) for value in vars(treatment).values())

    first, second = open_treatment(name, peak=255), open_treatment(name, peak=255)
    sizes = []
    for frame in noisy(10):
        assert (first.apply(frame, roi_of(square())) == second.apply(frame, roi_of(square()))).all()
        sizes.append(held(first))
    assert sizes[0] == sizes[-1] > 0


def test_descriptions_and_wrong_names():
    for name in (*NAMES, "none"):
        assert json.loads(json.dumps(open_treatment(name, peak=255).describe()))["treatment"] == name
    with pytest.raises(InvalidParameterError, match="expected one of"):
        open_treatment("blur", peak=255)
    with pytest.raises(InvalidParameterError, match="peak"):
        open_treatment("fill", peak=0)
