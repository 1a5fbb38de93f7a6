"""A fused extraction that is gone on with: the few frames that its memory wants are enough."""

import json

import numpy as np
import pytest

from flowroi import RoiParams, synthetic_movie
from flowroi.roi.fused_extraction import FusedExtraction
from flowroi.roi.memory import RoiMemory

FRAMES = 76
PARAMS = RoiParams(look_ahead=0)
# Two backgrounds of 15 samples, the key and the last frame: no restart costs more.
MOST_WANTED = 32


@pytest.fixture(scope="module", params=["calm", "drifting", "flickering"])
def frames(request):
    options = {
        "calm": {},
        "drifting": {"drift_px": 2.5},
        "flickering": {"flicker": 0.05, "drift_px": 0.5},
    }[request.param]
    movie = synthetic_movie(frames=FRAMES, height=120, width=160, cells=6, seed=5, **options).frames
    if request.param == "flickering":
        # A lamp that flashes: such frames are not learnt.
        movie[20] = np.minimum(movie[20].astype(int) * 2, 255)
    return movie


def told(extraction, frames):
    for _, roi in extraction.run(iter(frames)):
        yield roi, RoiMemory.from_json(json.loads(json.dumps(extraction.memory.to_json(), allow_nan=False)))


@pytest.fixture(scope="module")
def whole(frames):
    return list(told(FusedExtraction(PARAMS, None, 0), frames))


@pytest.mark.parametrize("cut", [1, 2, 9, 15, 16, 20, 21, 33, 64])
def test_goes_on_as_if_nothing_had_been(frames, whole, cut):
    memory = whole[cut - 1][1]
    assert memory.frames == cut
    assert len(memory.wanted) <= MOST_WANTED
    extraction = FusedExtraction(PARAMS, None, 0)
    extraction.recall(memory, {t: frames[t] for t in memory.wanted})
    rest = list(told(extraction, frames[cut:]))
    assert len(rest) == FRAMES - cut
    for (roi, after), (expected, expected_after) in zip(rest, whole[cut:], strict=True):
        assert np.array_equal(roi.mask, expected.mask)
        assert roi.diagnostics == expected.diagnostics
        assert (roi.weights is None) == (expected.weights is None)
        assert roi.weights is None or np.array_equal(roi.weights, expected.weights)
        assert after == expected_after


def test_frames_that_are_gone_are_done_without(frames, whole):
    memory = whole[40][1]
    for left in ([], memory.wanted[:3], memory.wanted[-2:]):
        extraction = FusedExtraction(PARAMS, None, 0)
        extraction.recall(memory, {t: frames[t] for t in left})
        rois = [roi for roi, _ in told(extraction, frames[41:])]
        assert len(rois) == FRAMES - 41
        # It learns again: in the end it finds what it would have found.
        last, expected = rois[-1].mask, whole[-1][0].mask
        assert np.count_nonzero(last & expected) >= 0.9 * np.count_nonzero(expected)
