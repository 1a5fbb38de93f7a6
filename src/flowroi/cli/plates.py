"""What the verbs do with plates, and print about them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowroi.cli import DONE, FAILED, NOT_VERIFIED, PARTLY
from flowroi.cli.output import Output, shown, size_text
from flowroi.errors import FlowRoIError

# Told in text; all of them in JSON.
_MOST_OUTLIERS = 10

if TYPE_CHECKING:
    from flowroi.archives.plate import PlateArchive
    from flowroi.params import RoiParams
    from flowroi.plates import Plate, Position
    from flowroi.plates.report import PlateReport
    from flowroi.segmentation import SegmentationReport
    from flowroi.segmenters import Segmenter
    from flowroi.stores import AnyPath


def tell_compressed(report: PlateReport, source: AnyPath, target: AnyPath, out: Output) -> int:
    """Print what came of compressing a plate, and return the exit code."""
    for warning in report.warnings:
        out.warn(f"{source}: {warning}")
    tell_warnings(((position, done.warnings) for position, done in report.done), out)
    code = exit_code(done=bool(report.done), failed=bool(report.failed) and not report.finished)
    tell_failed(report.failed, out, code)
    lines = [] if report.unchanged else [f"  {_done_text(position, done)}" for position, done in report.done]
    lines += _outlier_lines(report)
    out.result(report.kind, report.summary(), "\n".join([_head(report, source, target), *lines]))
    if report.kept_in is not None:
        missing = len(report.failed) + len(report.remaining)
        where = f"the plate is not finished: {len(report.done)} positions are in {report.kept_in}"
        if not missing:
            out.message(f"{where}, none is missing; the command without --well finishes it")
            return code
        out.message(
            f"{where}, {missing} are missing; the same command goes on from there"
            + (", and without --well it finishes the plate" if report.remaining else "")
            + (", or with --skip-failed finishes it without those that failed" if report.failed else "")
        )
    return code


def tell_warnings(found: Iterable[tuple[Position, Iterable[str]]], out: Output) -> None:
    """Print what positions warn of: what many say only once, for a plate has hundreds."""
    from flowroi.plates.base import some_positions

    saying: dict[str, list[Position]] = {}
    for position, warnings in found:
        for warning in warnings:
            saying.setdefault(warning, []).append(position)
    for warning, positions in saying.items():
        out.warn(f"{some_positions(tuple(positions))}: {warning}")


def tell_failed(failed: Iterable[tuple[Position, FlowRoIError]], out: Output, code: int) -> None:
    """Print why positions failed."""
    for position, error in failed:
        out.error(type(error)(f"{position}: {error.message}", path=error.path, frame=error.frame), code)


def exit_code(*, done: bool, failed: bool) -> int:
    """Return the documented exit code.

    Examples
    --------
    >>> exit_code(done=True, failed=True), exit_code(done=False, failed=True), exit_code(done=True, failed=False)
    (3, 1, 0)
    """
    if failed:
        return PARTLY if done else FAILED
    return DONE


def save_roi(source: Path, target: Path, params: RoiParams, given: dict[str, Any], out: Output) -> int:
    """Write the masks of a plate, tell of each position, and return the exit code."""
    from flowroi.cli.roi import report_data
    from flowroi.plates import open_plate
    from flowroi.plates.roi import save_plate_roi

    plate = open_plate(source, pattern=given["pattern"], channel=given["channel"], max_pixels=given["max_pixels"])
    for warning in plate.warnings:
        out.warn(f"{source}: {warning}")
    with out.progress(source.name) as progress:
        batch = save_plate_roi(
            plate,
            target,
            params,
            method=given["roi_method"],
            workers=given["workers"],
            overlays=given["overlays"],
            wells=tuple(given["well"] or ()),
            overwrite=given["overwrite"],
            progress=progress,
        )
    tell_warnings(((position, report.warnings) for position, report in batch.done), out)
    for position, report in batch.done:
        data = {**place_data(position), **report_data(source, target / str(position), report)}
        text = f"{position} -> {shown(target / str(position))}: {len(report.frames)} masks, RoI {report.mean_share:.1%}"
        out.result("roi", data, text)
    code = exit_code(done=bool(batch.done), failed=bool(batch.failed))
    tell_failed(batch.failed, out, code)
    out.message(f"{len(batch.done)} of {len(batch.done) + len(batch.failed)} positions done")
    return code


def save_labels(
    source: Path, target: Path, segmenter: Segmenter, reading: dict[str, Any], asked: dict[str, Any], out: Output
) -> int:
    """Write the cells of a plate, tell of each position as it is done, and return the exit code."""
    from flowroi.cli.segment import report_data
    from flowroi.plates import open_plate
    from flowroi.plates.segmentation import save_plate_labels

    plate = open_plate(source, **reading)
    for warning in plate.warnings:
        out.warn(f"{source}: {warning}")

    def told(position: Position, report: SegmentationReport) -> None:
        folder = target / str(position)
        data = {**place_data(position), **report_data(source, folder, report)}
        text = f"{position} -> {shown(folder)}: {len(report.frames)} frames, {report.mean_cells:.1f} cells a frame"
        out.result("segment", data, text)

    with out.progress(source.name) as progress:
        batch = save_plate_labels(plate, target, segmenter, told=told, progress=progress, **asked)
    tell_warnings(batch.done, out)
    code = exit_code(done=bool(batch.done), failed=bool(batch.failed))
    tell_failed(batch.failed, out, code)
    out.message(f"{len(batch.done)} of {len(batch.done) + len(batch.failed)} positions done")
    return code


def export(plate: PlateArchive, target: Path, out: Output, **options: Any) -> int:
    """Export a plate, tell what came of it, and return the exit code."""
    from flowroi.plates.export import export_plate
    from flowroi.report.compression import size_on_disk

    with out.progress(plate.path.name) as progress:
        batch = export_plate(plate, target, progress=progress, **options)
    tell_warnings(batch.done, out)
    code = exit_code(done=bool(batch.done), failed=bool(batch.failed))
    tell_failed(batch.failed, out, code)
    size = size_on_disk(target) if batch.done else 0
    total = len(batch.done) + len(batch.failed)
    data = {
        "archive": str(plate.path),
        "target": str(target),
        "done": [{**place_data(position), "warnings": warnings} for position, warnings in batch.done],
        "failed": [{**place_data(position), "message": error.message} for position, error in batch.failed],
        "file_bytes": size,
    }
    text = f"{shown(plate.path)} -> {shown(target)}: {len(batch.done)} of {total} positions, {size_text(size)}"
    out.result("plate-export", data, text)
    return code


def verify(path: AnyPath, workers: int | None, out: Output) -> int:
    """Verify a plate, print what is wrong with it, and return the exit code."""
    from flowroi.plates.verification import verify_plate

    with out.progress(path.name) as progress:
        found = verify_plate(path, workers=workers, progress=progress)
    lines = []
    for position, one in found.positions:
        lines += [
            f"  {position}, {shown(f.name)}{'' if f.frame is None else f' (frame {f.frame})'}: {f.message}"
            for f in one.faults
        ]
    lines += [f"  {shown(name)}: {message}" for name, message in found.faults]
    sound = sum(1 for _, one in found.positions if not one.faults)
    skipped = f"; finished without {', '.join(map(str, found.skipped))}" if found.skipped else ""
    head = f"{shown(path)}: {sound} of {found.count} positions, {found.frames} frames, are what was written{skipped}"
    data = {
        "archive": str(path),
        "frames": found.frames,
        "intact": found.is_intact,
        "positions": [
            {
                **place_data(position),
                "frames": one.frames,
                "bad_frames": list(one.bad_frames),
                "faults": [{"frame": f.frame, "name": f.name, "message": f.message} for f in one.faults],
            }
            for position, one in found.positions
        ],
        "faults": [{"name": name, "message": message} for name, message in found.faults],
        "skipped": [place_data(position) for position in found.skipped],
    }
    out.result("plate-verification", data, "\n".join([head, *lines]))
    return DONE if found.is_intact else NOT_VERIFIED


def inspect(plate: PlateArchive, out: Output) -> None:
    """Print what a plate holds, a line a position."""
    from flowroi.report.compression import size_on_disk

    entries = plate.record["positions"]
    known = {key: value for key, value in plate.record.items() if key not in ("positions", "files")}
    file_bytes = size_on_disk(plate.path)
    lines = {
        "plate": f"{plate.path} ({plate.format}, {size_text(file_bytes)})",
        "name": plate.name,
        "holds": f"{len(plate)} positions, {sum(entry['frames'] for entry in entries)} frames",
        "skipped": ", ".join(map(str, plate.skipped)) or "nothing",
        "made by": f"flowroi {plate.record['flowroi']}, "
        + ", ".join(f"{name} {version}" for name, version in plate.record["codecs"].items()),
        "digest": plate.record["digest"],
    }
    warnings = [f"warning  {shown(warning)}" for warning in plate.record["warnings"]]
    text = "\n".join([*(f"{key:8} {shown(value)}" for key, value in lines.items()), *warnings])
    out.result("plate-archive", {"archive": str(plate.path), "file_bytes": file_bytes, "record": known}, text)
    for position, entry in zip(plate.positions, entries, strict=True):
        line = f"{position!s:>10}  {shown(entry['path'])}  {entry['frames']} frames  {entry['digest']}"
        out.result("position", entry, line)


def inspect_raw(plate: Plate, out: Output) -> None:
    """Print what a raw plate holds, a line a position; one that cannot be opened is listed with the reason."""
    from flowroi.plates.overview import overview

    entries = overview(plate)
    for warning in plate.warnings:
        out.warn(f"{plate.path}: {warning}")
    data = {
        "source": str(plate.path),
        "name": plate.name,
        "wells": list(plate.wells),
        "positions": len(plate),
        "warnings": list(plate.warnings),
    }
    text = f"{shown(plate.path)}: a raw plate of {len(plate.wells)} wells, {len(plate)} positions"
    out.result("raw-plate", data, text)
    for entry in entries:
        frames, height, width = entry.shape or (None, None, None)
        data = {
            **place_data(entry.position),
            "path": None if entry.path is None else str(entry.path),
            "frames": frames,
            "height": height,
            "width": width,
            "dtype": entry.dtype,
            "error": None if entry.error is None else str(entry.error),
        }
        told = str(entry.error) if entry.error else f"{frames} frames of {height}x{width} {entry.dtype}"
        out.result("position", data, f"{entry.position!s:>10}  {told}")


def _head(report: PlateReport, source: AnyPath, target: AnyPath) -> str:
    if report.unchanged:
        return (
            f"{shown(target)} is there already, made by these settings from {shown(source)}, and intact: "
            f"{len(report.done)} positions, {report.frames} frames; nothing was written"
        )
    rate = "" if report.rate is None else f", rate {report.rate:.1f}:1"
    if report.dry_run:
        return (
            f"{shown(source)} would become {shown(target)}: {report.asked} positions, about "
            f"{size_text(report.predicted_bytes)}{rate}, {report.predicted_seconds:.1f} s; of these were tried:"
        )
    count = len(report.done) + len(report.failed) + len(report.remaining)
    verb = "->" if report.finished else "on its way to"
    return (
        f"{shown(source)} {verb} {shown(target)}: {len(report.done)} of {count} positions, {report.frames} frames, "
        f"{size_text(report.raw_bytes)} to {size_text(report.file_bytes)}{rate}, {report.seconds:.1f} s"
    )


def _outlier_lines(report: PlateReport) -> list[str]:
    found = report.outliers
    if not found:
        return []
    more = [f"  and {len(found) - _MOST_OUTLIERS} more, with --json"] if len(found) > _MOST_OUTLIERS else []
    return ["worth a look, far from the other positions:", *(f"  {one}" for one in found[:_MOST_OUTLIERS]), *more]


def _done_text(position: Position, done: Any) -> str:
    kept = ", was there" if done.unchanged else ""
    psnr = done.summary()["roi_psnr"]
    quality = "" if psnr is None else f", PSNR in the encoder's RoI {psnr['min']:.1f} to {psnr['max']:.1f} dB"
    noise = "" if done.noise_sigma is None else f", camera noise {done.noise_sigma:.2f}"
    return (
        f"{position}: {done.frames} frames, {size_text(done.raw_bytes)} to {size_text(done.file_bytes)}, rate "
        f"{done.rate:.1f}:1, RoI {done.roi_share:.1%}{quality}{noise}{kept}"
    )


def place_data(position: Position) -> dict[str, Any]:
    """Return where a position is, ready for JSON."""
    return {"well": position.well, "field": position.field}
