"""`flowroi decompress`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown, size_text
from flowroi.errors import InvalidParameterError
from flowroi.stores.url import refuse_half_url

_FOR = "h4tracks"


def decompress(
    archive: options.Archive,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="NAME.ome.tif, NAME.ome.zarr, or a folder: PNG; of a plate TIFF.")
    ],
    frames: Annotated[str | None, typer.Option(help="A:B, from frame A up to but not including B.")] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(help="tiff, png, ome-zarr (0.5) or ome-zarr-0.4; by default told by the output's name."),
    ] = None,
    for_program: Annotated[
        str | None,
        typer.Option("--for", help=f"{_FOR}: what MMV_H4Tracks loads, as NAME.ome.zarr or NAME.zarr.", metavar="NAME"),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help=f"With --for {_FOR}: the cells, a folder of label images, TIFF or .npy.")
    ] = None,
    labels_are_tracks: Annotated[
        bool, typer.Option("--labels-are-tracks", help="A cell has the same number in all frames of --labels.")
    ] = False,
    well: options.Wells = None,
    overwrite: options.Overwrite = False,
    config: options.Config = None,  # noqa: ARG001 - read by its callback
    as_json: options.Json = False,
) -> None:
    """Write an archive's frames without further loss, for tools that read no JPEG 2000."""
    from flowroi.archives import open_archive
    from flowroi.archives.plate import is_plate_archive, open_plate_archive
    from flowroi.exports import export, export_format
    from flowroi.report.compression import size_on_disk

    out = Output(as_json=as_json)
    refuse_half_url(str(output))
    if for_program not in (None, _FOR):
        raise InvalidParameterError(f"for is {for_program!r}; expected {_FOR}")
    if for_program is not None and format is not None:
        raise InvalidParameterError("format and for are both given; what a program loads has one format: give one")
    if format == _FOR:
        raise InvalidParameterError(f"format is {_FOR!r}; say --for {_FOR}")
    if is_plate_archive(archive):
        from flowroi.cli import plates

        code = plates.export(
            open_plate_archive(archive),
            output,
            out,
            frames_of=lambda opened: parse_frames(frames, len(opened)),
            format=for_program or format,
            wells=tuple(well or ()),
            labels=labels,
            labels_are_tracks=labels_are_tracks,
            overwrite=overwrite,
        )
        if code:
            raise typer.Exit(code)
        return
    if well:
        raise InvalidParameterError("well is given, and the archive is one movie's: leave it out")
    kind = export_format(output, for_program or format)
    with open_archive(archive) as opened:
        chosen = parse_frames(frames, len(opened))
        with out.progress(archive.name) as progress:
            warnings = export(
                opened,
                output,
                frames=chosen,
                format=kind,
                labels=labels,
                labels_are_tracks=labels_are_tracks,
                overwrite=overwrite,
                progress=progress,
            )
    for warning in warnings:
        out.warn(warning)
    size = size_on_disk(output)
    data = {
        "archive": str(archive),
        "target": str(output),
        "format": kind,
        "first_frame": chosen.start,
        "frames": len(chosen),
        "file_bytes": size,
        "warnings": warnings,
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
