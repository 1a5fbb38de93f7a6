"""`flowroi watch` beside an instrument: what it loses, how far behind it is, whether its memory grows.

    python benchmarks/live_soak.py [--wells 64] [--frames 450] [--per-second 8] [--workers 2] [--options ...]

The instrument is a process of its own that writes BMP files of 864x648 into one folder, each under its own name in
three pieces, well after well and frame after frame, at the rate asked for; `--per-second 0` is as fast as it can. Its
frames come from a few synthetic movies, forwards and backwards, each stamped with its well and time, so that no two
files are equal. It notes the SHA-256 of every file, and when it was complete.

Printed: the files whose SHA-256 the finished archives do not name, in their order, once each (0 is wanted); the lag
from a file's completion to its frame on the disk, over all frames and without the first nine of each well, which wait
for each other where the target is the camera's noise; that from a file's turn, as `flowroi watch` itself tells it; the
processor time an image; and the memory, from when every well had 60 frames, and so a full background, to the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from flowroi.archives.plate import open_plate_archive
from flowroi.plates.base import row_name
from flowroi.resources import available_cores
from flowroi.synthetic import iter_synthetic

_COLUMNS = 12
_MARKER = "DONE"
_OPENING_FRAMES = 9
# From here on a well has all the frames of its background that it will have.
_SETTLED_FRAMES = 60
_SAMPLE_S = 2.0
_PIXELS_A_CELL = 4000


def name_of(well: int, t: int) -> str:
    return f"{row_name(well // _COLUMNS + 1)}{well % _COLUMNS + 1:02}_f00_t{t:05}_c0.bmp"


def pool_of(movies: int, frames: int, size: tuple[int, int]) -> list[list[np.ndarray]]:
    cells = size[0] * size[1] // _PIXELS_A_CELL
    made = (iter_synthetic(seed=731 + n, height=size[0], width=size[1], cells=cells) for n in range(movies))
    return [[one.frame for one in islice(movie, frames)] for movie in made]


def stamped(pool: list[list[np.ndarray]], well: int, t: int) -> bytes:
    """Return frame t of a well as a file: its movie goes back and forth, and the last pixels say which it is."""
    movie = pool[well % len(pool)]
    at = t % max(1, 2 * len(movie) - 2)
    frame = movie[at if at < len(movie) else 2 * len(movie) - 2 - at].copy()
    frame[-1, -5:] = [well % 256, t % 251, t // 251 % 251, (well + t) % 241, 0]
    return cv2.imencode(".bmp", frame)[1].tobytes()


def write_slowly(place: Path, data: bytes) -> None:
    third = -(-len(data) // 3)
    with place.open("wb", buffering=0) as out:
        for start in range(0, len(data), third):
            out.write(data[start : start + third])


def instrument(folder: Path, log: Path, args: argparse.Namespace) -> None:
    """Write the plate at its rate; then the marker of the end."""
    pool = pool_of(args.movies, args.pool, tuple(args.size))
    began = time.monotonic()
    with log.open("w", buffering=1 << 20) as out:
        for n in range(args.wells * args.frames):
            t, well = divmod(n, args.wells)
            if args.per_second:
                time.sleep(max(0.0, began + n / args.per_second - time.monotonic()))
            data = stamped(pool, well, t)
            write_slowly(folder / name_of(well, t), data)
            sha256 = hashlib.sha256(data).hexdigest()
            out.write(json.dumps([name_of(well, t), sha256, time.monotonic()]) + "\n")
    (folder / _MARKER).touch()


class Watched:
    """`flowroi watch` as a program: its events with the time when they came, and its memory."""

    def __init__(self, command: list[str]) -> None:
        self.events: list[tuple[float, dict[str, Any]]] = []
        self.frames: dict[str, tuple[float, int]] = {}
        self.memory: list[tuple[float, int, int]] = []
        self.cpu_s = 0.0
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["type"] == "frame":
                self.frames[event["file"]] = time.monotonic(), event["frame"]
            else:
                self.events.append((time.monotonic(), event))

    def join(self, wanted: int, writer: multiprocessing.process.BaseProcess) -> int:
        """Wait for the end, and meanwhile say how it goes."""
        told = 0.0
        while self.process.poll() is None:
            time.sleep(_SAMPLE_S)
            if writer.exitcode:
                self.process.kill()
            now = time.monotonic()
            try:
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                break
            resident = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
            if resident:
                self.memory.append((now, len(self.frames), int(resident[0])))
                self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            if now - told > 60:
                told = now
                print(f"  {len(self.frames)} of {wanted} frames, {resident} kB", file=sys.stderr, flush=True)
        self._reader.join()
        return self.process.wait()

    @property
    def finishing_at(self) -> float:
        return next((at for at, event in self.events if event["type"] == "finishing"), float("inf"))


def lost_of(target: Path, written: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return the files that the archives do not name rightly and once, and what else is wrong with them."""
    left, wrong = dict(written), []
    with open_plate_archive(target) as plate:
        for position in plate.positions:
            with plate.open(position) as archive:
                sources = archive.manifest["source"]["files"]
                names = [file["name"] for file in sources]
                if names != sorted(names) or len(names) != len(archive):
                    wrong.append(f"{position}: {len(names)} files of {len(archive)} frames, not in their order")
                for file in sources:
                    if left.get(file["name"]) == file["sha256"]:
                        del left[file["name"]]
                    else:
                        wrong.append(f"{position}: {file['name']} twice, or not as it was written")
    return sorted(left), wrong


