"""The Snakemake recipes, run by Snakemake: plates come out as from one command, whatever becomes of the run."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from flowroi import compress
from tests.recipes.conftest import RECIPES, SETTINGS, content_of

pytestmark = [pytest.mark.slow, pytest.mark.recipes, pytest.mark.timeout(900)]
_DEADLINE_S = 200


@pytest.fixture
def snakemake(tmp_path, plates, environment):
    """Start Snakemake with a recipe in an empty folder, in a group of processes that ends with the test."""
    program = shutil.which("snakemake", path=environment["PATH"])
    if program is None:
        pytest.skip("snakemake is not installed: make test-recipes")
    started = []

    def start(*arguments, recipe="Snakefile", cores=2, **config):
        text = (RECIPES / "snakemake" / "config.yaml").read_text()
        given = {"plates": {"p1": str(plates[0]), "p2": str(plates[1])}, "out": "my out", "settings": SETTINGS}
        lines = [
            line for line in text.splitlines() if line.split(":")[0] not in {*given, *config, "  screen1", "  screen2"}
        ]
        lines += [f"{name}: {json.dumps(value)}" for name, value in {**given, **config}.items()]
        (tmp_path / "config.yaml").write_text("\n".join(lines))
        command = [program, "--snakefile", RECIPES / "snakemake" / recipe, "--cores", str(cores), *arguments]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    """End Snakemake and all that it started, with no chance to tidy up."""
    with process, contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def finished(process):
    """The exit code, and what was printed."""
    printed = process.communicate(timeout=_DEADLINE_S)[0].decode()
    return process.returncode, printed


def wait_for(path):
    deadline = time.monotonic() + _DEADLINE_S
    while not (path.is_file() and path.stat().st_size):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def in_one_go(plate, tmp_path):
    compress(plate, tmp_path / "p1.ome.zarr", lossless="roi", roi_method="none", plate=True)
    return content_of(tmp_path / "p1.ome.zarr")


def test_killed_in_the_middle_then_run_again_then_nothing_to_do(snakemake, plates, tmp_path):
    out, reports = tmp_path / "my out", tmp_path / "my out" / "reports"
    process = snakemake(cores=1)
    wait_for(reports / "p1" / "A1.json")
    kill(process)
    assert not (out / "p1.ome.zarr" / "plate.json").exists()
    kept = content_of(out / "p1.ome.zarr" / "A" / "1")
    code, printed = finished(snakemake("--unlock"))
    assert code == 0, printed
    code, printed = finished(snakemake())
    assert code == 0, printed
    assert kept.items() <= content_of(out / "p1.ome.zarr" / "A" / "1").items()
    assert content_of(out / "p1.ome.zarr") == in_one_go(plates[0], tmp_path)
    assert (out / "p2.ome.zarr" / "COMPLETE").is_file()
    for plate, positions in (("p1", 4), ("p2", 1)):
        verified = json.loads((reports / plate / "verified.json").read_text())
        assert verified["intact"]
        assert len(verified["positions"]) == positions
        assert json.loads((reports / plate / "compressed.json").read_text())["finished"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    code, printed = finished(snakemake())
    assert code == 0, printed
    assert "Nothing to be done" in printed
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_well_that_fails_stops_no_other_and_can_be_left_out(snakemake, plates, tmp_path):
    broken = plates[0] / "A02_f00_t0001_c0.png"
    broken.write_bytes(broken.read_bytes()[:-20])
    out, reports = tmp_path / "my out", tmp_path / "my out" / "reports"
    code, printed = finished(snakemake())
    assert code == 1
    assert "A02_f00_t0001_c0.png" in (reports / "p1" / "A2.log").read_text()
    # The archives of the other wells are there, and Snakemake took none of them away.
    assert [(out / "p1.ome.zarr" / row).is_dir() for row in ("A/1/0", "A/2/0", "B/1/0", "B/2/0")] == [1, 0, 1, 1]
    assert (reports / "p2" / "verified.json").is_file()
    code, printed = finished(snakemake(skip_failed=True))
    assert code == 0, printed
    record = json.loads((out / "p1.ome.zarr" / "plate.json").read_text())
    assert [(one["well"], one["field"]) for one in record["skipped"]] == [("A2", 0)]
    # Other settings make nothing anew: refused, and the plate is what it was.
    before = content_of(out / "p1.ome.zarr")
    code, _ = finished(snakemake(skip_failed=True, settings="--rate 20"))
    assert code == 1
    assert content_of(out / "p1.ome.zarr") == before


def test_movies(snakemake, plates, tmp_path):
    (tmp_path / "movies").mkdir()
    for name in ("one", "two words"):
        shutil.copytree(plates[1], tmp_path / "movies" / name)
    code, printed = finished(snakemake(recipe="movies.smk", movies="movies"))
    assert code == 0, printed
    assert {path.name for path in (tmp_path / "my out").iterdir()} == {"one.ome.tif", "two words.ome.tif", "reports"}
    assert json.loads((tmp_path / "my out/reports/two words/verified.json").read_text())["faults"] == []


def test_the_profile_of_slurm_is_one(snakemake):
    code, printed = finished(snakemake("--profile", str(RECIPES / "snakemake" / "profiles" / "slurm"), "--dry-run"))
    if "slurm" in printed and "invalid choice" in printed:
        pytest.skip("snakemake-executor-plugin-slurm is not installed: make test-recipes")
    assert code == 0, printed
