"""What a manifest says of where a movie came from: its earlier losses, and how its RoI was told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowroi.archives import open_archive
from flowroi.errors import FlowRoIError
from flowroi.job import Job
from flowroi.params import RoiParams

_MAYBE_ARCHIVES = (".tif", ".tiff", ".mkv", ".mp4")


def earlier_losses(path: Path | None) -> list[float]:
    """Return the compression rates that the input went through already, if it is a lossy archive of ours."""
    if path is None or not (path.is_dir() or path.suffix.lower() in _MAYBE_ARCHIVES):
        return []
    try:
        with open_archive(path) as archive:
            return list(archive.manifest["lossy_ratio"]) if archive.manifest["lossy"] else []
    except (FlowRoIError, OSError):
        return []


def roi_settings(job: Job, params: RoiParams) -> dict[str, Any]:
    """Return how the RoI was told, ready for JSON."""
    method = job.roi_method
    if method in ("fused", "flow"):
        return {"method": method, "soft_weights": job.soft_weights, **asdict(params)}
    return {"method": method if method == "none" else f"masks from {Path(method).name}"}
