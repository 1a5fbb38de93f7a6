"""`flowroi compress`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowroi.cli import DONE, FAILED, PARTLY, options
from flowroi.cli.output import Output, shown, size_text
from flowroi.errors import FlowRoIError, InvalidParameterError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import EncodeParams, RoiParams
from flowroi.stores import AnyPath, StorePath

if TYPE_CHECKING:
    from flowroi.cluster import Cluster
    from flowroi.plates.report import PlateReport
    from flowroi.report.compression import CompressionReport

_ENCODE = EncodeParams(rate=40)
_ROI = RoiParams()
_NOT_FOR_THE_LIBRARY = (
    *("context", "inputs", "output", "config", "as_json", "well"),
    *("cluster", "slurm", "cluster_patience"),
)


def compress(
    context: typer.Context,
    inputs: options.Inputs,
    output: options.Output,
    rate: Annotated[
        float | None,
        typer.Option(help="Compression rate: raw bytes over encoded bytes, > 1."),
    ] = None,
    psnr: Annotated[float | None, typer.Option(help="PSNR inside the RoI to reach, dB.")] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="RMS error in the RoI, at most so many times the camera's noise; 1 without a target."),
    ] = None,
    lossless: Annotated[str | None, typer.Option(help="all or roi: what is kept exactly.")] = None,
    scaling_factor: Annotated[
        float, typer.Option("--scaling-factor", "-s", help="How much more the RoI matters than the background, >= 1.")
    ] = _ENCODE.scaling_factor,
    roi_method: Annotated[str, typer.Option(help="fused, flow, none, or a folder of masks.")] = "fused",
    soft_weights: Annotated[
        bool,
        typer.Option("--soft-weights/--hard-weights", help="Let the quality fall off with confidence (fused), or not."),
    ] = True,
    denoise: options.Denoise = _ROI.denoise,
    roi_threshold: options.RoiThreshold = _ROI.roi_threshold,
    adjacent_factor: options.AdjacentFactor = _ROI.adjacent_factor,
    step: options.Step = _ROI.step,
    alpha: options.Alpha = _ROI.alpha,
    opening_px: options.OpeningPx = _ROI.opening_px,
    closing_px: options.ClosingPx = _ROI.closing_px,
    min_area_px: options.MinAreaPx = _ROI.min_area_px,
    seed_area_px: options.SeedAreaPx = _ROI.seed_area_px,
    margin: options.Margin = _ROI.margin,
    max_drift_px: options.MaxDriftPx = _ROI.max_drift_px,
    look_ahead: options.LookAhead = _ROI.look_ahead,
    rate_control: Annotated[
        str, typer.Option(help="movie: the rate is the whole movie's, at even quality; frame: each frame's.")
    ] = "movie",
    codec: Annotated[str, typer.Option(help="jpeg2000, or from frame to frame: av1, hevc.")] = "jpeg2000",
    preset: Annotated[int | None, typer.Option(help="Of av1 (0 to 13) and hevc (0 to 8): higher is faster.")] = None,
    gop: Annotated[
        int | None, typer.Option(help="Of av1 and hevc: frames from key frame to key frame; 64 by default.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="Of av1 and hevc: what becomes of it: fill (the default), plate or none.")
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option(help="ome-tiff, ome-zarr, ome-zarr-0.4 or jp2; by default told by the output's name."),
    ] = None,
    levels: Annotated[int, typer.Option(help="Wavelet decomposition levels.")] = _ENCODE.levels,
    layers: Annotated[int, typer.Option(help="Quality layers.")] = _ENCODE.layers,
    progression: Annotated[str, typer.Option(help="Order of packets: LRCP, RLCP, RPCL, PCRL or CPRL.")] = (
        _ENCODE.progression
    ),
    roi_mode: Annotated[
        str, typer.Option(help="scaling, or maxshift, which some readers do not decode.")
    ] = _ENCODE.roi_mode,
    refinement: Annotated[
        int | None, typer.Option(help="Rounds of background refinement; by default told by the scaling factor.")
    ] = None,
    significant_bits: Annotated[
        int | None, typer.Option(help="Bits that the samples really use, if the input does not tell.")
    ] = None,
    workers: options.Workers = None,
    keep_masks: Annotated[bool, typer.Option("--keep-masks", help="Store the masks in the archive.")] = False,
    measure: Annotated[bool, typer.Option("--measure", help="Report the PSNR inside the encoder's own RoI.")] = False,
    pattern: options.Pattern = None,
    channel: options.Channel = None,
    plate: options.Plate = False,
    well: options.Wells = None,
    skip_failed: Annotated[
        bool, typer.Option("--skip-failed", help="Of a plate: finish it without positions that cannot be compressed.")
    ] = False,
    cluster: options.ClusterAddress = None,
    slurm: options.SlurmFile = None,
    cluster_patience: options.ClusterPatience = None,
    max_pixels: options.MaxPixels = DEFAULT_MAX_PIXELS,
    scratch: options.Scratch = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Predict size and time from a sample of frames; write nothing.")
    ] = False,
    overwrite: options.Overwrite = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Compress movies, or plates of movies, into archives whose cells keep their quality."""
    settings = {name: value for name, value in locals().items() if name not in _NOT_FOR_THE_LIBRARY}
    settings["wells"] = tuple(well or ())
    options.drop_overruled_targets(context, settings)
    out = Output(as_json=as_json)
    with _cluster(cluster, slurm, cluster_patience, out, dry_run=dry_run) as connected:
        if len(inputs) == 1:
            code = _compress_one(inputs[0], output, settings, out, connected)
        else:
            code = _compress_many(inputs, output, settings, out, connected)
    if code:
        raise typer.Exit(code)


