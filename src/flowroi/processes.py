"""Worker processes: they leave interrupts to their parent, go when it goes, and are named when they are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

import cv2

from flowroi.errors import FlowRoIError


@contextmanager
def process_pool(
    workers: int, initializer: Callable[..., None] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of new processes, whose OpenCV uses one thread each.

    Parameters
    ----------
    workers : int
    initializer : callable, optional
        Called once in each process, with the arguments.

    Raises
    ------
    FlowRoIError
        If a worker was killed, as systems do that run out of memory.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(initializer, arguments))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise FlowRoIError(
            "a worker process was killed, probably because memory ran out; nothing incomplete was left behind: "
            "use fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(initializer: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent.sentinel,), daemon=True).start()
    cv2.setNumThreads(1)
    if initializer is not None:
        initializer(*arguments)


def _leave_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
