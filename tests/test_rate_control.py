"""A movie's rate: never above the budget, nearly all of it used, even quality, whatever the content and the workers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowroi
from flowroi.rate_control import BATCH, LAG, MovieRate, survey_places

HEADERS = 120


@dataclass(frozen=True)
class Fake:
    """What stands for a coded frame."""

    t: int
    size_bytes: int
    step: float
    limited: bool


class FakeMovie:
    """Frames that take `needs[t] / step ** exponent` bytes and headers."""

    def __init__(self, needs, exponent):
        self.needs, self.exponent = needs, exponent
        self.read = self.calls = 0

    def __iter__(self):
        for t in range(len(self.needs)):
            self.read += 1
            yield t

    def code(self, t, /, *, step=None, budget_bytes=None):
        self.calls += 1
        if budget_bytes is not None:
            step = (self.needs[t] / max(budget_bytes - HEADERS, 1)) ** (1 / self.exponent)
        step = min(max(step, 1 / 64), 256)
        size = int(HEADERS + self.needs[t] / step**self.exponent)
        return Fake(t, size if budget_bytes is None else min(size, budget_bytes), step, budget_bytes is not None)


def run(needs, share, *, exponent=1.0, in_flight=4):
    movie = FakeMovie(needs, exponent)
    budget = share * len(needs)
    ahead = []
    with ThreadPoolExecutor(2) as pool:
        rate = MovieRate(len(needs), budget, movie.code, pool, in_flight)
        coded = []
        for frame in rate.run(iter(movie), survey_places(len(needs))):
            coded.append(frame)
            ahead.append(movie.read - len(coded))
    assert [c.t for c in coded] == list(range(len(needs)))
    return coded, sum(c.size_bytes for c in coded) / budget, max(ahead)


def spread_db(coded):
    return np.ptp([20 * np.log10(c.step) for c in coded])


CONTENTS = {
    "steady": lambda t: 20000 + 0 * t,
    "rising": lambda t: 10000 * (1 + 3 * t),
    "falling": lambda t: 10000 * (4 - 3 * t),
    "jump": lambda t: np.where(t < 0.4, 8000, 24000),
    "wavy": lambda t: 20000 * (1 + 0.5 * np.sin(20 * t)),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("frames", [20, 45, 90, 400])
@pytest.mark.parametrize("exponent", [0.6, 1.6])
def test_all_of_the_budget_at_even_quality(content, frames, exponent):
    needs = CONTENTS[content](np.linspace(0, 1, frames))
    coded, used, ahead = run(needs, 2000, exponent=exponent)
    assert 0.99 <= used <= 1
    assert ahead <= 2 * BATCH
    # What budgets for every frame would give.
    alone = 20 / exponent * np.log10(needs.max() / needs.min())
    assert spread_db(coded) < (1 if content == "steady" else 0.6 * alone)


@pytest.mark.parametrize("frames", [48, 200])
@pytest.mark.parametrize("start", [0.3, 0.7, 0.9, 0.99])
def test_sudden_detail_is_kept_within_the_budget(frames, start):
    needs = np.where(np.arange(frames) < start * frames, 5000, 500_000)
    coded, used, _ = run(needs, 1500)
    assert 0.95 <= used <= 1
    assert min(c.size_bytes for c in coded[-BATCH:]) > HEADERS


@settings(max_examples=60, deadline=None)
@given(
    needs=st.lists(st.floats(10, 1e6), min_size=1, max_size=120),
    share=st.integers(400, 20_000),
    exponent=st.floats(0.4, 2.5),
)
def test_never_above_the_budget_and_the_same_for_any_number_at_work(needs, share, exponent):
    coded, used, _ = run(needs, share, exponent=exponent, in_flight=2)
    assert used <= 1
    assert run(needs, share, exponent=exponent, in_flight=64)[0] == coded


def test_the_lag_is_kept():
    # A frame that turns out large changes nothing in the LAG frames after it.
    needs = np.full(100, 20000.0)
    before = run(needs, 2000)[0]
    needs[30] *= 2
    assert 30 not in survey_places(100)
    after = run(needs, 2000)[0]
    steps = np.array([c.step for c in after]) != [c.step for c in before]
    assert not steps[: 30 + LAG].any()
    assert steps[30 + LAG + 1]


# The real encoder.


@pytest.fixture(scope="module")
def rising():
    """Forty frames in which cells come in one after the other, with their labels, (T, Y, X) each."""
    options = {"frames": 40, "height": 256, "width": 320, "seed": 5}
    full = flowroi.synthetic_movie(cells=60, **options)
    empty = flowroi.synthetic_movie(cells=0, **options)
    shown = np.linspace(8, 60, 40)[:, None, None]
    labels = np.where(full.labels <= shown, full.labels, 0)
    near = np.stack([cv2.dilate((frame > 0).astype(np.uint8), np.ones((13, 13), np.uint8)) for frame in labels])
    return np.where(near > 0, full.frames, empty.frames), labels


@pytest.fixture
def masks(rising, tmp_path):
    """The cells as a folder of masks."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for t, labels in enumerate(rising[1]):
        cv2.imwrite(str(folder / f"t{t:03d}.png"), (labels > 0).astype(np.uint8))
    return folder


