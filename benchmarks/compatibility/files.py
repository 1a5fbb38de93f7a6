"""Our files: every kind of archive and export, of 8 and of 12 significant bits, and the pixels that they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

import flowroi
from flowroi.exports import export

BITS = (8, 12)
_FRAMES, _HEIGHT, _WIDTH = 5, 120, 168
WELLS = ("A1", "B2")


@dataclass(frozen=True)
class Kind:
    """A kind of file: its heading, how it is named, and which significant bits it takes."""

    title: str
    name: str
    bits: tuple[int, ...] = BITS


KINDS = {
    "ome-tiff": Kind("OME-TIFF archive", "archive.ome.tif"),
    "ome-tiff-masks": Kind("OME-TIFF archive with masks", "masks.ome.tif"),
    "tiff": Kind("exported OME-TIFF", "export.ome.tif"),
    "jp2": Kind("JP2 folder", "jp2"),
    "png": Kind("exported PNG", "png"),
    "ome-zarr": Kind("OME-Zarr 0.5 archive", "archive.ome.zarr"),
    "ome-zarr-0.4": Kind("OME-Zarr 0.4 archive", "archive04.ome.zarr"),
    "plate": Kind("OME-Zarr 0.5 plate", "plate.ome.zarr"),
    "plate-0.4": Kind("OME-Zarr 0.4 plate", "plate04.ome.zarr"),
    "export-ome-zarr": Kind("exported OME-Zarr 0.5", "export.ome.zarr"),
    "export-ome-zarr-0.4": Kind("exported OME-Zarr 0.4", "export04.ome.zarr"),
    "h4tracks-ome-zarr": Kind("for H4Tracks, .ome.zarr", "h4tracks.ome.zarr"),
    "h4tracks-zarr": Kind("for H4Tracks, .zarr, with tracks", "h4tracks.zarr"),
    "h4tracks-no-tracks": Kind("for H4Tracks, .zarr, without tracks", "untracked.zarr"),
    "mkv-av1": Kind("MKV (AV1)", "av1.mkv", (8,)),
    "mkv-hevc": Kind("MKV (HEVC)", "hevc.mkv"),
    "mp4-hevc": Kind("MP4 (HEVC)", "hevc.mp4"),
    "mkv-folder": Kind("folder of MKV (AV1)", "mkv", (8,)),
}
_COMPRESSED: dict[str, dict[str, Any]] = {
    "ome-tiff": {"format": "ome-tiff"},
    "ome-tiff-masks": {"format": "ome-tiff", "roi_method": "fused", "keep_masks": True},
    "jp2": {"format": "jp2"},
    "ome-zarr": {"format": "ome-zarr"},
    "ome-zarr-0.4": {"format": "ome-zarr-0.4"},
    "plate": {"format": "ome-zarr"},
    "plate-0.4": {"format": "ome-zarr-0.4"},
    "mkv-av1": {"codec": "av1", "preset": 10},
    "mkv-hevc": {"codec": "hevc"},
    "mp4-hevc": {"codec": "hevc"},
    "mkv-folder": {"codec": "av1", "preset": 10, "gop": 3},
}
_EXPORTED = {
    "tiff": "tiff",
    "png": "png",
    "export-ome-zarr": "ome-zarr",
    "export-ome-zarr-0.4": "ome-zarr-0.4",
    "h4tracks-ome-zarr": "h4tracks",
    "h4tracks-zarr": "h4tracks",
    "h4tracks-no-tracks": "h4tracks",
}


@dataclass(frozen=True)
class Made:
    """A file, and what is in it: frames (T, Y, X), of a plate those of its wells one after the other.

    A plane of a video holds `shift` bits more, and may be larger.
    """

    path: Path
    pixels: npt.NDArray[Any]
    wells: int = 1
    shift: int = 0


def make(kind: str, bits: int, folder: Path) -> Made:
    """Write one of our files."""
    target = folder / f"{bits}-bit" / KINDS[kind].name
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind in _EXPORTED:
        source = make("ome-tiff", bits, folder)
        labels = _movie(bits, 0)[1] if kind in ("h4tracks-ome-zarr", "h4tracks-zarr") else None
        with flowroi.open_archive(source.path) as archive:
            export(
                archive,
                target,
                format=_EXPORTED[kind],
                labels=labels,
                labels_are_tracks=labels is not None,
                overwrite=True,
            )
        return Made(target, source.pixels)
    options = {"roi_method": "none", "rate": 8, "overwrite": True, **_COMPRESSED[kind]}
    if kind.startswith("plate"):
        return _plate(target, bits, folder, options)
    flowroi.compress(_raw(bits, 0, folder / f"{bits}-bit" / "raw.ome.tif"), target, **options)
    with flowroi.open_archive(target) as archive:
        shift = archive.manifest.get("sequence", {}).get("shift", 0)
        return Made(target, archive[:], shift=shift)


def _movie(bits: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return frames and labels, (T, Y, X)."""
    movie = flowroi.synthetic_movie(frames=_FRAMES, height=_HEIGHT, width=_WIDTH, cells=8, seed=40 + seed)
    if bits == 8:
        return movie.frames, movie.labels
    noise = np.random.default_rng(seed).integers(0, 16, movie.frames.shape, np.uint16)
    return (movie.frames.astype(np.uint16) << 4) + noise, movie.labels


def _raw(bits: int, seed: int, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        "axes": "TYX",
        "SignificantBits": bits,
        "PhysicalSizeX": 0.641,
        "PhysicalSizeY": 0.641,
        "TimeIncrement": 8.0,
    }
    tifffile.imwrite(path, _movie(bits, seed)[0], photometric="minisblack", metadata=metadata)
    return path


def _plate(target: Path, bits: int, folder: Path, options: dict[str, Any]) -> Made:
    wells = folder / f"{bits}-bit" / "wells"
    for seed, well in enumerate(WELLS):
        _raw(bits, seed, wells / f"{well}.tif")
    flowroi.compress(wells, target, **options)
    plate = flowroi.open_plate_archive(target)
    movies = []
    for position in plate.positions:
        with plate.open(position) as archive:
            movies.append(archive[:])
    return Made(target, np.concatenate(movies), wells=len(movies))
