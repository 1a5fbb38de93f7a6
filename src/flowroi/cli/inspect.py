"""`flowroi inspect`."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown, size_text
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.stores import AnyPath, StorePath


def inspect(
    archive: Annotated[
        Any,
        typer.Argument(
            metavar="ARCHIVE", help="An archive or a plate that FlowRoI wrote, or a raw plate.", parser=options.place
        ),
    ],
    frames: Annotated[bool, typer.Option("--frames", help="List every frame, too.")] = False,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    plate: options.Plate = False,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    as_json: options.Json = False,
) -> None:
    """Show what an archive holds, how it was made, and from what; of a raw plate its wells, fields and their sizes."""
    from flowroi.archives import open_archive
    from flowroi.archives.plate import is_plate_archive, open_plate_archive
    from flowroi.cli import plates
    from flowroi.report.compression import size_on_disk

    if is_plate_archive(archive):
        plates.inspect(open_plate_archive(archive), Output(as_json=as_json))
        return
    if plate or _is_raw_plate(archive, pattern):
        from flowroi.plates import open_plate

        raw = open_plate(archive, pattern=pattern, channel=channel, max_pixels=max_pixels)
        plates.inspect_raw(raw, Output(as_json=as_json))
        return
    with open_archive(archive) as opened:
        manifest, raw = opened.manifest, math.prod(opened.shape) * opened.dtype.itemsize
    records = manifest["frames"]
    sizes = [record["size_bytes"] for record in records]
    if isinstance(archive, StorePath) and not archive.lists:
        from flowroi.stores.upload import files_of

        file_bytes = sum(size for size, _ in files_of(manifest).values())
    else:
        file_bytes = size_on_disk(archive)
    summary: dict[str, Any] = {
        "archive": str(archive),
        "file_bytes": file_bytes,
        "stored_bytes": sum(sizes),
        "raw_bytes": raw,
        "rate": raw / sum(sizes),
        "overhead": file_bytes / sum(sizes) - 1,
    }
    out = Output(as_json=as_json)
    known = {key: value for key, value in manifest.items() if key != "frames"}
    out.result("archive", {**summary, "manifest": known}, _text(summary, manifest, sizes))
    if frames:
        for t, record in enumerate(records):
            line = f"{t:>6}  {shown(record['name'])}  {record['size_bytes']:>9} B  sha256 {record['sha256']}"
            out.result("frame", {"index": t, **record}, line)


def _is_raw_plate(path: AnyPath, pattern: str | None) -> bool:
    """Whether a path is a plate that somebody else made; one of ours that was not finished is refused."""
    from flowroi.archives.open import refuse_unfinished_plate
    from flowroi.plates import is_plate

    if not is_plate(path, pattern):
        return False
    # In a store an unfinished plate has no metadata of one.
    if not isinstance(path, StorePath):
        refuse_unfinished_plate(path)
    return True


def _text(summary: dict[str, Any], manifest: dict[str, Any], sizes: list[int]) -> str:
    frames, height, width = manifest["shape"]
    lines = {
        "archive": f"{summary['archive']} ({manifest['archive']}, {size_text(summary['file_bytes'])})",
        "movie": f"{manifest['name']}: {frames} frames of {height}x{width} {manifest['dtype']}, "
        f"{manifest['significant_bits']} significant bits",
        "scale": f"{_known(manifest['pixel_size_um'], 'µm/px')}, {_known(manifest['frame_interval_s'], 's/frame')}",
        "size": f"{size_text(summary['raw_bytes'])} to {size_text(summary['stored_bytes'])}, rate "
        f"{summary['rate']:.1f}:1, frames of {min(sizes)} to {max(sizes)} bytes; the archive adds "
        f"{summary['overhead']:.1%}{' with its masks' if manifest['masks_kept'] else ''}",
        "lossy": f"yes: {_losses(manifest)}" if manifest["lossy"] else "no",
        "roi": _settings(manifest["roi"]),
        "encode": _settings(manifest["encode"]),
        **({"sequence": _settings(manifest["sequence"])} if "sequence" in manifest else {}),
        **({"background": _settings(manifest["background"])} if "background" in manifest else {}),
        "masks": "kept" if manifest["masks_kept"] else "not kept",
        "source": _source_text(manifest["source"]),
        "made by": f"flowroi {manifest['flowroi']}, " + ", ".join(f"{k} {v}" for k, v in manifest["codecs"].items()),
        "digest": manifest["digest"],
    }
    warnings = [f"warning  {shown(warning)}" for warning in manifest["warnings"]]
    return "\n".join([*(f"{key:8} {shown(value)}" for key, value in lines.items()), *warnings])


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def _known(value: float | None, unit: str) -> str:
    return f"{value:g} {unit}" if value is not None else f"unknown {unit}"


def _losses(manifest: dict[str, Any]) -> str:
    pairs = zip(manifest["lossy_method"], manifest["lossy_ratio"], strict=True)
    return ", then ".join(f"{method} {'at an unknown rate' if r is None else f'{r:g}:1'}" for method, r in pairs)


def _source_text(source: dict[str, Any]) -> str:
    files = source["files"]
    if not files:
        return f"{source['name']} (an array in memory)"
    total = size_text(sum(file["size_bytes"] for file in files))
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    return f"{source['name']}: {count}, {total}, first sha256 {files[0]['sha256']}"
