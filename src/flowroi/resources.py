"""How many threads to use, and who may use them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2


def available_cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def opencv_threads(count: int) -> Iterator[None]:
    """Limit OpenCV's own threads: where a pool's threads are the parallelism, more on top would get in their way."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Undo real-time scheduling that a library takes for itself within, in whatever thread.

    SVT-AV1 does so where it may, which is where root runs it, and leaves the thread that opened the encoder at the
    highest priority there is. That thread, and every process that it starts, would come before all else on the machine,
    and has brought whole machines to a halt.
    """
    before = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
    try:
        yield
    finally:
        if before is not None and before not in _real_time():
            for thread in [0, *_threads()]:
                # A thread may have ended meanwhile.
                with suppress(ProcessLookupError, PermissionError):
                    if os.sched_getscheduler(thread) in _real_time():
                        os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _real_time() -> tuple[int, ...]:
    return (os.SCHED_FIFO, os.SCHED_RR)


def _threads() -> list[int]:
    try:
        return [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    except OSError:
        return []


def submit(executor: Executor | None, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Hand a call to an executor, or make it at once where there is none."""
    if executor is not None:
        return executor.submit(function, *arguments)
    done: Future[Any] = Future()
    done.set_result(function(*arguments))
    return done
