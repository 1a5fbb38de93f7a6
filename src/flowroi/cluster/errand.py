"""What a worker of a cluster is asked to do, and what it answers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from flowroi.errors import InvalidParameterError
from flowroi.processes import can_be_sent

# Called with (argument, threads, progress).
Work = Callable[[Any, int, Callable[[int, int], None]], Any]


@dataclass(frozen=True, slots=True)
class Errand:
    """An archive to be made by a worker, from beginning to end.

    Parameters
    ----------
    name : str
        For messages.
    place : Path
        Where the archive is to be, absolute.
    folder : Path
        That holds the place, and that the worker must see as the command does: they prove it to each other there.
    sources : tuple of Path
        What is read, absolute: the worker must see it.
    work : callable
        Makes it; of a module that workers have. Doing it again is safe.
    argument : object
        What `work` is given; it can be pickled.
    """

    name: str
    place: Path
    folder: Path
    sources: tuple[Path, ...]
    work: Work
    argument: Any

    def packed(self) -> bytes:
        """Return what is sent.

        Raises
        ------
        InvalidParameterError
            If it cannot be sent.
        """
        if not can_be_sent((self.work, self.argument)):
            raise InvalidParameterError(
                f"{self.name} cannot be sent to a cluster: something of it is defined in the caller's own program, or "
                "cannot be pickled; define it in a module, or compress on this machine"
            )
        return pickle.dumps((self.work, self.argument))


class Terms(TypedDict):
    """What goes with an errand, in plain types: a worker of another release must be able to read it, and say so."""

    versions: dict[str, str]
    lease: str
    secret: str
    sources: list[str]
    place: str
    topic: str
    number: int
    attempt: int


# What a worker answers: what it is, then the result, the error, or a reason.
DONE, FAILED, UNFIT, LATER = "done", "failed", "unfit", "later"
