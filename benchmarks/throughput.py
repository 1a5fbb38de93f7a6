"""The whole job against OpenJPEG: TIFF in, OME-TIFF out, on all cores, side by side in one run; and its memory.

    python benchmarks/throughput.py [--frames 450] [--repeats 3] [--workers 2] [--pool processes] [--options ...]

OpenJPEG (through Pillow) does the same with a pool of threads or of processes: reads the frames of the TIFF, encodes
them plainly at the rate, writes an OME-TIFF. Pillow holds Python's lock while it encodes, so processes are the stronger
opponent. It finds no RoI, makes no checksums and no manifest. Both run as whole programs. Printed: frames/s of both,
their ratio, and the peak memory of `flowroi compress` on the whole movie and on its first fifth.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import tifffile

from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.resources import available_cores
from flowroi.synthetic import iter_synthetic

JPEG_2000 = 34712
POOLS: dict[str, type[Executor]] = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}


def make(path: Path, frames: int) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for made in islice(iter_synthetic(seed=731), frames):
            writer.write(made.frame, photometric="minisblack", contiguous=True)


def openjpeg(source: Path, target: Path, rate: float, workers: int, executor: type[Executor]) -> None:
    with tifffile.TiffFile(source) as tiff, executor(workers) as pool:
        series = tiff.series[0]
        frames, height, width = series.shape
        stored = series.dataoffset
        streams = pool.map(partial(encode, source, stored, (height, width), rate), range(frames), chunksize=4)
        with tifffile.TiffWriter(target, ome=True, bigtiff=True) as writer:
            writer.write(
                streams,
                shape=(frames, height, width),
                dtype="uint8",
                tile=(-(-height // 16) * 16, -(-width // 16) * 16),
                compression=JPEG_2000,
                photometric="minisblack",
                metadata={"axes": "TYX"},
            )


def encode(source: Path, offset: int, shape: tuple[int, int], rate: float, t: int) -> bytes:
    frame = np.memmap(source, np.uint8, "r", offset + t * shape[0] * shape[1], shape)
    return openjpeg_encode(frame, rate)


def run(command: list[str]) -> tuple[float, float]:
    """Return seconds, and MB of memory at the peak."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{shlex.join(command)} failed")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=450)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--pool", choices=POOLS, default="threads", help="of OpenJPEG")
    parser.add_argument("--options", default="", help="more options for `flowroi compress`")
    parser.add_argument("--openjpeg", nargs=2, type=Path, metavar=("SOURCE", "TARGET"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.openjpeg:
        multiprocessing.set_start_method("fork")
        openjpeg(*args.openjpeg, args.rate, args.workers, POOLS[args.pool])
        return
    with tempfile.TemporaryDirectory(prefix="flowroi-throughput-") as name:
        folder = Path(name)
        make(folder / "movie.tif", args.frames)
        make(folder / "fifth.tif", max(2, args.frames // 5))

        def ours(source: str) -> list[str]:
            flags = f"--overwrite --rate {args.rate} --workers {args.workers} {args.options}"
            command = [sys.executable, "-m", "flowroi", "compress", str(folder / source)]
            return [*command, "-o", str(folder / "ours.ome.tif"), *shlex.split(flags)]

        flags = ["--rate", str(args.rate), "--workers", str(args.workers), "--pool", args.pool]
        places = ["--openjpeg", str(folder / "movie.tif"), str(folder / "theirs.ome.tif")]
        theirs = [sys.executable, __file__, *flags, *places]
        pairs = [(run(theirs)[0], *run(ours("movie.tif"))) for _ in range(args.repeats)]
        sizes = [(folder / which).stat().st_size for which in ("theirs.ome.tif", "ours.ome.tif")]
        fifth = run(ours("fifth.tif"))[1]
    slow, fast = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    print(f"{args.frames} frames, {args.rate:g}:1, {args.workers} workers, median of {args.repeats} interleaved runs")
    print(f"OpenJPEG in {args.pool} {args.frames / slow:.1f} frames/s ({sizes[0] / 1e6:.2f} MB)")
    print(f"FlowRoI  {args.frames / fast:.1f} frames/s ({sizes[1] / 1e6:.2f} MB): x{ratio:.2f}")
    print(f"peak memory of FlowRoI: {max(pair[2] for pair in pairs):.0f} MB; on the first fifth {fifth:.0f} MB")


if __name__ == "__main__":
    main()
