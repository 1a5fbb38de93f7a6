"""What a cluster is named by, and what is done on it: `connect(...)` yields a `Cluster`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowroi.cluster.scheduler import SCHEMES, greet, scheduler_address
from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError
from flowroi.extras import need
from flowroi.stores import AnyPath, StorePath, as_path

if TYPE_CHECKING:
    from flowroi.cluster.link import Link
    from flowroi.pipeline import Progress
    from flowroi.plates.report import PlateReport
    from flowroi.plates.tally import Tally
    from flowroi.plates.tasks import Outcome, Task
    from flowroi.report.compression import CompressionReport

PATIENCE_S = 300.0
# Jobs may wait for long in a queue.
SLURM_PATIENCE_S = 86_400.0


class Cluster:
    """A cluster that compresses; made by `connect`.

    Parameters
    ----------
    link : Link
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def compress(
        self,
        source: str | PathLike[str] | StorePath,
        target: str | PathLike[str] | StorePath,
        *,
        progress: Progress | None = None,
        **options: Any,
    ) -> CompressionReport | PlateReport:
        """Do what `flowroi.compress` does, on the cluster: a plate by its positions, a movie as one task.

        Parameters
        ----------
        source : path or URL
        target : path
            As all workers see them; a relative path is one of this process.
        progress : callable, optional
            Called with (frames done, frames in all).
        **options
            As of `flowroi.compress`. `workers` is the most threads in use at once on the whole cluster, by default all;
            `dry_run` is done on this machine.

        Raises
        ------
        FlowRoIError
            As `flowroi.compress`; also if the scheduler, or every worker, is away for longer than patience lasts.
        """
        from flowroi.compression import compress, taken_for_plate
        from flowroi.job import parse_options

        source, target = _whole(source), _target(target)
        options = _with_whole_paths(options)
        job = parse_options(options).job
        if job.dry_run or taken_for_plate(source, job):
            return compress(source, target, progress=progress, executor=self.run_tasks, **options)
        with closing(self.compress_movies([(source, target)], progress=progress, **options)) as answers:
            _, answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def compress_movies(
        self,
        movies: Sequence[tuple[str | PathLike[str] | StorePath, str | PathLike[str] | StorePath]],
        *,
        progress: Progress | None = None,
        **options: Any,
    ) -> Generator[tuple[int, CompressionReport | Exception]]:
        """Compress movies at the same time, each as one task, and yield what came of each as soon as it is done.

        Parameters
        ----------
        movies : sequence of (source, target)
        progress, **options
            As of `compress`.

        Yields
        ------
        tuple of (int, CompressionReport or Exception)
            The movie's number, from 0, and its report, or why it failed.
        """
        from flowroi.cluster.movies import run_movies

        pairs = [(_whole(source), _target(target)) for source, target in movies]
        return run_movies(self._link, pairs, _with_whole_paths(options), progress)

    def run_tasks(self, tasks: Sequence[Task], workers: int | None, tally: Tally) -> Generator[Outcome]:
        """Run the tasks of a plate: an executor, as `compress_plate` takes one."""
        from flowroi.cluster.positions import run_positions

        return run_positions(self._link, tasks, workers, tally)


@contextmanager
def connect(
    address: str | PathLike[str] | None = None,
    *,
    slurm: str | PathLike[str] | None = None,
    patience_s: float | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Cluster]:
    """Connect to a cluster; a context manager.

    Parameters
    ----------
    address : str or path, optional
        Of a scheduler of Dask: `tcp://HOST:PORT`, `tls://HOST:PORT` (certificates by Dask's configuration), or the file
        that `dask scheduler --scheduler-file` writes.
    slurm : path, optional
        Instead: a TOML file that says what jobs to submit to SLURM. They end with the context.
    patience_s : float > 0, optional
        How long a scheduler, or all workers, may be away, or a process that holds an archive may show no sign of life.
        Default: 300, and a day with `slurm`.
    tell : callable, optional
        Given a line for a person: what is waited for, which worker is not used.

    Yields
    ------
    Cluster

    Raises
    ------
    InvalidParameterError
        Unless exactly one cluster is named, and rightly so.
    MissingDependencyError
        If `distributed`, or `dask_jobqueue`, is not installed.
    FlowRoIError
        If there is no scheduler.

    Examples
    --------
    >>> with connect("tcp://a:8786", slurm="jobs.toml"):
    ...     pass
    Traceback (most recent call last):
    flowroi.errors.InvalidParameterError: name one cluster: a scheduler's address, or a SLURM configuration
    """
    if (address is None) == (slurm is None):
        raise InvalidParameterError("name one cluster: a scheduler's address, or a SLURM configuration")
    if patience_s is None:
        patience_s = SLURM_PATIENCE_S if address is None else PATIENCE_S
    if not patience_s > 0:
        raise InvalidParameterError(f"the cluster's patience is {patience_s} s; expected more than 0")
    with ExitStack() as stack:
        link = stack.enter_context(_linked(address, slurm, patience_s, tell or _silent))
        yield Cluster(link)


@contextmanager
def _linked(
    address: str | PathLike[str] | None,
    slurm: str | PathLike[str] | None,
    patience_s: float,
    tell: Callable[[str], None],
) -> Iterator[Link]:
    where = "" if address is None else fspath(address)
    if address is not None and not where.startswith(SCHEMES) and not Path(where).exists():
        if "://" in where or not ("/" in where or where.endswith(".json")):
            raise InvalidParameterError(
                f"the cluster is {where!r}; expected tcp://HOST:PORT, tls://HOST:PORT, or the scheduler file"
            )
        raise MissingInputError("there is no such scheduler file; start the scheduler first", path=where)
    distributed = need("distributed", extra="dask")
    from flowroi.cluster.link import Link, quiet

    with ExitStack() as stack:
        stack.enter_context(quiet())
        supply = None
        if slurm is not None:
            from flowroi.cluster.slurm import SlurmJobs, read_slurm_file

            supply = stack.enter_context(SlurmJobs(read_slurm_file(Path(slurm))))
            where = supply.address

        def open_client(timeout_s: float) -> Any:
            found = scheduler_address(where)
            greet(found, timeout_s)
            return distributed.Client(found, timeout=timeout_s, set_as_default=False)

        try:
            link = Link(where, open_client, patience_s, tell, supply)
        except (TypeError, ValueError) as error:
            raise FlowRoIError(
                f"{where} cannot be connected to ({error}): look at the address, and at Dask's TLS settings"
            ) from error
        stack.callback(link.close)
        yield link


def _whole(path: str | PathLike[str] | StorePath) -> AnyPath:
    found = as_path(path)
    return found if isinstance(found, StorePath) else found.absolute()


def _target(path: str | PathLike[str] | StorePath) -> Path:
    """Return where an archive is to be; raises InvalidParameterError for a store, which has no locks."""
    found = _whole(path)
    if isinstance(found, StorePath):
        raise InvalidParameterError(
            f"the output {found} is in a store, which has no locks to keep two workers of a cluster apart; write to a "
            "file system that they share, or have jobs of one --well each write to the store"
        )
    return found


def _with_whole_paths(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with their folders as workers see them, whose current folder is another one."""
    masks, scratch = options.get("roi_method"), options.get("scratch")
    if masks is not None and Path(masks).is_dir():
        options = {**options, "roi_method": str(Path(masks).absolute())}
    if scratch is not None:
        options = {**options, "scratch": Path(scratch).absolute()}
    return options


def _silent(_: str) -> None:
    return
