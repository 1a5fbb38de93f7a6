"""`flowroi watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flowroi.cli import FAILED, PARTLY, options
from flowroi.cli.output import Output, shown, size_text
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import EncodeParams, RoiParams

_ENCODE = EncodeParams(rate=40)
_ROI = RoiParams()
_NOT_FOR_THE_LIBRARY = ("context", "incoming", "output", "verbose", "config", "as_json")
_RENAMED = ("settle", "interval", "patience", "idle", "max_lag")


def watch(
    context: typer.Context,
    incoming: Annotated[list[Path], typer.Argument(metavar="INCOMING", help="Folders that an instrument writes into.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="As of compress: of a plate .ome.zarr or a folder, of a movie a file"),
    ],
    noise: Annotated[
        float | None, typer.Option(help="RMS error in the RoI, at most so many times the camera's noise; 1 by default.")
    ] = None,
    psnr: Annotated[float | None, typer.Option(help="PSNR inside the RoI to reach, dB.")] = None,
    lossless: Annotated[str | None, typer.Option(help="all or roi: what is kept exactly.")] = None,
    rate: Annotated[float | None, typer.Option(help="Compression rate of each frame, > 1.")] = None,
    scaling_factor: Annotated[
        float, typer.Option("--scaling-factor", "-s", help="How much more the RoI matters than the background, >= 1.")
    ] = _ENCODE.scaling_factor,
    roi_method: Annotated[str, typer.Option(help="fused, which needs no later frame here, or none.")] = "fused",
    soft_weights: Annotated[
        bool, typer.Option("--soft-weights/--hard-weights", help="Let the quality fall off with confidence, or not.")
    ] = True,
    roi_threshold: options.RoiThreshold = _ROI.roi_threshold,
    step: options.Step = _ROI.step,
    min_area_px: options.MinAreaPx = _ROI.min_area_px,
    margin: options.Margin = _ROI.margin,
    max_drift_px: options.MaxDriftPx = _ROI.max_drift_px,
    format: Annotated[  # noqa: A002
        str | None, typer.Option(help="ome-tiff, ome-zarr, ome-zarr-0.4 or jp2; by default told by the output's name.")
    ] = None,
    significant_bits: Annotated[
        int | None, typer.Option(help="Bits that the samples really use, if the input does not tell.")
    ] = None,
    keep_masks: Annotated[bool, typer.Option("--keep-masks", help="Store the masks in the archives.")] = False,
    workers: options.Workers = None,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    settle: Annotated[float, typer.Option(help="A file counts when it has stood still for so long, s.")] = 2.0,
    interval: Annotated[float, typer.Option(help="From one scan of the folders to the next, s.")] = 1.0,
    patience: Annotated[
        float | None,
        typer.Option(help="How long a missing frame is waited for, s; by default 5 frame intervals, 10 s at least."),
    ] = None,
    time_step: Annotated[int, typer.Option(help="By how much the time in the names grows from frame to frame.")] = 1,
    end_marker: Annotated[
        str | None, typer.Option(help="The end: a file of this name is in an incoming folder.", metavar="NAME")
    ] = None,
    idle: Annotated[float | None, typer.Option(help="The end: nothing has come for so long, s.")] = None,
    frames: Annotated[int | None, typer.Option(help="The end: every position has so many frames.")] = None,
    max_lag: Annotated[float, typer.Option(help="Tell when a frame in turn is not coded after so long, s.")] = 30.0,
    degrade: Annotated[
        str | None, typer.Option(help="What to do then: masks:K finds a mask for every K-th frame.", metavar="masks:K")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help="Serve a page and Prometheus' metrics there; of this machine alone, unless a host is named. "
            "Port 0 is any that is free.",
            metavar="[HOST:]PORT",
        ),
    ] = None,
    status_host: Annotated[
        list[str] | None,
        typer.Option(help="One more name that they may be asked for by; again for more.", metavar="NAME[:PORT]"),
    ] = None,
    status_token_file: Annotated[
        Path | None,
        typer.Option(help="Keeps the token for them, over restarts; made if it is not there.", metavar="FILE"),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell of every frame.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Compress what an instrument writes, while it writes. SIGINT or SIGTERM ends it, SIGHUP stops it for later."""
    import threading
    from contextlib import suppress

    from flowroi.live import LiveReport
    from flowroi.live import watch as run
    from flowroi.live.report import FAULTS

    given = {name: value for name, value in locals().items() if name not in _NOT_FOR_THE_LIBRARY}
    settings = {f"{n}_s" if n in _RENAMED else n: v for n, v in given.items() if n in context.params}
    settings["status_host"] = tuple(status_host or ())
    options.drop_overruled_targets(context, settings)
    if settings["rate"] is not None:
        settings["rate_control"] = "frame"
    out = Output(as_json=as_json)

    def tell(kind: str, facts: dict[str, Any]) -> None:
        if kind == "frame" and not verbose:
            return
        text = _text(kind, facts)
        # Whoever listened is gone, or the disk of the log is full: no reason to leave an instrument alone.
        with suppress(OSError):
            if as_json:
                out.result(kind, facts, "")
            elif kind in FAULTS or (kind == "lag" and facts["late"]):
                out.warn(text)
            else:
                out.message(text)

    stop, abandon = threading.Event(), threading.Event()
    with _signals(stop, abandon):
        report: LiveReport = run(list(incoming), output, tell=tell, stop=stop, abandon=abandon, **settings)
    _tell_report(report, out)
    code = FAILED if report.failed and not report.finished else PARTLY if report.missing or not report.finished else 0
    if code:
        raise typer.Exit(code)


