"""An instrument made by code: it writes files well or badly, while a watcher runs beside it."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from flowroi.live import watch
from flowroi.synthetic import write_synthetic_plate

# No wait is longer.
DEADLINE_S = 120
# Quick enough for tests, slow enough for a machine that does other things, too.
QUICK = {"settle_s": 0.15, "interval_s": 0.05, "patience_s": 0.5, "workers": 2}


class Watcher:
    """`watch` in a thread of its own, with every event it tells."""

    def __init__(self, incoming, target, **options):
        self.events = []
        self.stop, self.abandon = threading.Event(), threading.Event()
        self.report = self.error = None
        self._thread = threading.Thread(target=self._run, args=(incoming, target, {**QUICK, **options}))
        self._thread.start()

    def _run(self, incoming, target, options):
        try:
            self.report = watch(
                incoming,
                target,
                tell=lambda kind, facts: self.events.append((kind, facts)),
                stop=self.stop,
                abandon=self.abandon,
                **options,
            )
        except BaseException as error:
            self.error = error

    def kinds(self):
        return [kind for kind, _ in self.events]

    def wait_for(self, kind, count=1):
        """Wait until so many events of a kind were told."""
        deadline = time.monotonic() + DEADLINE_S
        while self.kinds().count(kind) < count:
            assert self._thread.is_alive(), (self.error, self.events)
            assert time.monotonic() < deadline, self.events
            time.sleep(0.01)

    def join(self):
        self._thread.join(DEADLINE_S)
        if self._thread.is_alive():
            self.abandon.set()
            self._thread.join(DEADLINE_S)
            raise AssertionError(f"no end: {self.events}")
        if self.error is not None:
            raise self.error
        return self.report


@pytest.fixture
def watcher():
    """Start a watcher that does not outlive the test."""
    started = []

    def start(incoming, target, **options):
        started.append(Watcher(incoming, target, **options))
        return started[-1]

    yield start
    for one in started:
        one.abandon.set()
        one._thread.join(DEADLINE_S)


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Path:
    """A plate of two wells with twelve small frames each, as files."""
    folder = tmp_path_factory.mktemp("raw") / "plate"
    write_synthetic_plate(folder, wells=["A1", "B2"], frames=12, height=64, width=80, cells=3)
    return folder


@pytest.fixture
def incoming(tmp_path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def well_files(raw, well="A01"):
    return sorted(raw.glob(f"{well}_*"))


def put(file, incoming, name=None):
    """Write a file as good instruments do: under another name, then renamed."""
    part = incoming / f"{name or file.name}.part"
    shutil.copyfile(file, part)
    part.rename(incoming / (name or file.name))


def put_slowly(file, incoming, pieces=3, pause_s=0.08):
    """Write a file in pieces under its own name."""
    data = file.read_bytes()
    size = -(-len(data) // pieces)
    with (incoming / file.name).open("wb") as out:
        for start in range(0, len(data), size):
            out.write(data[start : start + size])
            out.flush()
            os.fsync(out.fileno())
            time.sleep(pause_s)
