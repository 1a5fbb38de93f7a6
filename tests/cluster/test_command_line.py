"""What the command line says to a cluster that is named wrongly, or cannot be had."""

import socket
import sys

import pytest

from flowroi.cli.app import run
from tests.plates.test_compression import write_plate


@pytest.fixture
def say(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_plate(tmp_path / "raw", ("A1",), frames=1)
    (tmp_path / "notes.json").write_text("[]")

    def call(*arguments):
        return run(["compress", "raw", "-o", "out", *arguments]), capfd.readouterr().err

    return call


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--cluster", "tcp://a:1", "--slurm", "jobs.toml"), 2, "name one cluster"),
        (("--cluster", "localhost"), 2, "the cluster is 'localhost'; expected tcp://HOST:PORT"),
        (("--cluster", "http://a:1"), 2, "the cluster is 'http://a:1'; expected tcp://HOST:PORT"),
        (("--cluster", "gone.json"), 1, "gone.json: there is no such scheduler file"),
        (("--slurm", "gone.toml"), 1, "gone.toml: there is no such file"),
        (("--cluster", "tcp://a:1", "--cluster-patience", "0"), 2, "patience is 0.0 s; expected more than 0"),
        (("--cluster-patience", "5"), 2, "cluster_patience is given without a cluster"),
        (
            ("--cluster", "tcp://127.0.0.1:1", "--cluster-patience", "0.5"),
            1,
            "no scheduler answers at tcp://127.0.0.1:1",
        ),
        (("--cluster", "tcp://127.0.0.1"), 1, "tcp://127.0.0.1 cannot be connected to (missing port number"),
        (("--cluster", "notes.json", "--cluster-patience", "0.5"), 1, "that is no scheduler file"),
    ],
)
def test_clusters_that_cannot_be_had(say, tmp_path, arguments, code, reason):
    assert say(*arguments)[0] == code
    assert reason in say(*arguments)[1]
    assert not (tmp_path / "out").exists()


def test_where_something_else_listens_and_says_nothing(say):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        code, said = say("--cluster", f"tcp://127.0.0.1:{mute.getsockname()[1]}", "--cluster-patience", "0.5")
    assert code == 1
    assert "did not answer within 1 s" in said


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [("distributed", "dask", ("--cluster", "tcp://a:1")), ("dask_jobqueue", "slurm", ("--slurm", "jobs.toml"))],
)
def test_what_is_not_installed(say, tmp_path, monkeypatch, module, extra, arguments):
    (tmp_path / "jobs.toml").write_text('cores = 1\nmemory = "1GB"\nwalltime = "1"\njobs = 1\n')
    monkeypatch.setitem(sys.modules, module, None)
    code, said = say(*arguments)
    assert code == 1
    assert f"{module} is not installed: pip install 'flowroi[{extra}]'" in said


def test_a_dry_run_needs_no_cluster(say):
    code, said = say("--cluster", "tcp://127.0.0.1:1", "--dry-run", "--lossless", "all", "--roi-method", "none")
    assert (code, said) == (0, "")
