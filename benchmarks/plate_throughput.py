"""A whole plate against OpenJPEG: a TIFF a well in, an OME-TIFF a well out, side by side in one run; and its scaling.

    python benchmarks/plate_throughput.py [--wells 64] [--frames 60] [--workers 2] [--repeats 3] [--options ...]

A few synthetic movies of 864x648 stand for all wells, as links to the same files, so that the plate is quickly made
and read from memory. OpenJPEG (through Pillow) encodes all frames plainly, at the rate, with one pool of processes for
the whole plate, which never waits between wells; it finds no RoI, makes no checksums, and flushes nothing to the disk.
Both run as whole programs, by turns, with all workers and with one. Printed: frames/s of both and their ratio; how much
of the added cores comes out of either, as cores that share caches and threads of a core give less than their number;
and the memory of the largest process of `flowroi compress`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import shutil
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import tifffile

from flowroi.plates.base import row_name
from flowroi.resources import available_cores
from flowroi.synthetic import iter_synthetic
from throughput import JPEG_2000, encode, run

_COLUMNS = 12


def make(plate: Path, wells: int, frames: int, movies: int, size: tuple[int, int]) -> None:
    plate.mkdir()
    names = [f"{row_name(n // _COLUMNS + 1)}{n % _COLUMNS + 1}.tif" for n in range(wells)]
    for n, name in enumerate(names):
        if n >= movies:
            os.link(plate / names[n % movies], plate / name)
            continue
        with tifffile.TiffWriter(plate / name, bigtiff=True) as writer:
            for made in islice(iter_synthetic(seed=731 + n, height=size[0], width=size[1]), frames):
                writer.write(made.frame, photometric="minisblack", contiguous=True)


def openjpeg(plate: Path, target: Path, rate: float, workers: int) -> None:
    target.mkdir()
    sources = sorted(plate.iterdir())
    with tifffile.TiffFile(sources[0]) as tiff:
        (frames, height, width), offset = tiff.series[0].shape, tiff.series[0].dataoffset
    jobs = [(source, offset, (height, width), rate, t) for source in sources for t in range(frames)]
    with ProcessPoolExecutor(workers) as pool:
        streams = pool.map(encode, *zip(*jobs, strict=True), chunksize=4)
        for source in sources:
            with tifffile.TiffWriter(target / f"{source.stem}.ome.tif", ome=True, bigtiff=True) as writer:
                writer.write(
                    islice(streams, frames),
                    shape=(frames, height, width),
                    dtype="uint8",
                    tile=(-(-height // 16) * 16, -(-width // 16) * 16),
                    compression=JPEG_2000,
                    photometric="minisblack",
                    metadata={"axes": "TYX"},
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wells", type=int, default=64)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--movies", type=int, default=4, help="that differ")
    parser.add_argument("--size", type=int, nargs=2, default=(864, 648), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--options", default="", help="more options for `flowroi compress`")
    parser.add_argument("--openjpeg", nargs=2, type=Path, metavar=("PLATE", "TARGET"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.openjpeg:
        multiprocessing.set_start_method("fork")
        openjpeg(*args.openjpeg, args.rate, args.workers)
        return
    with tempfile.TemporaryDirectory(prefix="flowroi-plate-") as name:
        plate, target = Path(name, "plate"), Path(name, "out")
        make(plate, args.wells, args.frames, args.movies, tuple(args.size))
        command = [sys.executable, "-m", "flowroi", "compress", str(plate), "-o", str(target)]
        command += ["--rate", str(args.rate), *shlex.split(args.options), "--workers"]
        theirs = [
            sys.executable,
            __file__,
            "--rate",
            str(args.rate),
            "--openjpeg",
            str(plate),
            str(target),
            "--workers",
        ]
        memory = 0.0

        def seconds(command: list[str], workers: int) -> float:
            nonlocal memory
            shutil.rmtree(target, ignore_errors=True)
            taken, largest = run([*command, str(workers)])
            memory = largest if command is not theirs else memory
            return taken

        rounds = []
        for _ in range(args.repeats):
            rounds.append([seconds(what, n) for n in (args.workers, 1) for what in (theirs, command)])
            print("s:", *(f"{taken:.1f}" for taken in rounds[-1]), file=sys.stderr, flush=True)
    frames = args.wells * args.frames
    slow, fast, slow_alone, alone = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(one[0] / one[1] for one in rounds)
    efficiency = statistics.median(one[3] / one[1] for one in rounds) / args.workers
    theirs_too = statistics.median(one[2] / one[0] for one in rounds) / args.workers
    size = "x".join(map(str, args.size))
    print(f"{args.wells} wells x {args.frames} frames of {size}, {args.rate:g}:1, {args.workers} workers")
    print(f"OpenJPEG in processes {frames / slow:.1f} frames/s")
    print(f"FlowRoI {frames / fast:.1f} frames/s: x{ratio:.2f}, median of {args.repeats} interleaved rounds")
    print(f"with one worker {frames / alone:.1f} frames/s: scaling efficiency {efficiency:.2f}")
    print(f"OpenJPEG with one worker {frames / slow_alone:.1f} frames/s: scaling efficiency {theirs_too:.2f}")
    print(f"largest process of FlowRoI: {memory:.0f} MB")


if __name__ == "__main__":
    main()
