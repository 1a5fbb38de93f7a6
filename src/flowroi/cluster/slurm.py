"""Workers from SLURM: jobs are submitted as they are needed, and all of them end with the command."""

from __future__ import annotations

import math
import re
import secrets
import subprocess
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError
from flowroi.extras import need

# SLURM's controller is not to be bothered.
_LOOK_EVERY_S = 10.0
_CALL_S = 120
# So many jobs may end one after the other without a worker.
_MOST_FALSE_STARTS = 5
_ENDED = ("COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY")


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    """What jobs are like.

    Parameters
    ----------
    cores : int >= 1
        Of a job: so many positions at a time.
    memory : str
        Of a job: "16GB".
    walltime : str
        Of a job: "04:00:00".
    jobs : int >= 1
        The most jobs at once.
    queue, account : str, optional
        Partition and account.
    processes : int >= 1, optional
        Worker processes of a job, which share its cores; by default one for each core, so that one that dies takes one
        position with it.
    job_extra_directives : tuple of str
        Further lines behind `#SBATCH`: "--constraint=avx2".
    job_script_prologue : tuple of str
        Commands before the worker starts: "module load python".
    python : str, optional
        The interpreter in a job; by default this one.
    interface : str, optional
        The network interface to the compute nodes, "ib0".
    local_directory : str, optional
        For the workers' own files, on the node.
    log_directory : str, optional
        Where jobs write their output; by default the current folder.

    Raises
    ------
    InvalidParameterError
        For a value of another type, or out of range.
    """

    cores: int
    memory: str
    walltime: str
    jobs: int
    queue: str | None = None
    account: str | None = None
    processes: int | None = None
    job_extra_directives: tuple[str, ...] = ()
    job_script_prologue: tuple[str, ...] = ()
    python: str | None = None
    interface: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None

    def __post_init__(self) -> None:
        for name in ("cores", "jobs", "processes"):
            value = getattr(self, name)
            if name == "processes" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
                raise InvalidParameterError(f"{name} is {value!r}; expected a whole number, 1 to 10000")
        for name in ("job_extra_directives", "job_script_prologue"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(isinstance(line, str) for line in value):
                raise InvalidParameterError(f"{name} is {value!r}; expected a list of strings")
            object.__setattr__(self, name, tuple(value))
        texts = ("queue", "account", "python", "interface", "local_directory", "log_directory")
        for name in ("memory", "walltime", *texts):
            value = getattr(self, name)
            if not isinstance(value, str) and not (name in texts and value is None):
                raise InvalidParameterError(f"{name} is {value!r}; expected a string")
        if (self.processes or 1) > self.cores:
            raise InvalidParameterError(f"processes is {self.processes}; expected at most the cores, {self.cores}")


def read_slurm_file(path: Path) -> SlurmSettings:
    """Read the settings of jobs from a TOML file.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InvalidParameterError
        If it is not TOML, lacks a key or has an unknown one, or a value is bad; the message names it.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingInputError("there is no such file; expected a SLURM configuration", path=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidParameterError(f"{path} is not TOML: {error}") from error
    known = [field.name for field in fields(SlurmSettings)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InvalidParameterError(f"{path}: unknown key {unknown[0]!r}; expected one of {', '.join(known)}")
    missing = [name for name in ("cores", "memory", "walltime", "jobs") if name not in values]
    if missing:
        raise InvalidParameterError(f"{path}: {', '.join(missing)} is missing")
    try:
        return SlurmSettings(**values)
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{path}: {error.message}") from error


class SlurmJobs:
    """A scheduler in this process, and jobs of SLURM that are its workers; a context manager that ends all of them.

    Parameters
    ----------
    settings : SlurmSettings

    Raises
    ------
    MissingDependencyError
        If `dask_jobqueue` is not installed.
    FlowRoIError
        If there is no SLURM.
    """

    def __init__(self, settings: SlurmSettings) -> None:
        self.settings = settings
        # One name for all of them, by which they are found whatever happened to an answer of sbatch.
        self.name = f"flowroi-{secrets.token_hex(6)}"
        self._cluster: Any = slurm_cluster(settings, self.name)
        self._script = job_script(self._cluster)
        self.address: str = self._cluster.scheduler_address
        self._looked = -math.inf
        self._submitted = 0
        self._false_starts = 0
        self._has_tried = False

    def want(self, cores: int, workers: int, spare: Sequence[str]) -> None:
        """Have jobs for so many cores, but not more jobs than the settings say; one that is gone is submitted anew.

        Parameters
        ----------
        cores, workers : int
            That are wanted, and that are there.
        spare : sequence of str
            Names of workers that are not needed any more: jobs that have no others end.

        Raises
        ------
        FlowRoIError
            If SLURM does not take a job, or jobs end time and again before a worker has come.
        """
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        states = dict(
            line.split()[:2] for line in self._call("squeue", "-h", "-n", self.name, "-o", "%A %T").splitlines()
        )
        alive = {job for job, state in states.items() if state not in _ENDED}
        gone = self._submitted - len(alive)
        self._submitted = len(alive)
        self._false_starts = 0 if workers else self._false_starts + gone
        if self._false_starts >= _MOST_FALSE_STARTS:
            raise FlowRoIError(
                f"jobs of SLURM end before a worker has come, {self._false_starts} times now; what is not finished was "
                f"not compressed: look at what they wrote in {self.settings.log_directory or Path.cwd()}"
            )
        wanted = min(self.settings.jobs, -(-cores // self.settings.cores))
        for _ in range(wanted - len(alive)):
            self._submit()
        # Those that still wait in the queue, then those of which no process has anything to do.
        unused = Counter(name.split("-")[0] for name in spare)
        idle = [job for job in alive if unused[job] == (self.settings.processes or self.settings.cores)]
        waiting = [job for job in alive if states[job] == "PENDING"]
        for job in [*waiting, *idle][: max(0, len(alive) - wanted)]:
            self._call("scancel", job)
            self._submitted -= 1

    def _submit(self) -> None:
        self._has_tried = True
        self._call("sbatch", "--parsable", given=self._script)
        self._submitted += 1

    def _call(self, *command: str, given: str | None = None) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - SLURM's own programs
                command, input=given, capture_output=True, text=True, timeout=_CALL_S, check=False
            )
        except FileNotFoundError as error:
            raise FlowRoIError(f"{command[0]} is not there: run this where SLURM is") from error
        except subprocess.TimeoutExpired as error:
            raise FlowRoIError(f"{command[0]} does not answer, for {_CALL_S} s now: look at SLURM") from error
        if done.returncode != 0:
            raise FlowRoIError(f"{command[0]} failed ({done.stderr.strip()}): look at the SLURM configuration")
        return done.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._has_tried:
                self._call("scancel", "-n", self.name)
        except FlowRoIError as failure:
            if error is None:
                raise
            error.add_note(f"jobs named {self.name} may still run: {failure}")
        finally:
            self._cluster.close()


def job_script(cluster: Any) -> str:
    """Return the script of a job of a cluster, which does not end with this process, but with its scheduler."""
    # The name of a worker must be another one in each job.
    return re.sub(r"--name \S+", '--name "$SLURM_JOB_ID"', str(cluster.job_script()))


def slurm_cluster(settings: SlurmSettings, name: str) -> Any:
    """Return the `dask_jobqueue.SLURMCluster` of some settings: a scheduler in this process, and no job yet."""
    jobqueue = need("dask_jobqueue", extra="slurm")
    try:
        return jobqueue.SLURMCluster(
            queue=settings.queue,
            account=settings.account,
            cores=settings.cores,
            memory=settings.memory,
            walltime=settings.walltime,
            processes=settings.processes or settings.cores,
            job_extra_directives=list(settings.job_extra_directives),
            job_script_prologue=list(settings.job_script_prologue),
            python=settings.python,
            interface=settings.interface,
            local_directory=settings.local_directory,
            log_directory=settings.log_directory,
            job_name=name,
            # Its pages are not for everybody, and not at a port that another scheduler may have.
            scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            n_workers=0,
        )
    except (ValueError, OSError, RuntimeError) as error:
        raise FlowRoIError(f"no scheduler can be started for SLURM ({error}): look at the configuration") from error
