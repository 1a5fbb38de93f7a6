"""What a store costs: a plate compressed from disk to disk, from S3 to S3, and so with a server that is far away.

    python benchmarks/stores.py --wells 4 --frames 60

The server is moto, on this machine, which it shares with the coding; `--latency-ms` is waited before each request is
passed on to it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fsspec
from tests.stores.servers import Between, s3_server

import flowroi
from flowroi.archives.plate import open_plate_archive
from flowroi.plates.export import export_plate
from flowroi.synthetic import write_synthetic_plate
from flowroi.verification import verify


def main() -> None:
    """Print a line a case: seconds, and their ratio to those of the disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=4)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, s3_server() as url:
        raw = _raw_plate(Path(folder), asked.wells, asked.frames)
        disk = _timed(flowroi.compress, raw, Path(folder, "disk.ome.zarr"), rate=40)
        print(f"disk to disk: {disk:.1f} s")
        for latency_ms in (0.0, asked.latency_ms):
            between = Between(url)
            os.environ.update(
                FSSPEC_S3_ENDPOINT_URL=between.url, AWS_ACCESS_KEY_ID="somebody", AWS_SECRET_ACCESS_KEY="something"
            )
            fsspec.config.conf["s3"] = {"endpoint_url": between.url}
            bucket = f"lab-{latency_ms:.0f}"
            store = fsspec.filesystem("s3")
            store.mkdir(bucket)
            store.put(f"{raw}/", f"{bucket}/raw.ome.zarr/", recursive=True)
            between.rule = lambda *_, wait=latency_ms / 1000: time.sleep(wait)
            target = f"s3://{bucket}/small.ome.zarr"
            between.seen.clear()
            took = _timed(flowroi.compress, f"s3://{bucket}/raw.ome.zarr", target, rate=40)
            print(
                f"S3 to S3, {latency_ms:.0f} ms: {took:.1f} s, {took / disk:.2f} times the disk, "
                f"{len(between.seen)} requests"
            )
            near, far = _timed(verify, Path(folder, "disk.ome.zarr/A/1/0")), _timed(verify, f"{target}/A/1/0")
            print(f"verify of a movie: {far / near:.2f} times the disk")
            store.clear_instance_cache()
            between.close()


def _raw_plate(folder: Path, wells: int, frames: int) -> Path:
    names = [f"A{number}" for number in range(1, wells + 1)]
    write_synthetic_plate(folder / "made", wells=names, frames=frames, height=648, width=864, cells=40)
    flowroi.compress(folder / "made", folder / "made.ome.zarr", lossless="all", roi_method="none")
    with open_plate_archive(folder / "made.ome.zarr") as plate:
        export_plate(plate, folder / "raw.ome.zarr")
    return folder / "raw.ome.zarr"


def _timed(work: Callable[..., object], *arguments: object, **options: object) -> float:
    started = time.perf_counter()
    work(*arguments, **options)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
