"""Worker processes: they leave interrupts to their parent, go when it goes, and are named when they are killed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, TypeVar

import cv2

from flowroi.errors import FlowRoIError

T = TypeVar("T")
# So many processes may die at one piece of work; the last of them has nothing else to do.
MOST_DEATHS = 3
# How a worker ends that was told to.
STOPPED = 128 + signal.SIGTERM
# What a worker that is told to end may take to clean up.
_GRACE_S = 10.0
_starting = threading.Lock()
_working = False


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


class Workers:
    """A pool of processes for long calls: it can be stopped at once, and tells which of its processes died.

    The caller's own program is not imported in them, so that it needs no `if __name__ == "__main__"`; functions and
    arguments must be those of modules.

    Parameters
    ----------
    count : int
        The most processes.
    initializer : callable
        Called once in each, with the arguments.
    """

    def __init__(self, count: int, initializer: Callable[..., None], *arguments: Any) -> None:
        self._context = _Context()
        self._killed: set[int | None] = set()
        self._pool = ProcessPoolExecutor(
            count, self._context, initializer=_begin_stoppable, initargs=(initializer, arguments)
        )

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Have a process call a function.

        Raises
        ------
        BrokenProcessPool
            If a process died, here or as the result of the call; the pool is of no more use then.
        """
        return self._pool.submit(_called, function, *arguments)

    def stop(self) -> None:
        """End all processes, in the middle of what they do: they clean up, or are killed if that takes long."""
        started = [process for process in self._context.started if process.pid is not None]
        for process in started:
            process.terminate()
        deadline = time.monotonic() + _GRACE_S
        for process in started:
            # Not by its exit code, which the pool's own thread may have taken from the system, and not noted yet.
            if not wait([process.sentinel], max(0.0, deadline - time.monotonic())):
                self._killed.add(process.pid)
                process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def died(self) -> dict[int, str]:
        """Return how processes ended that were not told to, by their number; call it after `stop`."""
        started = (process for process in self._context.started if process.pid not in self._killed)
        ended = {process.pid: process.exitcode for process in started if process.pid is not None}
        told = (0, None, STOPPED, -signal.SIGTERM)
        return {pid: _ending(code) for pid, code in ended.items() if code not in told}


class _Context(SpawnContext):
    """Starts new processes, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override] # noqa: N802
        process = _Worker(*args, **kwargs)
        self.started.append(process)
        return process


class _Worker(SpawnProcess):
    def start(self) -> None:
        """Start it with interrupts blocked from its first moment, and without the program of its parent."""
        with _starting:
            main = sys.modules["__main__"]
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def can_start_workers() -> bool:
    """Whether this process may have children: those of `multiprocessing.Pool` may not."""
    return not multiprocessing.current_process().daemon


def can_be_sent(thing: Any) -> bool:
    """Whether a worker can be given a thing: it is pickled, and nothing of it is defined in the caller's program.

    Examples
    --------
    >>> can_be_sent(os.getpid), can_be_sent(lambda: 0)
    (True, False)
    """
    try:
        return b"__main__" not in pickle.dumps(thing)
    except (pickle.PicklingError, TypeError, AttributeError):
        return False


def _begin(initializer: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent.sentinel,), daemon=True).start()
    cv2.setNumThreads(1)
    if initializer is not None:
        initializer(*arguments)


def _begin_stoppable(initializer: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGTERM, _stop)
    _begin(initializer, arguments)


def _stop(*_: Any) -> None:
    # The parent kills whoever does not come to an end.
    if _working:
        raise KeyboardInterrupt
    os._exit(STOPPED)


def _called(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function so that it can be stopped, and so that its error reaches the parent whatever it is."""
    global _working
    try:
        _working = True
        return function(*arguments)
    except KeyboardInterrupt:
        os._exit(STOPPED)
    except Exception as error:
        sendable = error_to_send(error)
        if sendable is error:
            raise
        raise sendable from None
    finally:
        _working = False


def error_to_send(error: Exception) -> Exception:
    """Return an error that reaches another process: the same if it can be pickled.

    Examples
    --------
    >>> error_to_send(ValueError("what"))
    ValueError('what')
    """
    with suppress(Exception):
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _ending(code: int | None) -> str:
    """Say how a process ended.

    Examples
    --------
    >>> _ending(-9), _ending(1)
    ('SIGKILL', 'exit code 1')
    """
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _leave_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
