"""The newest frame, read beside those who write it: whole, or the one before, or none."""

import cv2
import numpy as np
import pytest

from flowroi.live.journal import Journal, newest_record, record_bytes
from flowroi.live.status.newest import Newest
from flowroi.live.status.picture import WIDEST_PX, Pictures, overlay_png
from flowroi.png import png_size


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.journal"


def written(path, *records):
    journal = Journal(path)
    for record in records:
        journal.append(record)
    journal.commit()
    journal.close()


def test_the_newest_record_with_a_payload(path):
    written(path, record_bytes({"t": 0}, b"a"), record_bytes({"t": 1}, b"b"), record_bytes({"kind": "note"}))
    at, (header, payload) = newest_record(path)
    assert (header, payload) == ({"t": 1}, b"b")
    # From there on only.
    written(path, record_bytes({"t": 2}, b"c"))
    assert newest_record(path, at)[1] == ({"t": 2}, b"c")
    assert newest_record(path, newest_record(path)[0])[1] == ({"t": 2}, b"c")


def test_no_record(path):
    with pytest.raises(FileNotFoundError):
        newest_record(path)
    assert Newest().record(path) is None
    written(path)
    assert newest_record(path) is None
    written(path, record_bytes({"kind": "note"}))
    assert newest_record(path) is None
    path.with_name("link").symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        newest_record(path.with_name("link"))


def test_a_record_that_is_being_written(path):
    """Every cut, and every byte of it not written yet: the one before is found, and nothing is changed."""
    written(path, record_bytes({"t": 0}, b"first"))
    before = path.read_bytes()
    second = record_bytes({"t": 1}, b"second")
    for cut in range(len(second)):
        path.write_bytes(before + second[:cut])
        assert newest_record(path)[1] == ({"t": 0}, b"first"), cut
        path.write_bytes(before + second[:cut] + b"\0" * (len(second) - cut))
        assert newest_record(path)[1][0]["t"] == (1 if second[cut:] == b"\0" * (len(second) - cut) else 0), cut
    assert path.stat().st_size == len(before) + len(second)
    path.write_bytes(before + second)
    assert newest_record(path)[1] == ({"t": 1}, b"second")


@pytest.mark.parametrize("shape", [(1, 1), (40, 50), (600, 600), (900, 1300), (3000, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_are_small_and_the_roi_is_orange(shape, dtype):
    frame = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    mask = np.zeros(shape, bool)
    mask[: shape[0] // 2 + 1, : shape[1] // 2 + 1] = True
    width, height = png_size(overlay_png(frame, mask))
    assert max(width, height) <= WIDEST_PX
    image = cv2.imdecode(np.frombuffer(overlay_png(frame, mask), np.uint8), cv2.IMREAD_COLOR)
    assert (image == (0, 159, 230)).all(axis=-1).any()
    grey = cv2.imdecode(np.frombuffer(overlay_png(frame, None), np.uint8), cv2.IMREAD_COLOR)
    assert (grey[..., 0] == grey[..., 2]).all()


class Counted(Newest):
    def __init__(self):
        super().__init__()
        self.t = 0

    def record(self, path):
        return None if self.t is None else ({"t": self.t, "path": path}, b"")


def test_a_picture_is_made_once_and_not_all_are_kept(path, monkeypatch):
    from flowroi.live.status import picture

    made = []
    monkeypatch.setattr(picture, "decoded", lambda record: (made.append(record), np.zeros((4, 4), np.uint8), None)[1:])
    newest = Counted()
    pictures = Pictures(newest)
    assert pictures.of(path) is pictures.of(path)
    newest.t = 1
    assert pictures.of(path).frame == 1
    assert len(made) == 2
    for n in range(100):
        pictures.of(path / str(n))
    assert len(pictures._kept) == 32
    # The journals are gone once there are archives: the last picture stays.
    newest.t = None
    assert pictures.of(path / "99").frame == 1
    assert pictures.of(path / "new") is None


def test_others_are_told_to_come_again(path, monkeypatch):
    from flowroi.live.status import picture

    monkeypatch.setattr(picture, "_WAIT_S", 0.01)
    pictures = Pictures(Newest())
    with pictures._making, pytest.raises(picture.Busy):
        pictures.of(path)
