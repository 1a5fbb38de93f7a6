"""Gains: what plain JPEG 2000 needs for the same quality in the same place, measured on frames that are still there."""

import time

import numpy as np
import pytest

from flowroi.codec import decode, encode
from flowroi.job import Job
from flowroi.live.spool import MARK
from flowroi.live.status.gain import MOST_SHARE, Gains, Sampler, _plain, _quality_db, plain_bytes
from flowroi.live.status.newest import Newest
from flowroi.synthetic import synthetic_movie
from tests.live.conftest import put, well_files


@pytest.fixture(scope="module")
def cells():
    movie = synthetic_movie(frames=1, height=200, width=240, cells=9, seed=3, noise=3)
    return movie.frames[0], movie.labels[0] > 0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("rate", [10, 40])
def test_equal_quality(cells, bits, rate):
    """A plain stream of fewer bytes than are told has a lower quality there than ours, one of more a higher one."""
    frame, mask = cells
    frame = frame.astype(np.uint16) * 100 if bits == 16 else frame
    ours = decode(encode(frame, mask, rate=rate))
    size, aim = plain_bytes(frame, ours, mask), _quality_db(frame, ours, mask)
    others = [_plain(frame, aim + step / 4) for step in range(-6, 7)]
    below = [len(data) for data in others if _quality_db(frame, decode(data), mask) < aim]
    above = [len(data) for data in others if _quality_db(frame, decode(data), mask) > aim]
    # Streams of 2 kB do not grow evenly.
    assert 0.85 * max(below) < size < 1.15 * min(above)


def test_plain_gains_nothing(cells):
    frame, _ = cells
    plain = _plain(frame, 36)
    assert plain_bytes(frame, decode(plain), None) == pytest.approx(len(plain), rel=0.05)


def test_without_loss(cells):
    frame, mask = cells
    assert plain_bytes(frame, frame, mask) == len(_plain(frame, None))


def test_an_empty_roi(cells):
    frame, mask = cells
    assert plain_bytes(frame, frame + 1, np.zeros_like(mask)) is None


def test_frames_without_detail():
    flat = np.full((40, 50), 7, np.uint8)
    for ours in (flat, flat + 1):
        assert plain_bytes(flat, ours, None) is None or plain_bytes(flat, ours, None) > 0
    assert plain_bytes(np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8), None) is None


def test_sums():
    gains = Gains()
    assert gains.so_far().mean is None
    gains.add("A1_f0", 300, 100, 0.1)
    gains.add("A1_f0", 100, 100, 0.2)
    found = gains.so_far()
    assert (found.mean, found.samples, dict(found.by_position)) == (2.0, 2, {"A1_f0": 1.0})
    assert found.cpu_s == pytest.approx(0.3)


@pytest.fixture
def journal(raw, incoming, watcher, tmp_path):
    """The journal of a position of three frames, and the file of the last."""
    running = watcher(incoming, tmp_path / "out", psnr=36)
    for file in well_files(raw)[:3]:
        put(file, incoming)
    running.wait_for("frame", 3)
    running.abandon.set()
    running.join()
    return tmp_path / f".out{MARK}" / "A1_f0.journal", incoming / well_files(raw)[2].name


def sampled(journal, incoming, *, there=True):
    gains = Gains()
    asked = []

    def journals():
        asked.append(time.monotonic())
        return [("A1_f0", journal)] if there else []

    sampler = Sampler(gains, Newest(), [incoming], Job(), journals, every_s=0.02)
    sampler.start()
    deadline = time.monotonic() + 60
    while len(asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    sampler.stop()
    assert len(asked) >= 4
    return gains.so_far()


def test_a_frame_is_measured_once(journal, incoming):
    found = sampled(journal[0], incoming)
    assert found.samples == 1
    assert found.mean == found.by_position["A1_f0"] > 0.5
    assert found.cpu_s > 0


def test_not_where_there_is_no_time(journal, incoming):
    assert sampled(journal[0], incoming, there=False).samples == 0


@pytest.mark.parametrize("what", ["gone", "rewritten", "no journal"])
def test_not_where_the_file_is_not_what_it_was(journal, incoming, what):
    record, file = journal
    if what == "gone":
        file.unlink()
    elif what == "rewritten":
        file.write_bytes(file.read_bytes() + b"x")
    else:
        record.unlink()
    assert sampled(record, incoming).samples == 0


def test_the_share_is_bounded():
    assert MOST_SHARE < 0.02
