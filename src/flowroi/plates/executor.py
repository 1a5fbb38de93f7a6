"""Runs the tasks of a plate on this machine: in processes, or here where there is nothing to share out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from flowroi.plates.tally import Tally
from flowroi.plates.tasks import Outcome, Task, run_task
from flowroi.processes import can_be_sent, can_start_workers
from flowroi.resources import available_cores

# What runs tasks: given them, the cores to use (all, where it is None) and whom to tell, it yields an outcome for each,
# in any order.
Executor = Callable[[Sequence[Task], int | None, Tally], Generator[Outcome]]


def run_tasks(tasks: Sequence[Task], workers: int | None, tally: Tally) -> Generator[Outcome]:
    """Run the tasks of a plate, and yield what came of each as soon as it is done.

    What comes out does not depend on the number of workers. Close the generator to stop all that is under way.

    Parameters
    ----------
    tasks : sequence of Task
    workers : int >= 1, optional
        Cores to use, all by default: as many processes of a thread each; more threads for the last positions, so that
        no core waits for them.
    tally : Tally
        Told how far each is, by its place among the tasks.

    Raises
    ------
    FlowRoIError
        For what concerns all positions, or if processes cannot be kept alive.
    OSError
        If the disk is full, or fails.
    """
    workers = workers or available_cores()
    processes = min(workers, len(tasks))
    if processes > 1 and can_start_workers() and all(map(can_be_sent, tasks)):
        from flowroi.plates.worker_pool import run_in_processes

        return run_in_processes(tasks, workers, tally)
    return _run_here(tasks, workers, tally)


def _run_here(tasks: Sequence[Task], workers: int, tally: Tally) -> Generator[Outcome]:
    for number, task in enumerate(tasks):

        def tell(done: int, total: int, number: int = number) -> None:
            tally.put(number, done, total)
            tally.tell()

        outcome = run_task(replace(task, threads=workers), tell)
        tally.note(number, outcome.report)
        yield outcome
