"""The background model: what it remembers, what it tells from cells, and that it never looks ahead."""

import weakref

import numpy as np
import pytest

from flowroi.roi.background import LONGEST_STEP, SAMPLES, BackgroundModel, sort_planes
from flowroi.roi.reduced import REDUCTION
from flowroi.roi.stabilise import Shift

HERE = Shift()


def scene(shape=(60, 80), seed=0):
    return np.random.default_rng(seed).normal(120, 20, shape).astype(np.float32)


def learnt(planes, positions=None, step=None):
    model = BackgroundModel(step)
    for t, plane in enumerate(planes):
        model.learn(t, plane, positions[t] if positions else HERE)
    return model


def remembered(frames, step=None):
    """Yield, frame by frame, the model and which frames it still holds."""
    model = BackgroundModel(step)
    planes = {}
    for t in range(frames):
        plane = np.full((2, 2), t, np.float32)
        planes[t] = weakref.ref(plane)
        model.learn(t, plane, HERE)
        del plane
        model.at(HERE)
        planes = {k: known for k, known in planes.items() if known() is not None}
        yield model, list(planes)


@pytest.mark.parametrize("count", range(1, SAMPLES + 1))
def test_any_number_of_planes_is_sorted(count):
    planes = list(np.random.default_rng(count).integers(-9, 9, (count, 40, 50)).astype(np.float32))
    before = np.stack(planes)
    assert np.array_equal(sort_planes(planes), np.sort(before, axis=0))
    assert np.array_equal(planes, before)


@pytest.mark.parametrize("frames", [5, 12, 15, 100])
def test_the_plate_of_moving_squares_is_the_empty_scene(frames):
    empty = scene()
    planes = np.repeat(empty[None], frames, axis=0)
    for t in range(frames):
        left = 13 * t % 73  # elsewhere in every frame that is kept
        planes[t, 10:25, left : left + 8] = 30
        planes[t, 35:50, 72 - left : 80 - left] = 240
    background = learnt(planes).at(HERE)
    assert np.array_equal(background.plate, empty)
    assert background.samples >= min(frames, SAMPLES // 2)


def test_of_an_even_number_the_middle_two_are_averaged():
    planes = [np.full((3, 3), v, np.float32) for v in (10, 90, 20, 40)]
    assert np.array_equal(learnt(planes).at(HERE).plate, np.full((3, 3), 30, np.float32))


def test_the_distance_of_what_is_kept_doubles_up_to_its_limit():
    steps = []
    for t, (model, kept) in enumerate(remembered(40 * SAMPLES)):
        steps.append(model.step)
        assert set(np.diff(kept)) <= {model.step}
        assert t - kept[-1] < model.step
        assert len(kept) <= SAMPLES
        if t >= SAMPLES:
            assert len(kept) > SAMPLES // 2
    assert list(dict.fromkeys(steps)) == [1, 2, 4, 8, 16, LONGEST_STEP]


@pytest.mark.parametrize("step", [1, 3, 50])
def test_a_distance_that_is_asked_for_stays(step):
    for t, (model, kept) in enumerate(remembered(20 * step, step)):
        assert model.step == step
        expected = list(range(0, t + 1, step))[-SAMPLES:]
        assert kept == expected


def test_samples_from_a_drifting_stage_are_brought_onto_one_position():
    room = 12
    wide = scene((60 + 2 * room, 80 + 2 * room))
    moves = [(t % 4, 8 - t) for t in range(9)]  # reduced px; positive ones move the picture down and right
    planes = [wide[room - dy : room - dy + 60, room - dx : room - dx + 80] for dy, dx in moves]
    positions = [Shift(dy * REDUCTION, dx * REDUCTION, 50) for dy, dx in moves]
    inner = (slice(9, -9), slice(9, -9))
    for seen_from in (8, 0, 3):
        background = learnt(planes, positions).at(positions[seen_from])
        assert background.position == positions[seen_from]
        assert background.plate[inner] == pytest.approx(planes[seen_from][inner], abs=0.01)
        assert background.change[inner].max() < 0.01
    model = learnt(planes, positions)
    model.at(positions[8])
    assert model.at(positions[5]).plate[inner] == pytest.approx(planes[5][inner], abs=0.01)
    assert np.median(learnt(planes).at(HERE).change[inner]) > 20


def test_change_ignores_what_happened_once_and_shows_what_stayed():
    planes = np.full((SAMPLES, 30, 30), 100, np.float32)
    planes[4, 5, 5] = 180  # once brighter,
    planes[6, 5, 10], planes[9, 5, 10] = 180, 20  # once brighter and once darker,
    planes[3:5, 5, 20] = 180  # twice brighter,
    planes[10:, 5, 25] = 60  # darker from then on
    change = learnt(planes).at(HERE).change
    assert [change[5, x] for x in (1, 5, 10, 20, 25)] == [0, 0, 0, 80, 40]
    assert np.count_nonzero(change) == 2


def test_of_few_samples_none_is_taken_for_an_outlier():
    planes = np.full((5, 9, 9), 100, np.float32)
    planes[2, 4, 4] = 130
    assert learnt(planes).at(HERE).change[4, 4] == 30


def test_what_was_said_does_not_change_with_what_comes_later():
    rng = np.random.default_rng(1)
    planes = rng.normal(100, 5, (40, 20, 30)).astype(np.float32)
    other = planes.copy()
    other[20:] += 50
    first, second = BackgroundModel(), BackgroundModel()
    said = []
    for t in range(40):
        first.learn(t, planes[t], HERE)
        second.learn(t, other[t], HERE)
        a, b = first.at(HERE), second.at(HERE)
        said.append((a, a.plate.copy(), a.change.copy()))
        if t < 20:
            assert np.array_equal(a.plate, b.plate)
            assert np.array_equal(a.change, b.change)
    assert not np.array_equal(a.plate, b.plate)
    for background, plate, change in said:
        assert np.array_equal(background.plate, plate)
        assert np.array_equal(background.change, change)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (49, 3)])
def test_tiny_planes_work_from_any_position(shape):
    planes = [scene(shape, seed) for seed in range(6)]
    model = learnt(planes)
    assert np.array_equal(model.at(HERE).plate, np.median(planes, axis=0))
    assert model.at(Shift(3, -5, 50)).plate.shape == shape
