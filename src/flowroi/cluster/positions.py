"""The executor of a plate on a cluster: a position an errand."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from flowroi.cluster.dispatch import Dispatch, GivenUpError
from flowroi.cluster.errand import Errand
from flowroi.cluster.link import Link
from flowroi.masks import mask_folder
from flowroi.plates.tally import Tally
from flowroi.plates.tasks import Outcome, Task, run_claimed


def run_positions(link: Link, tasks: Sequence[Task], most: int | None, tally: Tally) -> Generator[Outcome]:
    """Run the tasks of a plate on a cluster, and yield what came of each as soon as it is done.

    Parameters
    ----------
    link : Link
    tasks : sequence of Task
        With absolute paths.
    most : int, optional
        Threads in use at once.
    tally : Tally

    Raises
    ------
    FlowRoIError, OSError
        For what concerns all positions, the cluster included.
    """
    if not tasks:
        return
    folder = Path(os.path.commonpath([Path(str(task.place)).parent for task in tasks]))
    errands = [_errand(task, folder) for task in tasks]

    def tell(number: int, done: int, total: int) -> None:
        tally.put(number, done, total)
        tally.tell()

    with closing(Dispatch(link, errands, most, tell).answers()) as answers:
        for number, answer in answers:
            if isinstance(answer, GivenUpError):
                outcome = Outcome(tasks[number].position, error=answer)
            elif isinstance(answer, Exception):
                raise answer
            else:
                outcome = answer
            tally.note(number, outcome.report)
            yield outcome


def _errand(task: Task, folder: Path) -> Errand:
    masks = mask_folder(task.settings.job.roi_method)
    # What is in a store is everywhere, or told when it is opened.
    sources = tuple(path for path in (task.source, masks) if isinstance(path, Path))
    assert isinstance(task.place, Path)
    return Errand(str(task.position), task.place, folder, sources, _run, task)


def _run(task: Task, threads: int, progress: Callable[[int, int], None]) -> Outcome:
    """Run a task in a worker, which has claimed its place."""
    return run_claimed(replace(task, threads=threads), progress)
