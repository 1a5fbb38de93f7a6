"""Cellpose-SAM, in the environment of `make test-cellpose-sam`: without the published weights, with made ones."""

import json
import pickle

import numpy as np
import pytest

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.segmenters import open_segmenter

pytestmark = pytest.mark.cellpose_sam
PATCH_PX = 8


@pytest.fixture(scope="module")
def made_weights(tmp_path_factory):
    """Weights of the real architecture that see a cell in every patch of 8x8 px, whatever the frame.

    The readout is a bias alone: in each patch the flows lead to its centre, and the cell probability is high.
    """
    import torch
    from cellpose.vit import CPSAM

    torch.manual_seed(1)
    network = CPSAM()
    away = torch.arange(PATCH_PX) - (PATCH_PX - 1) / 2
    y, x = torch.meshgrid(away, away, indexing="ij")
    distance = torch.hypot(y, x)
    # Cellpose networks give flows five times their size.
    readout = torch.stack([-5 * y / distance, -5 * x / distance, torch.full_like(y, 4.0)])
    state = network.state_dict()
    state["out.weight"].zero_()
    state["out.bias"].copy_(readout.reshape(-1))
    path = tmp_path_factory.mktemp("sam") / "cpsam"
    torch.save(state, path)
    yield path
    path.unlink()


@pytest.mark.slow
def test_the_network_is_loaded_and_asked(made_weights):
    segmenter = open_segmenter("cellpose-sam", weights=made_weights, gpu=False)
    frame = np.random.default_rng(2).integers(0, 255, (64, 72), np.uint8)
    labels = segmenter.segment(frame)
    assert (labels.shape, labels.dtype) == (frame.shape, np.int32)
    areas = np.bincount(labels.ravel())[1:]
    assert len(areas) == labels.max()
    assert np.count_nonzero(areas == PATCH_PX**2) >= 42
    assert np.array_equal(pickle.loads(pickle.dumps(segmenter)).segment(frame), labels)
    assert segmenter.segment(frame[:5, :1].astype(np.uint16)).shape == (5, 1)
    assert segmenter.segment(np.full((40, 40), 7, np.uint8)).max() == 0
    described = json.loads(json.dumps(segmenter.describe()))
    assert described["name"] == "cellpose-sam"
    assert described["versions"]["cellpose"].startswith("4.")
    assert described["weights"]["name"] == "cpsam"
    assert len(described["weights"]["sha256"]) == 64
    assert described["device"] == "cpu"


@pytest.mark.slow
def test_weights_without_a_layer_are_refused(made_weights, tmp_path):
    import torch

    weights = torch.load(made_weights, mmap=True)
    del weights["encoder.blocks.3.attn.qkv.weight"]
    torch.save(weights, tmp_path / "weights")
    with pytest.raises(CorruptDataError, match=r"lack 1 tensors.*blocks\.3\.attn"):
        open_segmenter("cellpose-sam", weights=tmp_path / "weights").segment(np.eye(40, dtype=np.uint8))


def test_weights_of_another_network_are_refused(tmp_path):
    import torch

    torch.save({"output.2.weight": torch.zeros(3), "diam_mean": torch.zeros(1)}, tmp_path / "cellpose3")
    with pytest.raises(UnsupportedFormatError, match="other things than the weights of Cellpose-SAM"):
        open_segmenter("cellpose-sam", weights=tmp_path / "cellpose3").segment(np.eye(40, dtype=np.uint8))


def test_weights_that_hold_more_than_tensors_are_refused(tmp_path):
    (tmp_path / "weights").write_bytes(pickle.dumps({"W2": pytest.approx}))
    with pytest.raises(UnsupportedFormatError, match="could run code"):
        open_segmenter("cellpose-sam", weights=tmp_path / "weights").segment(np.eye(40, dtype=np.uint8))
