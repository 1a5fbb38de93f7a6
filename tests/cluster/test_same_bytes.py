"""Plates and movies on a cluster: what comes out is, byte for byte, what one machine makes."""

import subprocess
import sys

import pytest
import tifffile

from flowroi import compress, synthetic_movie
from flowroi.cluster import connect
from flowroi.cluster.lease import Lease
from flowroi.synthetic import write_synthetic_plate
from tests.plates.test_compression import digests

SMALL = {"frames": 4, "height": 64, "width": 96, "cells": 3}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells") / "raw"
    write_synthetic_plate(folder, wells=["A1", "A2", "B1"], **SMALL)
    return folder


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out", {"rate": 20}),
        ("out.ome.zarr", {"rate": 20, "keep_masks": True}),
        ("out", {"format": "jp2"}),
        ("out", {"codec": "av1", "rate": 40, "preset": 12}),
    ],
    ids=["ome-tiff", "ome-zarr", "jp2", "mkv"],
)
def test_plates(shared_cluster, cells, tmp_path, name, options):
    if "codec" in options:
        pytest.importorskip("av")
    (tmp_path / "here").mkdir()
    whole = compress(cells, tmp_path / "here" / name, workers=1, **options)
    seen, said = [], []
    with connect(shared_cluster.address, tell=said.append) as cluster:
        report = cluster.compress(cells, tmp_path / name, progress=lambda *at: seen.append(at), **options)
        assert report.finished
        again = cluster.compress(cells, tmp_path / name, **options)
    assert again.unchanged
    assert digests(tmp_path / name) == digests(tmp_path / "here" / name)
    assert seen[-1] == (12, 12)
    assert [position for position, _ in report.done] == [position for position, _ in whole.done]
    assert said == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", name]


@pytest.fixture
def movies(tmp_path):
    paths = [tmp_path / "one.tif", tmp_path / "two.tif"]
    for seed, path in enumerate(paths):
        tifffile.imwrite(path, synthetic_movie(seed=seed, **SMALL).frames, photometric="minisblack")
    return paths


def test_movies_and_a_plate_in_one_command(shared_cluster, cells, movies, tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"no image")
    arguments = ["compress", *movies, cells, tmp_path / "bad.tif", "-o", "out", "--rate", "20"]
    clustered = run(tmp_path, *arguments, "--cluster", shared_cluster.address)
    assert clustered.returncode == 3
    assert "bad.tif" in clustered.stderr
    assert "3 of 4 inputs done, 1 failed" in clustered.stderr
    (tmp_path / "here").mkdir()
    for path in (*movies, cells):
        name = f"{path.stem}.ome.tif" if path in movies else path.name
        compress(path, tmp_path / "here" / name, rate=20.0)
    assert digests(tmp_path / "out") == digests(tmp_path / "here")


def test_one_movie_and_relative_names(shared_cluster, movies, tmp_path):
    assert run(tmp_path, "roi", "one.tif", "-o", "masks").returncode == 0
    for name, options in (("a.ome.tif", ["--cluster", shared_cluster.address]), ("b.ome.tif", [])):
        made = run(tmp_path, "compress", "one.tif", "-o", name, "--rate", "20", "--roi-method", "masks", *options)
        assert made.returncode == 0
        assert made.stderr.count("\n") == 1
        assert "read as time" in made.stderr
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


def test_each_folder_of_outputs_is_proven_to_be_shared(shared_cluster, movies, tmp_path, monkeypatch):
    from flowroi.cluster import dispatch

    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    proven = []
    monkeypatch.setattr(dispatch, "Lease", lambda folder: proven.append(folder) or Lease(folder))
    with connect(shared_cluster.address) as cluster:
        pairs = [(movies[0], folder / "movie.ome.tif") for folder in folders]
        assert len(list(cluster.compress_movies(pairs, lossless="all", roi_method="none"))) == 2
    assert sorted(proven) == folders
    assert [[path.name for path in folder.iterdir()] for folder in folders] == [["movie.ome.tif"]] * 2


def test_fewer_threads_are_used_where_that_is_asked(shared_cluster, compress_hindered, raw, notes, tmp_path):
    with connect(shared_cluster.address) as cluster:
        assert compress_hindered(cluster, tmp_path / "out", {}, workers=1).finished
    pids = [path.suffix for path in notes.iterdir()]
    assert len(pids) == 4
    compress(raw, tmp_path / "whole", lossless="all", roi_method="none")
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def run(folder, *arguments):
    command = [sys.executable, "-m", "flowroi", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