class _signals:  # noqa: N801 - used as a function
    """While it lasts, SIGINT and SIGTERM ask for the end, the second of them or SIGHUP for a stop at once."""

    def __init__(self, stop: Any, abandon: Any) -> None:
        self._stop, self._abandon = stop, abandon

    def __enter__(self) -> None:
        import signal

        def handle(number: int, _frame: Any) -> None:
            # Nothing else may be done in a handler: it may have come in the middle of anything.
            if number == signal.SIGHUP or self._stop.is_set():
                self._abandon.set()
            self._stop.set()

        self._before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def __exit__(self, *_: object) -> None:
        import signal

        for number, before in self._before.items():
            signal.signal(number, before)


def _text(kind: str, facts: dict[str, Any]) -> str:
    """Return an event as a line for people."""
    where = f"{facts['position']}: " if facts.get("position") else ""
    if kind == "started":
        again = f"; {facts['frames']} frames of {facts['positions']} positions are kept" if facts["frames"] else ""
        return f"watching {', '.join(map(shown, facts['incoming']))} for {shown(facts['target'])}{again}"
    if kind == "frame":
        return f"{where}frame {facts['frame']} from {facts['file']}, {facts['lag_s']:.1f} s after its turn"
    if kind == "lag":
        behind = f"{facts['frames']} frames coded, {facts['waiting']} files wait, {facts['behind_s']:.1f} s behind"
        return behind + ("; masks are found for some frames only until it has caught up" if facts["degraded"] else "")
    if kind == "finishing":
        return f"{facts['reason']}: making {facts['positions']} archives"
    if kind == "position-finished":
        return f"{where}{facts['frames']} frames in {shown(facts['target'])}"
    return f"{where}{facts.get('message', kind)}"


def _tell_report(report: Any, out: Output) -> None:
    lag = report.lag_s
    late = "" if lag is None else f", lag {lag['median']:.1f} s median, {lag['p99']:.1f} s p99, {lag['max']:.1f} s max"
    head = (
        f"{shown(report.target)}: {report.frames} frames of {len(report.positions)} positions, "
        f"{size_text(report.file_bytes)}{late}"
        if report.finished
        else f"{shown(report.target)} is not finished ({report.reason}): {report.frames} frames of "
        f"{len(report.positions)} positions are in {report.kept_in}; the same command goes on from there"
    )
    lines = [f"  {kind}: {where}{': ' if where else ''}{text}" for kind, where, text in report.told]
    lines += [f"  failed: {where}: {text}" for where, text in report.failed]
    out.result("finished", report.summary(), "\n".join([head, *lines]))
