"""The tables of docs/scale.md, from the measured costs: between marks, so that text and figures cannot part."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cost_plan import (
    HEIGHT,
    WIDTH,
    cost_of,
    growth,
    plan,
    reference_s,
    run_of,
    runs_of,
    slope_of,
)

Data = dict[str, Any]
_ACTIVITIES = (
    ("compress, noise target", "frames", "noise"),
    ("compress --rate 40", "frames", "rate 40"),
    ("compress --roi-method flow (the paper's)", "method", "flow"),
    ("compress --codec av1, noise target", "av1", "noise"),
    ("compress --codec av1 --rate 100", "av1", "rate 100"),
    ("watch, 4 wells, noise target", "watch", "noise"),
    ("verify, noise target", "verify", "noise"),
    ("verify, 40:1", "verify", "rate 40"),
    ("verify --against", "verify --against", "noise"),
    ("decompress, to deflate OME-TIFF", "decompress", "noise"),
)
_GROWTH = (
    ("frames", "noise", "s a movie over frames"),
    ("frames", "rate 40", "s a movie over frames"),
    ("cells", "noise", "ms an image over cells"),
    ("cells", "rate 40", "ms an image over cells"),
    ("pixels", "noise", "ms an image over pixels"),
    ("pixels", "rate 40", "ms an image over pixels"),
    ("pixels 16 bit", "noise", "ms an image over pixels"),
    ("plate", "noise", "s a plate over wells"),
)


def tables(data: Data) -> dict[str, str]:
    """Return every table by its name, as Markdown."""
    return {
        "machine": _machine(data),
        "image": _image(data),
        "stages": _stages(data),
        "growth": _growth(data),
        "cells": _cells(data),
        "pixels": _pixels(data),
        "bytes": _bytes(data),
        "rates": _rates(data),
        "plan": _table(
            ("what", "reckoned", "result"),
            [(item.what, item.formula, item.value) for item in plan(data, 64, 8, HEIGHT, WIDTH)],
        ),
    }


def with_tables(text: str, data: Data) -> str:
    """Return a page with what is between its marks made anew; every table has its place."""
    for name, table in tables(data).items():
        marked = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = marked.subn(lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}", text)
        if count != 1:
            raise SystemExit(f"{count} places for the table {name}; expected one")
    return text


def write_tables(data: Data, page: Path) -> None:
    page.write_text(with_tables(page.read_text(), data))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _machine(data: Data) -> str:
    machine, versions = data["about"]["machine"], data["about"]["versions"]
    loads = [each[3] for run in data["runs"] for each in run["rounds"]]
    rounds = [len(run["rounds"]) for run in data["runs"]]
    many = f"{min(rounds)}" if min(rounds) == max(rounds) else f"{min(rounds)} to {max(rounds)}"
    reference = f"{1e3 * reference_s(data):.1f} ms for a frame, plainly, at the noise target's rate, one thread"
    return (
        f"{machine['processor']}, {machine['cores']} cores, load average {min(loads):.1f} to {max(loads):.1f} "
        f"while it was measured; the least of {many} rounds. FlowRoI {versions['flowroi']}; "
        f"OpenJPEG {versions['openjpeg']}: {reference}.\n"
    )


def _image(data: Data) -> str:
    rows = []
    for what, series, target in _ACTIVITIES:
        cost, last = cost_of(data, series, target), runs_of(data, series, target)[-1]
        walls = [each[2] for run in runs_of(data, series, target) for each in run["rounds"] if each[2] is not None]
        reference = reference_s(data, "frames", "rate 40" if target == "rate 40" else "noise")
        rows.append(
            (
                what,
                f"{1e3 * cost.image_s:.1f}",
                f"{cost.image_s / reference:.2f}",
                f"{statistics.median(walls):.1f}" if walls else "–",
                f"{cost.fixed_s:.2f}",
                f"{last['peak_mb']:.0f}",
                f"{last['file_bytes'] / last['frames']:,.0f}",
            )
        )
    head = (
        "what",
        "processor ms an image",
        "× OpenJPEG's encoding",
        "wall time, × OpenJPEG's",
        "and s a movie",
        "peak memory, MB",
        "bytes an image, archive",
    )
    return _table(head, rows)


def _stages(data: Data) -> str:
    runs = [runs_of(data, "stages", target)[0] for target in ("noise", "rate 40", "flow")]
    rows = []
    for stage in runs[0]["stages"]:
        each = [(1e3 * run["stages"][stage] / run["frames"], run["stages"][stage] / run["cpu_s"]) for run in runs]
        rows.append((stage, *(f"{ms:.2f} ({share:.0%})" for ms, share in each)))
    rows.append(("all", *(f"{1e3 * run['cpu_s'] / run['frames']:.2f}" for run in runs)))
    rows.append(("waited for flushes", *(f"{1e3 * run['flush_wait_s'] / run['frames']:.2f}" for run in runs)))
    return _table(("ms an image", "noise target", "40:1", "flow, noise target"), rows)


def _growth(data: Data) -> str:
    rows = []
    for series, target, what in _GROWTH:
        x, y = growth(data, series, target)
        bend = f"below {cost_of(data, series, target).bend:.0f} frames" if series == "frames" else "–"
        ends = f"{slope_of(x[:2], y[:2]):.2f}", f"{slope_of(x[-2:], y[-2:]):.2f}"
        sixteen = ", 16 bit" if series.endswith("16 bit") else ""
        rows.append((what + sixteen, target, f"{x[0]:,} to {x[-1]:,}", f"{slope_of(x, y):.2f}", *ends, bend))
    return _table(("what grows", "target", "from, to", "slope", "at first", "at last", "fixed cost rules"), rows)


def _cells(data: Data) -> str:
    rows = []
    for noise, rate in zip(runs_of(data, "cells", "noise"), runs_of(data, "cells", "rate 40"), strict=True):
        each = [1e3 * run["cpu_s"] / run["frames"] for run in (noise, rate)]
        over = [run["cpu_s"] / run["frames"] / run["openjpeg_cpu_s"] for run in (noise, rate)]
        figures = (f"{ms:.1f} ({times:.2f})" for ms, times in zip(each, over, strict=True))
        rows.append((f"{noise['x']}", *figures, f"{noise['file_bytes'] / noise['frames']:,.0f}"))
    return _table(
        ("cells", "noise target: ms an image (× OpenJPEG)", "40:1", "bytes an image, noise target"),
        rows,
    )


def _pixels(data: Data) -> str:
    rows = []
    series = (("pixels", "noise"), ("pixels", "rate 40"), ("pixels 16 bit", "noise"))
    for runs in zip(*(runs_of(data, *which) for which in series), strict=True):
        ms = [1e3 * run["cpu_s"] / run["frames"] for run in runs]
        times = [run["cpu_s"] / run["frames"] / run["openjpeg_cpu_s"] for run in runs]
        rows.append(
            (
                "×".join(map(str, reversed(runs[0]["size"]))),
                *(f"{each:.1f} ({over:.2f})" for each, over in zip(ms, times, strict=True)),
                f"{1e6 * ms[0] / runs[0]['x']:.0f}",
                f"{runs[0]['peak_mb']:.0f}",
                f"{runs[2]['peak_mb']:.0f}",
            )
        )
    head = (
        "pixels",
        "noise target: ms an image (× OpenJPEG)",
        "40:1",
        "12 bits in 16, noise target",
        "ns a pixel, noise target",
        "peak MB, 8 bit",
        "peak MB, 16 bit",
    )
    return _table(head, rows)


def _bytes(data: Data) -> str:
    runs = [
        ("OME-TIFF", run_of(data, "frames", "noise", 240)),
        ("the same, source not in the cache", run_of(data, "cold", "noise", 240)),
        ("OME-Zarr 0.5", run_of(data, "formats", "a.ome.zarr", 240)),
        ("OME-Zarr 0.4", run_of(data, "formats", "b.ome.zarr", 240)),
        ("JP2 folder", run_of(data, "formats", "jp2", 240)),
        ("watch, 4 wells × 60, OME-Zarr 0.5", run_of(data, "watch", "noise", 60)),
    ]
    rows = []
    for what, run in runs:
        raw = run["frames"] * HEIGHT * WIDTH
        rows.append(
            (
                what,
                f"{run['read_bytes'] / raw:.2f}",
                f"{run['disk_read_bytes'] / raw:.2f}",
                f"{run['written_bytes'] / run['file_bytes']:.2f}",
                f"{run['disk_written_bytes'] / run['file_bytes']:.2f}",
                f"{run['flushes']}",
                f"{1e3 * run['flush_wait_s'] / run['frames']:.2f}",
                f"{run['files']}",
            )
        )
    head = (
        "240 images",
        "read / raw",
        "of it from the disk",
        "written / archive",
        "to the disk / archive",
        "flushes",
        "waited, ms an image",
        "files",
    )
    return _table(head, rows)


def _rates(data: Data) -> str:
    names = {"noise": "JPEG 2000, noise target", "rate 40": "JPEG 2000, 40:1", "av1 noise": "AV1, noise target"}
    reals = sorted({run["series"] for run in data["runs"] if run["series"].startswith("real: ")})
    rows = []
    for target, what in names.items():
        synthetic = runs_of(data, "av1", "noise")[-1] if "av1" in target else runs_of(data, "frames", target)[-1]
        ratios = [synthetic["frames"] * HEIGHT * WIDTH / synthetic["file_bytes"]]
        real = [run["raw_bytes"] / run["file_bytes"] for series in reals for run in runs_of(data, series, target)]
        rows.append(
            (
                what,
                *(f"{ratio:.1f}" for ratio in (*ratios, *real)),
                *(f"{1000 / ratio:.0f}" for ratio in (*ratios, *real)),
            )
        )
    movies = [runs_of(data, "frames", "noise")[-1], *(runs_of(data, series, "noise")[0] for series in reals)]
    ms = (f"{1e9 * run['cpu_s'] / run['raw_bytes']:.0f}" for run in movies)
    rows.append(("processor ms a megapixel, noise target", *ms, *("–" for _ in movies)))
    places = ("synthetic", *(series.removeprefix("real: ") for series in reals))
    head = ("raw / archive", *places, *(f"TB of a PB, {place}" for place in places))
    return _table(head, rows)
