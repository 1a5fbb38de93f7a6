"""What the status of a live run costs: frames a second with a page and Prometheus looking on, beside none.

    python benchmarks/live_status.py                          # 8 wells of 30 frames, 864x648
    python benchmarks/live_status.py --wells 4 --frames 12 --repeats 3

All files are there when the run begins, so that it codes as fast as it can: the worst case for whoever takes time from
it. Somebody asks for status, picture and metrics every two seconds, which a page does at most, from the same process,
whose work is counted in. Runs alternate; ratios are medians of pairs: of the time on the clock, which other work on the
machine disturbs, and of processor time. Then what a picture takes, and measuring the gain of a frame.
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
from flowroi.live.status.picture import overlay_png
from flowroi.synthetic import synthetic_movie, write_synthetic_plate


def look(url: str, stop: threading.Event) -> None:
    """Ask as a page and Prometheus do."""
    base, token = url.split("?token=")
    headers = {"Authorization": f"Bearer {token}"}
    while not stop.wait(2):
        for path in ("status.json", "overlay/0.png", "metrics"):
            try:
                request = urllib.request.Request(base + path, headers=headers)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    answer.read()
            except OSError:
                continue


def coding_seconds(source: Path, folder: Path, frames: int, *, shown: bool) -> tuple[float, float]:
    """Return the time from the first frame to the last, archives left out: on the clock, and of processors."""
    times: list[tuple[float, float]] = []
    stop = threading.Event()
    looker: threading.Thread | None = None

    def tell(kind: str, facts: dict[str, object]) -> None:
        nonlocal looker
        if kind == "serving":
            looker = threading.Thread(target=look, args=(facts["url"], stop))
            looker.start()
        elif kind == "frame":
            times.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory(dir=folder) as place:
        watch(source, Path(place, "out"), tell=tell, frames=frames, settle_s=0.5, status="0" if shown else None)
    stop.set()
    if looker is not None:
        looker.join()
    return times[-1][0] - times[0][0], times[-1][1] - times[0][1]


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
            ratios.append([one / other for one, other in zip(took[True], took[False], strict=True)])
            clock, processor = ratios[-1]
            print(f"pair {n + 1}: time {clock:.3f}, processor time {processor:.3f}", flush=True)
        clock, processor = (statistics.median(values) for values in zip(*ratios, strict=True))
        print(f"with a status over without: time {clock:.3f}, processor time {processor:.3f}")
    movie = synthetic_movie(frames=3, height=height, width=width, cells=60, seed=1)
    for frame, labels in zip(movie.frames, movie.labels, strict=True):
        ours = encode(frame, labels > 0, rate=40)
        before = time.thread_time()
        plain_bytes(frame, decode(ours), labels > 0)
        took_s = time.thread_time() - before
        before = time.thread_time()
        overlay_png(decode(ours), labels > 0)
        print(f"a picture: {time.thread_time() - before:.3f} s")
        print(f"a gain measured: {took_s:.2f} s of a processor, every 30 s {took_s / 30:.2%} of a core")


if __name__ == "__main__":
    main()
