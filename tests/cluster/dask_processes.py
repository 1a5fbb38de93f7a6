"""A scheduler and workers of Dask as a user would start them: processes of their own, which can be killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

LIMIT_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DaskProcesses:
    """Starts them in a folder, which is theirs; `close` ends all."""

    def __init__(self, folder, *, nanny=False):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.nanny = nanny
        self.scheduler = None
        self.workers = []
        self._count = 0

    def start_scheduler(self, *, environment=None):
        arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._start("scheduler", *arguments, environment=environment)
        wait_until(self._answers)
        return self.scheduler

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start_worker(self, *, threads=1, environment=None, cwd=None, within=()):
        arguments = ["--host", "127.0.0.1", "--nthreads", str(threads), "--no-dashboard"]
        arguments += ["--nanny" if self.nanny else "--no-nanny", "--memory-limit", "0"]
        arguments += ["--local-directory", str(self.folder / "scratch")]
        process = self._start("worker", self.address, *arguments, environment=environment, cwd=cwd, within=within)
        self.workers.append(process)
        return process

    def wait_for_workers(self):
        """Wait until all workers are with the scheduler."""
        logs = list(self.folder.glob("worker-*.log"))
        wait_until(lambda: all(b"Starting established connection" in log.read_bytes() for log in logs))

    def close(self):
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(LIMIT_S)

    def _start(self, kind, *arguments, environment=None, cwd=None, within=()):
        self._count += 1
        command = [*within, sys.executable, "-m", "dask", kind, *arguments]
        with (self.folder / f"{kind}-{self._count}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=cwd or self.folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def wait_until(holds, *, limit_s=LIMIT_S):
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.02)