def psnr_in_cells(archive, frames, labels):
    errors = [np.square(archive[t].astype(float) - frames[t])[labels[t] > 0].mean() for t in range(len(frames))]
    return 10 * np.log10(255**2 / np.array(errors))


def test_rising_number_of_cells(rising, masks, tmp_path):
    frames, labels = rising
    found = {}
    for control in ("movie", "frame"):
        report = flowroi.compress(
            frames, tmp_path / f"{control}.ome.tif", rate=20, rate_control=control, roi_method=str(masks)
        )
        assert report.rate_control == control
        assert 0.99 * frames.nbytes / 20 <= report.stored_bytes <= frames.nbytes / 20
        with flowroi.open_archive(tmp_path / f"{control}.ome.tif") as archive:
            assert archive.manifest["encode"]["rate_control"] == control
            found[control] = psnr_in_cells(archive, frames, labels)
    assert found["movie"].std() < found["frame"].std() / 2
    assert found["movie"].min() > found["frame"].min()


def test_frame_by_frame_is_what_encode_does(rising, masks, tmp_path):
    frames, labels = rising
    flowroi.compress(frames[:3], tmp_path / "a", rate=20, rate_control="frame", roi_method=str(masks))
    with flowroi.open_archive(tmp_path / "a") as archive:
        for t in range(3):
            assert archive.codestream(t) == flowroi.encode(frames[t], labels[t] > 0, rate=20)


def test_one_frame_is_what_encode_does(rising, tmp_path):
    flowroi.compress(rising[0][:1], tmp_path / "a", rate=20, roi_method="none")
    with flowroi.open_archive(tmp_path / "a") as archive:
        assert archive.codestream(0) == flowroi.encode(rising[0][0], rate=20)


@pytest.mark.parametrize("options", [{"rate": 20}, {"noise": 1}, {"psnr": 40}])
def test_same_bytes_for_any_number_of_workers(rising, masks, tmp_path, options):
    streams = []
    for workers in (1, 3):
        target = tmp_path / str(workers)
        flowroi.compress(rising[0], target, roi_method=str(masks), workers=workers, **options)
        with flowroi.open_archive(target) as archive:
            streams.append([archive.codestream(t) for t in range(40)])
    assert streams[0] == streams[1]


def test_detail_near_the_end_is_capped_and_said(rising, tmp_path):
    frames = rising[0].copy()
    frames[-12:] = np.random.default_rng(0).integers(0, 256, frames[-12:].shape, np.uint8)
    report = flowroi.compress(frames[:, :128, :128], tmp_path / "a", rate=12, roi_method="none")
    assert report.stored_bytes <= 40 * 128 * 128 / 12
    calm = flowroi.compress(rising[0][:, :128, :128], tmp_path / "b", rate=12, roi_method="none")
    assert not any("left less" in warning for warning in calm.warnings)
    frames = rising[0][:, :128, :128].copy()
    frames[18:21] = np.random.default_rng(0).integers(0, 256, frames[18:21].shape, np.uint8)
    burst = flowroi.compress(frames, tmp_path / "c", rate=12, roi_method="none")
    assert burst.stored_bytes <= 40 * 128 * 128 / 12
    assert any("left less" in warning and "t019" in warning for warning in burst.warnings)


@pytest.mark.parametrize("options", [{"lossless": "roi", "rate": 2.5}, {"roi_mode": "maxshift", "rate": 20}])
def test_what_no_step_steers_keeps_its_budget_frame_by_frame(rising, masks, tmp_path, options):
    report = flowroi.compress(rising[0][:4], tmp_path / "a", roi_method=str(masks), **options)
    assert report.rate_control == "frame"
    assert max(frame.size_bytes for frame in report.per_frame) <= rising[0][0].nbytes / options["rate"]


def test_a_dry_run_predicts_the_budget(rising, tmp_path):
    predicted = flowroi.compress(rising[0], tmp_path / "a", rate=20, roi_method="none", dry_run=True)
    assert predicted.rate == pytest.approx(20, rel=0.03)
    assert predicted.rate_control == "movie"
