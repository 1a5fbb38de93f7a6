"""How many threads to use, and who may use them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
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


def submit(executor: Executor | None, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Hand a call to an executor, or make it at once where there is none."""
    if executor is not None:
        return executor.submit(function, *arguments)
    done: Future[Any] = Future()
    done.set_result(function(*arguments))
    return done
