"""A compression that broke off goes on, and comes to the same bytes."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

import flowroi
from flowroi.errors import CorruptDataError, OutputExistsError, QualityTargetError
from flowroi.sequence.work import Work

OPTIONS = {"codec": "hevc", "rate": 30, "gop": 4, "preset": 8}
SCRIPT = """
import sys, flowroi, flowroi.sequence.coding as coding, flowroi.sequence.sample as sample
coding.CHUNK_FRAMES, sample.WHOLE_FRAMES = 8, 4
flowroi.compress(sys.argv[1], sys.argv[2], **{options})
"""


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("movie") / "movie.npy"
    np.save(path, flowroi.synthetic_movie(frames=60, height=120, width=160, cells=6, seed=3).frames)
    return path


@pytest.fixture(scope="module")
def whole(movie, tmp_path_factory):
    target = tmp_path_factory.mktemp("whole") / "a.mkv"
    finish(movie, target)
    return target.read_bytes()


@pytest.fixture
def short_chunks(monkeypatch):
    monkeypatch.setattr("flowroi.sequence.coding.CHUNK_FRAMES", 8)
    monkeypatch.setattr("flowroi.sequence.sample.WHOLE_FRAMES", 4)


def command(movie, target):
    return [sys.executable, "-c", SCRIPT.format(options=OPTIONS), str(movie), str(target)]


def finish(movie, target):
    done = subprocess.run(command(movie, target), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def chunks_kept(target):
    return len(list(target.with_name(f".{target.name}.flowroi-work").glob("chunk-??????")))


def killed_after(movie, target, chunks, sent):
    process = subprocess.Popen(command(movie, target), stderr=subprocess.PIPE)
    while process.poll() is None and chunks_kept(target) < chunks:
        time.sleep(0.002)
    process.send_signal(sent)
    _, said = process.communicate()
    return said.decode()


@pytest.mark.parametrize("chunks", [1, 3, 6])
def test_killed_and_run_again_it_comes_to_the_same_bytes(movie, whole, tmp_path, chunks):
    target = tmp_path / "a.mkv"
    killed_after(movie, target, chunks, signal.SIGKILL)
    assert not target.exists()
    finish(movie, target)
    assert target.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_an_interruption_says_how_to_go_on(movie, tmp_path):
    target = tmp_path / "a.mkv"
    said = killed_after(movie, target, 2, signal.SIGINT)
    assert "the same command goes on" in said
    assert not target.exists()
    assert chunks_kept(target) >= 2


def test_what_is_there_is_not_coded_again(movie, whole, tmp_path, monkeypatch, short_chunks):
    target = tmp_path / "a.mkv"
    killed_after(movie, target, 4, signal.SIGKILL)
    kept, coded = chunks_kept(target), []
    code = flowroi.sequence.coding.code_chunk
    monkeypatch.setattr("flowroi.sequence.coding.code_chunk", lambda *a: coded.append(1) or code(*a))
    flowroi.compress(movie, target, **OPTIONS)
    assert len(coded) <= 8 - kept + 1
    assert target.read_bytes() == whole


@pytest.mark.usefixtures("short_chunks")
def test_a_damaged_chunk_is_coded_again(movie, whole, tmp_path):
    target = tmp_path / "a.mkv"
    killed_after(movie, target, 3, signal.SIGKILL)
    chunk = next(target.with_name(f".{target.name}.flowroi-work").glob("chunk-??????"))
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    flowroi.compress(movie, target, **OPTIONS)
    assert target.read_bytes() == whole


@pytest.mark.usefixtures("short_chunks")
def test_work_of_other_settings_is_neither_used_nor_lost_unasked(movie, whole, tmp_path):
    target = tmp_path / "a.mkv"
    killed_after(movie, target, 2, signal.SIGKILL)
    kept = chunks_kept(target)
    with pytest.raises(OutputExistsError, match="other settings"):
        flowroi.compress(movie, target, **{**OPTIONS, "rate": 20})
    assert chunks_kept(target) == kept
    flowroi.compress(movie, target, overwrite=True, **{**OPTIONS, "rate": 20})
    with flowroi.open_archive(target) as archive:
        assert archive.manifest["encode"]["rate"] == 20


@pytest.mark.usefixtures("short_chunks")
def test_a_second_writer_is_turned_away(movie, tmp_path):
    target = tmp_path / "a.mkv"
    with Work(target, {}, overwrite=False), pytest.raises(OutputExistsError, match="another process"):
        flowroi.compress(movie, target, **OPTIONS)


@pytest.mark.usefixtures("short_chunks")
def test_an_input_that_breaks_off_leaves_what_was_done(movie, tmp_path, monkeypatch):
    target = tmp_path / "a.mkv"
    read = flowroi.sources.Source.read

    def failing(self, t):
        if t == 50:
            raise CorruptDataError("gone", frame=t)
        return read(self, t)

    killed_after(movie, target, 1, signal.SIGKILL)
    monkeypatch.setattr("flowroi.sources.Source.read", failing)
    with pytest.raises(CorruptDataError, match="frame 50") as caught:
        flowroi.compress(movie, target, workers=1, **OPTIONS)
    assert any("goes on" in note for note in caught.value.__notes__)
    monkeypatch.undo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(movie, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="Permission"):
        flowroi.compress(movie, tmp_path / "a.mkv", **OPTIONS)


def test_a_lock_that_was_removed_while_we_waited_is_none(tmp_path, monkeypatch):
    flock, removed = fcntl.flock, []

    def overtaken(file, how):
        if not removed:
            removed.append(True)
            shutil.rmtree(tmp_path / ".a.mkv.flowroi-work")
        flock(file, how)

    monkeypatch.setattr("flowroi.sequence.work.fcntl.flock", overtaken)
    with (
        Work(tmp_path / "a.mkv", {}, overwrite=False),
        pytest.raises(OutputExistsError, match="another process"),
        Work(tmp_path / "a.mkv", {}, overwrite=False),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_locks_that_the_file_system_does_not_have_are_no_second_writer(tmp_path, monkeypatch):
    def without(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("flowroi.sequence.work.fcntl.flock", without)
    with pytest.raises(OSError, match="No locks"), Work(tmp_path / "a.mkv", {}, overwrite=False):
        pass


def test_chunks_whose_plan_is_gone_are_not_used(movie, whole, tmp_path):
    target = tmp_path / "a.mkv"
    killed_after(movie, target, 3, signal.SIGKILL)
    folder = target.with_name(".a.mkv.flowroi-work")
    (folder / "plan.json").unlink()
    with Work(target, {"other": 1}, overwrite=False) as work:
        assert work.chunks_kept == 0
        assert work.remembered("crfs") is None


def test_a_goal_out_of_reach_leaves_nothing_in_the_way_of_another(tmp_path):
    def fail(work):
        with work:
            (work.folder / "chunk-000000").write_bytes(b"")
            raise QualityTargetError("out of reach")

    with pytest.raises(QualityTargetError) as caught:
        fail(Work(tmp_path / "a.mkv", {}, overwrite=False))
    assert not hasattr(caught.value, "__notes__")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("short_chunks")
def test_masks_that_changed_meanwhile_are_another_input(movie, tmp_path, monkeypatch):
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((120, 160), np.uint8)
    mask[30:60, 30:60] = 255
    for t in range(60):
        cv2.imwrite(str(masks / f"t{t:03d}.png"), mask)
    keep = Work.keep

    def failing(self, number, chunk):
        keep(self, number, chunk)
        raise OSError("the disk is gone")

    options = {**OPTIONS, "roi_method": str(masks), "workers": 1}
    monkeypatch.setattr(Work, "keep", failing)
    with pytest.raises(OSError, match="gone"):
        flowroi.compress(movie, tmp_path / "a.mkv", **options)
    assert chunks_kept(tmp_path / "a.mkv")
    monkeypatch.setattr(Work, "keep", keep)
    cv2.imwrite(str(masks / "t000.png"), 255 - mask)
    with pytest.raises(OutputExistsError, match="another input"):
        flowroi.compress(movie, tmp_path / "a.mkv", **options)


def test_a_full_disk_is_named_and_nothing_half_written_stays(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Work(tmp_path / "a.mkv", {}, overwrite=False) as work:
        monkeypatch.setattr("flowroi.sequence.work.os.fsync", full)
        with pytest.raises(OSError, match=r"No space left on device: .*crfs\.json"):
            work.remember("crfs", [1])
        monkeypatch.undo()
        assert sorted(path.name for path in work.folder.iterdir()) == ["lock", "plan.json"]
        (work.folder / "crfs.json").write_bytes(b"{")
        assert work.remembered("crfs") is None
