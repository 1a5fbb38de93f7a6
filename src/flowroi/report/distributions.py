"""Bars, histograms and the agreement of two measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flowroi.report import house_style as style
from flowroi.report.house_style import Numbers, check_lengths


@dataclass(frozen=True, slots=True)
class Bars:
    """One colour of bars, a value a group; `low` and `high` are the ends of their error bars. None is no bar.

    Raises
    ------
    InvalidParameterError
        If the lengths differ, or only one end of the error bars is given.
    """

    label: str
    values: Numbers
    low: Numbers | None = None
    high: Numbers | None = None

    def __post_init__(self) -> None:
        check_lengths(self.label, len(self.values), self.values, self.low, self.high)


def bars_figure(
    groups: Sequence[str],
    bars: Sequence[Bars],
    *,
    y_label: str,
    x_label: str = "",
    title: str = "",
    marks: Mapping[str, float] | None = None,
) -> bytes:
    """Draw grouped bars, with error bars where they are given.

    Parameters
    ----------
    groups : sequence of str
        Names under the groups.
    bars : sequence of Bars
        Each with a value a group.
    y_label, x_label, title
        See `curve_figure`.
    marks : mapping of str to float, optional
        Horizontal reference lines.

    Raises
    ------
    InvalidParameterError
        If there are not as many values as groups.
    MissingDependencyError
        Without Matplotlib.
    """
    for one in bars:
        check_lengths(one.label, len(groups), one.values, None, None)
    figure = style.new_figure(style.WIDTH_IN, 3.7)
    axes = figure.add_subplot()
    style.dress(axes, x_label=x_label, y_label=y_label, title=title)
    axes.grid(visible=False, axis="x")
    width = 0.8 / max(len(bars), 1)
    handles = []
    for look, one in enumerate(bars):
        places = np.arange(len(groups)) + (look - (len(bars) - 1) / 2) * width
        values = style.gaps(one.values)
        error = None
        if one.low is not None and one.high is not None:
            error = np.nan_to_num(np.clip([values - style.gaps(one.low), style.gaps(one.high) - values], 0, None))
        drawn = axes.bar(
            places,
            values,
            0.92 * width,
            yerr=error,
            color=style.COLOURS[look % len(style.COLOURS)],
            hatch=style.HATCHES[look % len(style.HATCHES)],
            edgecolor="white",
            linewidth=0,
            error_kw={"ecolor": style.INK, "elinewidth": 1, "capsize": 2.5},
        )
        handles.append((drawn, one.label))
    # The locator writes its labels anew whenever the figure is drawn.
    axes.set_xticks(np.arange(len(groups)), labels=[style.plain(group) for group in groups])
    crowded = sum(len(group) for group in groups) > 80
    for tick, group in zip(axes.get_xticklabels(), groups, strict=True):
        turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        style.write(tick, group, fontsize=style.SMALL_PT, **turned)
    axes.tick_params(axis="x", length=0)
    style.mark_levels(axes, marks or {})
    if len(bars) > 1:
        style.legend_below(figure, handles)
    return style.png_of_figure(figure)


def histogram_figure(
    samples: Mapping[str, Numbers],
    *,
    x_label: str,
    y_label: str = "count",
    title: str = "",
    bins: int | Sequence[float] = 40,
    vertical_marks: Mapping[str, float] | None = None,
) -> bytes:
    """Draw the outlines of histograms over common bins.

    Parameters
    ----------
    samples : mapping of str to sequence of float
        Numbers by name; None, NaN and the infinities are left out.
    x_label, y_label, title, vertical_marks
        See `curve_figure`.
    bins : int or sequence of float, default 40
        How many bins from the least number to the largest, or their edges.

    Raises
    ------
    MissingDependencyError
        Without Matplotlib.
    """
    figure = style.new_figure(style.WIDTH_IN, 3.4)
    axes = figure.add_subplot()
    style.dress(axes, x_label=x_label, y_label=y_label, title=title)
    finite = {name: values[np.isfinite(values)] for name, values in ((n, style.gaps(v)) for n, v in samples.items())}
    pooled = np.concatenate([np.empty(0), *finite.values()])
    edges = np.histogram_bin_edges(pooled, bins)
    handles = []
    for look, (name, values) in enumerate(finite.items()):
        colour = style.COLOURS[look % len(style.COLOURS)]
        counts = np.histogram(values, edges)[0]
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.14)
        line = style.LINES[look % len(style.LINES)]
        handles.append((axes.stairs(counts, edges, color=colour, linewidth=1.5, linestyle=line), name))
    axes.set_ylim(bottom=0)
    style.mark_places(axes, vertical_marks or {})
    if len(finite) > 1:
        style.legend_below(figure, handles)
    return style.png_of_figure(figure)


def bland_altman_figure(
    mean: Numbers, difference: Numbers, *, limits: tuple[float, float], x_label: str, y_label: str, title: str = ""
) -> bytes:
    """Draw the difference of two measurements of the same things against their mean.

    Parameters
    ----------
    mean, difference : sequence of float
        A pair a thing; a pair with a None, a NaN or an infinity is left out.
    limits : (float, float)
        The limits of agreement, which are drawn and named beside the mean difference.
    x_label, y_label, title
        See `curve_figure`.

    Raises
    ------
    InvalidParameterError
        If the lengths differ.
    MissingDependencyError
        Without Matplotlib.

    References
    ----------
    Bland and Altman, doi:10.1016/S0140-6736(86)90837-8.
    """
    check_lengths("difference", len(mean), difference, None, None)
    x, y = style.gaps(mean), style.gaps(difference)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    figure = style.new_figure(style.WIDTH_IN, 3.7)
    axes = figure.add_subplot()
    style.dress(axes, x_label=x_label, y_label=y_label, title=title)
    # Thousands of cells overlap: the fainter each, the better their density shows.
    opacity = float(np.clip(20 / np.sqrt(max(x.size, 1)), 0.15, 0.8))
    axes.plot(x, y, linestyle="none", marker="o", markersize=3.5, color=style.COLOURS[0], alpha=opacity, mew=0)
    axes.axhline(0, color=style.INK, linewidth=0.8)
    lower, upper = limits
    reach = [*y, lower, upper, 0.0]
    spare = 0.12 * (max(reach) - min(reach) or 1)
    axes.set_ylim(min(reach) - spare, max(reach) + spare)
    marks = {f"upper limit {upper:.3g}": upper, f"lower limit {lower:.3g}": lower}
    if y.size:
        marks[f"mean {y.mean():.3g}"] = float(y.mean())
    style.mark_levels(axes, marks)
    return style.png_of_figure(figure)
