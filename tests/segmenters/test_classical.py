"""The segmenter without a network, on cells whose truth is known."""

import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import tifffile
from flowroi.openjpeg import openjpeg_encode

from flowroi import decode, synthetic_movie
from flowroi.errors import InvalidParameterError, MissingDependencyError
from flowroi.segmenters import open_segmenter
from flowroi.segmenters.classical import ClassicalSegmenter
from tests.segmenters.matching import f1, match


def last(**params):
    movie = synthetic_movie(frames=2, **params)
    return movie.frames[-1], movie.labels[-1]


@pytest.fixture(scope="module")
def scene():
    """The last frame of a small movie, and its labels."""
    return last(height=324, width=432, cells=39, seed=731)


def disks(shape, centres, radius, level=60, background=100, dtype=np.uint8):
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number, (cy, cx) in enumerate(centres, 1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = number
    return np.where(labels > 0, level, background).astype(dtype), labels


@pytest.mark.parametrize("seed", [731, 1, 2])
def test_the_synthetic_cells_are_found(seed):
    frame, labels = last(seed=seed)
    assert f1([(labels, ClassicalSegmenter().segment(frame))]) >= 0.95


@pytest.mark.parametrize(("noise", "contrast"), [(0.6, 1), (4, 1), (2, 0.5), (4, 0.5)])
def test_noisy_and_faint_cells_are_found(noise, contrast):
    frame, labels = last(seed=731, noise=noise, contrast=contrast)
    assert f1([(labels, ClassicalSegmenter().segment(frame))]) >= 0.9


def test_real_cells_are_found(shared_data):
    frames = tifffile.imread(shared_data / "complexeye" / "example.tiff")
    truth = tifffile.imread(shared_data / "complexeye" / "example_seg.tiff")
    segment = ClassicalSegmenter().segment
    matched, true, found = np.sum([match(*pair) for pair in zip(truth, map(segment, frames), strict=True)], axis=0)
    assert true == 76
    assert matched >= 75
    assert found <= 79


def test_compression_costs_cells_little_by_little(scene):
    frame, labels = scene
    segment = ClassicalSegmenter().segment
    curve = [f1([(labels, segment(decode(openjpeg_encode(frame, rate))))]) for rate in (10, 20, 40, 80, 120)]
    assert min(curve[:3]) >= 0.95
    assert min(curve) >= 0.85
    assert max(abs(np.diff(curve))) < 0.1


def test_labels_are_consecutive_and_int32(scene):
    labels = ClassicalSegmenter().segment(scene[0])
    assert labels.dtype == np.int32
    assert labels.shape == scene[0].shape
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))


def test_grey_levels_may_be_of_16_bits(scene):
    frame, _ = scene
    eight = ClassicalSegmenter().segment(frame)
    sixteen = ClassicalSegmenter().segment(frame.astype(np.uint16) * 256 + 300)
    assert f1([(eight, sixteen)]) >= 0.99


def test_bright_cells_are_found_as_dark_ones(scene):
    frame, _ = scene
    dark = ClassicalSegmenter().segment(frame)
    assert np.array_equal(ClassicalSegmenter().segment(255 - frame), dark)
    assert np.array_equal(ClassicalSegmenter(polarity="dark").segment(frame), dark)
    assert f1([(dark, ClassicalSegmenter(polarity="bright").segment(frame))]) < 0.2


def test_uneven_light_is_no_cell(scene):
    frame, labels = scene
    slope = np.linspace(-60, 60, frame.shape[1])
    lit = np.clip(frame + slope, 0, 255).astype(np.uint8)
    assert f1([(labels, ClassicalSegmenter().segment(lit))]) >= 0.9


@pytest.mark.parametrize("diameter_px", [None, 40])
def test_touching_cells_are_split_and_an_oval_one_is_not(diameter_px):
    frame, labels = disks((300, 300), [(80, 80), (80, 115), (220, 80), (220, 220)], 20)
    y, x = np.indices(frame.shape)
    oval = ((y - 80) / 16) ** 2 + ((x - 220) / 34) ** 2 <= 1
    frame[oval], labels[oval] = 60, 5
    assert match(labels, ClassicalSegmenter(diameter_px).segment(frame)) == (5, 5, 5)


def test_a_ring_is_one_cell():
    frame, labels = disks((120, 120), [(60, 60)], 15)
    frame[56:65, 56:65] = 100
    assert match(labels, ClassicalSegmenter().segment(frame), iou=0.9) == (1, 1, 1)


