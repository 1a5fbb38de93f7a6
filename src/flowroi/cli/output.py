"""What the verbs print: data on stdout, messages and progress on stderr, one JSON object a line where asked for."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowroi.errors import FlowRoIError, StoreError, printable

if TYPE_CHECKING:
    from flowroi.stores import StorePath


class Output:
    """Where a verb's results and messages go."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, kind: str, data: dict[str, Any], text: str) -> None:
        """Print a result: `text` for people, `data` for programs."""
        if self.as_json:
            print(json.dumps({"type": kind, **_strict(data)}, allow_nan=False), flush=True)
        else:
            print("\n".join(printable(line) for line in text.split("\n")), flush=True)

    def message(self, text: str) -> None:
        """Tell a person something that is not a result."""
        print(f"flowroi: {printable(text)}", file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """Tell a person about something to look at."""
        self.message(f"warning: {text}")

    def error(self, error: Exception, code: int, *, to_people: bool = True) -> None:
        """Say what went wrong; `to_people` is False where they were told already."""
        text = describe(error)
        if self.as_json:
            where = {"path": error.path, "frame": error.frame} if isinstance(error, FlowRoIError) else {}
            print(json.dumps({"type": "error", "message": text, **where, "exit_code": code}), flush=True)
        if to_people:
            self.message(f"error: {text}")
        self.notes(error)

    def notes(self, error: BaseException | None) -> None:
        """Tell a person what was added to an error on its way."""
        for note in getattr(error, "__notes__", ()):
            self.message(note)

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None] | None]:
        """Yield a callback (done, total) that draws a bar, if stderr is a terminal."""
        if not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(printable(what), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def shown(path: str | os.PathLike[str] | StorePath) -> str:
    r"""Return a path for a line of text: what would break the line or steer the terminal is escaped.

    Examples
    --------
    >>> shown("a\nb")
    'a\\nb'
    """
    return printable(str(path))


def describe(error: Exception) -> str:
    """Return one line that says what went wrong."""
    if isinstance(error, FlowRoIError):
        return str(error)
    if hasattr(error, "format_message"):
        return str(error.format_message())
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror or error}; nothing incomplete was left behind"
    if isinstance(error, MemoryError):
        return "not enough memory; nothing incomplete was left behind: use fewer --workers"
    return f"{type(error).__name__}: {error}; this is a fault of FlowRoI's: report it with what --debug shows"


def _strict(value: Any) -> Any:
    """Replace what JSON cannot hold: infinities and NaN become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value


def size_text(size_bytes: float) -> str:
    """Write a size for people.

    Examples
    --------
    >>> size_text(999), size_text(21_500_000)
    ('999 B', '21.5 MB')
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes:.0f} B"
