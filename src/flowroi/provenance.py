"""What a manifest says of a movie and where it came from: its layout, its earlier losses, how its RoI was told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.archives import ArchiveLayout, open_archive
from flowroi.errors import FlowRoIError
from flowroi.job import Job
from flowroi.params import RoiParams
from flowroi.sources import Source

ALREADY_LOSSY = "the input is itself a lossy archive: its losses stay, and are recorded in the new one"
_MAYBE_ARCHIVES = (".tif", ".tiff", ".mkv", ".mp4")


def earlier_losses(path: Path | None) -> tuple[list[str], list[float | None]]:
    """Return the methods and rates of the lossy codings that the input went through, if it is an archive of ours."""
    if path is None or not (path.is_dir() or path.suffix.lower() in _MAYBE_ARCHIVES):
        return [], []
    try:
        with open_archive(path) as archive:
            return list(archive.manifest["lossy_method"]), list(archive.manifest["lossy_ratio"])
    except (FlowRoIError, OSError):
        return [], []


def losses_of(earlier: tuple[list[str], list[float | None]], method: str | None, ratio: float) -> dict[str, Any]:
    """Return what a manifest says of all lossy codings: once there, none is ever taken back.

    Parameters
    ----------
    earlier : (list of str, list of float or None)
    method : str or None
        Of this coding; None if it loses nothing.
    ratio : float
        Of this coding.
    """
    methods, ratios = ([*earlier[0], method], [*earlier[1], round(ratio, 3)]) if method else earlier
    return {"lossy": bool(methods), "lossy_method": list(methods), "lossy_ratio": list(ratios)}


def layout_of(source: Source, significant_bits: int, *, keep_masks: bool = False) -> ArchiveLayout:
    """Return what an archive of a movie must know before the first frame."""
    return ArchiveLayout(
        shape=source.shape,
        dtype="uint8" if source.dtype == np.uint8 else "uint16",
        significant_bits=significant_bits,
        name=source.name,
        frame_names=source.frame_names,
        pixel_size_um=source.pixel_size_um,
        frame_interval_s=source.frame_interval_s,
        keep_masks=keep_masks,
    )


def gaps_of(source: Source) -> list[dict[str, int]]:
    """Return the frames that a movie lacks, as a manifest says it."""
    return [{"before": gap.before, "missing": gap.missing} for gap in source.gaps]


def roi_settings(job: Job, params: RoiParams) -> dict[str, Any]:
    """Return how the RoI was told, ready for JSON."""
    method = job.roi_method
    if method in ("fused", "flow"):
        return {"method": method, "soft_weights": job.soft_weights, **asdict(params)}
    return {"method": method if method == "none" else f"masks from {Path(method).name}"}
