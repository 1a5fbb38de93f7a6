"""What runs in a worker of a cluster: a look at whether it can do what is asked, then the work under a claim."""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from flowroi.archives.claim import Claim, claim_of, claimed
from flowroi.cluster.errand import DONE, FAILED, LATER, UNFIT, Terms
from flowroi.cluster.lease import LeaseLost, Unfit, check, recognise
from flowroi.errors import OutputExistsError
from flowroi.processes import error_to_send
from flowroi.versions import codec_versions

_TELL_EVERY_S = 0.5
_MOST_NAMED = 5


def run(terms: Terms, threads: int, packed: bytes) -> tuple[str, Any]:
    """Do an errand, unless this worker is not fit for it, or another process is at it.

    Parameters
    ----------
    terms : Terms
    threads : int
        To use.
    packed : bytes
        Of the errand.

    Returns
    -------
    tuple of (str, object)
        ("done", result), ("failed", error), ("unfit", why this worker cannot do it), or ("later", the other's last
        sign of life), where it is to be asked for again.
    """
    import cv2

    # Threads of OpenCV would come on top of those of the worker.
    cv2.setNumThreads(1)
    place = Path(terms["place"])
    try:
        _check_fitness(terms)
    except Unfit as reason:
        return UNFIT, f"{socket.gethostname()}: {reason}"
    with ExitStack() as stack:
        try:
            claim = stack.enter_context(claimed(place))
        except OutputExistsError:
            return LATER, _last_sign(place)
        except FileNotFoundError:
            # The command has ended, and its folder has gone.
            return LATER, None
        except Exception as error:
            return FAILED, error_to_send(error)
        try:
            # Under the claim: from here on, no later command can be at this archive.
            check(Path(terms["lease"]))
            work, argument = pickle.loads(packed)  # noqa: S301 - of the command
            return DONE, work(argument, threads, _Progress(terms, claim))
        except LeaseLost:
            return LATER, None
        except Exception as error:
            return FAILED, error_to_send(error)


def _check_fitness(terms: Terms) -> None:
    """Raise Unfit unless this worker makes the same bytes, and sees the same files, as the command."""
    own, asked = codec_versions(), terms["versions"]
    differing = [
        f"{name} {own.get(name, 'is missing')}, expected {asked.get(name, 'none')}"
        for name in sorted({*own, *asked})
        if own.get(name) != asked.get(name)
    ]
    if differing:
        shown = "; ".join(differing[:_MOST_NAMED]) + ("; ..." if len(differing) > _MOST_NAMED else "")
        raise Unfit(f"its versions are not those of the command, and might make other bytes: {shown}")
    recognise(Path(terms["lease"]), terms["secret"])
    for source in terms["sources"]:
        if not os.path.exists(source):  # noqa: PTH110 - a string
            raise Unfit(f"it does not see the input {source}: workers need a file system that is shared")


class _Progress:
    """Tells the command how far the work is, leaves a sign of life, and stops when the command has gone."""

    def __init__(self, terms: Terms, claim: Claim) -> None:
        self._terms, self._claim = terms, claim
        self._told = time.monotonic()
        self._log = _event_log()

    def __call__(self, done: int, total: int) -> None:
        # Always at the end, before the archive gets its name.
        if done < total and time.monotonic() - self._told < _TELL_EVERY_S:
            return
        self._told = time.monotonic()
        check(Path(self._terms["lease"]))
        self._claim.sign()
        # Whoever does not hear of it shows less progress, no more.
        with suppress(Exception):
            self._log(self._terms["topic"], [self._terms["number"], self._terms["attempt"], done, total])


def _event_log() -> Callable[[str, Any], None]:
    from distributed import get_worker

    return get_worker().log_event


def _last_sign(place: Path) -> int | None:
    with suppress(OSError):
        return claim_of(place).stat().st_mtime_ns
    return None
