"""A plate that is killed at random moments and gone on with: byte for byte that of a run that was never interrupted?

`python benchmarks/plate_kills.py [--kills 20] [--wells 16] [--frames 60] [--size 96 128] [--seed 1]`, for a folder of
OME-TIFF files and for an OME-Zarr plate. Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flowroi.plates import Position
from flowroi.synthetic import write_synthetic_plate

TARGETS = {"a folder of OME-TIFF": "plate", "OME-Zarr 0.5": "plate.ome.zarr"}
LIMIT_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--wells", type=int, default=16)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    wells = [Position(f"{'ABCDEFGH'[n // 12 % 8]}{n % 12 + 1}").well for n in range(args.wells)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        height, width = args.size
        write_synthetic_plate(folder / "raw", wells=wells, frames=args.frames, height=height, width=width, cells=4)
        print(f"{args.wells} wells x {args.frames} frames of {height}x{width}, {args.kills} kills")
        same = [killed(folder, what, target, args.kills, random.Random(args.seed)) for what, target in TARGETS.items()]
    sys.exit(0 if all(same) else 1)


def killed(folder: Path, what: str, name: str, kills: int, chance: random.Random) -> bool:
    """Kill and go on until so many kills are done, then to the end; tell what came of it."""
    whole, target = folder / f"whole_{name}", folder / name
    # The first run also warms up the disk.
    seconds = run(folder / "raw", whole)
    shutil.rmtree(whole)
    seconds = min(seconds, run(folder / "raw", whole))
    expected = digests(whole)
    positions = sum(name.endswith(("manifest.json", ".ome.tif")) for name in expected)
    done = finished = 0
    kept: list[int] = []
    same = True
    started = time.perf_counter()
    while done < kills:
        child = start(folder / "raw", target)
        # By what is finished, not by the clock: some die before anything is, some in the last step.
        wanted = len(finished_in(folder, name)) + chance.choice((0, 0, 1, 2, 3, 5, 8))
        limit = time.monotonic() + LIMIT_S
        while child.poll() is None and len(finished_in(folder, name)) < wanted and time.monotonic() < limit:
            time.sleep(0.005)
        try:
            code = child.wait(chance.random() * 2 * seconds / positions)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(LIMIT_S)
            done += 1
            kept.append(len(finished_in(folder, name)))
            if target.exists():
                # Killed between the last rename and the end of the process.
                same &= digests(target) == expected
                shutil.rmtree(target)
            continue
        same &= code == 0 and digests(target) == expected
        finished += 1
        shutil.rmtree(target)
    run(folder / "raw", target)
    same &= digests(target) == expected
    finished += 1
    left = sorted(path.name for path in folder.glob(".*"))
    print(
        f"{what}: uninterrupted {seconds:.1f} s; {done} kills, with {min(kept)} to {max(kept)} positions finished; "
        f"{finished} plates completed, all {len(expected)} files {'byte-equal' if same else 'NOT EQUAL'}; "
        f"left behind: {', '.join(left) or 'nothing'}; {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return same and not left


def start(raw: Path, target: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flowroi", "compress", str(raw), "-o", str(target), "--rate", "20"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(raw: Path, target: Path) -> float:
    started = time.perf_counter()
    code = start(raw, target).wait(LIMIT_S)
    if code != 0:
        sys.exit(f"compression ended with {code}")
    return time.perf_counter() - started


def finished_in(folder: Path, name: str) -> list[Path]:
    work = folder / f".{name}.flowroi-plate"
    return [*work.glob("[A-H]*_f*.ome.tif"), *work.glob("[A-H]/*/[0-9]/COMPLETE")]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    main()
