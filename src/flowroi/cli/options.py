"""Options that several verbs share, and the file that they may come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowroi.errors import InvalidParameterError
from flowroi.params import TARGETS, RoiParams
from flowroi.stores import AnyPath, as_path

if TYPE_CHECKING:
    from flowroi import segmenters

_ROI = RoiParams()


def load_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take option values from a TOML file; what the command line gives wins, an unknown key is a usage error."""
    if path is None:
        return None
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} is not TOML: {error}") from error
    names = _option_names(context)
    settings: dict[str, Any] = {}
    for key, value in values.items():
        name = names.get(key.replace("_", "-"))
        if name is None:
            raise typer.BadParameter(f"{path}: unknown key {key!r}; expected one of {', '.join(sorted(names))}")
        if isinstance(value, dict | list):
            raise typer.BadParameter(f"{path}: {key} is {value!r}; expected a single value")
        settings[name] = value
    context.default_map = {**(context.default_map or {}), **settings}
    return path


def _option_names(context: typer.Context) -> dict[str, str]:
    """Return the parameter's name for each option that a file may set, by the option's long name."""
    return {
        flag[2:]: parameter.name
        for parameter in context.command.params
        for flag in parameter.opts
        if flag.startswith("--") and parameter.name and flag not in ("--config", "--help")
    }


def drop_overruled_targets(context: typer.Context, settings: dict[str, Any]) -> None:
    """Where the command line names a target (rate, psnr, noise, lossless), forget those of the configuration file."""
    sources = {name: context.get_parameter_source(name) for name in TARGETS}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        for name in TARGETS:
            if name not in given:
                settings[name] = None


def refuse_wells(wells: list[str] | None) -> None:
    """Raise InvalidParameterError if wells are asked for of an input that is not, or not surely, a plate."""
    if wells:
        raise InvalidParameterError("well is given, and the input is a movie, or not surely a plate: leave it out")


def _share(text: str | float) -> float | str:
    """Return a share of the pixels as RoiParams takes it; what is not a number is left for it to refuse."""
    try:
        return float(text)
    except ValueError:
        return str(text)


def place(text: str | Path) -> AnyPath:
    """Return a path, or a place in a store where a URL is given."""
    return as_path(text)


def _whole(text: Any) -> Any:
    """Return a whole number likewise; a file may hold a number already."""
    try:
        return int(text) if isinstance(text, str) else text
    except ValueError:
        return text


