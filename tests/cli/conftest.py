"""Small movies on disk, and the command line as a function."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import tifffile

import flowroi
from flowroi.cli.app import run


@dataclass
class Result:
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def objects(self):
        """The JSON objects on stdout; NaN and the infinities, which strict JSON lacks, fail the test."""
        return [json.loads(line, parse_constant=pytest.fail) for line in self.out.splitlines()]


@pytest.fixture
def flow(capfd, monkeypatch, tmp_path):
    """Run `flowroi` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWROI_DEBUG", raising=False)

    def call(*arguments):
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture
def process(tmp_path):
    """Start `python -m flowroi` in a process of its own."""

    def start(*arguments, terminal=subprocess.PIPE):
        return subprocess.Popen(
            [sys.executable, "-m", "flowroi", *map(os.fspath, arguments)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=terminal,
        )

    return start


@pytest.fixture(scope="session")
def frames():
    """Four small frames of moving cells, (T, Y, X)."""
    return flowroi.synthetic_movie(frames=4, height=120, width=160, cells=9, seed=3).frames


@pytest.fixture
def movie(frames, tmp_path) -> Path:
    """The frames as a TIFF file."""
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, frames, photometric="minisblack", metadata={"axes": "TYX"})
    return path


@pytest.fixture
def archive(movie, tmp_path) -> Path:
    """The movie as an archive with masks."""
    path = tmp_path / "archive.ome.tif"
    flowroi.compress(movie, path, rate=10, keep_masks=True)
    return path