@contextmanager
def _cluster(
    address: str | None, slurm: Path | None, patience_s: float | None, out: Output, *, dry_run: bool
) -> Iterator[Cluster | None]:
    """Yield the cluster that is asked for; None where there is none, or none is needed."""
    if address is None and slurm is None and patience_s is not None:
        raise InvalidParameterError("cluster_patience is given without a cluster; name one, or leave it out")
    if dry_run or (address is None and slurm is None):
        yield None
        return
    from flowroi.cluster import connect

    with connect(address, slurm=slurm, patience_s=patience_s, tell=out.message) as cluster:
        yield cluster


def _compress_one(
    path: AnyPath, target: AnyPath, settings: dict[str, Any], out: Output, cluster: Cluster | None
) -> int:
    """Compress a movie or a plate, and return the exit code: only a plate can be partly done."""
    from flowroi.compression import compress as run

    try:
        with out.progress(path.name) as progress:
            report = (run if cluster is None else cluster.compress)(path, target, progress=progress, **settings)
    except KeyboardInterrupt as interrupt:
        # Told here, as not every release of typer hands it on.
        out.notes(interrupt)
        interrupt.__notes__ = []
        raise
    return _tell(report, path, target, out)


def _tell(report: CompressionReport | PlateReport, path: AnyPath, target: AnyPath, out: Output) -> int:
    """Print what came of an input, and return the exit code."""
    from flowroi.report.compression import CompressionReport

    if not isinstance(report, CompressionReport):
        from flowroi.cli.plates import tell_compressed

        return tell_compressed(report, path, target, out)
    for warning in report.warnings:
        out.warn(f"{path}: {warning}")
    if report.unchanged:
        text = (
            f"{shown(target)} is there already, made by these settings from {shown(path)}, and intact: {report.frames} "
            f"frames, rate {report.rate:.1f}:1; nothing was written"
        )
        out.result(report.kind, report.summary(), text)
        return DONE
    head = "would become" if report.dry_run else "->"
    text = (
        f"{shown(path)} {head} {shown(target)}: {report.frames} frames, {size_text(report.raw_bytes)} to "
        f"{size_text(report.file_bytes)}, rate {report.rate:.1f}:1, RoI {report.roi_share:.1%}, "
        f"{report.seconds:.1f} s ({report.frames / max(report.seconds, 1e-9):.1f} frames/s)"
    )
    summary = report.summary()
    if summary["roi_psnr"] is not None:
        text += f", PSNR in the encoder's RoI {summary['roi_psnr']['min']:.1f} to {summary['roi_psnr']['max']:.1f} dB"
    if report.noise_sigma is not None:
        text += f", camera noise {report.noise_sigma:.2f} grey levels"
    out.result(report.kind, summary, text)
    return DONE


