"""Movies on a cluster: each of several inputs an errand."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from flowroi.cluster.dispatch import Dispatch
from flowroi.cluster.errand import Errand
from flowroi.cluster.link import Link
from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError
from flowroi.job import parse_options
from flowroi.masks import mask_folder
from flowroi.output import refuse_overlap
from flowroi.pipeline import Progress
from flowroi.plates.tally import Tally
from flowroi.report.compression import CompressionReport
from flowroi.stores import AnyPath


def run_movies(
    link: Link, movies: Sequence[tuple[AnyPath, Path]], options: dict[str, Any], progress: Progress | None
) -> Generator[tuple[int, CompressionReport | Exception]]:
    """Compress movies on a cluster, and yield the number of each and its report, or why it failed.

    Parameters
    ----------
    link : Link
    movies : sequence of (source, target)
        Absolute.
    options : dict
        As of `flowroi.compress`; `workers` is the most threads in use at once.
    progress : callable, optional
        Called with (frames done, frames in all); the latter is estimated from the movies opened until then.

    Raises
    ------
    InvalidParameterError
        For bad options: nothing was written.
    FlowRoIError
        If the cluster fails.
    """
    job = parse_options(options).job
    if job.dry_run:
        raise InvalidParameterError("a dry run is done on one machine: leave out the cluster")
    masks = mask_folder(job.roi_method)
    tally = Tally(len(movies), progress)
    numbers, errands = [], []
    for number, (source, target) in enumerate(movies):
        try:
            _check(source, target, masks)
        except FlowRoIError as error:
            tally.note(number, None)
            yield number, error
            continue
        sources = tuple(path for path in (source, masks) if isinstance(path, Path))
        numbers.append(number)
        errands.append(Errand(source.name, target, target.parent, sources, _run, (source, target, options)))
    if not errands:
        return

    def tell(n: int, done: int, total: int) -> None:
        tally.put(numbers[n], done, total)
        tally.tell()

    with closing(Dispatch(link, errands, job.workers, tell).answers()) as answers:
        for n, answer in answers:
            tally.note(numbers[n], answer if isinstance(answer, CompressionReport) else None)
            yield numbers[n], answer


def _check(source: AnyPath, target: Path, masks: Path | None) -> None:
    """Raise for what no worker need be asked about."""
    refuse_overlap(target, [source, masks])
    if not target.parent.is_dir():
        raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
    if not source.exists():
        raise MissingInputError("there is no such file or folder", path=source)


def _run(
    what: tuple[AnyPath, Path, dict[str, Any]], threads: int, progress: Callable[[int, int], None]
) -> CompressionReport:
    """Compress a movie in a worker, which has claimed its place."""
    from flowroi.compression import compress_as_movie

    source, target, options = what
    return compress_as_movie(source, target, progress=progress, **{**options, "workers": threads})
