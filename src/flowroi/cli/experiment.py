"""`flowroi experiment`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowroi.cli import options
from flowroi.cli.output import Output, shown
from flowroi.errors import InvalidParameterError

if TYPE_CHECKING:
    from flowroi.experiments.run import Experiments
    from flowroi.params import RoiMethod

_METHODS: dict[str, tuple[RoiMethod, ...]] = {"fused": ("fused",), "flow": ("flow",), "both": ("fused", "flow")}


def experiment(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="fig2 to fig9, table2, runtime, or all."),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for the report, its tables and pictures, and the cache."),
    ],
    source: Annotated[Path | None, typer.Option("--input", help="A movie; a synthetic one by default.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its true cells: a folder of label images, TIFF or .npy.")] = None,
    segmenter: options.Segmenter = "classical",
    weights: options.Weights = None,
    diameter_px: options.DiameterPx = None,
    method: Annotated[str, typer.Option(help="flow (the paper's), fused (ours), or both.")] = "both",
    frames: Annotated[int | None, typer.Option(help="Frames of the synthetic movie, 60 by default.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the synthetic movie, 0 by default.")] = None,
    workers: options.Workers = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
) -> None:
    """Repeat the paper's experiments on a movie, and say which of its statements hold; a stopped run goes on."""
    from flowroi.experiments.registry import chosen
    from flowroi.experiments.run import REPORT, run_experiments

    out = Output(as_json=as_json)
    if method not in _METHODS:
        raise InvalidParameterError(f"method is {method!r}; expected one of {', '.join(_METHODS)}")
    experiments = chosen(names)
    finder = options.chosen_segmenter(segmenter, weights=weights, diameter_px=diameter_px)
    with out.progress(", ".join(one.name for one in experiments)) as progress:
        done = run_experiments(
            names,
            output,
            source=source,
            labels=labels,
            segmenter=finder,
            methods=_METHODS[method],
            frames=frames,
            seed=seed,
            workers=workers,
            overwrite=overwrite,
            command=["flowroi", *sys.argv[1:]],
            progress=progress,
        )
    out.result("experiment", {"target": str(output), **done.as_dict()}, _text(done, output / REPORT))


def _text(done: Experiments, report: Path) -> str:
    rows = [f"{s.word:12} {s.experiment:8} {s.method:6} {s.claim}\n{'':28} {s.measured}" for s in done.statements]
    return "\n".join([done.verdict, "", *rows, "", f"Look at {shown(report)}"])
