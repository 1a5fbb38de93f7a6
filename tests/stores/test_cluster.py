"""A cluster and a store: workers read from it; what they write is on a disk that they share."""

from pathlib import Path

import pytest

import flowroi
from flowroi.cluster import connect
from flowroi.errors import InvalidParameterError
from tests.cluster.dask_processes import DaskProcesses
from tests.stores.conftest import OPTIONS, files_of

ROOT = Path(__file__).parents[2]


def test_a_plate_and_a_movie_from_a_store(s3, raw, raw_plate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scratch").mkdir()
    flowroi.compress(raw_plate, tmp_path / "local.ome.zarr", **OPTIONS)
    plate, movie = s3.put(raw_plate, "raw/plate.ome.zarr"), s3.put(raw, "raw/movie.ome.zarr")
    with DaskProcesses(tmp_path / "dask") as processes:
        processes.start_scheduler()
        processes.start_worker(cwd=ROOT, environment=s3.environment)
        processes.wait_for_workers()
        with connect(processes.address) as cluster:
            cluster.compress(plate, tmp_path / "remote.ome.zarr", scratch="scratch", **OPTIONS)
            cluster.compress(movie, tmp_path / "movie.ome.tif", scratch="scratch", **OPTIONS)
            with pytest.raises(InvalidParameterError, match="store, which has no locks"):
                cluster.compress(plate, s3.url("out.ome.zarr"), **OPTIONS)
    assert files_of(tmp_path / "remote.ome.zarr") == files_of(tmp_path / "local.ome.zarr")
    with flowroi.open_archive(tmp_path / "movie.ome.tif") as archive:
        assert len(archive) == 3
