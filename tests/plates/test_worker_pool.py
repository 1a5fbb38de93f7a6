"""Plates in worker processes: the same bytes, and nothing lost or left behind, whatever happens to a process."""

import os
import pickle
import signal
import subprocess
import time
from pathlib import Path

import pytest

from flowroi import compress, errors
from flowroi.job import parse_options
from flowroi.plates import open_plate
from flowroi.plates.base import Plate
from flowroi.plates.compression import compress_plate
from flowroi.plates.tasks import run_task
from flowroi.processes import MOST_DEATHS

from .hindered import LIMIT_S, hindered, waiting_command
from .test_compression import LOSSLESS, digests, names_in, write_plate

WELLS = ("A1", "A2", "B1", "B2", "B3")
QUICK = {**LOSSLESS, "workers": 2}


@pytest.fixture
def raw(tmp_path):
    return write_plate(tmp_path / "raw", WELLS, frames=2)


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


@pytest.mark.parametrize("name", ["out", "out.ome.zarr"])
def test_the_bytes_do_not_depend_on_the_number_of_processes(tmp_path, name):
    # Movies of several lengths: they end in another order than they began.
    raw = write_plate(tmp_path / "raw", WELLS, frames=2)
    write_plate(tmp_path / "raw", ("A1", "B2"), frames=5)
    found, reports = {}, {}
    for workers in (1, 2, 3):
        seen = []
        target = tmp_path / str(workers) / name
        target.parent.mkdir()
        report = compress(raw, target, progress=lambda *at, to=seen: to.append(at), rate=3, workers=workers)
        assert report.finished, report.failed
        assert seen[-1] == (16, 16)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert all(done <= total for done, total in seen)
        found[workers] = digests(target)
        reports[workers] = [{**of, "target": Path(of["target"]).name, "seconds": 0} for of in report.summary()["done"]]
    assert found[1] == found[2] == found[3]
    assert reports[1] == reports[2] == reports[3]


def test_what_is_tried_again_and_what_is_not(tmp_path, raw, notes):
    (raw / "B02_f0_t1.png").write_bytes(b"no image")
    hindrances = {"A1_f0": ("die", 2), "A2_f0": ("die",), "B1_f0": ("memory", 1)}
    plate = hindered(open_plate(raw), notes, hindrances)
    report = compress_plate(plate, tmp_path / "out", parse_options(QUICK))
    assert [str(position) for position, _ in report.done] == ["A1_f0", "B1_f0", "B3_f0"]
    reasons = {str(position): error.message for position, error in report.failed}
    assert list(reasons) == ["A2_f0", "B2_f0"]
    assert f"died {MOST_DEATHS} times, the last time alone on the machine (ended by SIGKILL)" in reasons["A2_f0"]
    tries = {name: len(list(notes.glob(f"{name}.*"))) for name in ("A1_f0", "A2_f0", "B1_f0")}
    assert tries["A2_f0"] == MOST_DEATHS
    assert tries["A1_f0"] >= 3
    assert tries["B1_f0"] >= 2
    # What is wrong with the input is found once: a second time only where a process beside it had died.
    assert isinstance(report.failed[1][1], errors.CorruptDataError | errors.UnsupportedFormatError)
    write_plate(raw, ("B2",), frames=2)
    report = compress(raw, tmp_path / "out", **LOSSLESS)
    assert [done.unchanged for _, done in report.done] == [True, False, True, False, True]
    compress(raw, tmp_path / "whole", **LOSSLESS)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_bad_input_is_not_tried_again(tmp_path, raw, notes):
    (raw / "A02_f0_t1.png").write_bytes(b"no image")
    report = compress_plate(hindered(open_plate(raw), notes, {}), tmp_path / "out", parse_options(QUICK))
    assert [str(position) for position, _ in report.failed] == ["A2_f0"]
    assert len(list(notes.iterdir())) == len(WELLS)


def test_what_concerns_all_stops_all_at_once(tmp_path, raw, notes):
    hindrances = {"A1_f0": ("wait",), "A2_f0": ("disk", 1)}
    plate = hindered(open_plate(raw), notes, hindrances)
    started = time.monotonic()
    with pytest.raises(OSError, match="No space left"):
        compress_plate(plate, tmp_path / "out", parse_options(QUICK))
    assert time.monotonic() - started < LIMIT_S / 2
    assert all(is_gone(int(note.suffix[1:])) for note in notes.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_and_gone_on_with(tmp_path, raw, notes, number):
    arguments = ("compress", raw, "-o", tmp_path / "out", "--lossless", "all", "--roi-method", "none", "--workers", "2")
    process = subprocess.Popen(
        waiting_command(notes, arguments),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        kept = tmp_path / ".out.flowroi-plate"
        wait_until(lambda: (kept / "A1_f0.ome.tif").exists() and len(list(notes.iterdir())) == 3, process)
        # Ctrl-C reaches all processes of a terminal, the others their parent alone.
        (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        said = process.communicate(timeout=LIMIT_S / 2)[0].decode()
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == -number
    if number != signal.SIGKILL:
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
        assert names_in(kept) == ["A1_f0.ome.tif"]
    workers = {int(note.suffix[1:]) for note in notes.iterdir()}
    wait_until(lambda: all(map(is_gone, workers)))
    report = compress(raw, tmp_path / "out", **LOSSLESS)
    assert [done.unchanged for _, done in report.done] == [True, False, False, False, False]
    compress(raw, tmp_path / "whole", **LOSSLESS)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_any_executor_will_do(tmp_path, raw):
    compress(raw, tmp_path / "whole", **LOSSLESS)

    def backwards(tasks, workers, tally):
        for number, task in reversed(list(enumerate(tasks))):
            outcome = pickle.loads(pickle.dumps(run_task(pickle.loads(pickle.dumps(task)))))
            tally.note(number, outcome.report)
            yield outcome

    seen = []
    report = compress_plate(
        open_plate(raw), tmp_path / "out", parse_options(QUICK), lambda *at: seen.append(at), executor=backwards
    )
    assert [str(position) for position, _ in report.done] == [f"{well}_f0" for well in WELLS]
    assert seen[-1] == (10, 10)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_what_cannot_be_sent_is_done_here(tmp_path, raw):
    plate, pids = open_plate(raw), []

    def here(opener):
        return lambda: (pids.append(os.getpid()), opener())[1]

    openers = {position: here(opener) for position, opener in plate.openers.items()}
    assert compress_plate(Plate("raw", raw, openers), tmp_path / "out", parse_options(QUICK)).finished
    assert pids == [os.getpid()] * len(WELLS)


@pytest.mark.parametrize("kind", sorted(name for name in vars(errors) if name.endswith("Error")))
def test_errors_can_be_sent(kind):
    error = getattr(errors, kind)("what", path="a.tif", frame=3)
    error.add_note("more")
    sent = pickle.loads(pickle.dumps(error))
    assert (type(sent), sent.message, sent.path, sent.frame, str(sent), sent.__notes__) == (
        type(error),
        "what",
        "a.tif",
        3,
        "a.tif, frame 3: what",
        ["more"],
    )


def is_gone(pid):
    """Whether a process is not there any more, or only waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(holds, process=None):
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate(timeout=LIMIT_S)
        time.sleep(0.02)