@pytest.mark.parametrize("scale", [4, 8, 30])
def test_the_size_of_cells_is_told_from_the_frame(scale):
    centres = [(5, 6), (5, 15), (14, 9), (22, 22), (12, 24)]
    frame, labels = disks((28 * scale, 32 * scale), np.multiply(centres, scale), 1.5 * scale)
    assert match(labels, ClassicalSegmenter().segment(frame)) == (5, 5, 5)


def test_the_diameter_says_what_is_a_cell():
    frame, _ = disks((200, 200), [(50, 50), (140, 140)], 12)
    assert ClassicalSegmenter(24).segment(frame).max() == 2
    assert ClassicalSegmenter(100).segment(frame).max() == 0


def test_debris_is_left_out():
    frame, labels = disks((200, 200), [(50, 50), (140, 140), (50, 140)], 12)
    frame[100:103, 20:23] = 60
    assert match(labels, ClassicalSegmenter().segment(frame)) == (3, 3, 3)


def test_a_frame_without_cells_has_none():
    noise = np.random.default_rng(7).normal(100, 3, (400, 400))
    empty = np.clip(noise.round(), 0, 255).astype(np.uint8)
    for frame in (empty, decode(openjpeg_encode(empty, 40)), (noise * 200).astype(np.uint16)):
        assert ClassicalSegmenter().segment(frame).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (64, 64)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("diameter_px", [None, 2, 512])
def test_constant_frames_of_any_size_have_no_cells(shape, dtype, diameter_px):
    frame = np.full(shape, np.iinfo(dtype).max, dtype)
    labels = ClassicalSegmenter(diameter_px).segment(frame)
    assert labels.shape == shape
    assert labels.dtype == np.int32
    assert labels.max() == 0


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (2, 2), (5, 90), (33, 47)])
def test_frames_of_noise_at_any_size_are_taken(shape):
    frame = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    for diameter_px in (None, 2.0, 9.5, 300.0):
        labels = ClassicalSegmenter(diameter_px).segment(frame)
        assert np.array_equal(np.unique(labels[labels > 0]), np.arange(1, labels.max() + 1))


def test_dense_cells_of_phase_contrast_are_taken(shared_data):
    import cv2

    frame = cv2.imread(str(shared_data / "t98g" / "images8" / "t000.png"), cv2.IMREAD_GRAYSCALE)
    truth = cv2.imread(str(shared_data / "t98g" / "masks_manual" / "t000.png"), cv2.IMREAD_UNCHANGED)
    found = ClassicalSegmenter(60).segment(frame)
    assert 5 <= found.max() <= 200
    # It lies on the cells more often than chance would.
    assert (truth[found > 0] > 0).mean() > 1.5 * (truth > 0).mean()


def test_the_frame_is_left_as_it_was(scene):
    frame = scene[0].copy()
    frame.setflags(write=False)
    ClassicalSegmenter().segment(frame)
    assert np.array_equal(frame, scene[0])


def test_processes_give_the_same_labels(scene):
    segmenter = open_segmenter("classical", diameter_px=16)
    assert pickle.loads(pickle.dumps(segmenter)) == segmenter
    here = segmenter.segment(scene[0])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert np.array_equal(pool.submit(segmenter.segment, scene[0]).result(), here)


def test_it_says_what_it_is():
    described = json.loads(json.dumps(ClassicalSegmenter(12.5).describe()))
    assert described["name"] == "classical"
    assert described["parameters"] == {"diameter_px": 12.5, "polarity": "auto"}
    assert {"flowroi", "scikit-image", "scipy"} <= set(described["versions"])
    assert (described["weights"], described["device"]) == (None, "cpu")


@pytest.mark.parametrize("value", [0, 1.9, 513, -3, float("nan"), float("inf"), "16", True])
def test_diameters_out_of_range_are_refused(value):
    with pytest.raises(InvalidParameterError, match="diameter_px is"):
        ClassicalSegmenter(value)


def test_unknown_polarity_is_refused():
    with pytest.raises(InvalidParameterError, match="polarity is 'grey'"):
        ClassicalSegmenter(polarity="grey")


@pytest.mark.parametrize("frame", [np.zeros((2, 3, 4), np.uint8), np.zeros((3, 4)), np.zeros((0, 4), np.uint8)])
def test_other_frames_are_refused(frame):
    with pytest.raises(InvalidParameterError, match="expected \\(Y, X\\) of uint8 or uint16"):
        ClassicalSegmenter().segment(frame)


def test_scikit_image_is_asked_for(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage", None)
    with pytest.raises(MissingDependencyError, match=r"flowroi\[evaluation\]"):
        ClassicalSegmenter().segment(np.zeros((9, 9), np.uint8))
