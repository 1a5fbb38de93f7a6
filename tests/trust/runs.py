"""Runs command lines in forks of a prepared process, each with a fault and a deadline."""

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.trust import table
from tests.trust.fault_library import Fault

ROOT = Path(__file__).resolve().parents[2]
# Long enough for a machine that does other things, too; a run takes a tenth of a second.
DEADLINE_S = 40
# Where everything hangs, the tests must end all the same.
_MOST_HUNG = 3
_START_S = 120


@dataclass(frozen=True)
class Outcome:
    """How a command line ended: its exit code, or the signal that ended it; `hung` past its deadline."""

    code: int | None
    signal: int | None
    hung: bool
    said: str
    calls: int | None
    log: tuple[tuple[str, str], ...]


class Runs:
    """The prepared process; a context manager that ends it."""

    def __init__(self, folder, library=None):
        self._folder = folder
        environment = {**environment_of_children(), "PYTHONWARNINGS": "ignore"}
        self.injects = library is not None
        if library is not None:
            environment["LD_PRELOAD"] = str(library)
        with (folder / "server-said").open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment,
                cwd=ROOT,
            )
        self._hung = 0
        self._answer(_START_S)

    def __call__(self, *arguments, below=None, fault=None, log=False, kill_after_s=None):
        """Run `flowroi ARGUMENTS`; faults concern calls that change what is below the folder `below`."""
        if self._hung >= _MOST_HUNG:
            raise RuntimeError(f"{self._hung} runs hung already")
        said, logged = self._folder / "said", self._folder / "log"
        logged.unlink(missing_ok=True)
        order = {
            "arguments": [str(argument) for argument in arguments],
            "folder": None if below is None or not self.injects else str(Path(below).resolve()),
            "fault": asdict(fault or Fault()),
            "log": str(logged) if log else None,
            "said": str(said),
            "deadline_s": DEADLINE_S,
            "kill_after_s": kill_after_s,
        }
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        ended = self._answer(DEADLINE_S + 20)
        self._hung += ended["hung"]
        table.elsewhere["seconds"] += ended.pop("processor_s")
        text = said.read_text(errors="replace") if said.exists() else ""
        calls = [int(line[6:]) for line in text.splitlines() if line.startswith("calls ")]
        lines = logged.read_text(errors="surrogateescape").splitlines() if logged.exists() else []
        entries = tuple((kind, path) for kind, _, path in (line.partition(" ") for line in lines))
        return Outcome(**ended, said=text, calls=calls[-1] if calls else None, log=entries)

    def _answer(self, limit_s):
        try:
            return json.loads(line_of(self._process, limit_s))
        except RuntimeError as error:
            self.close()
            said = (self._folder / "server-said").read_text(errors="replace")
            raise RuntimeError(f"the process that runs the command lines: {error}: {said}") from error

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=5)
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def environment_of_children():
    """Return the environment of a process that imports the tests, too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def line_of(process, limit_s):
    """Return the next line that a process prints; raises RuntimeError if it does not come in time."""
    deadline = time.monotonic() + limit_s
    pipe = process.stdout.fileno()
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(deadline - time.monotonic(), 0))
        # One byte at a time: what follows is for the next call.
        data = os.read(pipe, 1) if ready else b""
        if not data:
            raise RuntimeError("it ended" if ready else f"nothing was said for {limit_s} s")
        line += data
    return line
