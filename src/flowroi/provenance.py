"""What a manifest says of a movie and where it came from: its layout, its earlier losses, how its RoI was told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.archives import ArchiveLayout
from flowroi.job import Job
from flowroi.params import RoiParams
from flowroi.sources import Source


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
