"""Hands errands to the workers of a cluster, one a slot, until each has an answer, whatever dies meanwhile.

Each is handed to a worker that is named, and only while that has a slot free: so it is known under which errand a
worker dies. Dask's own retries have no part in it.
"""

from __future__ import annotations

import pickle
import secrets
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from flowroi.archives.claim import is_claimed
from flowroi.cluster.errand import LATER, UNFIT, Errand, Terms
from flowroi.cluster.lease import Lease
from flowroi.cluster.link import Link, Worker
from flowroi.errors import FlowRoIError
from flowroi.processes import MOST_DEATHS
from flowroi.versions import codec_versions

# So many answers may get lost that had been given.
_MOST_LOST = 20
# Evaluated by the worker. A function that it does not have would end the whole worker, before any task began.
_CALL = "__import__('importlib').import_module('flowroi.cluster.on_worker').run(terms, threads, packed)"
_POLL_S = 0.2
_ANSWER_S = 10.0
# Fit workers may come behind those that are not.
_UNFIT_PATIENCE_S = 10.0
# What is under way when a command ends may take to see that.
_GRACE_S = 30.0
_ASK_AGAIN_S = 1.0
_TELL_WAITING_S = 15.0


class GivenUpError(FlowRoIError):
    """An errand that no worker brought to its end; the others go on."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An errand under way."""

    number: int
    attempt: int
    worker: str
    host: str
    slots: int
    future: Any


@dataclass(slots=True)
class _Waiting:
    """An errand that another process is at: when it is asked for again, and since when there was no sign of life."""

    again_at: float
    since: float
    sign: int | None
    told: bool = False


