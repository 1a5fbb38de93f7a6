"""`flowroi watch` under everything that goes wrong in weeks: killed, its disk full, its source unmounted.

    python benchmarks/live_faults.py [--kills 50] [--wells 16] [--frames 60] [--per-second 8] [--seed 1]

As root on Linux, since it mounts: the archives' disk is a tmpfs that is filled to the last byte twice, and the incoming
folder a bind mount that is taken away twice, while the instrument (the one of `live_soak.py`) goes on writing. All the
while `flowroi watch` is killed with SIGKILL at random moments and started again by the same command; in the end it is
left alone. Looked at: every file is in the archives once, by its SHA-256, in order; no frame was told as on the disk
twice; nothing hidden is left; and the manifests, which hold the digests of all bytes and pixels, are those of
`flowroi compress --look-ahead 0` on the same folder. Exit code 1 if anything is otherwise.
"""

from __future__ import annotations

import argparse
import errno
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowroi.archives.plate import open_plate_archive
from flowroi.plan import differences
from live_soak import instrument, lost_of

_LIMIT_S = 900.0
_PATIENCE_S = 15
_QUICK = ("--settle", "0.3", "--interval", "0.1", "--patience", str(_PATIENCE_S))


@contextmanager
def mounted(*arguments: str | Path) -> Iterator[None]:
    place = Path(arguments[-1])
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", *map(str, arguments)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


