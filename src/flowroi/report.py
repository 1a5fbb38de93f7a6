"""What a compression did, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FrameReport:
    """One frame: its stored size, its share of RoI pixels, and its PSNR where that was measured (dB, in the RoI)."""

    name: str
    size_bytes: int
    roi_share: float
    roi_psnr: float | None = None


@dataclass(frozen=True, slots=True)
class CompressionReport:
    """A finished (or, for a dry run, a predicted) compression.

    `rate` is raw bytes over the frames' stored bytes; `file_bytes` counts the whole archive. `seconds` is wall time.
    """

    source: str
    target: str
    format: str
    frames: int
    raw_bytes: int
    stored_bytes: int
    file_bytes: int
    rate: float
    roi_share: float
    seconds: float
    dry_run: bool
    warnings: tuple[str, ...]
    per_frame: tuple[FrameReport, ...]

    def to_json(self) -> str:
        """Return the report as one line of strict JSON."""
        return json.dumps(asdict(self), allow_nan=False)


def size_on_disk(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
