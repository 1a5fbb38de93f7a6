"""`flowroi verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flowroi.cli import NOT_VERIFIED, options
from flowroi.cli.output import Output, shown


def verify(
    archives: Annotated[list[Path], typer.Argument(metavar="ARCHIVE", help="Archives or plates that FlowRoI wrote.")],
    workers: options.Workers = None,
    config: options.Config = None,  # noqa: ARG001 - read by its callback
    as_json: options.Json = False,
) -> None:
    """Read, check and decode every frame of archives; exit code 4 if any is not what was written."""
    from flowroi.archives.plate import is_plate_archive
    from flowroi.cli import plates
    from flowroi.cli.app import exit_code_of
    from flowroi.errors import CorruptDataError, FlowRoIError
    from flowroi.verification import verify as run

    out = Output(as_json=as_json)
    worst = 0
    for path in archives:
        try:
            if is_plate_archive(path):
                worst = max(worst, plates.verify(path, workers, out))
                continue
            with out.progress(path.name) as progress:
                found = run(path, workers=workers, progress=progress)
        except FlowRoIError as error:
            code = NOT_VERIFIED if isinstance(error, CorruptDataError) else exit_code_of(error)
            out.error(error, code)
            worst = max(worst, code)
            continue
        faults = [{"frame": f.frame, "name": f.name, "message": f.message} for f in found.faults]
        bad = len(found.bad_frames)
        lines = [f"{shown(path)}: {found.frames - bad} of {found.frames} frames are what was written"]
        lines += [
            f"  {shown(f.name)}{'' if f.frame is None else f' (frame {f.frame})'}: {f.message}" for f in found.faults
        ]
        data = {"archive": str(path), "frames": found.frames, "bad_frames": list(found.bad_frames), "faults": faults}
        out.result("verification", data, "\n".join(lines))
        if faults:
            worst = max(worst, NOT_VERIFIED)
    if worst:
        raise typer.Exit(worst)
