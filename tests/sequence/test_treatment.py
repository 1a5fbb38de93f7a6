"""Background treatments: cells stay exact, missed ones are forgiven, and the background stands still within a group."""

import json

import cv2
import numpy as np
import pytest

import flowroi
from flowroi.errors import InvalidParameterError
from flowroi.roi.frame_roi import WHOLE_FRAME, FrameRoi, RoiDiagnostics
from flowroi.sequence.treatment import kept_share, open_treatment

NAMES = ("fill", "plate")
FAR = np.s_[:, 100:]


def roi_of(mask, weight=0.0, drift=(0.0, 0.0)):
    weights = np.full((-(-mask.shape[0] // 2), -(-mask.shape[1] // 2)), weight, np.float32)
    return FrameRoi(mask, weights, RoiDiagnostics(float(mask.mean()), 1, drift_px=drift))


def square():
    mask = np.zeros((96, 128), bool)
    mask[30:60, 40:80] = True
    return mask


def noisy(frames=12, dtype=np.uint8, scale=1, level=100):
    rng = np.random.default_rng(3)
    return (np.rint(rng.normal(level, 3, (frames, 96, 128))) * scale).astype(dtype)


def treated(treatment, frames, **options):
    return np.stack([treatment.apply(frame, roi_of(square(), **options)) for frame in frames])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("dtype", "peak", "scale", "level"),
    [
        (np.uint8, 255, 1, 100),
        (np.uint8, 255, 1, 12),
        (np.uint8, 255, 1, 243),
        (np.uint16, 4095, 16, 240),
        (np.uint16, 65535, 257, 240),
    ],
)
def test_cells_come_back_exactly_and_the_rest_in_range(name, dtype, peak, scale, level):
    frames = noisy(dtype=dtype, scale=scale, level=level)
    out = treated(open_treatment(name, peak=peak), frames)
    assert out.dtype == dtype
    assert out.shape == frames.shape
    assert (out[:, square()] == frames[:, square()]).all()
    assert out.max() <= peak
    assert np.abs(out[:, :, 100:].astype(float) - level * scale).max() < 3 * scale
    assert out[:, :, 100:].std() < frames[:, :, 100:].std() / 2


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_just_missed_stays_and_a_doubtful_one_keeps_half_its_contrast(name):
    frame = np.full((96, 128), 100, np.uint8)
    frame[40:50, 90:100] = 160
    assert (open_treatment(name, peak=255).apply(frame, roi_of(square(), 0.2)) == frame).all()
    half = open_treatment(name, peak=255).apply(frame, roi_of(square(), 0.16))
    assert 130 <= half[45, 95] < 160
    assert open_treatment("fill", peak=255).apply(frame, roi_of(square(), 0.1))[45, 95] < 110


@pytest.mark.parametrize("name", NAMES)
def test_no_edge_at_the_masks_border(name):
    frame = np.broadcast_to(np.linspace(60, 180, 128), (96, 128)).astype(np.uint8)
    inner = treated(open_treatment(name, peak=255), [frame] * 4)[-1].astype(int)[8:-8, 30:-30]
    assert max(abs(np.diff(inner, axis=0)).max(), abs(np.diff(inner, axis=1)).max()) <= 6


@pytest.mark.parametrize("name", NAMES)
def test_the_background_changes_at_key_frames_only(name):
    frames = noisy(24)
    # One side becomes brighter than the other, which no change of brightness explains.
    frames[4:, 50:, 100:] += 10
    frames[4:, :46, 100:] -= 10
    out = treated(open_treatment(name, peak=255, gop=8), frames)
    changes = [t for t in range(1, 24) if (out[t][FAR] != out[t - 1][FAR]).any()]
    assert changes == [8, 16]


@pytest.mark.parametrize("name", NAMES)
def test_a_key_frame_that_is_all_cells_leaves_the_change_to_the_next(name):
    treatment = open_treatment(name, peak=255, gop=4)
    frames = noisy(8)
    frames[2:, :, 100:] += 10
    before = treated(treatment, frames[:4])[-1]
    treatment.apply(frames[4], None)
    after = treated(treatment, frames[5:])
    assert (after[0][FAR] != before[FAR]).any()
    assert (after[:, :, 100:] == after[0][FAR]).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_was_learnt_before_is_shown_from_the_first_frame_on(name):
    errors = []
    for known in (0, 24):
        treatment = open_treatment(name, peak=255)
        for frame in noisy(32)[:known]:
            treatment.learn(frame, roi_of(square()))
        out = treatment.apply(noisy(33)[-1], roi_of(square()))
        errors.append(np.abs(out[FAR].astype(float) - 100).mean())
    assert errors[1] < 0.75 * errors[0] + 1e-9


def test_the_plate_becomes_the_scene_without_cells():
    options = {"frames": 20, "seed": 4, "height": 160, "width": 200}
    movie, empty = (flowroi.synthetic_movie(cells=cells, **options) for cells in (15, 0))
    treatment = open_treatment("plate", peak=255)
    # As automatic masks do, these cover the cells' halos.
    masks = [cv2.dilate((labels > 0).astype(np.uint8), np.ones((15, 15))) > 0 for labels in movie.labels]
    for frame, mask in zip(movie.frames, masks, strict=True):
        treatment.learn(frame, roi_of(mask))
    out = treatment.apply(movie.frames[-1], roi_of(masks[-1]))
    outside = kept_share(roi_of(masks[-1])) == 0
    error = (out.astype(float) - empty.clean[-1])[outside]
    assert np.sqrt(np.square(error).mean()) < 0.5 * movie.params.noise


def test_the_plate_follows_the_stage_within_a_group():
    rng = np.random.default_rng(5)
    scene = np.kron(rng.normal(100, 15, (14, 20)), np.ones((24, 24)))
    errors = {}
    for told in (True, False):
        treatment = open_treatment("plate", peak=255)
        for t in range(20):
            frame = np.rint(scene[100 - 2 * t : 196 - 2 * t, 100:228]).astype(np.uint8)
            out = treatment.apply(frame, roi_of(square(), drift=(2.0 * t, 0.0) if told else (0.0, 0.0)))
        errors[told] = np.abs(out.astype(float) - frame)[45:, 90:].mean()
    assert errors[True] < errors[False] / 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 4080)])
