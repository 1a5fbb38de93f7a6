"""Workers that would make other bytes, or see other files, are not used, and are named."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from flowroi import compress
from flowroi.cluster import connect
from flowroi.cluster.lease import Lease, LeaseLost, Unfit, check, recognise
from flowroi.errors import FlowRoIError
from tests.plates.test_compression import digests

from .conftest import ROOT

LOSSLESS = {"lossless": "all", "roi_method": "none"}
OTHER_VERSION = """
import importlib.metadata as metadata
real = metadata.version
metadata.version = lambda name: "9.9" if name == "numpy" else real(name)
"""
NO_FLOWROI = """
import sys
sys.modules["flowroi.cluster"] = None
"""


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr("flowroi.cluster.dispatch._UNFIT_PATIENCE_S", 0.2)


@pytest.mark.parametrize(
    ("program", "reason"),
    [(OTHER_VERSION, "numpy 9.9, expected "), (NO_FLOWROI, "it has no FlowRoI of this release")],
    ids=["another numpy", "no flowroi"],
)
def test_a_worker_that_would_make_other_bytes(own_cluster, raw, tmp_path, monkeypatch, program, reason):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(program)
    own_cluster.start_worker(environment={"PYTHONPATH": str(tmp_path / "site")})
    with (
        connect(own_cluster.address) as cluster,
        pytest.raises(FlowRoIError, match=f"no worker at tcp://.* can be used: .*{reason}"),
    ):
        cluster.compress(raw, tmp_path / "out", **LOSSLESS)
    assert not (tmp_path / "out").exists()
    # Beside one that is fit, also if that comes later.
    monkeypatch.undo()
    own_cluster.start_worker()
    said = []
    with connect(own_cluster.address, tell=said.append) as cluster:
        assert cluster.compress(raw, tmp_path / "out", **LOSSLESS).finished
    assert all("warning: a worker is not used" in line and reason in line for line in said)
    compress(raw, tmp_path / "whole", **LOSSLESS)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


@pytest.mark.parametrize("hidden", ["results", "raw"])
def test_a_worker_that_does_not_see_the_files(own_cluster, raw, tmp_path, hidden):
    (tmp_path / "results").mkdir()
    without = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none "{tmp_path / hidden}" && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*without, "true"], capture_output=True).returncode:
        pytest.skip("no mounts of one's own here")
    reason = {
        "results": "it does not see the output's folder .*results.*: workers need a file system that is shared",
        "raw": r"it does not see the input .*one\.tif",
    }[hidden]
    movie = raw / "one.tif"
    tifffile.imwrite(movie, np.zeros((2, 32, 32), np.uint8), photometric="minisblack")
    own_cluster.start_worker(within=without)
    with (
        connect(own_cluster.address) as cluster,
        pytest.raises(FlowRoIError, match=reason),
    ):
        cluster.compress(movie, tmp_path / "results" / "a.ome.tif", **LOSSLESS)
    assert list((tmp_path / "results").iterdir()) == []


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").mkdir()
    return tmp_path / "a"


def test_a_lease_is_recognised_while_it_is_held(folder):
    with Lease(folder) as lease:
        recognise(lease.path, lease.secret)
        check(lease.path)
        with pytest.raises(Unfit, match="another folder"):
            recognise(lease.path, "0" * 32)
    with pytest.raises(LeaseLost):
        check(lease.path)
    assert list(folder.iterdir()) == []


def test_locks_that_do_not_reach(folder):
    # As if the command's lock were on another host that this one does not hear of.
    (folder / "lease").write_text("secret")
    with pytest.raises(Unfit, match="does not see locks"):
        recognise(folder / "lease", "secret")
    with pytest.raises(LeaseLost):
        check(folder / "lease")


def test_the_lease_of_a_command_that_was_killed(folder):
    program = (
        "import os, signal, sys; from pathlib import Path; from flowroi.cluster.lease import Lease; "
        "lease = Lease(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, timeout=60)
    (left,) = folder.iterdir()
    with pytest.raises(LeaseLost):
        check(left)
    with Lease(folder) as lease, Lease(folder) as other:
        assert sorted(folder.iterdir()) == sorted([lease.path, other.path])
