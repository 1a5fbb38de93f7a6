"""What the status of a live run costs: frames a second with a page and Prometheus looking on, beside none.

    python benchmarks/live_status.py                         # 8 wells of 30 frames, 864x648
    python benchmarks/live_status.py --wells 4 --frames 12 --repeats 3

All files are there when the run begins, so that it codes as fast as it can: the worst case for whoever takes time from
it. Somebody asks for the status twice a second, for a picture every second, and for the metrics every two. Runs
alternate; the ratio is the median of pairs. Then the gain of single frames: processor time and what was found.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from flowroi.codec import decode, encode
from flowroi.live import watch
from flowroi.live.status.gain import plain_bytes
from flowroi.synthetic import synthetic_movie, write_synthetic_plate


def look(url: str, stop: threading.Event) -> None:
    """Ask as a page and Prometheus do, and more often."""
    base, token = url.split("?token=")
    headers = {"Authorization": f"Bearer {token}"}
    turn = 0
    while not stop.wait(0.5):
        paths = ["status.json", *(["overlay/0.png"] if turn % 2 else []), *(["metrics"] if turn % 4 == 0 else [])]
        turn += 1
        for path in paths:
            try:
                request = urllib.request.Request(base + path, headers=headers)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answer.read()
            except OSError:
                continue


def coding_seconds(source: Path, folder: Path, frames: int, *, shown: bool) -> float:
    """Return the time from the first frame to the last, archives left out."""
    times: list[float] = []
    stop = threading.Event()
    looker: threading.Thread | None = None

    def tell(kind: str, facts: dict[str, object]) -> None:
        nonlocal looker
        if kind == "serving":
            looker = threading.Thread(target=look, args=(facts["url"], stop))
            looker.start()
        elif kind == "frame":
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory(dir=folder) as place:
        watch(source, Path(place, "out"), tell=tell, frames=frames, settle_s=0.5, status="0" if shown else None)
    stop.set()
    if looker is not None:
        looker.join()
    return times[-1] - times[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wells", type=int, default=8)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(648, 864), metavar=("HEIGHT", "WIDTH"))
    arguments = parser.parse_args()
    height, width = arguments.size
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), Path(name, "in")
        wells = [f"A{n + 1}" for n in range(arguments.wells)]
        write_synthetic_plate(source, wells=wells, frames=arguments.frames, height=height, width=width, cells=60)
        ratios = []
        for n in range(arguments.repeats):
            order = (True, False) if n % 2 else (False, True)
            took = {shown: coding_seconds(source, folder, arguments.frames, shown=shown) for shown in order}
            ratios.append(took[True] / took[False])
            print(f"pair {n + 1}: {took[True]:.1f} s with, {took[False]:.1f} s without, {ratios[-1]:.3f}", flush=True)
        print(f"time with a status over without, median of {len(ratios)}: {statistics.median(ratios):.3f}")
    movie = synthetic_movie(frames=3, height=height, width=width, cells=60, seed=1)
    for frame, labels in zip(movie.frames, movie.labels, strict=True):
        ours = encode(frame, labels > 0, rate=40)
        before = time.thread_time()
        plain = plain_bytes(frame, decode(ours), labels > 0)
        took_s = time.thread_time() - before
        gain = (plain or 0) / len(ours)
        print(f"gain of a frame: {gain:.2f}, {took_s:.2f} s of a processor: {took_s / 30:.2%} of a core every 30 s")


if __name__ == "__main__":
    main()
