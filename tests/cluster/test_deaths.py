"""Workers and schedulers that die, hang and come back: each position once, no hang, nothing wrong published."""

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from flowroi import compress
from flowroi.archives.claim import is_claimed
from flowroi.cluster import connect
from flowroi.errors import FlowRoIError
from flowroi.processes import MOST_DEATHS
from tests.plates.hindered import waiting_command
from tests.plates.test_compression import digests, names_in

from .conftest import ROOT
from .dask_processes import LIMIT_S, wait_until

LOSSLESS = {"lossless": "all", "roi_method": "none"}


@contextmanager
def in_background(function, *arguments, **options):
    """Call a function in a thread; yields a list that its result, or its error, comes into."""
    found = []

    def call():
        try:
            found.append(function(*arguments, **options))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield found
    finally:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def pids(notes, name="*"):
    return [int(path.suffix[1:]) for path in sorted(notes.glob(f"{name}.*"))]


def assert_whole(raw, target, tmp_path):
    compress(raw, tmp_path / "undisturbed", **LOSSLESS)
    assert digests(target) == digests(tmp_path / "undisturbed")
    assert not list(tmp_path.glob(".*"))


def test_workers_that_die(own_cluster, compress_hindered, raw, notes, tmp_path):
    # A nanny starts a worker again.
    own_cluster.nanny = True
    own_cluster.start_worker(cwd=ROOT)
    own_cluster.start_worker(cwd=ROOT)
    hindrances = {"A1_f0": ("die", 1), "A2_f0": ("die",), "B1_f0": ("memory", 1)}
    with connect(own_cluster.address) as cluster:
        report = compress_hindered(cluster, tmp_path / "out", hindrances)
    assert [str(position) for position, _ in report.done] == ["A1_f0", "B1_f0", "B2_f0"]
    ((position, error),) = report.failed
    assert str(position) == "A2_f0"
    assert f"died {MOST_DEATHS} times, the last time with nothing else to do" in error.message
    assert len(pids(notes, "A2_f0")) == MOST_DEATHS
    with connect(own_cluster.address) as cluster:
        assert cluster.compress(raw, tmp_path / "out", **LOSSLESS).finished
    assert_whole(raw, tmp_path / "out", tmp_path)


def test_a_scheduler_that_dies(own_cluster, compress_hindered, raw, notes, tmp_path):
    own_cluster.start_worker(cwd=ROOT)
    said = []
    hindrances = {"A2_f0": ("wait",)}
    with (
        connect(own_cluster.address, tell=said.append) as cluster,
        in_background(compress_hindered, cluster, tmp_path / "out", hindrances) as found,
    ):
        wait_until(lambda: pids(notes, "A2_f0"))
        own_cluster.scheduler.kill()
        own_cluster.scheduler.wait(LIMIT_S)
        wait_until(lambda: any("is lost" in line for line in said))
        (notes / "go").touch()
        own_cluster.start_scheduler()
        own_cluster.start_worker(cwd=ROOT)
    assert found[0].finished, found
    assert any("is there again" in line for line in said)
    assert_whole(raw, tmp_path / "out", tmp_path)


def test_a_worker_that_stops_and_goes_on(own_cluster, compress_hindered, raw, notes, tmp_path):
    first = own_cluster.start_worker(cwd=ROOT)
    with (
        connect(own_cluster.address) as cluster,
        in_background(compress_hindered, cluster, tmp_path / "out", {"A1_f0": ("wait", 1)}) as found,
    ):
        wait_until(lambda: pids(notes, "A1_f0"))
        os.killpg(first.pid, signal.SIGSTOP)
        own_cluster.start_worker(cwd=ROOT)
        # The others are done, and this one is asked for again and again, in vain.
        place = tmp_path / ".out.flowroi-plate" / "A1_f0.ome.tif"
        wait_until(lambda: (place.with_name("B2_f0.ome.tif")).exists())
        assert is_claimed(place)
        assert not place.exists()
        (notes / "go").touch()
        os.killpg(first.pid, signal.SIGCONT)
    assert found[0].finished, found
    assert_whole(raw, tmp_path / "out", tmp_path)


@pytest.mark.slow
def test_a_worker_that_stops_for_ever(own_cluster, compress_hindered, raw, notes, tmp_path):
    first = own_cluster.start_worker(cwd=ROOT)
    with (
        connect(own_cluster.address, patience_s=5) as cluster,
        in_background(compress_hindered, cluster, tmp_path / "out", {"A1_f0": ("wait", 1)}) as found,
    ):
        wait_until(lambda: pids(notes, "A1_f0"))
        own_cluster.start_worker(cwd=ROOT)
        wait_until(lambda: pids(notes, "A2_f0"))
        os.killpg(first.pid, signal.SIGSTOP)
    ((position, error),) = found[0].failed
    assert str(position) == "A1_f0"
    assert "another process holds it, and has shown no sign of life for 5 s" in error.message
    # It goes on when its command has ended, and a later one has done its work.
    first.kill()
    first.wait(LIMIT_S)
    with connect(own_cluster.address) as cluster:
        assert cluster.compress(raw, tmp_path / "out", **LOSSLESS).finished
    assert_whole(raw, tmp_path / "out", tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_ends(own_cluster, raw, notes, tmp_path, number):
    worker = own_cluster.start_worker(cwd=ROOT)
    arguments = ("compress", raw, "-o", tmp_path / "out", "--lossless", "all", "--roi-method", "none")
    process = subprocess.Popen(
        waiting_command(notes, (*arguments, "--cluster", own_cluster.address)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        kept = tmp_path / ".out.flowroi-plate"
        wait_until(lambda: len(pids(notes)) == 2)
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(LIMIT_S)
        else:
            wait_until(lambda: not list(kept.glob(".cluster-*")))
        (notes / "go").touch()
        said = process.communicate(timeout=LIMIT_S)[0].decode()
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == -number
    wait_until(lambda: not any(map(is_claimed, (kept / f"{name}_f0.ome.tif" for name in ("A1", "A2", "B1", "B2")))))
    assert "A2_f0.ome.tif" not in names_in(kept)
    if number == signal.SIGINT:
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
        assert names_in(kept) == ["A1_f0.ome.tif"]
    assert worker.poll() is None
    with connect(own_cluster.address) as cluster:
        report = cluster.compress(raw, tmp_path / "out", **LOSSLESS)
    assert [done.unchanged for _, done in report.done] == [True, False, False, False]
    assert_whole(raw, tmp_path / "out", tmp_path)


def test_nobody_there(own_cluster, raw, tmp_path):
    started = time.monotonic()
    with (
        connect(own_cluster.address, patience_s=1) as cluster,
        pytest.raises(FlowRoIError, match=r"no workers at tcp://.* for 1 s.*the same command goes on"),
    ):
        cluster.compress(raw, tmp_path / "out", **LOSSLESS)
    own_cluster.scheduler.kill()
    own_cluster.scheduler.wait(LIMIT_S)
    with (
        pytest.raises(FlowRoIError, match=r"no scheduler answers at tcp://.* for 1 s.*the same command goes on"),
        connect(own_cluster.address, patience_s=1),
    ):
        pass
    assert time.monotonic() - started < LIMIT_S / 2
    assert names_in(tmp_path) == ["dask", "raw"]
