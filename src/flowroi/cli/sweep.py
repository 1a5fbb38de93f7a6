"""`flowroi sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowroi.cli import PARTLY, TARGET_MISSED, options
from flowroi.cli.output import Output, shown, size_text
from flowroi.limits import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from flowroi.sweep.save import SavedSweep


def sweep(
    context: typer.Context,  # noqa: ARG001 - for the configuration file
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The raw movie, or the raw plate.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report, its tables and the cache.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="What to reach, such as roi_psnr>=40, f1>=0.95*raw or rate>=60; may be repeated."),
    ] = None,
    labels: options.Labels = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="NAME=V1,V2,...: measure all combinations, and nothing else; may be repeated."),
    ] = None,
    fix: Annotated[list[str] | None, typer.Option(help="NAME=VALUE: hold an option constant; may be repeated.")] = None,
    best: Annotated[
        str | None,
        typer.Option(
            help="Of those that meet the targets: size, roi_psnr or f1. By default size; with a least rate, roi_psnr."
        ),
    ] = None,
    sample_frames: Annotated[int, typer.Option(help="About so many frames, all over the movie, are measured.")] = 24,
    rounds: Annotated[int, typer.Option(help="Rounds of refinement, where no grid is given.")] = 3,
    confirm: Annotated[bool, typer.Option(help="Measure the best once more, on frames held out.")] = True,
    cache: Annotated[Path | None, typer.Option(help="Folder of what was measured; in the output by default.")] = None,
    segmenter: options.Segmenter = "classical",
    weights: options.Weights = None,
    diameter_px: options.DiameterPx = None,
    gpu: options.Gpu = None,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default. They change no figure.")] = None,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    well: options.Wells = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier sweep; its cache stays.")] = False,
    config: options.Config = None,  # noqa: ARG001 - read by its callback
    as_json: options.Json = False,
) -> None:
    """Find the parameters that meet targets: on a sample of frames, cached, with the command line to run."""
    from flowroi.evaluation.verdict import USEFUL_F1
    from flowroi.plates import is_plate, open_plate
    from flowroi.sweep.options import parse_fixed, parse_grid
    from flowroi.sweep.save import REPORT, candidate_dict, save_sweep
    from flowroi.targets import parse_target

    out = Output(as_json=as_json)
    targets = [parse_target(text) for text in target or []]
    fixed = parse_fixed(fix or [])
    axes = parse_grid(grid, fixed) if grid else None
    finder = options.chosen_segmenter(segmenter, weights=weights, diameter_px=diameter_px, gpu=gpu)
    plate = None
    if is_plate(source, pattern, asked=bool(well)):
        plate = open_plate(source, pattern=pattern, channel=channel, max_pixels=max_pixels)
        for warning in plate.warnings:
            out.warn(f"{source}: {warning}")
    else:
        options.refuse_wells(well)
    with out.progress(source.name) as progress:
        found = save_sweep(
            source,
            output,
            targets,
            labels=labels,
            segmenter=finder,
            axes=axes,
            fixed=fixed,
            best=best,
            sample_frames=sample_frames,
            rounds=rounds,
            confirm=confirm,
            cache=cache,
            workers=workers,
            pattern=pattern,
            channel=channel,
            max_pixels=max_pixels,
            plate=plate,
            wells=tuple(well or ()),
            overwrite=overwrite,
            command=["flowroi", *sys.argv[1:]],
            progress=progress,
        )
    if as_json:
        for candidate in found.sweep.candidates:
            out.result("candidate", candidate_dict(candidate), "")
    out.result("sweep", {"target": str(output), **found.as_dict()}, _text(found, output / REPORT))
    confirmed = found.sweep.confirmed
    left_out = () if found.sweep.plate is None else found.sweep.plate.left_out
    for position, why in left_out:
        out.warn(f"{position} was to be looked at, and could not be: {why}")
    if labels is not None and found.sweep.raw.f1 is not None and found.sweep.raw.f1 < USEFUL_F1:
        out.warn(
            f"{segmenter} has an F1 of {found.sweep.raw.f1:.3f} on the uncompressed frames: do not go by any F1 here"
        )
    if not found.sweep.met:
        out.message(f"no candidate meets the targets: see {output / REPORT}")
        raise typer.Exit(TARGET_MISSED)
    if confirmed is not None and not confirmed.feasible:
        out.warn(f"on the frames held out it misses: {'; '.join(confirmed.misses)}; ask for a little more to be safe")
    if left_out:
        raise typer.Exit(PARTLY)


def _text(found: SavedSweep, report: Path) -> str:
    of = found.sweep
    lines = [found.verdict, "", f"{'':26} {'rate':>9} {'PSNR, cells':>12} {'F1':>6}"]
    confirmed = None if of.confirmed is None else of.confirmed.summary
    rows = [("uncompressed", of.raw), ("chosen, on the sample", of.best.summary), ("chosen, held out", confirmed)]
    for name, s in rows:
        if s is not None:
            exact = s.roi_psnr == float("inf")
            psnr = "exact" if exact else "" if s.roi_psnr is None else f"{s.roi_psnr:.2f} dB"
            lines.append(f"{name:26} {s.rate:>7.1f}:1 {psnr:>12} {'' if s.f1 is None else format(s.f1, '.3f'):>6}")
    if of.predicted_bytes is not None:
        whole = "movie" if of.plate is None else f"plate of {of.plate.positions} positions"
        size = f"the whole {whole} would take {size_text(of.predicted_bytes)} ({of.predicted_bytes} bytes)"
        if found.dry_run is not None:
            size += f"; a dry run says {size_text(found.dry_run.stored_bytes)}, in {found.dry_run.seconds:.1f} s"
        lines += ["", size]
    from flowroi.sweep.command import shell_text

    return "\n".join([*lines, f"Look at {shown(report)}", "", shell_text(found.command)])
