"""Thread scaling of `compress`: one worker against several, in turn.

`python benchmarks/scaling.py [MOVIE] [--workers 2] [--frames 60] [--repeats 5]`, on a synthetic movie by default.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import tifffile

from flowroi import compress, synthetic_movie


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", nargs="?")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        movie = args.movie
        if movie is None:
            movie = folder / "movie.tif"
            frames = synthetic_movie(frames=args.frames).frames
            tifffile.imwrite(movie, frames, photometric="minisblack", metadata={"axes": "TYX"})
        compress(movie, folder / "warm.ome.tif", rate=40, workers=args.workers)
        seconds: dict[int, list[float]] = {1: [], args.workers: []}
        for _ in range(args.repeats):
            for workers, times in seconds.items():
                start = time.perf_counter()
                compress(movie, folder / "a.ome.tif", rate=40, workers=workers, overwrite=True)
                times.append(time.perf_counter() - start)
        ratios = [a / b for a, b in zip(seconds[1], seconds[args.workers], strict=True)]
        print(
            f"{args.workers} workers {statistics.median(ratios):.2f} times as fast as one "
            f"(pair by pair {min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