def test_slow_gain_is_followed_in_steps(name, dtype, peak):
    grey = peak // 255
    frames = np.stack([np.full((96, 128), (100 + t / 4) * grey, dtype) for t in range(80)])
    out = treated(open_treatment(name, peak=peak), frames)
    assert np.abs(out.astype(int) - frames).max() <= 4 * grey
    changes = np.count_nonzero(np.diff(out[:, 5, 120].astype(int)))
    assert 3 <= changes <= 12


@pytest.mark.parametrize("name", NAMES)
def test_flicker_does_not_move_the_background(name):
    flicker = np.random.default_rng(8).normal(0, 1.5, 40)
    frames = np.stack([np.full((96, 128), round(100 + by), np.uint8) for by in flicker])
    treatment = open_treatment(name, peak=255)
    for frame in frames[:20]:
        treatment.learn(frame, roi_of(square()))
    assert np.unique(treated(treatment, frames)[:, 5, 120]).size == 1


@pytest.mark.parametrize("name", [*NAMES, "none"])
def test_frames_without_a_roi_or_wholly_roi_come_back_as_they_are(name):
    frame = noisy(1)[0]
    treatment = open_treatment(name, peak=255)
    for roi in (None, FrameRoi(np.ones(frame.shape, bool), None, WHOLE_FRAME)):
        treatment.learn(frame, roi)
        assert treatment.apply(frame, roi) is frame


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 5), (2, 130)])
@pytest.mark.parametrize(("dtype", "peak"), [(np.uint8, 255), (np.uint16, 65535)])
def test_small_and_odd_frames(name, shape, dtype, peak):
    frame = np.full(shape, peak, dtype)
    empty, corner = np.zeros(shape, bool), np.zeros(shape, bool)
    corner[0, 0] = shape != (1, 1)
    treatment = open_treatment(name, peak=peak)
    for mask in (empty, corner):
        treatment.learn(frame, roi_of(mask, drift=(1.0, -2.0)))
        out = treatment.apply(frame, roi_of(mask, drift=(2.0, 3.0)))
        assert out.dtype == dtype
        assert (out[mask] == frame[mask]).all()
        assert out.shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_same_frames_same_result_and_memory_does_not_grow(name):
    def held(treatment):
        return sum(getattr(value, "nbytes", 0) for value in vars(treatment).values())

    first, second = open_treatment(name, peak=255), open_treatment(name, peak=255)
    sizes = []
    for frame in noisy(10):
        kept = frame.copy()
        assert (first.apply(frame, roi_of(square())) == second.apply(frame, roi_of(square()))).all()
        assert (frame == kept).all()
        sizes.append(held(first))
    assert sizes[0] == sizes[-1] > 0


def test_what_is_kept_covers_mask_and_weights_and_ends_near_them():
    kept = kept_share(roi_of(square()))
    assert (kept[square()] == 255).all()
    distance = cv2.distanceTransform((~square()).astype(np.uint8), cv2.DIST_C, 3)
    assert (kept[distance > 4] == 0).all()
    assert 0 < kept[45, 82] < 255
    assert (kept_share(roi_of(square(), 0.1))[FAR] == 0).all()
    assert (kept_share(roi_of(square(), 0.2)) == 255).all()


def test_descriptions_and_wrong_parameters():
    for name in (*NAMES, "none"):
        told = json.loads(json.dumps(open_treatment(name, peak=255).describe()))
        assert told["treatment"] == name
        assert 0 < len(told["outside_the_cells"]) <= 60
    with pytest.raises(InvalidParameterError, match="expected one of"):
        open_treatment("blur", peak=255)
    with pytest.raises(InvalidParameterError, match="peak"):
        open_treatment("fill", peak=0)
    with pytest.raises(InvalidParameterError, match="gop"):
        open_treatment("fill", peak=255, gop=0)
