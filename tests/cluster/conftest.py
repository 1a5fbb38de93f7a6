"""A cluster as a user would start it, shared by the tests of a module that kill nothing of it."""

from pathlib import Path

import pytest

from flowroi.plates import open_plate
from flowroi.plates.compression import compress_plate
from tests.plates.hindered import hindered
from tests.plates.test_compression import write_plate

from .dask_processes import DaskProcesses

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory):
    """A scheduler and two workers; nothing of them may be killed."""
    with DaskProcesses(tmp_path_factory.mktemp("dask")) as processes:
        processes.start_scheduler()
        for _ in range(2):
            processes.start_worker(cwd=ROOT)
        processes.wait_for_workers()
        yield processes


@pytest.fixture
def own_cluster(tmp_path):
    """A scheduler, of which a worker that is silent for 3 s is gone; workers are the test's to start, and to kill."""
    with DaskProcesses(tmp_path / "dask") as processes:
        processes.start_scheduler(environment={"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "3s"})
        yield processes


@pytest.fixture
def raw(tmp_path):
    return write_plate(tmp_path / "raw", ("A1", "A2", "B1", "B2"), frames=2)


@pytest.fixture
def notes(tmp_path):
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


@pytest.fixture
def compress_hindered(raw, notes):
    """Compress the plate on a cluster, some of its positions hindered: {position: (how, times)}."""

    def compress(cluster, target, hindrances, **options):
        from flowroi.job import parse_options

        settings = parse_options({"lossless": "all", "roi_method": "none", **options})
        plate = hindered(open_plate(raw), notes, hindrances)
        return compress_plate(plate, target, settings, executor=cluster.run_tasks)

    return compress
