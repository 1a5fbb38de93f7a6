"""A run that is stopped leaves nothing behind, and dies of the signal so that a shell loop stops, too."""

import signal
import time

import numpy as np
import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("target", ["a.ome.tif", "a"])
def test_stopped_by_a_signal(process, tmp_path, number, target):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "movie.npy", rng.integers(0, 256, (200, 200, 200), np.uint8))
    before = sorted(tmp_path.iterdir())
    # Where the tests themselves run under nohup.
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    running = process("compress", "movie.npy", "-o", target, "--rate", "10", "--keep-masks")
    signal.signal(signal.SIGHUP, ignored)
    deadline = time.monotonic() + 20
    while sorted(tmp_path.iterdir()) == before:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert running.returncode == -number
    assert sorted(tmp_path.iterdir()) == before
    assert out == b""
    assert err.endswith(b"flowroi: interrupted; nothing incomplete was left behind\n")
    assert b"Traceback" not in err
