"""`flowroi roi`."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import RoiMethod, RoiParams

if TYPE_CHECKING:
    from flowroi.extraction import RoiReport

_ROI = RoiParams()


def roi(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A movie (folder, TIFF, video or .npy) or a plate.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for masks and overlays.")],
    roi_method: Annotated[str, typer.Option(help="fused or flow.")] = "fused",
    denoise: options.Denoise = _ROI.denoise,
    roi_threshold: options.RoiThreshold = _ROI.roi_threshold,
    adjacent_factor: options.AdjacentFactor = _ROI.adjacent_factor,
    step: options.Step = _ROI.step,
    alpha: options.Alpha = _ROI.alpha,
    opening_px: options.OpeningPx = _ROI.opening_px,
    closing_px: options.ClosingPx = _ROI.closing_px,
    min_area_px: options.MinAreaPx = _ROI.min_area_px,
    seed_area_px: options.SeedAreaPx = _ROI.seed_area_px,
    margin: options.Margin = _ROI.margin,
    max_drift_px: options.MaxDriftPx = _ROI.max_drift_px,
    look_ahead: options.LookAhead = _ROI.look_ahead,
    workers: options.Workers = None,
    overlays: Annotated[bool, typer.Option(help="Draw the masks over the frames, too.")] = True,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    well: options.Wells = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    overwrite: options.Overwrite = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Find the moving cells: masks as <frame>_roi.png (0/255) and overlays to look at."""
    given = dict(locals())
    params = RoiParams(**{field.name: given[field.name] for field in fields(RoiParams)})
    from flowroi.extraction import save_roi
    from flowroi.plates import is_plate

    out = Output(as_json=as_json)
    if is_plate(source, pattern, asked=bool(well)):
        from flowroi.cli.plates import save_roi as save_roi_of_plate

        code = save_roi_of_plate(source, output, params, given, out)
        if code:
            raise typer.Exit(code)
        return
    options.refuse_wells(well)
    with out.progress(source.name) as progress:
        report = save_roi(
            source,
            output,
            params,
            method=cast("RoiMethod", roi_method),
            workers=workers,
            overlays=overlays,
            pattern=pattern,
            channel=channel,
            max_pixels=max_pixels,
            overwrite=overwrite,
            progress=progress,
        )
    for warning in report.warnings:
        out.warn(f"{source}: {warning}")
    data = report_data(source, output, report)
    text = f"{shown(source)} -> {shown(output)}: {len(report.frames)} masks, RoI {report.mean_share:.1%} of the pixels"
    out.result("roi", data, text)


def report_data(source: Path, output: Path, report: RoiReport) -> dict[str, Any]:
    """Return a report ready for JSON."""
    return {
        "source": str(source),
        "target": str(output),
        "frames": len(report.frames),
        "roi_share": report.mean_share,
        "per_frame": [{"name": name, **asdict(diagnostics)} for name, diagnostics in report.frames],
        "warnings": list(report.warnings),
    }
