"""Runs the tasks of a plate in processes, a position each: one that dies takes nothing with it but its time.

What processes say of their progress is in memory that they share with their parent, without a lock that one could die
with.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.sharedctypes import RawArray
from typing import Any

from flowroi.errors import FlowRoIError
from flowroi.plates.tally import Tally
from flowroi.plates.tasks import Outcome, Task, run_task
from flowroi.processes import MOST_DEATHS, Workers

# So many may die one after the other before any is at a position.
_MOST_FALSE_STARTS = 5
_TELL_EVERY_S = 0.1
# Of a position on the board: the process at it, frames done, frames in all.
_FIELDS = 3
_board: Any = None


def run_in_processes(tasks: Sequence[Task], workers: int, tally: Tally) -> Generator[Outcome]:
    """Do what `run_tasks` does, in up to `workers` processes.

    A position whose process dies is tried again, from its beginning; after the third death it has failed. Positions
    that were under way in other processes meanwhile begin anew, and that does not count.

    Raises
    ------
    FlowRoIError
        If processes die before they are at a position.
    """
    return _Dispatch(tasks, workers, tally).outcomes()


def threads_for(left: int, workers: int) -> int:
    """Return the threads for a position from the number of positions that were not begun, itself included.

    One, as long as there is a position for every core; then the more, the fewer are left: while the last ones run,
    others end and leave their cores to them.

    Examples
    --------
    >>> [threads_for(left, 8) for left in (9, 8, 4, 3, 2, 1)]
    [1, 2, 2, 3, 4, 8]
    """
    return 1 if left > workers else min(workers, max(2, -(-workers // left)))


class _Dispatch:
    """The tasks on their way through one pool after another."""

    def __init__(self, tasks: Sequence[Task], workers: int, tally: Tally) -> None:
        self.tasks, self.workers, self.tally = tasks, workers, tally
        self.processes = min(workers, len(tasks))
        self.board = RawArray("q", _FIELDS * len(tasks))
        self.waiting = deque(range(len(tasks)))
        # What is left to itself in the end.
        self.alone: deque[int] = deque()
        self.deaths = [0] * len(tasks)
        self.false_starts = 0
        self.under_way: dict[Future[Outcome], int] = {}
        self.is_broken = False
        self.pool = self._new_pool()

    def outcomes(self) -> Generator[Outcome]:
        try:
            while self.waiting or self.alone or self.under_way:
                self._hand_out()
                done, _ = wait(self.under_way, _TELL_EVERY_S, FIRST_COMPLETED)
                if self.is_broken or any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                    yield from self._begin_anew()
                    continue
                for future in done:
                    yield from self._taken(self.under_way.pop(future), future)
                self._tell()
        finally:
            self.pool.stop()

    def _new_pool(self) -> Workers:
        return Workers(self.processes, _show_board, self.board)

    def _hand_out(self) -> None:
        """Keep every process busy, with one position more in the queue."""
        while self.waiting and len(self.under_way) <= self.processes and not self.is_broken:
            self._submit(self.waiting, threads_for(len(self.waiting), self.workers))
        if self.alone and not (self.waiting or self.under_way or self.is_broken):
            self._submit(self.alone, 1)

    def _submit(self, queue: deque[int], threads: int) -> None:
        number = queue.popleft()
        self._set(number, 0, 0, 0)
        self.tally.forget(number)
        try:
            future = self.pool.submit(_work, number, replace(self.tasks[number], threads=threads))
        except BrokenProcessPool:
            self.is_broken = True
            queue.appendleft(number)
            return
        self.under_way[future] = number

    def _taken(self, number: int, future: Future[Outcome]) -> Generator[Outcome]:
        """Yield what came of a task that ended by itself."""
        try:
            outcome = future.result()
        except MemoryError:
            yield from self._died(number, "it ran out of memory")
            return
        self.false_starts = 0
        self.tally.note(number, outcome.report)
        yield outcome

    def _begin_anew(self) -> Generator[Outcome]:
        """Make a new pool, as one whose process died is of no more use; what it had not done is to be done again."""
        self.pool.stop()
        died = self.pool.died()
        futures, self.under_way = self.under_way, {}
        lost = []
        for future, number in futures.items():
            if isinstance(future.exception(), BrokenProcessPool):
                lost.append(number)
            else:
                yield from self._taken(number, future)
        at = {number: self.board[_FIELDS * number] for number in lost}
        # Where all were told to end, by whomever, it may have been any of those at work.
        guilty = [number for number in lost if at[number] in died or (at[number] and not died)]
        innocent = [number for number in lost if number not in guilty]
        # The one that was left to itself is so again.
        self.waiting.extendleft(reversed([number for number in innocent if not self._is_last_try(number)]))
        self.alone.extendleft(reversed([number for number in innocent if self._is_last_try(number)]))
        for number in guilty:
            yield from self._died(number, f"ended by {died.get(at[number], 'SIGTERM')}")
        if not guilty:
            self.false_starts += 1
            if self.false_starts >= _MOST_FALSE_STARTS:
                ways = ", ".join(sorted(set(died.values()))) or "unknown"
                raise FlowRoIError(
                    f"worker processes die before they begin ({ways}), {self.false_starts} times now; what is not "
                    "finished was not compressed: look for what kills them, or use --workers 1"
                )
        self.is_broken = False
        self.pool = self._new_pool()

    def _died(self, number: int, how: str) -> Generator[Outcome]:
        """Try a position again whose process died, or yield that it failed."""
        self.deaths[number] += 1
        if self.deaths[number] < MOST_DEATHS:
            (self.alone if self._is_last_try(number) else self.waiting).append(number)
            return
        error = FlowRoIError(
            f"the process that compressed it died {MOST_DEATHS} times, the last time alone on the machine ({how}); "
            "probably memory ran out: it was not compressed; make memory free, or look at the frames"
        )
        self.tally.note(number, None)
        yield Outcome(self.tasks[number].position, error=error)

    def _is_last_try(self, number: int) -> bool:
        return self.deaths[number] == MOST_DEATHS - 1

    def _tell(self) -> None:
        for number in self.under_way.values():
            _, done, total = self.board[_FIELDS * number : _FIELDS * (number + 1)]
            if total:
                self.tally.put(number, done, total)
        self.tally.tell()

    def _set(self, number: int, *values: int) -> None:
        self.board[_FIELDS * number : _FIELDS * (number + 1)] = values


def _show_board(board: Any) -> None:
    global _board
    _board = board


def _work(number: int, task: Task) -> Outcome:
    """Run a task in this process."""
    first = _FIELDS * number
    _board[first] = os.getpid()

    def tell(done: int, total: int) -> None:
        _board[first + 1], _board[first + 2] = done, total

    return run_task(task, tell)
