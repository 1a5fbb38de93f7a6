"""The figures of docs/scale.md: growth, log over log, with its slopes; and the stages of an image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from cost_plan import cost_of, growth, runs_of, slope_of
from flowroi.report import house_style as style

Data = dict[str, Any]
_LABELS = {"noise": "noise target", "rate 40": "40:1"}
# Stages that are drawn as one.
_DRAWN = {
    "read, checksum of the input": ("read", "checksum of the input"),
    "RoI: reduce, denoise, noise": ("RoI: reduce, denoise, noise",),
    "RoI: stabilise": ("RoI: stabilise",),
    "RoI: background, or optical flow": ("RoI: background model, or optical flow",),
    "RoI: appearance, saliency, mask": ("RoI: appearance, saliency, mask",),
    "encode": ("encode",),
    "prove: decode, compare": ("prove: decode, compare",),
    "checksums, write, flush, read back": (
        "checksums of pixels and masks",
        "write",
        "finish: flush, read back, rename",
    ),
    "the rest": ("the rest: queues, rate control, report",),
}


def draw(data: Data, folder: Path) -> None:
    """Write every figure."""
    (folder / "cost_growth.png").write_bytes(growth_figure(data))
    (folder / "cost_stages.png").write_bytes(stages_figure(data))


def growth_figure(data: Data) -> bytes:
    figure = style.new_figure(style.WIDTH_IN, 6.2)
    figure.set_layout_engine("constrained", wspace=0.06, hspace=0.06)
    handles: list[tuple[Any, str]] = []
    panels = (
        ("Frames", "frames of a movie", "processor time, s a movie", ("frames",)),
        ("Cells", "cells in a frame", "processor time, ms an image", ("cells",)),
        ("Pixels", "megapixels of a frame", "processor time, ms an image", ("pixels", "pixels 16 bit")),
    )
    for place, (title, x_label, y_label, names) in enumerate(panels, start=1):
        axes = figure.add_subplot(2, 2, place)
        style.dress(axes, x_label=x_label, y_label=y_label, title=title, room_in=(2.4, 2.2))
        every: list[float] = []
        lowest = (math.inf, [], [])
        for name in names:
            for look, (target, label) in enumerate(_LABELS.items()):
                x, y = growth(data, name, target)
                if not x:
                    continue
                x = [each / 1e6 for each in x] if title == "Pixels" else x
                deep = name.endswith("16 bit")
                line = _curve(axes, x, y, 2 if deep else look)
                handles.append((line, f"{label}, 12 bits in 16" if deep else label))
                every += x
                lowest = min(lowest, (y[-1], x, y))
        _logarithmic(axes, [every[0] / 2, *every] if title == "Cells" else every)
        if title == "Cells":
            _without_cells(axes, data, every[0] / 2)
        _triangle(axes, lowest[1], lowest[2])
        if title == "Frames":
            _mark_bend(axes, cost_of(data, "frames", "noise").bend)
    axes = figure.add_subplot(2, 2, 4)
    style.dress(axes, x_label="megapixels of a frame", y_label="peak memory, MB", title="Memory", room_in=(2.4, 2.2))
    for name, look in (("pixels", 0), ("pixels 16 bit", 2)):
        runs = runs_of(data, name, "noise")
        x, y = [run["x"] / 1e6 for run in runs], [run["peak_mb"] for run in runs]
        _curve(axes, x, y, look)
    _logarithmic(axes, x)
    low, high = (runs_of(data, "frames", "noise")[n] for n in (0, -1))
    note = f"0.56 MP: {low['peak_mb']:.0f} MB with {low['x']} frames,\n{high['peak_mb']:.0f} MB with {high['x']}"
    text = axes.text(0.05, 0.93, "", transform=axes.transAxes, va="top")
    style.write(text, "x", 3, size_pt=style.SMALL_PT, color=style.SOFT)
    text.set_text(note)
    style.legend_below(figure, handles)
    return style.png_of_figure(figure)


def _curve(axes: Any, x: list[float], y: list[float], look: int) -> Any:
    (line,) = axes.plot(
        x,
        y,
        color=style.COLOURS[look],
        linestyle=style.LINES[look],
        marker=style.MARKERS[look],
        linewidth=1.6,
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.6,
    )
    return line


def _logarithmic(axes: Any, x: list[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    style.logarithmic_x(axes, np.array(x))
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    # Not less than most of a decade, lest noise look like growth; and room for the triangle under the curves.
    low, high = min(low / 1.6, high / 8), high * 1.1
    axes.set_ylim(low, high)
    decades = math.log10(high / low)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,), numticks=20))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _triangle(axes: Any, x: list[float], y: list[float]) -> None:
    """Draw the slope of the last points under a curve."""
    slope = slope_of(x[-3:], y[-3:])
    start, end = (math.exp(math.log(x[-3]) + share * math.log(x[-1] / x[-3])) for share in (0.15, 0.85))
    low, high = axes.get_ylim()
    drop = (high / low) ** 0.10
    at = y[-3] * (start / x[-3]) ** slope / drop
    top = at * (end / start) ** slope
    axes.plot([start, end, end, start], [at, at, top, at], color=style.SOFT, linewidth=0.9)
    text = axes.annotate("", (end, math.sqrt(at * top)), xytext=(3, -1), textcoords="offset points", va="center")
    style.write(text, f"{slope:.2f}", 1, size_pt=style.SMALL_PT, color=style.SOFT)


def _without_cells(axes: Any, data: Data, x: float) -> None:
    """Draw what no logarithmic axis has a place for, left of the others."""
    for look, target in enumerate(_LABELS):
        run = runs_of(data, "cells", target)[0]
        y = 1e3 * run["cpu_s"] / run["frames"]
        axes.plot(x, y, style.MARKERS[look], color=style.COLOURS[look], markersize=4.5, markeredgecolor="white")
    text = axes.annotate("", (x, y), xytext=(-2, 7), textcoords="offset points", ha="left")
    style.write(text, "no cells", 1, size_pt=style.SMALL_PT, color=style.SOFT)


def _mark_bend(axes: Any, bend: float) -> None:
    low, high = axes.get_xlim()
    if low < bend < high:
        style.mark_places(axes, {f"half is fixed at {bend:.0f} frames": bend})


def stages_figure(data: Data) -> bytes:
    figure = style.new_figure(style.WIDTH_IN, 2.9)
    axes = figure.add_subplot()
    style.dress(axes, x_label="processor time of an image, ms", y_label="", title="Where the time of an image goes")
    runs = [
        (label, runs_of(data, "stages", target)[0])
        for target, label in (*_LABELS.items(), ("flow", "flow, noise target"))
    ]
    runs.reverse()
    left = np.zeros(len(runs))
    handles = []
    for look, (label, stages) in enumerate(_DRAWN.items()):
        ms = np.array([1e3 * sum(run["stages"][stage] for stage in stages) / run["frames"] for _, run in runs])
        colour = style.COLOURS[look % len(style.COLOURS)]
        hatch = style.HATCHES[look % len(style.HATCHES)]
        if look >= len(style.COLOURS):
            hatch = style.HATCHES[-1 - look % len(style.COLOURS)]
        bar = axes.barh(range(len(runs)), ms, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5)
        handles.append((bar, label))
        left += ms
    axes.set_yticks(range(len(runs)), [label for label, _ in runs])
    axes.grid(visible=False, axis="y")
    style.legend_below(figure, handles)
    return style.png_of_figure(figure)
