"""The neutrophil network, in the environment of `make test-cellpose3`."""

import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from flowroi.errors import CorruptDataError, InvalidParameterError, UnsupportedFormatError
from flowroi.segmenters import cellpose3, open_segmenter
from tests.segmenters.matching import match

# Importing Cellpose 3 uses what this PyTorch calls deprecated.
pytestmark = [pytest.mark.cellpose3, pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")]


@pytest.fixture
def network_copy(tmp_path):
    """Where a copy of the network lies, to be given as weights or spoilt."""
    path = tmp_path / "copy"
    path.write_bytes(cellpose3._neutrophil_weights().read_bytes())
    return path


def corner(complexeye):
    """A small part of a frame, and its labels: 3 cells."""
    frames, labels = complexeye
    return frames[0, 60:120, 20:170], labels[0, 60:120, 20:170]


def test_the_cells_of_a_real_frame_are_found(complexeye):
    frames, labels = complexeye
    found = open_segmenter("cellpose3").segment(frames[0])
    assert found.dtype == np.int32
    assert np.array_equal(np.unique(found), np.arange(8))
    assert match(labels[0], found) == (7, 7, 7)


@pytest.mark.slow
def test_every_cell_of_the_real_movie_is_found_and_nothing_else(complexeye):
    segment = open_segmenter("cellpose3").segment
    counts = np.sum([match(truth, segment(frame)) for frame, truth in zip(*complexeye, strict=True)], axis=0)
    assert counts.tolist() == [76, 76, 76]


@pytest.mark.slow
def test_the_synthetic_cells_are_found(cell_movie):
    frames, labels = cell_movie
    matched, true, found = match(labels[-1], open_segmenter("cellpose3").segment(frames[-1]))
    assert 2 * matched / (true + found) >= 0.9


def test_the_same_frame_gives_the_same_labels_at_any_depth(complexeye):
    frame, _ = corner(complexeye)
    segmenter = open_segmenter("cellpose3", gpu=False)
    labels = segmenter.segment(frame)
    assert labels.max() == 3
    assert np.array_equal(pickle.loads(pickle.dumps(segmenter)).segment(frame), labels)
    assert np.array_equal(segmenter.segment(frame.astype(np.uint16) * 256), labels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7), (31, 40)])
def test_small_frames_keep_their_shape(shape):
    segment = open_segmenter("cellpose3").segment
    for frame in (np.full(shape, 90, np.uint8), np.random.default_rng(1).integers(0, 255, shape, np.uint8)):
        labels = segment(frame)
        assert (labels.shape, labels.dtype) == (shape, np.int32)


def test_other_frames_are_refused():
    with pytest.raises(InvalidParameterError, match="expected \\(Y, X\\) of uint8 or uint16"):
        open_segmenter("cellpose3").segment(np.zeros((40, 40)))


def test_weights_of_the_user_bring_their_own_diameter(complexeye, network_copy):
    frame, _ = corner(complexeye)
    given = open_segmenter("cellpose3", weights=network_copy, gpu=False)
    assert given.describe()["parameters"] == {"diameter_px": None}
    # The network's own mean diameter is what the default rounds.
    assert match(open_segmenter("cellpose3", gpu=False).segment(frame), given.segment(frame), iou=0.95) == (3, 3, 3)
    assert open_segmenter("cellpose3", weights=network_copy, diameter_px=60).segment(frame).max() != 3


def test_it_says_what_it_is():
    described = json.loads(json.dumps(open_segmenter("cellpose3", gpu=False).describe()))
    assert described["name"] == "cellpose3"
    assert described["versions"]["cellpose"].startswith("3.")
    assert described["versions"]["torch"]
    assert described["parameters"] == {"diameter_px": 15.35}
    assert described["weights"] == {"name": "Neutrophil_granulocytes", "sha256": cellpose3.NEUTROPHIL_SHA256}
    assert described["device"] == "cpu"


def test_making_one_loads_nothing():
    import subprocess

    code = (
        "import sys; from flowroi.segmenters import open_segmenter; open_segmenter('cellpose3');"
        "sys.exit(bool({'torch', 'cellpose', 'napari', 'mmv_h4tracks'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_network_in_the_default_place_is_refused(complexeye, network_copy, monkeypatch):
    data = bytearray(network_copy.read_bytes())
    data[len(data) // 2] ^= 1
    network_copy.write_bytes(data)
    monkeypatch.setattr(cellpose3, "_neutrophil_weights", lambda: network_copy)
    with pytest.raises(CorruptDataError, match=r"expected 7c87a1cd.*it was not loaded"):
        open_segmenter("cellpose3").segment(complexeye[0][0])


class Harm:
    """Does something when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_weights_that_run_code_are_refused_unrun(complexeye, tmp_path, how):
    import torch

    path, harm = tmp_path / "weights", tmp_path / "harm"
    content = {"output.2.weight": Harm(harm)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(UnsupportedFormatError, match="could run code"):
        open_segmenter("cellpose3", weights=path).segment(complexeye[0][0])
    assert not harm.exists()


def spoilt(path: Path, how: str) -> None:
    import torch

    weights = torch.load(path, map_location="cpu", weights_only=True)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-5000])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "incomplete":
        del weights["upsample.up.res_up_0.conv.conv_0.0.weight"]
        torch.save(weights, path)
    elif how == "cellpose 4":
        torch.save({**weights, "W2": torch.zeros(1)}, path)
    else:
        torch.save([1, 2], path)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("cut", CorruptDataError),
        ("empty", CorruptDataError),
        ("incomplete", CorruptDataError),
        ("cellpose 4", UnsupportedFormatError),
        ("a list", UnsupportedFormatError),
    ],
)
def test_spoilt_weights_are_refused(complexeye, network_copy, how, error):
    spoilt(network_copy, how)
    with pytest.raises(error) as caught:
        open_segmenter("cellpose3", weights=network_copy).segment(complexeye[0][0])
    assert caught.value.path == str(network_copy)


def test_a_gpu_that_is_not_there_is_missed(complexeye, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidParameterError, match="PyTorch sees none"):
        open_segmenter("cellpose3", gpu=True).segment(complexeye[0][0])
