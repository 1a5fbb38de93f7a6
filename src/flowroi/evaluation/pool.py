"""Measures frames on all cores: by processes, because other codecs hold Python's lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import nullcontext

from flowroi.evaluation.measure import FrameMeasure, Yardstick, measure_frame
from flowroi.evaluation.subjects import Material, Subject
from flowroi.processes import process_pool
from flowroi.resources import available_cores, submit
from flowroi.segmenters import Segmenter

Task = tuple[Material, tuple[Subject, ...]]


def runs_alone(segmenter: Segmenter | None, workers: int) -> bool:
    """Return whether frames are measured one after the other, here: a network uses all cores, or the GPU, by itself."""
    return workers == 1 or (segmenter is not None and segmenter.name != "classical")


def measure_all(
    tasks: Iterable[Task], by: Yardstick, workers: int | None, pool: Executor | None = None
) -> Iterator[dict[str, FrameMeasure]]:
    """Measure frames, each with its subjects; yields the measures in order, with a few frames in flight a worker.

    Parameters
    ----------
    tasks : iterable of (Material, tuple of Subject)
        Taken as they are needed.
    by : Yardstick
    workers : int, optional
        Processes; all cores by default. A network has one process to itself: it uses all cores, or the GPU, on its own.
    pool : Executor, optional
        Processes that are there already, as many as there are workers; by default new ones.
    """
    count = workers or available_cores()
    alone = runs_alone(by.segmenter, count)
    with nullcontext(pool) if alone or pool is not None else process_pool(count) as processes:
        pending: deque[Future[dict[str, FrameMeasure]]] = deque()
        for material, subjects in tasks:
            pending.append(submit(None if alone else processes, measure_frame, material, subjects, by))
            if alone or len(pending) > 2 * count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
