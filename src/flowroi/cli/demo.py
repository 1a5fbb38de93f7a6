"""`flowroi demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown, size_text


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for everything the demo makes.")] = Path(
        "flowroi-demo"
    ),
    frames: Annotated[int, typer.Option(help="Frames of the synthetic movie.")] = 24,
    rate: Annotated[float, typer.Option(help="Compression rate.")] = 40.0,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Make a synthetic movie, compress it, read it back, check it, and report what it cost."""
    from flowroi.demonstration import run_demo

    out = Output(as_json=as_json)
    out.message(f"making a synthetic movie of {frames} frames, compressing it at {rate:g}:1, evaluating it ...")
    with out.progress("compress") as progress:
        result = run_demo(output, frames=frames, rate=rate, overwrite=overwrite, progress=progress)
    out.result("demo", result, _text(result))


def _text(result: dict[str, Any]) -> str:
    gain = result["flowroi_cells_psnr"] - result["openjpeg_cells_psnr"]
    rows = (("FlowRoI", "flowroi"), ("plain JPEG 2000 (OpenJPEG)", "openjpeg"))
    return "\n".join(
        (
            f"{result['frames']} frames, {size_text(result['raw_bytes'])} raw, {size_text(result['stored_bytes'])} "
            f"stored, {result['rate']:.1f}:1, in {result['seconds']:.1f} s",
            f"the RoI is {result['roi_share']:.0%} of the pixels and covers {result['cells_covered']:.1%} of the cells",
            f"{result['frames_verified']} of {result['frames']} frames read back: every checksum fits, all decode",
            "",
            f"{'at the same size':28} {'PSNR, true cells':>17}  {'PSNR, elsewhere':>16}  {'F1':>6}",
            *(
                f"{name:28} {result[f'{codec}_cells_psnr']:>14.2f} dB  "
                f"{result[f'{codec}_background_psnr']:>13.2f} dB  {result[f'{codec}_f1']:>6.3f}"
                for name, codec in rows
            ),
            f"At the same size the cells are {abs(gain):.1f} dB {'better' if gain >= 0 else 'worse'} than with plain "
            "JPEG 2000.",
            result["verdict"],
            "",
            "Look at:",
            *(f"  {shown(path)}  {what}" for path, what in result["files"].items()),
        )
    )
