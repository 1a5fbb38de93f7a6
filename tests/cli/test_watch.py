"""`flowroi watch`: what it prints, how it ends, and its exit codes."""

import json
import signal
import subprocess
import sys
import time

import pytest

from flowroi.synthetic import write_synthetic_plate

QUICK = ("--settle", "0.1", "--interval", "0.05", "--lossless", "all", "--workers", "2")


@pytest.fixture
def incoming(tmp_path):
    folder = tmp_path / "incoming"
    write_synthetic_plate(folder, wells=["A1", "B1"], frames=3, height=40, width=48, cells=2)
    return folder


def test_events(flow, incoming, tmp_path):
    (incoming / "DONE").touch()
    done = flow("watch", incoming, "-o", "out.ome.zarr", *QUICK, "--end-marker", "DONE", "--json", "--verbose")
    assert done.code == 0, done.err
    kinds = [entry["type"] for entry in done.objects]
    assert kinds == ["started", *["frame"] * 6, "finishing", *["position-finished"] * 2, "finished"]
    last = done.objects[-1]
    assert (last["finished"], last["frames"], last["told"], last["kept_in"]) == (True, 6, [], None)
    assert [entry["position"] for entry in last["positions"]] == ["A1_f0", "B1_f0"]
    (incoming / "DONE").unlink()
    assert flow("verify", "out.ome.zarr", "--against", incoming).code == 0


def test_for_people(flow, incoming):
    (incoming / "more").mkdir()
    again = incoming / "more" / "A01_f00_t0001_c0.png"
    again.write_bytes((incoming / "B01_f00_t0001_c0.png").read_bytes())
    done = flow("watch", incoming, "-o", "out", *QUICK, "--idle", "0.5")
    # One of the two is not in the archive.
    assert done.code == 3, done.err
    assert done.out.startswith("out: 6 frames of 2 positions, ")
    assert "duplicate: A1_f0: " in done.out
    assert "flowroi: watching " in done.err
    assert "is a second file of time 1; it was not taken" in done.err


def test_usage(flow, incoming, tmp_path):
    done = flow("watch", incoming, "-o", "out", "--degrade", "x", "--idle", "1")
    assert (done.code, "degrade is 'x'" in done.err) == (2, True)
    done = flow("watch", incoming, "-o", incoming / "out", "--idle", "1")
    assert (done.code, "lies inside the input" in done.err) == (2, True)
    assert flow("watch", tmp_path / "nothing", "-o", "out").code == 1
    # A rate is each frame's.
    done = flow("watch", incoming, "-o", "out", "--rate", "4", "--frames", "3", *QUICK[:4])
    assert done.code == 0, done.err


def test_the_status_is_told_first(flow, incoming, tmp_path):
    pytest.importorskip("prometheus_client", reason="no prometheus_client: no status is served")
    token = tmp_path / "token"
    options = ("-o", "out", *QUICK, "--frames", "3", "--status", "0", "--status-host", "scope")
    done = flow("watch", incoming, *options, "--status-token-file", token, "--json")
    assert done.code == 0, done.err
    first = done.objects[0]
    assert (first["type"], first["token_file"]) == ("serving", str(token))
    assert first["url"].startswith("http://127.0.0.1:")
    # No log gets the token that a file keeps.
    assert token.read_text().strip() not in done.out + done.err
    done = flow("watch", incoming, "-o", "out2", *QUICK, "--frames", "3", "--status", "[::1]:0")
    assert done.code == 2 or "flowroi: the status is at http://[::1]:" in done.err


def test_status_usage(flow, incoming, tmp_path):
    pytest.importorskip("prometheus_client", reason="no prometheus_client: no status is served")
    for options, words in (
        (("--status", "x"), "status is 'x'"),
        (("--status", "0", "--status-host", "a b"), "status_host is"),
        (("--status-host", "scope"), "no status is served"),
        (("--status", "no-such-host.invalid:1"), "cannot be served"),
    ):
        done = flow("watch", incoming, "-o", "out", *options, "--idle", "1")
        assert (done.code, words in done.err) == (2, True), done.err
        assert [entry.name for entry in tmp_path.iterdir()] == ["incoming"]


# A child of a process that ignores SIGINT ignores it, too.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import flowroi.cli; flowroi.cli.main()"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(incoming, tmp_path, number):
    """The first two end it, with archives; the third stops it, and the same command goes on."""
    command = [sys.executable, "-c", START, "watch", "incoming", "-o", "out", *QUICK, "--json", "--verbose"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        frames = 0
        while frames < 6:
            assert time.monotonic() < deadline
            line = running.stdout.readline()
            assert line, running.communicate(timeout=60)
            frames += json.loads(line)["type"] == "frame"
        running.send_signal(number)
        out, err = running.communicate(timeout=120)
    finally:
        running.kill()
        running.communicate(timeout=60)
    last = json.loads(out.splitlines()[-1])
    assert last["frames"] == 6
    stopped = number == signal.SIGHUP
    assert (running.returncode, last["finished"]) == ((3, False) if stopped else (0, True)), err
    assert (tmp_path / "out").exists() != stopped
    if stopped:
        again = subprocess.run([*command, "--frames", "3"], cwd=tmp_path, capture_output=True, timeout=120, check=False)
        assert again.returncode == 0, again.stderr
        assert b'"type": "frame"' not in again.stdout
        assert (tmp_path / "out" / "COMPLETE").exists()
