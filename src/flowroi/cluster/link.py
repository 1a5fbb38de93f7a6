"""The connection to a scheduler of Dask: made anew when it is lost, given up after a while."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from flowroi.errors import FlowRoIError

# An answer of the scheduler; of a client that is closed.
_ANSWER_S = 10.0
_CLOSE_S = 5.0
_LOOK_EVERY_S = 0.5
_TRY_AGAIN_S = 1.0
# At the beginning the address is more likely wrong than the scheduler on its way.
_FIRST_S = 30.0
_LOGGERS = ("distributed", "tornado", "asyncio", "dask_jobqueue")


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process, as the scheduler knows it; one that is short of memory, or about to end, is not ready."""

    name: str
    host: str
    threads: int
    ready: bool


class Supply(Protocol):
    """What brings workers, where they are not just there."""

    def want(self, cores: int, workers: int, spare: Sequence[str]) -> None:
        """Have so many cores, as far as that is allowed; called again and again.

        Parameters
        ----------
        cores : int
        workers : int
            That are there.
        spare : sequence of str
            Names of those that will not be given anything any more.
        """


class Link:
    """A client of a scheduler; after a loss another one, of the next generation: what was handed in is lost then.

    Parameters
    ----------
    where : str
        The scheduler, for messages.
    open_client : callable
        Given seconds, connects and returns a `distributed.Client`, or raises OSError.
    patience_s : float
        How long a scheduler, or workers, may be away.
    tell : callable
        Tells a person what is waited for.
    supply : Supply, optional

    Raises
    ------
    FlowRoIError
        If there is no scheduler.
    """

    def __init__(
        self,
        where: str,
        open_client: Callable[[float], Any],
        patience_s: float,
        tell: Callable[[str], None],
        supply: Supply | None = None,
    ) -> None:
        self.where, self.patience_s, self.tell, self.supply = where, patience_s, tell, supply
        self.generation = 0
        self._open_client = open_client
        self._looked = 0.0
        self._workers: dict[str, Worker] = {}
        self._identity = ""
        self.client: Any = None
        self._connect(min(patience_s, _FIRST_S))

    def workers(self) -> dict[str, Worker]:
        """Return the workers by their addresses, as of half a second ago at most.

        Raises
        ------
        FlowRoIError
            If the scheduler is away for longer than patience lasts.
        """
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return self._workers
        try:
            if self.client.status != "running":
                raise ConnectionError(self.client.status)
            self._look()
        except _lost():
            self._workers = {}
            self._close_client()
            self.generation += 1
            self.tell(f"the scheduler {self.where} is lost; waiting for it up to {self.patience_s:.0f} s")
            self._connect(self.patience_s)
            self.tell(f"the scheduler {self.where} is there again")
        return self._workers

    def close(self) -> None:
        """End the connection; never fails."""
        self._close_client()

    def _look(self) -> None:
        found = self.client.sync(self.client.scheduler.identity, callback_timeout=_ANSWER_S)
        if self._identity not in ("", found["id"]):
            raise ConnectionError("another scheduler")
        self._identity = found["id"]
        self._workers = {
            address: Worker(
                str(facts["name"]), facts["host"], facts["nthreads"], facts.get("status", "running") == "running"
            )
            for address, facts in found["workers"].items()
        }
        self._looked = time.monotonic()

    def _connect(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while True:
            left = deadline - time.monotonic()
            try:
                self._identity = ""
                self.client = self._open_client(max(1.0, min(left, _ANSWER_S)))
                self._look()
                return
            except _lost() as error:
                self._close_client()
                if time.monotonic() + _TRY_AGAIN_S > deadline:
                    raise FlowRoIError(
                        f"no scheduler answers at {self.where}, for {patience_s:.0f} s now ({_said(error)}); what is "
                        "not finished was not compressed: start it, or look at the address; then the same command "
                        "goes on"
                    ) from error
            time.sleep(_TRY_AGAIN_S)

    def _close_client(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            # Nobody is there to say goodbye to, perhaps.
            with suppress(Exception):
                client.close(timeout=_CLOSE_S)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Dask's own log from a user who is told by us; what a debugger set up stays."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LOGGERS]
    before = {logger: logger.level for logger in map(logging.getLogger, [*_LOGGERS, *names])}
    for logger in before:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            from distributed.versions import VersionMismatchWarning

            # What matters of versions is compared by each worker.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)


def _lost() -> tuple[type[Exception], ...]:
    """Return the errors by which a scheduler shows that it is away."""
    from asyncio import CancelledError
    from concurrent.futures import CancelledError as Cancelled

    # RuntimeError: of an event loop that is closed. AttributeError: of a client that has closed itself meanwhile.
    return (OSError, TimeoutError, RuntimeError, AttributeError, Cancelled, CancelledError)  # type: ignore[return-value]


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
