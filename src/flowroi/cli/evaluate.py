"""`flowroi evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowroi.cli import TARGET_MISSED, options
from flowroi.cli.decompress import parse_frames
from flowroi.cli.output import Output, shown
from flowroi.limits import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from flowroi.evaluation.save import SavedEvaluation


def evaluate(
    context: typer.Context,  # noqa: ARG001 - for the configuration file
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The raw movie, or the raw plate.")],
    archives: Annotated[list[Path], typer.Argument(metavar="ARCHIVE...", help="Archives made of it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the report and its tables.")],
    labels: options.Labels = None,
    segmenter: options.Segmenter = "classical",
    weights: options.Weights = None,
    diameter_px: options.DiameterPx = None,
    gpu: options.Gpu = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            help="openjpeg, htj2k, jpegxl, avif, smooth, cap (true cells alone), and svt-av1, x265, x264 on the whole "
            "movie; with commas, or none. By default openjpeg,cap, and svt-av1 beside an archive in .mkv or .mp4."
        ),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(help="Compression rates of the codecs' curves, with commas."),
    ] = None,
    curve_frames: Annotated[int, typer.Option(help="Frames, all over the movie, on which curves are measured.")] = 12,
    target: Annotated[
        list[str] | None,
        typer.Option(help="What the first archive must reach, such as roi_psnr>=40 or f1>=0.95*raw; may be repeated."),
    ] = None,
    frames: Annotated[str | None, typer.Option(help="A:B, from frame A up to but not including B.")] = None,
    workers: options.Workers = None,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    well: options.Wells = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    overwrite: options.Overwrite = False,
    config: options.Config = None,  # noqa: ARG001 - read by its callback
    as_json: options.Json = False,
) -> None:
    """Measure what archives cost: quality, cells, tracks, and their size beside other codecs; writes a report."""
    from flowroi.evaluation.save import REPORT, save_evaluation
    from flowroi.plates import is_plate
    from flowroi.sources import open_source
    from flowroi.targets import parse_target

    out = Output(as_json=as_json)
    reading: dict[str, Any] = {"pattern": pattern, "channel": channel, "max_pixels": max_pixels}
    asked: dict[str, Any] = {
        "segmenter": options.chosen_segmenter(segmenter, weights=weights, diameter_px=diameter_px, gpu=gpu),
        "labels": labels,
        "baselines": None if baseline is None else options.names(baseline),
        "rates": None if rates is None else options.numbers("rates", rates),
        "curve_frames": curve_frames,
        "targets": [parse_target(text) for text in target or []],
        "workers": workers,
        "overwrite": overwrite,
        "command": ["flowroi", *sys.argv[1:]],
    }
    if is_plate(source, pattern, asked=bool(well)):
        from flowroi.cli.plate_evaluation import evaluate_plate

        code = evaluate_plate(source, archives, output, reading, frames, tuple(well or ()), asked, out)
        if code:
            raise typer.Exit(code)
        return
    options.refuse_wells(well)
    chosen = None
    if frames is not None:
        with open_source(source, **reading) as opened:
            chosen = parse_frames(frames, len(opened))
    with out.progress(source.name) as progress:
        found = save_evaluation(source, archives, output, frames=chosen, progress=progress, **reading, **asked)
    for warning in found.evaluation.warnings:
        out.warn(f"{source}: {warning}")
    out.result("evaluation", {"target": str(output), **found.as_dict()}, _text(found, output / REPORT))
    if found.met is False:
        out.message(f"not every target was met: see {output / REPORT}")
        raise typer.Exit(TARGET_MISSED)


def _text(found: SavedEvaluation, report: Path) -> str:
    rows = [f"{'':34} {'rate':>7} {'PSNR, cells':>12} {'F1':>6} {'covered':>8}"]
    for subject in found.evaluation.subjects:
        s = subject.summary()
        if subject.kind in ("raw", "archive", "baseline"):
            rows.append(
                f"{subject.name[:34]:34} {s.rate:>6.1f}:1 {_cell(s.roi_psnr, ' dB', 2):>11} {_cell(s.f1, '', 3):>6} "
                f"{_cell(None if s.cells_covered is None else 100 * s.cells_covered, ' %', 1):>8}"
            )
    return "\n".join([found.verdict, "", *rows, "", f"Look at {shown(report)}"])


def _cell(value: float | None, unit: str, digits: int) -> str:
    if value is None:
        return ""
    return "exact" if value == float("inf") else f"{value:.{digits}f}{unit}"
