"""The end: each journal becomes an archive, through the same writers as any other movie or plate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path

from flowroi.job import Settings
from flowroi.live.place import MOVIE
from flowroi.live.source import JournalSource
from flowroi.live.spool import Spool
from flowroi.pipeline import compress_movie
from flowroi.plates.base import Plate, Position
from flowroi.plates.compression import compress_plate
from flowroi.plates.executor import run_tasks
from flowroi.plates.report import PlateReport
from flowroi.plates.router import archive_position
from flowroi.plates.tally import Tally
from flowroi.plates.tasks import Outcome, Task
from flowroi.report.compression import CompressionReport
from flowroi.sources.names import safe_stem, text_name

Progress = Callable[[int, int], None]


def finish(
    spool: Spool,
    names: Sequence[str],
    target: Path,
    *,
    settings: Settings,
    roots: list[Path],
    plate_name: str | None,
    progress: Progress | None,
) -> CompressionReport | PlateReport:
    """Make the archives; the spool stays as it is.

    Parameters
    ----------
    spool : Spool
    names : sequence of str
        The positions that have frames; "movie" where there is one movie.
    target : Path
    settings : Settings
    roots : list of Path
        The incoming folders.
    plate_name : str or None
        As the files' names tell it.
    progress : callable, optional
        Called with (frames done, frames in all).

    Raises
    ------
    CorruptDataError
        If a journal is not what was written.
    OSError
        If the disk is full, or fails: the same call goes on with what is finished.
    """
    if list(names) == [MOVIE]:
        name = safe_stem(roots[0].resolve().name)
        with JournalSource(spool.file_of(MOVIE), roots, name=name, job=settings.job) as movie:
            return compress_movie(movie, target, settings, progress)
    openers = {
        position_of(name): partial(JournalSource, spool.file_of(name), roots, name=name, job=settings.job)
        for name in names
    }
    name = safe_stem(text_name(plate_name or roots[0].resolve().name))
    return compress_plate(Plate(name, roots[0], openers), target, settings, progress, executor=_here)


def _here(tasks: Sequence[Task], _workers: int | None, tally: Tally) -> Generator[Outcome]:
    """Run the tasks in this process: what is coded already is only copied, which processes would not do sooner."""
    return run_tasks(tasks, 1, tally)


def position_of(name: str) -> Position:
    """Return the position of a journal's name; the inverse of `str`.

    Examples
    --------
    >>> position_of("A1_f0")
    Position(well='A1', field=0)
    """
    return archive_position(name, "")
