"""A process that is killed while it uploads: no archive is there, and the same command makes it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

import flowroi
from flowroi.archives.manifest import COMPLETE_NAME
from tests.stores.conftest import files_of


@pytest.mark.parametrize("nth", [4, *(pytest.param(nth, marks=pytest.mark.slow) for nth in (1, 2, 7, 11))])
def test_kill_in_the_middle_of_an_upload(s3, raw, local_archive, tmp_path, nth):
    arguments = [sys.executable, "-m", "flowroi", "compress", str(raw), "-o", s3.url("small.ome.zarr")]
    arguments += ["--psnr", "38", "--keep-masks", "--scratch", str(tmp_path)]
    reached, killed, count = threading.Event(), threading.Event(), []

    def rule(method, key):
        if method == "PUT" and "/small.ome.zarr/" in key:
            count.append(key)
            if len(count) == nth:
                reached.set()
                killed.wait(60)
                return "drop"
        return None

    s3.between.rule = rule
    process = subprocess.Popen(arguments, env={**os.environ, **s3.environment}, stderr=subprocess.PIPE)
    try:
        assert reached.wait(120), process.stderr.read() if process.poll() is not None else "no object was put"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        killed.set()
    s3.between.rule = lambda method, key: None
    assert COMPLETE_NAME not in s3.files("small.ome.zarr")
    with pytest.raises(flowroi.FlowRoIError):
        flowroi.open_archive(s3.url("small.ome.zarr"))
    done = s3.run(*arguments[3:])
    assert done.returncode == 0, done.stderr
    expected = files_of(local_archive)
    assert s3.files("small.ome.zarr") == expected
    assert sorted(s3.files()) == sorted(f"small.ome.zarr/{name}" for name in expected)
    # Nor is anything left here.
    assert list(files_of(tmp_path)) == []
