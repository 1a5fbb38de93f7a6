"""The workers: each takes the position that has waited longest and sees a few of its frames, coded, to the disk."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from flowroi.errors import FlowRoIError, QualityTargetError, VerificationError
from flowroi.live.coder import Frame
from flowroi.live.options import LiveOptions
from flowroi.live.order import Candidate
from flowroi.live.place import Place, count_gap
from flowroi.live.report import Lags
from flowroi.live.scan import Key
from flowroi.sources.names import text_name

Tell = Callable[..., None]
# What is flushed to the disk at once: so many frames of a position, or what was coded in so many seconds.
_MOST_FRAMES = 8
_MOST_S = 1.0
_RETRY_S = 0.5
_LONGEST_RETRY_S = 10.0
# How long a worker sleeps where nothing wakes it: what time alone brings in turn is noticed then.
_NAP_S = 0.2
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Abandoned(Exception):  # noqa: N818 - no error: it was asked for
    """The run was told to stop at once."""


class Crew:
    """Worker threads over positions; a context manager that ends them.

    Parameters
    ----------
    count : int
        Threads.
    options : LiveOptions
    tell : callable
        Takes the kind of an event and its facts.
    abandon : Event
        Stop at once; what is not on the disk is dropped.

    Attributes
    ----------
    lock : Condition
        Guards the positions and their orders.
    places : dict of str to Place
    ending : bool
        No more files will come: nothing is waited for.
    paused : bool
        An incoming folder cannot be read: nothing is begun.
    released : list of Key
        Files that are to be looked at anew.
    taken, closed : set of Key
        Files whose frames are on the disk, and files that are not in the archives and will not be as they are.
    stalled : str or None
        Why nothing can be written just now.
    error : BaseException or None
        What ended a worker.
    """

    def __init__(self, count: int, options: LiveOptions, tell: Tell, abandon: threading.Event) -> None:
        self.lock = threading.Condition()
        self.places: dict[str, Place] = {}
        self.ending = self.paused = self.degraded = False
        self.released: list[Key] = []
        self.taken: set[Key] = set()
        self.closed: set[Key] = set()
        self.stalled: str | None = None
        self.error: BaseException | None = None
        self.lags = Lags()
        self.frames = 0
        self.last_lag_s = 0.0
        self._options, self._tell, self._abandon = options, tell, abandon
        self._stop = False
        self._threads = [threading.Thread(target=self._work, name=f"flowroi-live-{n}") for n in range(count)]

    def __enter__(self) -> Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abandon.set()
        with self.lock:
            self._stop = True
            self.lock.notify_all()
        for thread in self._threads:
            thread.join()

    def behind_s(self, now: float) -> float:
        """Return for how long the file that has waited longest has been in turn; call it with the lock."""
        return max((self.behind_of(place, now) for place in self.places.values()), default=0.0)

    def behind_of(self, place: Place, now: float) -> float:
        """Return the same of one position; call it with the lock."""
        # Of one that a worker is at, what it has not in hand yet.
        since = place.order.next_at(now, ending=self.ending) if place.busy else self._since(place, now)
        return 0.0 if since is None else max(0.0, now - since)

    def is_idle(self, now: float) -> bool:
        """Whether there is nothing to do, and nothing being done; call it with the lock."""
        # At the end what waits to be tried again has its turn, too, and those behind it.
        return not any(
            place.busy or self._since(place, now) is not None or (self.ending and len(place.order))
            for place in self.places.values()
        )

    def _since(self, place: Place, now: float) -> float | None:
        return place.ready_since(now, ending=self.ending)

    def _work(self) -> None:
        try:
            while (place := self._next_place()) is not None:
                try:
                    self._turn(place)
                finally:
                    with self.lock:
                        place.busy = False
                        self.lock.notify_all()
        except Abandoned:
            return
        except BaseException as error:
            with self.lock:
                self.error = self.error or error
                self._stop = True
                self.lock.notify_all()

    def _next_place(self) -> Place | None:
        with self.lock:
            while not (self._stop or self._abandon.is_set()):
                place = None if self.paused else self._longest_waiting(time.monotonic())
                if place is not None:
                    place.busy = True
                    return place
                self.lock.wait(_NAP_S)
        return None

    def _longest_waiting(self, now: float) -> Place | None:
        best: tuple[float, Place] | None = None
        for place in self.places.values():
            since = None if place.busy else self._since(place, now)
            if since is not None and (best is None or since < best[0]):
                best = since, place
        return None if best is None else best[1]

    def _turn(self, place: Place) -> None:
        """Code a few frames of a position and see them to the disk."""
        began = time.monotonic()
        coded: list[tuple[Candidate, int]] = []
        while len(coded) < _MOST_FRAMES and time.monotonic() - began < _MOST_S:
            if self._abandon.is_set():
                raise Abandoned
            if self._stop or self.paused or not self._code_next(place, coded):
                break
        with self.lock:
            place.write_notes()
        self._commit(place)
        self._tell_coded(place, coded)

    def _code_next(self, place: Place, coded: list[tuple[Candidate, int]]) -> bool:
        """Code the next frame of a position; False where there is none, or it could not be read."""
        coder = place.coder
        if coder.opening is None and not self._open(place):
            return False
        with self.lock:
            now = time.monotonic()
            candidate = place.held.popleft() if place.held else place.order.take(now, ending=self.ending)
            masks_every = self._options.masks_every if self.degraded else 1
        if candidate is None:
            return False
        read = self._read(place, candidate)
        if read is None:
            return False
        if coder.reads_journal:
            self._commit(place)
        try:
            try:
                size_bytes = coder.code(candidate, *read, masks_every=masks_every)
            except VerificationError:
                # A fault of the memory, perhaps: once more, by a method that learns anew from what is on the disk.
                self._commit(place)
                size_bytes = coder.code(candidate, *read, masks_every=masks_every)
        except (QualityTargetError, VerificationError) as error:
            self._refuse(place, candidate, error)
            return True
        coded.append((candidate, size_bytes))
        return True

    def _open(self, place: Place) -> bool:
        """Settle what the first frames of a position settle; False where they are not there yet."""
        coder, held = place.coder, place.held
        with self.lock:
            now = time.monotonic()
            while len(held) < coder.frames_to_open:
                candidate = place.order.take(now, ending=self.ending)
                if candidate is None:
                    break
                held.append(candidate)
            if not held or (len(held) < coder.frames_to_open and not self.ending):
                return False
            for candidate in held:
                candidate.turn_at = max(candidate.turn_at, held[-1].turn_at)
        frames: list[Frame] = []
        waiting = list(held)
        for n, candidate in enumerate(waiting):
            held.clear()
            held.extend(waiting[n + 1 :])
            read = self._read(place, candidate)
            if read is None:
                # Those behind it have been put back; those before it keep their turn.
                held.extend(waiting[:n])
                return False
            if frames and (read[0].shape, read[0].dtype) != (frames[0].shape, frames[0].dtype):
                # Told when its turn comes.
                break
            frames.append(read[0])
        held.clear()
        held.extend(waiting)
        try:
            coder.open(waiting, frames)
        except FlowRoIError as error:
            self._not_read(place, held.popleft(), error)
            return False
        return True

    def _read(self, place: Place, candidate: Candidate) -> tuple[Frame, str] | None:
        try:
            return place.coder.read(candidate.found)
        except (FlowRoIError, OSError) as error:
            self._not_read(place, candidate, error)
            return None

    def _not_read(self, place: Place, candidate: Candidate, error: Exception) -> None:
        """Have a file that cannot be read looked at anew, tried again, or, where that has been done, refused."""
        found, now = candidate.found, time.monotonic()
        try:
            there = found.file.path.stat()
            same = (there.st_size, there.st_mtime_ns) == (found.file.size_bytes, found.file.modified_ns)
        except OSError:
            same = False
        with self.lock:
            held = list(place.held)
            place.held.clear()
            for later in reversed(held):
                place.order.put_back(later, 0.0)
            if not same:
                place.order.give_up(candidate)
                self.released.append(found.key)
                return
            # Not from when it settled: behind a backlog that was long ago.
            candidate.failed_at = now if candidate.failed_at is None else candidate.failed_at
            if not self.ending and now - candidate.failed_at < place.order.patience_s:
                place.order.put_back(candidate, now + min(self._options.settle_s, place.order.patience_s))
                return
        self._refuse(place, candidate, error)

    def _refuse(self, place: Place, candidate: Candidate, error: Exception) -> None:
        reason = error.message if isinstance(error, FlowRoIError) else str(error)
        name = text_name(candidate.found.key[1])
        text = f"{name} is not in the archive: {reason}"
        with self.lock:
            place.order.refuse(candidate)
            self.closed.add(candidate.found.key)
            place.note("refused", text, candidate.found)
        self._tell("refused", position=place.name, file=name, message=text)

    def _commit(self, place: Place) -> None:
        """See to the disk what a position's journal is given; where the disk is full, say so, wait and try again."""
        if not place.journal.pending:
            # That nothing was written tells nothing of the disk.
            return
        delay = _RETRY_S
        while True:
            try:
                place.journal.commit()
                break
            except OSError as error:
                self.report_stall(error)
                if self._abandon.wait(delay):
                    raise Abandoned from error
                delay = min(2 * delay, _LONGEST_RETRY_S)
        self.report_written()

    def report_written(self) -> None:
        """Say, if that was not so, that something could be written."""
        with self.lock:
            again, self.stalled = self.stalled, None
        if again is not None:
            self._tell("resumed", message="the disk takes what is written again; nothing was lost")

    def report_stall(self, error: OSError) -> None:
        """Say that nothing can be written just now, once."""
        what = "the disk is full" if error.errno in _FULL else f"writing failed ({error.strerror or error})"
        text = f"{what}: no more files are taken until it is possible again; nothing is lost, they stay where they are"
        with self.lock:
            known, self.stalled = self.stalled, text
        if known != text:
            self._tell("stalled", message=text)

    def _tell_coded(self, place: Place, coded: list[tuple[Candidate, int]]) -> None:
        now = time.monotonic()
        for candidate, size_bytes in coded:
            lag = max(0.0, now - candidate.turn_at)
            with self.lock:
                missing = count_gap(place, candidate.time, self._options.time_step)
                number = place.durable
                place.durable += 1
                place.coded_bytes += size_bytes
                self.frames += 1
                self.taken.add(candidate.found.key)
                self.lags.add(lag)
                self.last_lag_s = lag
            if missing:
                text = f"{missing} missing before frame {number}; recorded as a gap"
                self._tell("gap", position=place.name, before=number, missing=missing, message=text)
            facts: Mapping[str, Any] = {
                "position": place.name,
                "frame": number,
                "time": list(candidate.time),
                "file": text_name(candidate.found.key[1]),
                "lag_s": round(lag, 3),
                "raw_bytes": place.coder.frame_bytes,
                "coded_bytes": size_bytes,
            }
            self._tell("frame", **facts)