class Supervisor:
    """Starts `flowroi watch` again whenever it has ended, and notes what it tells."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.told: Counter[str] = Counter()
        self.frames: Counter[tuple[str, int]] = Counter()
        self.codes: Counter[int] = Counter()
        self.process: subprocess.Popen[str] | None = None
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.finished.is_set():
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            assert self.process.stdout is not None
            assert self.process.stderr is not None
            for line in self.process.stdout:
                self._note(line)
            said = self.process.stderr.read()
            code = self.process.wait()
            self.codes[code] += 1
            if code not in (0, -9):
                print(f"  exit code {code}: {said[-500:]}", file=sys.stderr, flush=True)
                time.sleep(0.5)

    def _note(self, line: str) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            # It was killed in the middle of a line.
            return
        self.told[event["type"]] += 1
        if event["type"] == "frame":
            self.frames[event["position"], event["time"][0]] += 1
        if event["type"] == "finished" and event["finished"]:
            self.finished.set()

    def kill(self) -> bool:
        """Kill it; False where it had ended."""
        process = self.process
        if process is None or process.poll() is not None or self.finished.is_set():
            return False
        process.kill()
        return True

    def wait_for(self, kind: str, count: int) -> None:
        deadline = time.monotonic() + 60
        while self.told[kind] < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"{kind} was not told")
            time.sleep(0.05)


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as out:
        size = 1 << 20
        while size:
            try:
                while True:
                    out.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 4
    return ballast


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--wells", type=int, default=16)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--per-second", type=float, default=8.0)
    parser.add_argument("--size", type=int, nargs=2, default=(162, 216), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.movies, args.pool = 4, 30
    if os.geteuid():
        raise SystemExit("it mounts and unmounts: start it as root")
    with tempfile.TemporaryDirectory(prefix="flowroi-faults-") as name:
        folder = Path(name)
        real = folder / "real"
        real.mkdir()
        with (
            mounted("-t", "tmpfs", "-o", "size=256m", "tmpfs", folder / "disk"),
            mounted("--bind", real, folder / "incoming"),
        ):
            good = run(folder, args)
    sys.exit(0 if good else 1)


def run(folder: Path, args: argparse.Namespace) -> bool:
    incoming, disk, real, log = folder / "incoming", folder / "disk", folder / "real", folder / "written.jsonl"
    target = disk / "plate.ome.zarr"
    quality = ("--psnr", "40", "--keep-masks")
    command = [sys.executable, "-m", "flowroi", "watch", str(incoming), "-o", str(target), "--json", "--verbose"]
    command += [*quality, *_QUICK, "--end-marker", "DONE"]
    chance = random.Random(args.seed)
    total = args.wells * args.frames
    writer = multiprocessing.get_context("spawn").Process(target=instrument, args=(real, log, args))
    writer.start()
    supervisor = Supervisor(command)
    supervisor.wait_for("frame", 1)
    began = time.monotonic()
    # By what has been coded, not by the clock.
    events: list[tuple[float, Callable[[], None]]] = [
        (0.25, lambda: disk_full(supervisor, disk)),
        (0.50, lambda: unmount(supervisor, real, incoming, killed=True)),
        (0.60, lambda: unmount(supervisor, real, incoming, killed=False)),
        (0.75, lambda: disk_full(supervisor, disk)),
    ]
    kills = 0
    while not supervisor.finished.is_set():
        if time.monotonic() - began > _LIMIT_S:
            raise SystemExit(f"no end after {_LIMIT_S:.0f} s: {dict(supervisor.told)}")
        coded = len(supervisor.frames)
        if events and coded >= events[0][0] * total:
            events.pop(0)[1]()
        elif kills < args.kills:
            supervisor.finished.wait(chance.uniform(0.2, 4.0))
            kills += supervisor.kill()
        else:
            supervisor.finished.wait(0.2)
    writer.join()
    supervisor._thread.join()
    return judge(folder, target, log, args, supervisor, kills, quality)


def disk_full(supervisor: Supervisor, disk: Path) -> None:
    """Fill the disk until it is told, kill it meanwhile once, and make room again."""
    ballast = fill(disk)
    stalled = supervisor.told["stalled"]
    supervisor.wait_for("stalled", stalled + 1)
    supervisor.kill()
    supervisor.wait_for("stalled", stalled + 2)
    ballast.unlink()
    print("  the disk was full", file=sys.stderr, flush=True)


def unmount(supervisor: Supervisor, real: Path, incoming: Path, *, killed: bool) -> None:
    """Take the incoming folder away until it is told, and give it back: to another process, or to the same one.

    That one has files in hand and in turn, and is left without them for longer than it waits for a missing frame.
    """
    lost = supervisor.told["source-lost"]
    subprocess.run(["umount", "-l", str(incoming)], check=True)
    supervisor.wait_for("source-lost", lost + 1)
    if killed:
        supervisor.kill()
        supervisor.wait_for("source-lost", lost + 2)
    time.sleep(2 if killed else _PATIENCE_S + 2)
    back = supervisor.told["source-back"]
    subprocess.run(["mount", "--bind", str(real), str(incoming)], check=True)
    supervisor.wait_for("source-back", back + 1)
    print("  the source was unmounted", file=sys.stderr, flush=True)


def judge(
    folder: Path,
    target: Path,
    log: Path,
    args: argparse.Namespace,
    supervisor: Supervisor,
    kills: int,
    quality: tuple[str, ...],
) -> bool:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    missing, wrong = lost_of(target, {file: sha256 for file, sha256, _ in lines})
    twice = [key for key, count in supervisor.frames.items() if count > 1]
    left = sorted(path.name for path in target.parent.iterdir() if path != target)
    other = folder / "plain.ome.zarr"
    (folder / "real" / "DONE").unlink()
    compress = [sys.executable, "-m", "flowroi", "compress", str(folder / "incoming"), "-o", str(other)]
    subprocess.run([*compress, *quality, "--look-ahead", "0"], check=True, capture_output=True)
    differ = []
    with open_plate_archive(target) as live, open_plate_archive(other) as clean:
        for position in clean.positions:
            with live.open(position) as one, clean.open(position) as two:
                differ += [f"{position}: {what}" for what in differences(one.manifest, two.manifest)]
    size = "x".join(map(str, args.size))
    print(f"{args.wells} wells x {args.frames} frames of {size}, {args.per_second:g} a second; {kills} random kills,")
    print("  and one more each while the disk was full (twice) and the source unmounted (once of two times)")
    print(f"starts: {sum(supervisor.codes.values())}, by exit code {dict(supervisor.codes)}")
    print("events:", dict(sorted(supervisor.told.items())))
    print(f"files lost {len(missing)} {missing[:5]}, otherwise wrong {len(wrong)} {wrong[:5]}")
    print(f"frames told as on the disk twice: {len(twice)} {twice[:5]}; left beside the plate: {left}")
    print(f"differences from `flowroi compress --look-ahead 0`: {len(differ)} {differ[:5]}")
    return not (missing or wrong or twice or left or differ) and len(lines) == args.wells * args.frames


if __name__ == "__main__":
    main()
