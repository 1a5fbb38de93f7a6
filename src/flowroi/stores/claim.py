"""A claim on an output in a store: an object beside it that keeps a second writer off while the first one uploads.

Stores have no locks. The claim is put in one step where the store can do that (S3: If-None-Match), names its process,
and runs out unless it is renewed, so that one of a process that died does not hold for ever. It is also what tells
an upload that broke off from data of somebody else: only what a claim of ours was begun for is gone on with.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flowroi.archives.atomic import hidden_beside
from flowroi.errors import FlowRoIError, MissingInputError, OutputExistsError, StoreError
from flowroi.stores.path import StorePath

MARK = ".flowroi-claim"
FORMAT = "flowroi-claim"
# An object that takes longer to upload than this may be taken over by another writer; see `confirm`.
LEASE_S = 900.0
_RENEW_S = 60.0
_MOST_BYTES = 1 << 16
_TRIES = 3


class Claim:
    """A context manager that holds an output; leaving it after an error gives it up, but remembers what was begun.

    Parameters
    ----------
    target : StorePath

    Attributes
    ----------
    place : StorePath
        Of the object.
    found_begun : bool
        Whether an upload to this output was begun before, and broke off.

    Raises
    ------
    OutputExistsError
        If another process is at it.
    """

    def __init__(self, target: StorePath) -> None:
        self.target = target
        self.place = claim_of(target)
        self.found_begun = False
        self._token = secrets.token_hex(16)
        self._begun = False
        self._renewed = 0.0

    def begin(self) -> None:
        """Write down that what is at the output from now on is ours: it was empty, or an archive of ours."""
        # Two may have taken over the claim of a dead one at the same moment: the last of them has it.
        self.confirm()
        self._begun = True
        self._put(LEASE_S)

    def renew(self) -> None:
        """Hold it for longer, if it was not renewed a moment ago."""
        if time.monotonic() - self._renewed > _RENEW_S:
            self.confirm()
            self._put(LEASE_S)

    def confirm(self) -> None:
        """Raise OutputExistsError if another process has taken the output over."""
        held = read_claim(self.place)
        if held is None or held["token"] != self._token:
            raise OutputExistsError(
                "another process took this output over, as this one had not renewed its claim in time; not finished: "
                "let one of them write it",
                path=self.target,
            )

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            if self.place.create(self._content(LEASE_S)):
                break
            held = read_claim(self.place)
            if held is not None:
                _refuse_held(self.target, held)
                self.found_begun = self.found_begun or held["begun"]
                self.place.unlink(missing_ok=True)
        # Where a store cannot do it in one step, both writers see one of the two claims now.
        self.confirm()
        self._renewed = time.monotonic()
        if self.found_begun:
            self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.place.unlink(missing_ok=True)
            return
        with suppress(FlowRoIError, StoreError):
            self.confirm()
            if self._begun:
                self._put(0.0)
            else:
                self.place.unlink(missing_ok=True)

    def _put(self, seconds: float) -> None:
        self.place.write(self._content(seconds))
        self._renewed = time.monotonic()

    def _content(self, seconds: float) -> bytes:
        content = {
            "format": FORMAT,
            "token": self._token,
            "host": socket.gethostname(),
            "machine": _machine(),
            "pid": os.getpid(),
            "begun": self._begun,
            "until": time.time() + seconds if seconds else 0.0,
        }
        return json.dumps(content, sort_keys=True).encode()


def claim_of(target: StorePath) -> StorePath:
    """Return where the claim on an output is."""
    return target.with_name(hidden_beside(Path(target.name), MARK).name)


def read_claim(place: StorePath) -> dict[str, Any] | None:
    """Return what a claim says; None where there is none.

    Raises
    ------
    OutputExistsError
        If what is there is no claim of ours.
    """
    try:
        data = place.read_part(0, _MOST_BYTES)
    except MissingInputError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return None
    try:
        held = json.loads(data)
        if held["format"] == FORMAT and isinstance(held["begun"], bool) and isinstance(held["token"], str):
            return {**held, "until": float(held["until"]), "pid": int(held["pid"]), "host": str(held["host"])}
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise OutputExistsError("is where our claim on an output goes, and is none; nothing was written", path=place)


def _refuse_held(target: StorePath, held: dict[str, Any]) -> None:
    """Raise OutputExistsError if the process that put a claim may be alive."""
    left = held["until"] - time.time()
    if left <= 0 or (held.get("machine") == _machine() and not _is_alive(held["pid"])):
        return
    raise OutputExistsError(
        f"another process is writing this output (on {held['host']}, process {held['pid']}); nothing was written: wait "
        f"for it. If it is dead, its claim runs out in {left:.0f} s",
        path=target,
    )


def _machine() -> str:
    """Return what tells apart machines, and containers on them, whose process numbers are not the same."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return secrets.token_hex(16)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