Inputs = Annotated[
    list[Any],
    typer.Argument(
        metavar="INPUT",
        help="Movies (folders, TIFF, video, .npy) or plates of movies; URLs of OME-Zarr.",
        parser=place,
    ),
]
Archive = Annotated[
    Any, typer.Argument(metavar="ARCHIVE", help="An archive, or a plate, that FlowRoI wrote.", parser=place)
]
Archives = Annotated[
    list[Any], typer.Argument(metavar="ARCHIVE", help="Archives or plates that FlowRoI wrote.", parser=place)
]
Against = Annotated[
    Any,
    typer.Option(
        metavar="RAW", help="The raw data: compare, and list the files that a person may delete.", parser=place
    ),
]
Output = Annotated[
    Any,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="NAME.ome.tif, .ome.zarr, .mkv, .mp4, a folder; of a plate .ome.zarr, a folder; of several a folder. "
        "A URL of a store: NAME.ome.zarr.",
        parser=place,
    ),
]
Scratch = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="For what is on its way to or from a store; the system's temporary folder by default."
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file of options by their names; the command line wins.", callback=load_config, is_eager=True
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Workers = Annotated[int | None, typer.Option(help="Cores to use; all by default. They do not change the output.")]
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Run on a cluster of Dask: tcp://HOST:PORT, tls://HOST:PORT, or the scheduler file; --workers is then the "
        "most threads in use.",
        metavar="ADDRESS",
    ),
]
SlurmFile = Annotated[
    Path | None, typer.Option("--slurm", help="Run in jobs of SLURM, as this TOML file says.", metavar="FILE")
]
ClusterPatience = Annotated[
    float | None,
    typer.Option(
        help="How long a scheduler, or all workers, may be away, s; 300 by default, and a day with --slurm.",
        metavar="SECONDS",
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        help="For folders: regular expression of file names, with a group (?P<time>\\d+); of plates also (?P<well>...)."
    ),
]
Wells = Annotated[
    list[str] | None,
    typer.Option(
        help="Of a plate: only this well (A1, A/1) or field of it (A/1/0); may be given again.", metavar="WELL"
    ),
]
Plate = Annotated[
    bool, typer.Option("--plate", help="The input is a plate, even if the names of its images tell only one position.")
]
Channel = Annotated[int | None, typer.Option(help="Which channel to read where there are several, from 0.")]
MaxPixels = Annotated[
    int,
    typer.Option(help="Pixels of a frame; an input that declares more is refused, not decoded.", metavar="PIXELS"),
]
Denoise = Annotated[bool, typer.Option(help="Median and bilateral filter before the motion (flow).")]
RoiThreshold = Annotated[
    Any, typer.Option(help="Share of the pixels kept as RoI, in (0, 1), or auto.", parser=_share, metavar="SHARE")
]
AdjacentFactor = Annotated[int, typer.Option(help="Unite each mask with those of so many frames on either side.")]
Step = Annotated[
    Any,
    typer.Option(
        help="Frames between the two of a pair (flow) or those of the background (fused), or auto.",
        parser=_whole,
        metavar="FRAMES",
    ),
]
Alpha = Annotated[float, typer.Option(help="Weight of the flow against its gradient (flow), 0 to 1.")]
OpeningPx = Annotated[int, typer.Option(help="Side of the mask's opening (flow), px; 0 leaves it out.")]
ClosingPx = Annotated[int, typer.Option(help="Side of the mask's closing (flow), px; 0 leaves it out.")]
MinAreaPx = Annotated[
    Any, typer.Option(help="Smallest piece of the mask that is kept, px, or auto.", parser=_whole, metavar="PX")
]
LookAhead = Annotated[int, typer.Option(help="Frames after its own that fused may see before it decides on one.")]
SeedAreaPx = Annotated[int, typer.Option(help="Smallest piece that is kept before closing (flow), px.")]
Margin = Annotated[int, typer.Option(help="Grow the masks by so many px.")]
MaxDriftPx = Annotated[float, typer.Option(help="Largest shift of the stage from frame to frame, px.")]
Segmenter = Annotated[str, typer.Option(help="classical, cellpose3, cellpose-sam, or none.")]
Labels = Annotated[
    Path | None, typer.Option(help="True cells: a folder of label images, TIFF or .npy; else the segmenter's own.")
]
Weights = Annotated[Path | None, typer.Option(help="Weights of a network; nothing is downloaded.", metavar="FILE")]
DiameterPx = Annotated[
    float | None, typer.Option(help="Typical diameter of a cell, px; by default the segmenter's own.")
]
Gpu = Annotated[bool | None, typer.Option(help="Run a network on the GPU; by default where there is one.")]


def chosen_segmenter(
    name: str, *, weights: Path | None, diameter_px: float | None, gpu: bool | None = None
) -> segmenters.Segmenter | None:
    """Return the segmenter that the options ask for; None where the name is "none"."""
    if name == "none":
        return None
    from flowroi.segmenters import open_segmenter

    return open_segmenter(name, weights=weights, diameter_px=diameter_px, gpu=gpu)


def names(text: str) -> tuple[str, ...]:
    """Read names with commas between them; "none" is none of them.

    Examples
    --------
    >>> names("openjpeg, avif"), names("none")
    (('openjpeg', 'avif'), ())
    """
    return () if text.strip() == "none" else tuple(part.strip() for part in text.split(","))


def numbers(name: str, text: str) -> tuple[float, ...]:
    """Read numbers with commas between them.

    Examples
    --------
    >>> numbers("rates", "10,20.5")
    (10.0, 20.5)
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidParameterError(f"{name} is {text!r}; expected numbers with commas between them") from error