class Dispatch:
    """Some errands on their way.

    Parameters
    ----------
    link : Link
    errands : sequence of Errand
    most : int, optional
        Threads in use at once; by default all that there are.
    progress : callable, optional
        Called with (number of the errand, done, total), in the caller's thread.
    """

    def __init__(
        self,
        link: Link,
        errands: Sequence[Errand],
        most: int | None = None,
        progress: Callable[[int, int, int], None] | None = None,
    ) -> None:
        self.link, self.errands, self.progress = link, errands, progress
        self.most = most
        self.packed = [errand.packed() for errand in errands]
        self.run = secrets.token_hex(8)
        self.topic = f"flowroi-{self.run}"
        self.waiting = deque(range(len(errands)))
        # What is left to itself in the end.
        self.alone: deque[int] = deque()
        self.later: dict[int, _Waiting] = {}
        self.under_way: dict[str, _Attempt] = {}
        self.deaths = [0] * len(errands)
        self.lost = [0] * len(errands)
        self.attempts = 0
        self.unfit: dict[str, str] = {}
        self.idle_since: float | None = None
        self.ended: SimpleQueue[str] = SimpleQueue()
        self.heard: dict[int, tuple[int, int, int]] = {}
        self.generation = -1
        self.versions = codec_versions()

    def answers(self) -> Generator[tuple[int, Any]]:
        """Yield (number of an errand, its result or its error), in any order; close it to stop what is under way.

        Raises
        ------
        FlowRoIError
            If there is no scheduler, or no worker that can be used, for longer than patience lasts.
        """
        with ExitStack() as held:
            # Outputs of different folders may be on different file systems: each is proven by itself.
            leases = {folder: held.enter_context(Lease(folder)) for folder in {one.folder for one in self.errands}}
            try:
                while self.waiting or self.alone or self.later or self.under_way:
                    workers = self._usable_workers()
                    yield from self._final(self._taken_from_the_dead())
                    self._ask_again()
                    self._hand_out(workers, leases)
                    yield from self._final(self._taken())
                    self._tell()
            finally:
                for lease in leases.values():
                    lease.release()
                self._stop()

    def _final(self, answers: Generator[tuple[int, Any]]) -> Generator[tuple[int, Any]]:
        for number, answer in answers:
            self.later.pop(number, None)
            yield number, answer

    def _usable_workers(self) -> dict[str, Worker]:
        """Return the workers that may be used; raise if there are none for too long."""
        known = self.link.workers()
        if self.link.supply is not None:
            left = {*self.waiting, *self.alone, *self.later}
            busy = {attempt.worker for attempt in self.under_way.values()}
            spare = [] if left else [worker.name for address, worker in known.items() if address not in busy]
            left.update(attempt.number for attempt in self.under_way.values())
            self.link.supply.want(len(left), len(known), spare)
        if self.link.generation != self.generation:
            self._begin_generation()
        usable = {address: worker for address, worker in known.items() if worker.ready and address not in self.unfit}
        if usable:
            self.idle_since = None
            return usable
        now = time.monotonic()
        if self.idle_since is None:
            self.idle_since = now
            if not known:
                self.link.tell(f"no workers are at {self.link.where}; waiting up to {self.link.patience_s:.0f} s")
        reasons = [self.unfit[address] for address in known if address in self.unfit]
        patience = min(self.link.patience_s, _UNFIT_PATIENCE_S) if reasons else self.link.patience_s
        if now - self.idle_since > patience:
            raise FlowRoIError(
                f"no worker at {self.link.where} can be used: {'; '.join(sorted(set(reasons)))}"
                if reasons
                else f"there have been no workers at {self.link.where} for {patience:.0f} s; what is not finished was "
                "not compressed: start some; then the same command goes on"
            )
        return usable

    def _begin_generation(self) -> None:
        """Begin with a scheduler that knows nothing of what was under way: that is to be done again."""
        self.generation = self.link.generation
        for attempt in self.under_way.values():
            self._put_back(attempt.number)
        self.under_way = {}
        self.link.client.subscribe_topic(self.topic, self._hear)

    def _hear(self, event: tuple[float, Any]) -> None:
        with suppress(Exception):
            number, attempt, done, total = event[1]
            self.heard[number] = (attempt, done, total)

    def _hand_out(self, workers: dict[str, Worker], leases: Mapping[Path, Lease]) -> None:
        """Give a thread to each errand; more, where fewer errands are left than threads are free."""
        used = dict.fromkeys(workers, 0)
        for attempt in self.under_way.values():
            if attempt.worker in used:
                used[attempt.worker] += attempt.slots
        in_all = sum(worker.threads for worker in workers.values())
        room = min(in_all, self.most or in_all) - sum(used.values())
        while self.waiting and room > 0 and workers:
            address = max(workers, key=lambda one: workers[one].threads - used[one])
            free = workers[address].threads - used[address]
            if free < 1:
                break
            threads = max(1, min(free, room // len(self.waiting)))
            used[address] += threads
            room -= threads
            self._submit(self.waiting.popleft(), address, workers[address], threads, threads, leases)
        if self.alone and not self.waiting and room > 0:
            for address in (one for one in workers if not used[one]):
                self._submit(self.alone.popleft(), address, workers[address], 1, workers[address].threads, leases)
                break

    def _submit(
        self,
        number: int,
        address: str,
        worker: Worker,
        threads: int,
        slots: int,
        leases: Mapping[Path, Lease],
    ) -> None:
        self.attempts += 1
        key, errand = f"flowroi-{self.run}-{number}-{self.attempts}", self.errands[number]
        lease = leases[errand.folder]
        terms: Terms = {
            "versions": self.versions,
            "lease": str(lease.path),
            "secret": lease.secret,
            "sources": list(map(str, errand.sources)),
            "place": str(errand.place),
            "topic": self.topic,
            "number": number,
            "attempt": self.attempts,
        }
        try:
            future = self.link.client.submit(
                eval,
                _CALL,
                {"terms": terms, "threads": threads, "packed": self.packed[number]},
                key=key,
                pure=False,
                workers=[address],
                allow_other_workers=False,
            )
        except Exception:
            # A client that has just lost its scheduler: that is seen at the next look.
            self._put_back(number)
            return
        self.under_way[key] = _Attempt(number, self.attempts, address, worker.host, slots, future)
        future.add_done_callback(lambda done: self.ended.put(done.key))

    def _taken(self) -> Generator[tuple[int, Any]]:
        """Wait a little for answers, and yield those that are final."""
        with suppress(Empty):
            key = self.ended.get(timeout=_POLL_S)
            while True:
                attempt = self.under_way.pop(key, None)
                if attempt is not None:
                    yield from self._understood(attempt)
                key = self.ended.get_nowait()

    def _understood(self, attempt: _Attempt) -> Generator[tuple[int, Any]]:
        from distributed import KilledWorker

        number, future = attempt.number, attempt.future
        kind: str
        value: Any
        try:
            error = future.exception(timeout=_ANSWER_S) if future.status == "error" else None
            kind, value = (UNFIT, "") if error is not None else future.result(timeout=_ANSWER_S)
        except Exception as lost:
            # The answer was given, and got lost with its worker or its scheduler; the archive may be there.
            yield from self._lost(number, lost)
            return
        if isinstance(error, KilledWorker):
            yield from self._died(attempt)
            return
        if isinstance(error, ImportError | AttributeError | pickle.UnpicklingError):
            value = f"{attempt.host}: it has no FlowRoI of this release ({error})"
        elif error is not None:
            yield from self._lost(number, error)
            return
        if kind == UNFIT:
            if attempt.worker not in self.unfit:
                self.unfit[attempt.worker] = value
                self.link.tell(f"warning: a worker is not used: {value}")
            self._put_back(number)
        elif kind == LATER:
            yield from self._postponed(number, value)
        elif isinstance(value, MemoryError):
            yield from self._died(attempt, "it ran out of memory")
        else:
            yield number, value

    def _lost(self, number: int, error: Exception) -> Generator[tuple[int, Any]]:
        self.lost[number] += 1
        if self.lost[number] <= _MOST_LOST:
            self._put_back(number)
            return
        text = f"its result got lost {self.lost[number]} times ({error}): look at the cluster's network, and its log"
        yield number, GivenUpError(text)

    def _taken_from_the_dead(self) -> Generator[tuple[int, Any]]:
        """See to what was under way at workers that are not there any more."""
        known = self.link.workers()
        if self.link.generation != self.generation:
            return
        for key, attempt in list(self.under_way.items()):
            if attempt.worker not in known and not attempt.future.done():
                del self.under_way[key]
                with suppress(Exception):
                    attempt.future.release()
                yield from self._died(attempt)

    def _died(self, attempt: _Attempt, how: str = "the worker is gone") -> Generator[tuple[int, Any]]:
        """Try an errand again whose worker died, or yield that it failed."""
        number = attempt.number
        self.deaths[number] += 1
        if self.deaths[number] < MOST_DEATHS:
            self._put_back(number)
            return
        yield (
            number,
            GivenUpError(
                f"the process that compressed it died {MOST_DEATHS} times, the last time with nothing else to do "
                f"({how}, on {attempt.host}); probably memory ran out: it was not compressed; make memory free, or "
                "look at the frames"
            ),
        )

    def _put_back(self, number: int) -> None:
        self.heard.pop(number, None)
        (self.alone if self.deaths[number] == MOST_DEATHS - 1 else self.waiting).append(number)

    def _postponed(self, number: int, sign: int | None) -> Generator[tuple[int, Any]]:
        """Ask again for an errand that another process is at; give it up if that shows no sign of life."""
        now = time.monotonic()
        known = self.later.pop(number, None)
        if known is None or sign != known.sign:
            known = _Waiting(0.0, now, sign, told=known is not None and known.told)
        if now - known.since > self.link.patience_s:
            yield (
                number,
                GivenUpError(
                    f"another process holds it, and has shown no sign of life for {self.link.patience_s:.0f} s; it "
                    "was not compressed: look for a process that hangs, on any host, and end it",
                    path=self.errands[number].place,
                ),
            )
            return
        if now - known.since > _TELL_WAITING_S and not known.told:
            known.told = True
            self.link.tell(f"{self.errands[number].name}: another process is at it; waiting for that")
        known.again_at = now + _ASK_AGAIN_S
        self.later[number] = known

    def _ask_again(self) -> None:
        asked = {attempt.number for attempt in self.under_way.values()} | {*self.waiting} | {*self.alone}
        for number, waiting in self.later.items():
            if number not in asked and time.monotonic() >= waiting.again_at:
                self._put_back(number)

    def _tell(self) -> None:
        if self.progress is not None:
            for attempt in list(self.under_way.values()):
                of, done, total = self.heard.get(attempt.number, (0, 0, 0))
                if of == attempt.attempt:
                    self.progress(attempt.number, done, total)

    def _stop(self) -> None:
        """Call back what is under way, and wait until no worker is at it any more."""
        if not self.under_way:
            with suppress(Exception):
                self.link.client.unsubscribe_topic(self.topic)
            return
        futures = [attempt.future for attempt in self.under_way.values()]
        with suppress(Exception):
            self.link.client.sync(self.link.client._cancel, futures, force=True, callback_timeout=_ANSWER_S)
        places = {attempt.number: self.errands[attempt.number].place for attempt in self.under_way.values()}
        deadline = time.monotonic() + _GRACE_S
        while (held := [n for n, place in places.items() if is_claimed(place)]) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if held:
            names = ", ".join(self.errands[number].name for number in held)
            self.link.tell(f"warning: workers are still at {names}; each stops by itself at its next frame")
