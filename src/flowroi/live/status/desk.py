"""What is at hand for those who look at a run: its tally, pictures and gains, and the server that shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flowroi.errors import FlowRoIError, InvalidParameterError
from flowroi.extras import need
from flowroi.live.options import LiveOptions
from flowroi.live.report import LiveReport
from flowroi.live.status.address import Address, allowed_hosts, is_loopback
from flowroi.live.status.gain import Gains, Sampler
from flowroi.live.status.newest import Newest
from flowroi.live.status.picture import Picture, Pictures
from flowroi.live.status.server import StatusServer
from flowroi.live.status.site import Site
from flowroi.live.status.snapshot import Status, snapshot_of
from flowroi.live.status.tally import Tally
from flowroi.live.status.token import new_token, token_of_file

if TYPE_CHECKING:
    from flowroi.live.run import Run

# A status is made anew after so long; until then all get the same one.
_FRESH_S = 0.5
# Whoever has asked within this time is looking, and is shown the end.
_LOOKS_S = 6.0
_LAST_LOOK_S = 2.5


class Desk:
    """The status of one run, from before it begins until its end is seen; a context manager.

    Parameters
    ----------
    options : LiveOptions
        With a `status`.

    Raises
    ------
    MissingDependencyError
        Without Prometheus' client.
    InvalidParameterError
        If the token's file holds none.
    FlowRoIError
        If the address cannot be had, or the token's file not be read.
    """

    def __init__(self, options: LiveOptions) -> None:
        assert options.status is not None
        need("prometheus_client", extra="status")
        self._options = options
        self._token = _token(options)
        self._server = _server(options.status)
        self._tally, self._gains, self._newest = Tally(), Gains(), Newest()
        self._pictures = Pictures(self._newest)
        self._making = threading.Lock()
        self._made: tuple[float, Status] | None = None
        self._looked_at = float("-inf")
        self._end: tuple[str, str] | None = None

    def hear(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Take in an event of the run."""
        if kind == "started":
            # What is cut off now was told just now.
            earlier = [("", entry) for entry in self._run.intake.told]
            earlier += [(place.name, entry) for place in self._run.crew.places.values() for entry in place.told]
            for position, (what, text) in earlier:
                if what != "cut":
                    self._tally.recall(what, position, text)
        self._tally.hear(kind, facts)

    def beside(self, run: Run, tell: Callable[..., None]) -> LiveReport:
        """Run a run, and serve its status meanwhile.

        Parameters
        ----------
        run : Run
        tell : callable
            As the run's: is told where the status is.
        """
        self._run = run
        address = self._server.address
        site = Site(
            self._token,
            allowed_hosts(address, self._options.status_host),
            f"flowroi-{address.port}",
            self._status_for_a_look,
            self._picture,
        )
        sampler = Sampler(self._gains, self._newest, run.roots, run.settings.job, self._journals_to_measure)
        self._server.start(site.answer)
        sampler.start()
        try:
            tell("serving", **self._where(address))
            report = run.run()
            self._end = ("finished" if report.finished else "stopped"), report.reason
            self._made = None
            if time.monotonic() - self._looked_at < _LOOKS_S:
                run.abandon.wait(_LAST_LOOK_S)
            return report
        finally:
            sampler.stop()

    def _where(self, address: Address) -> dict[str, Any]:
        """Return what is told of the address; a token that a file keeps is not repeated, where logs would keep it."""
        file = self._options.status_token_file
        facts: dict[str, Any] = {"url": f"http://{address}/", "token_file": None, "message": ""}
        if file is None:
            facts["url"] += f"?token={self._token}"
            facts["message"] = f"the status is at {facts['url']}"
        else:
            facts["token_file"] = str(file)
            facts["message"] = f"the status is at {facts['url']}?token=..., with the token that is in {file}"
        if not is_loopback(self._server.host):
            facts["message"] += "; other machines reach it, unencrypted"
        return facts

    def status(self) -> Status:
        """Return how the run stands, as of half a second ago at most."""
        with self._making:
            now = time.monotonic()
            if self._made is None or now - self._made[0] > _FRESH_S:
                self._made = now, snapshot_of(self._run, self._tally, self._gains, end=self._end)
            return self._made[1]

    def _status_for_a_look(self) -> Status:
        self._looked_at = time.monotonic()
        return self.status()

    def _picture(self, number: int) -> Picture | None:
        with self._run.crew.lock:
            places = list(self._run.crew.places.values())
        return self._pictures.of(places[number].journal.path) if number < len(places) else None

    def _journals_to_measure(self) -> list[tuple[str, Path]]:
        if self.status().state != "watching":
            return []
        with self._run.crew.lock:
            return [(place.name, place.journal.path) for place in self._run.crew.places.values() if place.durable]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()


def _token(options: LiveOptions) -> str:
    file = options.status_token_file
    if file is None:
        return new_token()
    try:
        return token_of_file(Path(file))
    except OSError as error:
        raise FlowRoIError(
            f"the token's file cannot be used ({error.strerror}); nothing was done", path=Path(file)
        ) from error


def _server(text: str | int) -> StatusServer:
    address = Address.parse(text)
    try:
        return StatusServer(address)
    except OSError as error:
        raise InvalidParameterError(
            f"the status cannot be served at {address} ({error.strerror or error}); nothing was done: "
            "choose another port, or 0 for any that is free"
        ) from error
