"""Jobs of SLURM: what a configuration may say, what is submitted, and a run through SLURM where that is installed."""

import subprocess
import sys

import pytest

from flowroi import compress
from flowroi.cluster.slurm import SlurmJobs, job_script, read_slurm_file, slurm_cluster
from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError
from flowroi.synthetic import write_synthetic_plate
from tests.plates.test_compression import digests

from .dask_processes import wait_until
from .one_machine_slurm import Slurm, why_not

SMALL_JOBS = (
    'cores = 1\nmemory = "500MB"\nwalltime = "00:10:00"\njobs = 2\ninterface = "lo"\nlog_directory = "{}/logs"\n'
)
SMALLEST = 'cores = 4\nmemory = "8GB"\nwalltime = "01:00:00"\njobs = 2\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cores = ", "is not TOML"),
        ("cores = 4", "memory, walltime, jobs is missing"),
        (SMALLEST + "partition = 'x'", "unknown key 'partition'; expected one of cores, memory, walltime, jobs, queue"),
        (SMALLEST.replace("4", "0"), "cores is 0; expected a whole number"),
        (SMALLEST.replace("4", "true"), "cores is True; expected a whole number"),
        (SMALLEST.replace('"8GB"', "8"), "memory is 8; expected a string"),
        (SMALLEST + "processes = 5", "processes is 5; expected at most the cores, 4"),
        (SMALLEST + "job_extra_directives = '--x'", "expected a list of strings"),
    ],
)
def test_bad_configurations(tmp_path, text, reason):
    (tmp_path / "jobs.toml").write_text(text)
    with pytest.raises(InvalidParameterError) as caught:
        read_slurm_file(tmp_path / "jobs.toml")
    assert reason in str(caught.value)
    assert "jobs.toml" in str(caught.value)


def test_no_configuration(tmp_path):
    with pytest.raises(MissingInputError, match="no such file"):
        read_slurm_file(tmp_path / "jobs.toml")


def test_what_is_submitted(tmp_path):
    more = 'queue = "short"\naccount = "lab"\nprocesses = 2\njob_extra_directives = ["--constraint=avx2"]\n'
    more += 'job_script_prologue = ["module load python"]\npython = "/venv/bin/python"\ninterface = "lo"\n'
    (tmp_path / "jobs.toml").write_text(SMALLEST + more)
    cluster = slurm_cluster(read_slurm_file(tmp_path / "jobs.toml"), "flowroi-test")
    try:
        script = job_script(cluster)
    finally:
        cluster.close()
    lines = script.splitlines()
    for asked in ("-J flowroi-test", "-p short", "-A lab", "--cpus-per-task=4", "-t 01:00:00", "--constraint=avx2"):
        assert f"#SBATCH {asked}" in lines
    assert "module load python" in lines
    command = lines[-1]
    assert command.startswith("/venv/bin/python -m distributed.cli.dask_worker tcp://127.0.0.1:")
    for part in ('--name "$SLURM_JOB_ID"', "--nworkers 2", "--nthreads 2", "--death-timeout"):
        assert part in command


def test_how_many_jobs(tmp_path, monkeypatch):
    (tmp_path / "jobs.toml").write_text(SMALLEST + "processes = 2\ninterface = 'lo'")
    queue, calls = {}, []

    def call(_, *command, given=None):
        calls.append(command)
        if command[0] == "sbatch":
            queue[str(len(calls))] = "PENDING"
        if command[0] == "scancel":
            queue.pop(command[1], None)
        return "".join(f"{job} {state}\n" for job, state in queue.items())

    monkeypatch.setattr(SlurmJobs, "_call", call)
    monkeypatch.setattr("flowroi.cluster.slurm._LOOK_EVERY_S", 0)
    with SlurmJobs(read_slurm_file(tmp_path / "jobs.toml")) as jobs:
        jobs.want(5, 0, [])
        first, second = queue
        jobs.want(100, 0, [])
        assert list(queue) == [first, second]
        # One ran, and is gone: another is submitted, but not where there is nothing to do for it.
        queue.update({first: "RUNNING", second: "COMPLETING"})
        jobs.want(8, 2, [])
        assert len(queue) == 3
        third = list(queue)[-1]
        del queue[second]
        jobs.want(4, 2, [])
        assert list(queue) == [first]
        queue[third] = "RUNNING"
        # Both of its processes must be idle.
        jobs.want(2, 4, [f"{first}-0", f"{first}-1", f"{third}-0"])
        assert list(queue) == [third]
        for _ in range(4):
            queue.clear()
            jobs.want(4, 0, [])
        queue.clear()
        with pytest.raises(FlowRoIError, match="end before a worker has come, "):
            jobs.want(4, 0, [])
    assert calls[-1] == ("scancel", "-n", jobs.name)


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_plate_through_slurm(tmp_path):
    raw = tmp_path / "raw"
    write_synthetic_plate(raw, wells=["A1", "A2", "B1", "B2"], frames=30, height=96, width=128, cells=3)
    settings = SMALL_JOBS.format(tmp_path)
    (tmp_path / "jobs.toml").write_text(settings)
    (tmp_path / "too_much.toml").write_text(settings.replace("500MB", "5000GB"))
    (tmp_path / "slurm").mkdir()
    with Slurm(tmp_path / "slurm") as slurm:
        process = start(tmp_path, slurm, "jobs.toml")
        wait_until(lambda: list((tmp_path / ".out.flowroi-plate").glob(".*.claim.flowroi-part")))
        first = slurm.jobs()[0]
        slurm.run("scancel", first)
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert "A2_f0: 30 frames" in said[0]
        wait_until(lambda: not slurm.jobs_in_any_state())
        refused = start(tmp_path, slurm, "too_much.toml", "--overwrite").communicate(timeout=60)
        assert "sbatch failed (" in refused[1]
    compress(raw, tmp_path / "here", rate=20.0)
    assert digests(tmp_path / "out") == digests(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_jobs_that_end_at_once_and_a_command_that_is_stopped(tmp_path):
    write_synthetic_plate(tmp_path / "raw", wells=["A1", "A2"], frames=30, height=96, width=128, cells=3)
    settings = SMALL_JOBS.format(tmp_path)
    (tmp_path / "jobs.toml").write_text(settings)
    (tmp_path / "dies.toml").write_text(settings + 'python = "/bin/false"\n')
    (tmp_path / "slurm").mkdir()
    with Slurm(tmp_path / "slurm") as slurm:
        process = start(tmp_path, slurm, "dies.toml")
        said = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "jobs of SLURM end before a worker has come" in said[1]
        process = start(tmp_path, slurm, "jobs.toml")
        wait_until(lambda: slurm.jobs_in_any_state())
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode < 0
        wait_until(lambda: not slurm.jobs_in_any_state())


def start(folder, slurm, settings, *more):
    command = [sys.executable, "-m", "flowroi", "compress", "raw", "-o", "out", "--rate", "20", "--slurm", settings]
    return subprocess.Popen(
        [*command, *more],
        cwd=folder,
        env=slurm.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
