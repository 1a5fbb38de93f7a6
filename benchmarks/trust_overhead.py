"""What trust costs: time and bytes of archives with every proof, beside the same without.

    python benchmarks/trust_overhead.py                      # 450 frames of 864x648, 40:1
    python benchmarks/trust_overhead.py --frames 60 --repeats 3

"Without" leaves out what this release does for trust: the second decoding and comparison of every frame, checksums of
the input, of streams, pixels and masks, flushing, and reading back. Runs alternate; ratios are medians of pairs.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np

import flowroi
from flowroi import synthetic_movie
from flowroi.archives import jp2_folder, ome_tiff, ome_zarr, open_archive
from flowroi.report.compression import size_on_disk
from flowroi.resources import available_cores

# Imported before anything is left out, so that nothing keeps what takes its place.
FORMATS = (jp2_folder, ome_tiff, ome_zarr)
TARGETS = {"ome-tiff": "a.ome.tif", "ome-zarr": "a.ome.zarr", "ome-zarr-0.4": "b.ome.zarr", "jp2": "c"}
NO_DIGEST = "0" * 64


@contextlib.contextmanager
def without_trust() -> Iterator[None]:
    """Leave out every proof, every checksum and every flush."""
    with contextlib.ExitStack() as stack:
        for name, value in (
            ("flowroi.coding.prove", lambda frame, *_: frame),
            ("flowroi.coding.pixels_digest", lambda _: NO_DIGEST),
            ("flowroi.pipeline.mask_digest", lambda _: NO_DIGEST),
            ("flowroi.archives.manifest.sha256", lambda _: NO_DIGEST),
            ("flowroi.archives.base.to_disk", lambda _: None),
            ("flowroi.archives.atomic.to_disk", lambda _: None),
            ("flowroi.archives.atomic.sync", lambda _: None),
            ("flowroi.archives.base.read_back", lambda *_: None),
            ("flowroi.archives.bigtiff.BigTiffWriter.check", lambda _: None),
            ("flowroi.sources.files.InputFile.sha256", lambda _: NO_DIGEST),
        ):
            stack.enter_context(mock.patch(name, value))
        yield


def seconds(source: Path, target: Path, archive_format: str, rate: float, workers: int) -> float:
    start = time.perf_counter()
    flowroi.compress(source, target, format=archive_format, rate=rate, workers=workers, overwrite=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=450)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--formats", nargs="+", choices=TARGETS, default=list(TARGETS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowroi-trust-") as name:
        source = Path(name, "movie.npy")
        made = synthetic_movie(frames=min(args.frames, 60), seed=731).frames
        # Back and forth: motion without a jump, from a movie that is quickly made.
        order = np.abs((np.arange(args.frames) + len(made) - 1) % (2 * len(made) - 2) - (len(made) - 1))
        np.save(source, made[order])
        print(f"{args.frames} frames of 864x648, {args.rate:g}:1, {args.workers} workers, {args.repeats} pairs")
        for archive_format in args.formats:
            target = Path(name, TARGETS[archive_format])
            given = (source, target, archive_format, args.rate, args.workers)
            ratios = []
            for _ in range(args.repeats):
                with without_trust():
                    plain = seconds(*given)
                ratios.append(seconds(*given) / plain)
            with open_archive(target) as archive:
                stored = sum(record["size_bytes"] for record in archive.manifest["frames"])
            size = size_on_disk(target)
            each = (size - stored) / args.frames
            print(
                f"{archive_format:13} time {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
                f"size beyond the codestreams {size / stored - 1:.2%} ({each:.0f} bytes a frame)"
            )


if __name__ == "__main__":
    main()
