"""What came of compressing a plate: position by position, and altogether."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flowroi.errors import FlowRoIError
from flowroi.plates.base import Position
from flowroi.plates.outliers import Outlier, as_dict, outliers_of
from flowroi.report.compression import CompressionReport

_OF_POSITION = (
    *("target", "frames", "raw_bytes", "stored_bytes", "file_bytes", "frame_bytes", "rate", "roi_share"),
    *("roi_confidence", "roi_psnr", "noise_sigma", "seconds", "unchanged", "warnings"),
)


@dataclass(frozen=True, slots=True)
class PlateReport:
    """The report of a plate.

    Attributes
    ----------
    source, target : str
    format : str
        Of the archives: "ome-zarr", "ome-zarr-0.4", "ome-tiff", "jp2" or "mkv".
    done : tuple of (Position, CompressionReport)
        What is finished, with the reports of single frames condensed; `unchanged` where it was there before.
    failed : tuple of (Position, FlowRoIError)
        What could not be compressed, and why.
    remaining : tuple of Position
        What was not asked for in this run.
    finished : bool
        Whether the plate stands complete at the target: all positions, or all but those skipped as asked.
    kept_in : str or None
        Where finished positions of an unfinished plate are kept.
    seconds : float
    asked : int
        Positions that were to be compressed. A dry run tries some of them: `done`.
    dry_run, unchanged : bool
        See `CompressionReport`.
    warnings : tuple of str
        About the plate as a whole.
    """

    source: str
    target: str
    format: str
    done: tuple[tuple[Position, CompressionReport], ...]
    failed: tuple[tuple[Position, FlowRoIError], ...]
    remaining: tuple[Position, ...]
    finished: bool
    kept_in: str | None
    seconds: float
    asked: int
    dry_run: bool = False
    unchanged: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What the report is, in JSON."""
        return "plate-prediction" if self.dry_run else "plate"

    @property
    def frames(self) -> int:
        """Frames that are done."""
        return sum(report.frames for _, report in self.done)

    @property
    def raw_bytes(self) -> int:
        """Of the positions that are done."""
        return sum(report.raw_bytes for _, report in self.done)

    @property
    def file_bytes(self) -> int:
        """Likewise."""
        return sum(report.file_bytes for _, report in self.done)

    @property
    def rate(self) -> float | None:
        """Raw bytes over encoded bytes of the positions that are done; None where none is."""
        stored = sum(report.stored_bytes for _, report in self.done)
        return self.raw_bytes / stored if stored else None

    @property
    def predicted_bytes(self) -> int:
        """Of all positions asked for, if the others are like those that were tried."""
        return round(self.file_bytes * self.asked / max(1, len(self.done)))

    @property
    def predicted_seconds(self) -> float:
        """Likewise."""
        return sum(report.seconds for _, report in self.done) * self.asked / max(1, len(self.done))

    @property
    def outliers(self) -> tuple[Outlier, ...]:
        """What is worth a look, the farthest from usual first; none in a prediction, which is of a few positions."""
        return () if self.dry_run else outliers_of(self.done)

    def summary(self) -> dict[str, Any]:
        """Return the report ready for JSON, a short entry a position."""
        predicted = {"file_bytes": self.predicted_bytes, "seconds": self.predicted_seconds} if self.dry_run else None
        return {
            "source": self.source,
            "target": self.target,
            "format": self.format,
            "finished": self.finished,
            "unchanged": self.unchanged,
            "frames": self.frames,
            "raw_bytes": self.raw_bytes,
            "file_bytes": self.file_bytes,
            "rate": self.rate,
            "seconds": self.seconds,
            "kept_in": self.kept_in,
            "done": [_of_position(position, report) for position, report in self.done],
            "failed": [
                {**_place(position), "path": error.path, "frame": error.frame, "message": error.message}
                for position, error in self.failed
            ],
            "remaining": [_place(position) for position in self.remaining],
            "positions": self.asked,
            "predicted": predicted,
            "outliers": [as_dict(outlier) for outlier in self.outliers],
            "warnings": list(self.warnings),
        }

    def to_json(self) -> str:
        """Return the summary as one line of strict JSON."""
        return json.dumps({"type": self.kind, **self.summary()}, allow_nan=False)


def _of_position(position: Position, report: CompressionReport) -> dict[str, Any]:
    known = report.summary()
    return {**_place(position), **{name: known[name] for name in _OF_POSITION}}


def _place(position: Position) -> dict[str, Any]:
    return {"well": position.well, "field": position.field}
