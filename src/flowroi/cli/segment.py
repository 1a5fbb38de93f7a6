"""`flowroi segment`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown
from flowroi.limits import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from flowroi.segmentation import SegmentationReport


def segment(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A movie (folder, TIFF, video or .npy) or a plate.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the label images.")],
    segmenter: Annotated[str, typer.Option(help="classical, cellpose3 or cellpose-sam.")] = "classical",
    weights: options.Weights = None,
    diameter_px: options.DiameterPx = None,
    gpu: options.Gpu = None,
    for_training: Annotated[
        bool, typer.Option("--for-training", help="Frames as <frame>.tif, labels as <frame>_masks.tif, for Cellpose.")
    ] = False,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    well: options.Wells = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    overwrite: options.Overwrite = False,
    config: options.Config = None,  # noqa: ARG001 - its values came in by the other names
    as_json: options.Json = False,
) -> None:
    """Find the cells of every frame: label images as <frame>.tif, and cells.csv."""
    from flowroi.plates import is_plate
    from flowroi.segmentation import save_labels
    from flowroi.segmenters import open_segmenter

    out = Output(as_json=as_json)
    opened = open_segmenter(segmenter, weights=weights, diameter_px=diameter_px, gpu=gpu)
    if is_plate(source, pattern, asked=bool(well)):
        from flowroi.cli.plates import save_labels as save_labels_of_plate

        reading: dict[str, Any] = {"pattern": pattern, "channel": channel, "max_pixels": max_pixels}
        asked = {"for_training": for_training, "wells": tuple(well or ()), "overwrite": overwrite}
        code = save_labels_of_plate(source, output, opened, reading, asked, out)
        if code:
            raise typer.Exit(code)
        return
    options.refuse_wells(well)
    with out.progress(source.name) as progress:
        report = save_labels(
            source,
            output,
            opened,
            pattern=pattern,
            channel=channel,
            max_pixels=max_pixels,
            for_training=for_training,
            overwrite=overwrite,
            progress=progress,
        )
    for warning in report.warnings:
        out.warn(f"{source}: {warning}")
    text = f"{shown(source)} -> {shown(output)}: {len(report.frames)} frames, {report.mean_cells:.1f} cells a frame"
    out.result("segment", report_data(source, output, report), text)


def report_data(source: Path, output: Path, report: SegmentationReport) -> dict[str, Any]:
    """Return a report ready for JSON."""
    return {
        "source": str(source),
        "target": str(output),
        "frames": len(report.frames),
        "mean_cells": report.mean_cells,
        "segmenter": report.segmenter,
        "per_frame": [asdict(frame) for frame in report.frames],
        "warnings": list(report.warnings),
    }
