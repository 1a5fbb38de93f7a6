"""Writes the archives of one release for the tests: `python tests/compatibility/make_archives.py FOLDER`.

Run it with the release's own code, once, and keep what it writes: an archive of every kind that the release knows, and
in `pixels.npz` what the release decoded from them. It is never run again for the same release.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import tifffile

import flowroi
from flowroi.archives import FORMATS

FRAMES, HEIGHT, WIDTH = 4, 32, 40
# By the name of the archive: significant bits, and the options of `compress`.
ARCHIVES = {
    "masks.ome.tif": (8, {"rate": 3, "roi_method": "fused", "keep_masks": True}),
    "twelve.ome.tif": (12, {"rate": 3, "roi_method": "none"}),
    "lossless.ome.tif": (12, {"lossless": "all", "roi_method": "none"}),
    "jp2": (8, {"rate": 3, "roi_method": "fused", "keep_masks": True, "format": "jp2"}),
    "sequence.mkv": (8, {"rate": 3, "roi_method": "fused", "codec": "av1", "preset": 10, "gop": 2}),
    "sequence.mp4": (12, {"rate": 3, "roi_method": "none", "codec": "hevc"}),
    "mkv": (8, {"rate": 3, "roi_method": "none", "codec": "av1", "preset": 10, "gop": 2}),
    "movie.ome.zarr": (8, {"rate": 3, "roi_method": "fused", "keep_masks": True, "format": "ome-zarr"}),
    "movie04.ome.zarr": (12, {"rate": 3, "roi_method": "none", "format": "ome-zarr-0.4"}),
}
PLATES = {"plate.ome.zarr": {"format": "ome-zarr"}, "plate": {"format": "ome-tiff"}}


def movie(bits: int):
    """Two bright cells that move, on noise; (T, Y, X)."""
    rng = np.random.default_rng(bits)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frames = rng.integers(36, 48, (FRAMES, HEIGHT, WIDTH))
    for t in range(FRAMES):
        for at_y, at_x in ((9 + 2 * t, 10 + 2 * t), (23 - 2 * t, 30 - 2 * t)):
            frames[t] += np.where((y - at_y) ** 2 + (x - at_x) ** 2 < 20, 90, 0)
    return (frames << (bits - 8)).astype(np.uint8 if bits == 8 else np.uint16)


def write_plates(folder: Path, pixels) -> None:
    """Write plates of two wells, of 8 bits."""
    wells = folder / "wells"
    wells.mkdir()
    for well in ("A1", "B2"):
        tifffile.imwrite(wells / f"{well}.tif", movie(8)[:: 1 if well == "A1" else -1], photometric="minisblack")
    for name, options in PLATES.items():
        flowroi.compress(wells, folder / name, rate=3, roi_method="none", workers=1, **options)
        plate = flowroi.open_plate_archive(folder / name)
        for position in plate.positions:
            with plate.open(position) as archive:
                pixels[f"{name}:{position}"] = archive[:]
    shutil.rmtree(wells)


def main(folder: Path) -> None:
    """Write every archive that this release can write, and what it decodes from them."""
    folder.mkdir()
    pixels = {}
    for name, (bits, options) in ARCHIVES.items():
        if options.get("format", FORMATS[0]) not in FORMATS:
            continue
        raw = folder / "raw.ome.tif"
        metadata = {"axes": "TYX", "SignificantBits": bits, "PhysicalSizeX": 0.641, "TimeIncrement": 8.0}
        tifffile.imwrite(raw, movie(bits), photometric="minisblack", metadata=metadata)
        flowroi.compress(raw, folder / name, workers=1, **options)
        raw.unlink()
        with flowroi.open_archive(folder / name) as archive:
            pixels[name] = archive[:]
            if options.get("keep_masks"):
                pixels[f"{name}:masks"] = np.stack([archive.roi(t) for t in range(len(archive))])
    if hasattr(flowroi, "open_plate_archive"):
        write_plates(folder, pixels)
    np.savez_compressed(folder / "pixels.npz", **pixels)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
