"""What `flowroi evaluate` does with a plate, and prints about it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowroi.cli import DONE, FAILED, PARTLY, TARGET_MISSED
from flowroi.cli.decompress import parse_frames
from flowroi.cli.output import Output, shown
from flowroi.cli.plates import place_data, tell_failed, tell_warnings

if TYPE_CHECKING:
    from flowroi.evaluation.save import SavedEvaluation
    from flowroi.plates import Position
    from flowroi.plates.evaluation_results import PlateEvaluation

# A longer movie than any, to see whether a range of frames is one.
_FRAMES = 10**9


def evaluate_plate(
    source: Path,
    archives: list[Path],
    target: Path,
    reading: dict[str, Any],
    frames: str | None,
    wells: tuple[str, ...],
    asked: dict[str, Any],
    out: Output,
) -> int:
    """Evaluate a plate, tell of each position as it is done and of all together, and return the exit code."""
    from flowroi.plates import open_plate
    from flowroi.plates.evaluation import save_plate_evaluation
    from flowroi.plates.evaluation_report import REPORT, as_dict

    parse_frames(frames, _FRAMES)
    plate = open_plate(source, **reading)

    def told(position: Position, found: SavedEvaluation) -> None:
        data = {**place_data(position), "target": str(target / str(position)), **found.as_dict()}
        out.result("evaluation", data, f"{position}: {found.verdict}")

    with out.progress(source.name) as progress:
        found = save_plate_evaluation(
            plate,
            archives,
            target,
            wells=wells,
            frames_of=lambda total: parse_frames(frames, total),
            told=told,
            progress=progress,
            **asked,
        )
    for warning in found.warnings:
        out.warn(f"{source}: {warning}")
    tell_warnings(((result.position, result.warnings) for result in found.positions), out)
    code = _exit_code(found)
    tell_failed(found.failed, out, code)
    _tell_left_out(found, out)
    report = target / REPORT
    text = _text(found, report) if found.positions else f"{shown(source)}: no position could be measured"
    out.result("plate-evaluation", {"target": str(target), **as_dict(found)}, text)
    if found.met is False:
        out.message(f"not every target was met at every position: see {report}")
    return code


def _exit_code(found: PlateEvaluation) -> int:
    if not found.positions:
        return FAILED
    if not found.whole:
        return PARTLY
    return TARGET_MISSED if found.met is False else DONE


def _tell_left_out(found: PlateEvaluation, out: Output) -> None:
    from flowroi.plates.base import some_positions

    for name in found.archives:
        missing = tuple(position for position, archive in found.missing if archive == name)
        if missing:
            out.warn(f"{name} has not got {some_positions(missing)}")
    if found.unlabelled:
        out.warn(f"left out for want of labels: {some_positions(found.unlabelled)}")


def _text(found: PlateEvaluation, report: Path) -> str:
    from flowroi.plates.evaluation_sections import plate_verdict

    rows = ["", f"{'':34} {'positions':>9} {'rate':>9} {'PSNR, cells':>12} {'F1':>6}"]
    for n, name in enumerate(found.archives):
        s = found.pooled(n)
        if s is not None:
            count = sum(n in result.archives for result in found.positions)
            psnr = "" if s.roi_psnr is None else "exact" if math.isinf(s.roi_psnr) else f"{s.roi_psnr:.2f} dB"
            f1 = "" if s.f1 is None else f"{s.f1:.3f}"
            rows.append(f"{name[:34]:34} {count:>9} {s.rate:>7.1f}:1 {psnr:>12} {f1:>6}")
    return "\n".join(["", plate_verdict(found), *rows, "", f"Look at {shown(report)}"])
