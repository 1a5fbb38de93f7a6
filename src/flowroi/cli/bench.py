"""`flowroi bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown

if TYPE_CHECKING:
    from flowroi.bench import BenchResult


def bench(
    source: Annotated[
        Path | None, typer.Argument(metavar="[INPUT]", help="A movie; a synthetic one by default.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Compression rate.")] = 40.0,
    scaling_factor: Annotated[float, typer.Option("--scaling-factor", "-s", help="Of our encoder.")] = 5.0,
    frames: Annotated[int, typer.Option(help="Frames to use.")] = 12,
    repeats: Annotated[int, typer.Option(help="Rounds; each measures everything once.")] = 3,
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Compare speed and size with OpenJPEG on this machine, side by side in one run."""
    from flowroi.bench import run_bench

    out = Output(as_json=as_json)
    with out.progress("bench") as progress:
        result = run_bench(
            source,
            rate=rate,
            scaling_factor=scaling_factor,
            frames=frames,
            repeats=repeats,
            workers=workers,
            progress=progress,
        )
    out.result("bench", result.as_dict(), _text(result))


def _text(result: BenchResult) -> str:
    theirs, ours = result.openjpeg_frames_per_s, result.compress_frames_per_s
    size = "out of reach" if result.size_ratio is None else f"x{result.size_ratio:.2f}"
    rows = [
        ("encoder, 1 thread, ms/MP", result.openjpeg_ms_per_mp, result.encode_ms_per_mp, result.encode_speed_ratio),
        ("RoI, 1 thread, ms/MP", None, result.roi_ms_per_mp, None),
        ("compress, 1 worker, frames/s", theirs[0], ours[0], result.compress_speed_ratio[0]),
        (f"compress, {result.workers} workers, frames/s", theirs[1], ours[1], result.compress_speed_ratio[1]),
        (f"PSNR, {result.measured_on}, dB", result.openjpeg_psnr, result.psnr, None),
    ]
    return "\n".join(
        (
            f"{shown(result.name)}: {result.frames} frames of {result.height}x{result.width}, {result.rate:g}:1, "
            f"scaling factor {result.scaling_factor:g}, RoI {result.roi_share:.1%}, {result.simd}",
            f"{'':32} {'OpenJPEG ' + result.openjpeg:>15} {'FlowRoI':>9} {'ratio':>7}",
            *(
                f"{name:32} {_cell(their, 15)} {_cell(our, 9)} {_cell(ratio, 7, 'x')}"
                for name, their, our, ratio in rows
            ),
            f"{'size at equal PSNR there':32} {'':15} {'':9} {size:>7}",
            f"{f'{result.workers} workers over 1':32} {'':15} {'':9} {f'x{result.scaling:.2f}':>7}",
            "A ratio above 1 is in FlowRoI's favour. Frames/s: OpenJPEG's encoder alone, in processes; FlowRoI's whole",
            "compression, with RoI, checksums and archive.",
        )
    )


def _cell(value: float | None, width: int, mark: str = "") -> str:
    return f"{'' if value is None else f'{mark}{value:.2f}':>{width}}"
