"""What a compression did, for people and for programs."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from flowroi.roi.frame_roi import WHOLE_FRAME, RoiDiagnostics
from flowroi.stores import AnyPath, StorePath


@dataclass(frozen=True, slots=True)
class FrameReport:
    """One frame: its stored size, its RoI, the PSNR there where measured (dB), the quantiser step where lossy."""

    name: str
    size_bytes: int
    roi_share: float
    roi_psnr: float | None = None
    step: float | None = None
    roi: RoiDiagnostics = WHOLE_FRAME


@dataclass(frozen=True, slots=True)
class CompressionReport:
    """A finished (or, for a dry run, a predicted) compression.

    Attributes
    ----------
    source, target : str
    format : str
        "ome-tiff", "ome-zarr", "ome-zarr-0.4" or "jp2".
    frames : int
    raw_bytes : int
        Pixels × bytes per stored sample, of all frames.
    stored_bytes : int
        Encoded frames alone.
    file_bytes : int
        The whole archive; a prediction leaves out what the archive adds to the frames, usually a few per cent.
    rate : float
        `raw_bytes / stored_bytes`.
    roi_share : float
        Mean share of RoI pixels, 0 to 1.
    seconds : float
        Wall time.
    dry_run : bool
        Sizes and time are predictions, and `per_frame` holds the frames of the sample.
    warnings : tuple of str
    per_frame : tuple of FrameReport
    rate_control : "movie", "frame" or None
        What the rate was the rate of; None without one.
    noise_sigma : float or None
        The camera's noise as it was measured, grey levels, where the target was a noise.
    unchanged : bool
        The archive was there already, made by the same settings from the same input, and intact: nothing was written.
    spreads : dict or None
        What is known of frames that are not in `per_frame`, by `condensed`.
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
    rate_control: str | None = None
    noise_sigma: float | None = None
    unchanged: bool = False
    spreads: dict[str, dict[str, Any] | None] | None = None

    @classmethod
    def of_manifest(cls, manifest: dict[str, Any], source: str, target: AnyPath, seconds: float) -> CompressionReport:
        """Report on an archive that was there already."""
        records, encode = manifest["frames"], manifest["encode"]
        raw = math.prod(manifest["shape"]) * (2 if manifest["dtype"] == "uint16" else 1)
        stored = sum(record["size_bytes"] for record in records)
        share = manifest["roi_share"]
        return cls(
            source=source,
            target=str(target),
            format=manifest["archive"],
            frames=len(records),
            raw_bytes=raw,
            stored_bytes=stored,
            file_bytes=size_on_disk(target),
            rate=raw / stored,
            roi_share=share,
            seconds=seconds,
            dry_run=False,
            warnings=tuple(manifest["warnings"]),
            per_frame=tuple(FrameReport(record["name"], record["size_bytes"], share) for record in records),
            rate_control=encode.get("rate_control"),
            noise_sigma=encode.get("noise_sigma"),
            unchanged=True,
        )

    @property
    def kind(self) -> str:
        """What the report is, in JSON: "compression", or "prediction" for a dry run."""
        return "prediction" if self.dry_run else "compression"

    def summary(self) -> dict[str, Any]:
        """Return the report with its frames put into `frame_bytes`, `roi_psnr` (dB), `steps`: least, median, most."""
        left_out = ("per_frame", "spreads")
        content = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in left_out}
        return {**content, "warnings": list(self.warnings), **(self.spreads or self._spreads())}

    def condensed(self) -> CompressionReport:
        """Return the report without its frames, and with the same summary: they may be a hundred thousand."""
        return replace(self, per_frame=(), spreads=self.spreads or self._spreads())

    def _spreads(self) -> dict[str, dict[str, Any] | None]:
        return {
            "frame_bytes": _spread([frame.size_bytes for frame in self.per_frame]),
            "roi_confidence": _spread([f.roi.confidence for f in self.per_frame if f.roi.confidence is not None]),
            "roi_psnr": _spread([frame.roi_psnr for frame in self.per_frame if frame.roi_psnr is not None]),
            "steps": _spread([frame.step for frame in self.per_frame if frame.step is not None]),
        }

    def to_json(self, *, per_frame: bool = False) -> str:
        """Return the summary as one line of strict JSON; `per_frame` adds every frame.

        Examples
        --------
        >>> frame = FrameReport("t0", 10, 0.2)
        >>> report = CompressionReport("a", "b", "jp2", 1, 400, 10, 12, 40.0, 0.2, 0.1, False, (), (frame,))
        >>> json.loads(report.to_json())["frame_bytes"]
        {'min': 10, 'median': 10, 'max': 10}
        """
        content = {"type": self.kind, **self.summary()}
        if per_frame:
            content["per_frame"] = [asdict(frame) for frame in self.per_frame]
        return json.dumps(content, allow_nan=False)


def _spread(values: list[Any]) -> dict[str, Any] | None:
    if not values:
        return None
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def size_on_disk(path: AnyPath) -> int:
    """Return the bytes of a file, of all files in a folder, or of all objects below a place in a store."""
    if isinstance(path, StorePath):
        return sum(facts.size_bytes or 0 for facts in path.names_below().values())
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def roi_warnings(frames: Iterable[tuple[str, RoiDiagnostics]]) -> list[str]:
    """Gather the frames' warnings: each text once, with the names of its frames."""
    names: dict[str, list[str]] = {}
    for name, diagnostics in frames:
        if diagnostics.warning:
            names.setdefault(diagnostics.warning, []).append(name)
    return [f"{text} ({some(of)})" for text, of in names.items()]


def some(names: list[str]) -> str:
    """Name up to three frames, and say how many there are."""
    shown = ", ".join(names[:3])
    return f"frame {shown}" if len(names) == 1 else f"{len(names)} frames ({shown}{', ...' if len(names) > 3 else ''})"
