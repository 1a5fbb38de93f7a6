"""`flowroi decompress`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown, size_text
from flowroi.errors import InvalidParameterError


def decompress(
    archive: Annotated[Path, typer.Argument(help="An archive that FlowRoI wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="NAME.tif, or a folder for PNG files.")],
    frames: Annotated[str | None, typer.Option(help="A:B, from frame A up to but not including B.")] = None,
    format: Annotated[str | None, typer.Option(help="tiff or png; by default told by the output's name.")] = None,  # noqa: A002
    overwrite: options.Overwrite = False,
    config: options.Config = None,  # noqa: ARG001 - read by its callback
    as_json: options.Json = False,
) -> None:
    """Write an archive's frames without further loss, for tools that read no JPEG 2000."""
    from flowroi.archives import open_archive
    from flowroi.archives.export import ExportFormat, export
    from flowroi.report.compression import size_on_disk

    out = Output(as_json=as_json)
    if format not in (None, *get_args(ExportFormat)):
        raise InvalidParameterError(f"format is {format!r}; expected one of {', '.join(get_args(ExportFormat))}")
    kind = cast("ExportFormat | None", format)
    with open_archive(archive) as opened:
        chosen = parse_frames(frames, len(opened))
        with out.progress(archive.name) as progress:
            export(opened, output, frames=chosen, format=kind, overwrite=overwrite, progress=progress)
    size = size_on_disk(output)
    data = {
        "archive": str(archive),
        "target": str(output),
        "first_frame": chosen.start,
        "frames": len(chosen),
        "file_bytes": size,
    }
    out.result("export", data, f"{shown(archive)} -> {shown(output)}: {len(chosen)} frames, {size_text(size)}")


def parse_frames(text: str | None, total: int) -> range:
    """Parse A:B, either end of which may be left out.

    Examples
    --------
    >>> parse_frames("2:", 5), parse_frames(None, 3)
    (range(2, 5), range(0, 3))
    """
    if text is None:
        return range(total)
    match = re.fullmatch(r"(\d{0,9}):(\d{0,9})", text, re.ASCII)
    if match is None:
        raise InvalidParameterError(f"frames is {text!r}; expected A:B, such as 10:20")
    first, last = (int(n) if n else default for n, default in zip(match.groups(), (0, total), strict=True))
    if not first < last <= total:
        raise InvalidParameterError(f"frames is {text!r}; expected a range within 0:{total}")
    return range(first, last)
