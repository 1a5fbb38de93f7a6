"""A plate on a cluster whose workers and scheduler are killed at random moments: each well once, the same bytes?

`python benchmarks/cluster_kills.py [--kills 50] [--scheduler-kills 5] [--workers 3] [--wells 16] [--frames 30]
[--size 192 256] [--seed 1]`: `dask scheduler` and `dask worker` as processes of this machine, each started anew when it
was killed (`kill -9`). A command that ends with positions that failed (3 of their workers died) is given again.
Exit code 1 if anything differs, hangs, or is left behind.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from flowroi.plates import Position
from flowroi.synthetic import write_synthetic_plate
from plate_kills import digests

LIMIT_S = 600
TARGETS = {"a folder of OME-TIFF": "plate", "OME-Zarr 0.5": "plate.ome.zarr"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--scheduler-kills", type=int, default=5)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--wells", type=int, default=16)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--size", type=int, nargs=2, default=(192, 256), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=3.0, help="seconds from kill to kill, on average")
    args = parser.parse_args()
    wells = [Position(f"{'ABCDEFGH'[n // 12 % 8]}{n % 12 + 1}").well for n in range(args.wells)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        height, width = args.size
        write_synthetic_plate(folder / "raw", wells=wells, frames=args.frames, height=height, width=width, cells=6)
        print(f"{args.wells} wells x {args.frames} frames of {height}x{width}, {args.workers} workers", flush=True)
        with Cluster(folder / "dask", args.workers) as cluster:
            same = [killed(folder, what, target, cluster, args) for what, target in TARGETS.items()]
    sys.exit(0 if all(same) else 1)


class Cluster:
    """A scheduler and workers, which are started again when they were killed."""

    def __init__(self, folder: Path, workers: int) -> None:
        folder.mkdir()
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = self._start_scheduler()
        self.workers = [self._start_worker() for _ in range(workers)]

    def kill_worker(self, n: int) -> None:
        self._kill(self.workers[n])
        self.workers[n] = self._start_worker()

    def kill_scheduler(self) -> None:
        self._kill(self.scheduler)
        self.scheduler = self._start_scheduler()

    def keep_up(self) -> int:
        """Start workers again that ended without being killed, as they do when they lose their scheduler."""
        ended = [n for n, worker in enumerate(self.workers) if worker.poll() is not None]
        for n in ended:
            self.workers[n] = self._start_worker()
        return len(ended)

    def _start_scheduler(self) -> subprocess.Popen[bytes]:
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def _start_worker(self) -> subprocess.Popen[bytes]:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0", "--host", "127.0.0.1"]
        return self._start("worker", self.address, *options, "--local-directory", str(self.folder / "scratch"))

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}.log").open("ab") as log:
            command = [sys.executable, "-m", "dask", kind, *arguments]
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(LIMIT_S)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, self.scheduler]:
            self._kill(process)


def killed(folder: Path, what: str, name: str, cluster: Cluster, args: argparse.Namespace) -> bool:
    """Kill until so many kills are done, then let the plate be finished; tell what came of it."""
    chance = random.Random(args.seed)
    whole, target = folder / f"whole_{name}", folder / name
    if start(folder, whole, []).wait(LIMIT_S) != 0:
        sys.exit("the undisturbed run failed")
    expected = digests(whole)
    kinds = ["worker"] * args.kills + ["scheduler"] * args.scheduler_kills
    chance.shuffle(kinds)
    done: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    at_work = restarted = hung = 0
    same = True
    longest, started = 0.0, time.perf_counter()
    while kinds or not codes[0]:
        began = time.perf_counter()
        child = start(folder, target, ["--cluster", cluster.address])
        next_kill = time.monotonic() + chance.random() * 2 * args.every
        while child.poll() is None:
            restarted += cluster.keep_up()
            if time.perf_counter() - began > LIMIT_S:
                hung += 1
                child.kill()
            if kinds and time.monotonic() >= next_kill and work_of(folder, name).is_dir():
                at_work += any(work_of(folder, name).rglob(".*.claim.flowroi-part"))
                kind = kinds.pop()
                if kind == "worker":
                    cluster.kill_worker(chance.randrange(args.workers))
                else:
                    cluster.kill_scheduler()
                done[kind] += 1
                next_kill = time.monotonic() + chance.random() * 2 * args.every
            time.sleep(0.02)
        code = child.wait(LIMIT_S)
        longest = max(longest, time.perf_counter() - began)
        codes[code] += 1
        if code == 0:
            same &= digests(target) == expected
            shutil.rmtree(target)
        elif code != 3:
            same = False
            print(f"the command ended with {code}: {(folder / 'said.log').read_text()[-2000:]}")
            if hung:
                break
    left = sorted(path.name for path in folder.glob(".*"))
    print(
        f"{what}: {done['worker']} kills of workers and {done['scheduler']} of schedulers, {at_work} of them with a "
        f"position under way; {restarted} workers ended by themselves and were started anew; {codes[0]} plates "
        f"finished, {codes[3]} commands ended with failed positions and were repeated; all {len(expected)} files "
        f"{'byte-equal' if same else 'NOT EQUAL'}; {hung} hung, the longest command {longest:.0f} s; left behind: "
        f"{', '.join(left) or 'nothing'}; {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return same and not left and not hung


def work_of(folder: Path, name: str) -> Path:
    return folder / f".{name}.flowroi-plate"


def start(folder: Path, target: Path, options: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flowroi", "compress", str(folder / "raw"), "-o", str(target), "--rate", "20"]
    with (folder / "said.log").open("ab") as said:
        return subprocess.Popen([*command, *options], stdout=said, stderr=said)


if __name__ == "__main__":
    main()
