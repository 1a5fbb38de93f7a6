"""`flowroi verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flowroi.cli import NOT_VERIFIED, options
from flowroi.cli.output import Output, shown
from flowroi.errors import InvalidParameterError
from flowroi.limits import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from flowroi.stores import AnyPath
    from flowroi.verification import Verification


def verify(
    archives: options.Archives,
    against: options.Against = None,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
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
    if against is None and (pattern is not None or channel is not None):
        raise InvalidParameterError("pattern and channel tell how raw data are read: give them with --against")
    if against is not None:
        from flowroi.cli.comparison import tell_comparison

        if len(archives) != 1:
            raise InvalidParameterError(f"{len(archives)} archives are given with --against; expected one")
        code = tell_comparison(archives[0], against, out, pattern, channel, max_pixels, workers)
        if code:
            raise typer.Exit(code)
        return
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
        tell_verification(found, path, out)
        if found.faults:
            worst = max(worst, NOT_VERIFIED)
    if worst:
        raise typer.Exit(worst)


def tell_verification(found: Verification, path: AnyPath, out: Output) -> None:
    """Print what was found in an archive."""
    faults = [{"frame": f.frame, "name": f.name, "message": f.message} for f in found.faults]
    bad = len(found.bad_frames)
    lines = [f"{shown(path)}: {found.frames - bad} of {found.frames} frames are what was written"]
    lines += [f"  {shown(f.name)}{'' if f.frame is None else f' (frame {f.frame})'}: {f.message}" for f in found.faults]
    data = {"archive": str(path), "frames": found.frames, "bad_frames": list(found.bad_frames), "faults": faults}
    out.result("verification", data, "\n".join(lines))