def summary(lags: list[float]) -> str:
    if not lags:
        return "none"
    ordered = sorted(lags)
    p99 = ordered[-(-99 * len(ordered) // 100) - 1]
    return f"median {statistics.median(ordered):.2f} s, p99 {p99:.2f} s, max {ordered[-1]:.2f} s ({len(ordered)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wells", type=int, default=64)
    parser.add_argument("--frames", type=int, default=450)
    parser.add_argument("--per-second", type=float, default=8.0, help="images; 0 for as fast as it can")
    parser.add_argument("--size", type=int, nargs=2, default=(864, 648), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--movies", type=int, default=4, help="that differ")
    parser.add_argument("--pool", type=int, default=60, help="frames of each")
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--options", default="", help="more options for `flowroi watch`")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one by default")
    args = parser.parse_args()
    wanted = args.wells * args.frames
    with tempfile.TemporaryDirectory(prefix="flowroi-soak-", dir=args.folder) as name:
        incoming, target, log = Path(name, "incoming"), Path(name, "plate.ome.zarr"), Path(name, "written.jsonl")
        incoming.mkdir()
        command = [sys.executable, "-m", "flowroi", "watch", str(incoming), "-o", str(target), "--json", "--verbose"]
        command += ["--end-marker", _MARKER, "--workers", str(args.workers), *shlex.split(args.options)]
        began = time.monotonic()
        watched = Watched(command)
        writer = multiprocessing.get_context("spawn").Process(target=instrument, args=(incoming, log, args))
        writer.start()
        code = watched.join(wanted, writer)
        writer.join()
        took = time.monotonic() - began
        if not target.exists():
            raise SystemExit(f"flowroi watch ended with {code}, and made no archives")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        missing, wrong = lost_of(target, {file: sha256 for file, sha256, _ in lines})
        complete = {file: at for file, _, at in lines}
        tell(args, watched, complete, code=code, took=took, missing=missing, wrong=wrong)
        shutil.rmtree(incoming)
    if code or missing or wrong or len(lines) != wanted:
        raise SystemExit("not all is in the archives as it was written")


def tell(
    args: argparse.Namespace,
    watched: Watched,
    complete: dict[str, float],
    *,
    code: int,
    took: float,
    missing: list[str],
    wrong: list[str],
) -> None:
    frames = len(watched.frames)
    span = max(complete.values()) - min(complete.values())
    print(f"{args.wells} wells x {args.frames} frames of {args.size[0]}x{args.size[1]}, {args.workers} workers")
    print(f"written {len(complete)} files in {span:.0f} s, {len(complete) / max(span, 1e-9):.1f} a second; exit {code}")
    print(f"lost {len(missing)} {missing[:5]}; otherwise wrong {len(wrong)} {wrong[:5]}")
    last = max(at for at, _ in watched.frames.values())
    print(f"coded {frames} frames, the last one {last - max(complete.values()):.1f} s after the last file")
    print(f"all in all {took:.0f} s, of it {took - (last - min(complete.values())):.0f} s start and archives")
    lags = {file: at - complete[file] for file, (at, _) in watched.frames.items()}
    later = [lag for file, lag in lags.items() if watched.frames[file][1] >= _OPENING_FRAMES]
    print("lag from complete file to disk:", summary(list(lags.values())))
    print(f"  without the first {_OPENING_FRAMES} frames of each well:", summary(later))
    finished = next((event for _, event in watched.events if event["type"] == "finished"), {})
    print("lag from a file's turn, as it tells:", finished.get("lag_s"))
    kinds = [event["type"] for _, event in watched.events]
    print("events:", {kind: kinds.count(kind) for kind in sorted(set(kinds))})
    behind = [event["behind_s"] for _, event in watched.events if event["type"] == "lag"]
    print(f"furthest behind, as it tells: {max(behind, default=0.0):.1f} s")
    print(f"processor time: {1000 * watched.cpu_s / max(1, frames):.1f} ms an image, archives included")
    warm = [(n, kb) for at, n, kb in watched.memory if n >= _SETTLED_FRAMES * args.wells and at < watched.finishing_at]
    if len(warm) >= 10:
        tenth = max(1, len(warm) // 10)
        first, final = (statistics.median(kb for _, kb in part) for part in (warm[:tenth], warm[-tenth:]))
        print(
            f"memory: {first / 1024:.0f} MB once every well had {_SETTLED_FRAMES} frames, "
            f"{final / 1024:.0f} MB at the end ({final / first - 1:+.1%}), "
            f"most {max(kb for *_, kb in watched.memory) / 1024:.0f} MB"
        )


if __name__ == "__main__":
    main()