def _compress_many(
    inputs: list[AnyPath], folder: AnyPath, settings: dict[str, Any], out: Output, cluster: Cluster | None
) -> int:
    """Compress each movie or plate into its own archive in `folder`; one that fails does not stop the others."""
    from flowroi.job import parse_options
    from flowroi.output import refuse_inside

    parse_options(settings)
    if isinstance(folder, StorePath):
        # Nothing else is written to a store.
        settings = {**settings, "format": settings["format"] or "ome-zarr"}
    names = [_archive_name(path, settings) for path in inputs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidParameterError(f"several inputs would become {twice[0]!r}; compress them one by one")
    refuse_inside(folder, inputs)
    made = isinstance(folder, Path) and not folder.exists()
    if isinstance(folder, Path) and made:
        folder.mkdir()
    codes: list[int] = []
    pairs = [(path, folder / name) for path, name in zip(inputs, names, strict=True)]
    try:
        left = pairs
        if cluster is not None:
            codes, left = _compress_movies(pairs, settings, out, cluster)
        for path, target in left:
            try:
                codes.append(_compress_one(path, target, settings, out, cluster))
            except (FlowRoIError, OSError) as error:
                out.error(error, FAILED)
                codes.append(FAILED)
    finally:
        if isinstance(folder, Path) and made and not any(folder.iterdir()):
            folder.rmdir()
    failed, partly = codes.count(FAILED), codes.count(PARTLY)
    done = len(inputs) - failed - partly
    text = f"{done} of {len(inputs)} inputs done"
    text += f", {partly} of them partly" if partly else ""
    out.message(text + (f", {failed} failed: see above" if failed else ""))
    return (PARTLY if done or partly else FAILED) if failed or partly else DONE


def _compress_movies(
    pairs: list[tuple[AnyPath, AnyPath]], settings: dict[str, Any], out: Output, cluster: Cluster
) -> tuple[list[int], list[tuple[AnyPath, AnyPath]]]:
    """Compress all movies at once on a cluster; return their exit codes, and the plates, which are still to be done."""
    from flowroi.compression import taken_for_plate
    from flowroi.job import parse_options

    job = parse_options(settings).job
    plates = [pair for pair in pairs if taken_for_plate(pair[0], job)]
    movies = [pair for pair in pairs if pair not in plates]
    codes = []
    with (
        out.progress(f"{len(movies)} movies") as progress,
        closing(cluster.compress_movies(movies, progress=progress, **settings)) as answers,
    ):
        for number, answer in answers:
            if isinstance(answer, FlowRoIError | OSError):
                out.error(answer, FAILED)
                codes.append(FAILED)
            elif isinstance(answer, Exception):
                raise answer
            else:
                codes.append(_tell(answer, *movies[number], out))
    return codes, plates


def _archive_name(path: AnyPath, settings: dict[str, Any]) -> str:
    from flowroi.compression import taken_for_plate
    from flowroi.job import parse_options

    archive_format, codec = settings["format"], settings["codec"]
    stem = path.resolve().name if path.is_dir() else path.name.removesuffix(path.suffix).removesuffix(".ome")
    if taken_for_plate(path, parse_options(settings).job):
        stem = stem.removesuffix(".zarr").removesuffix(".ome")
        return f"{stem}.ome.zarr" if (archive_format or "").startswith("ome-zarr") else stem
    if codec != "jpeg2000":
        return f"{stem}.mkv"
    if archive_format in ("ome-zarr", "ome-zarr-0.4"):
        return f"{stem}.ome.zarr"
    return stem if archive_format == "jp2" else f"{stem}.ome.tif"
