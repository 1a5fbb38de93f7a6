"""Curves over one axis, alone or in panels: rate against quality, mostly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from flowroi.errors import InvalidParameterError
from flowroi.report import house_style as style
from flowroi.report.house_style import Numbers, check_lengths

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Series:
    """One curve; `low` and `high` are a confidence band around it. None, NaN and the infinities are gaps.

    Raises
    ------
    InvalidParameterError
        If the lengths differ, or only one side of the band is given.
    """

    label: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None

    def __post_init__(self) -> None:
        check_lengths(self.label, len(self.x), self.y, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes with curves; see `curve_figure`."""

    series: Sequence[Series]
    x_label: str
    y_label: str
    title: str = ""
    x_log: bool = True
    marks: Mapping[str, float] = field(default_factory=dict)
    vertical_marks: Mapping[str, float] = field(default_factory=dict)


def curve_figure(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    x_log: bool = True,
    marks: Mapping[str, float] | None = None,
    vertical_marks: Mapping[str, float] | None = None,
) -> bytes:
    r"""Draw curves over one axis.

    Parameters
    ----------
    series : sequence of Series
    x_label, y_label : str
        With units.
    title : str, optional
    x_log : bool, default True
        Whether the x axis is logarithmic, as rates are.
    marks, vertical_marks : mapping of str to float, optional
        Named reference lines, horizontal and vertical: a noise floor, the rate that was chosen.

    Returns
    -------
    bytes
        PNG, 6.5 inches wide.

    Raises
    ------
    MissingDependencyError
        Without Matplotlib.

    Examples
    --------
    >>> curve = Series("FlowRoI", [5, 10, 20], [44.0, None, 38.5])
    >>> curve_figure([curve], x_label="rate", y_label="PSNR (dB)")[:4]
    b'\x89PNG'
    """
    return panels_figure([Panel(series, x_label, y_label, title, x_log, marks or {}, vertical_marks or {})], columns=1)


def panels_figure(panels: Sequence[Panel], columns: int = 2) -> bytes:
    """Draw panels of curves in rows of `columns`; a name has one look and one place in the legend they share.

    Raises
    ------
    InvalidParameterError
        Without panels, or without columns.
    MissingDependencyError
        Without Matplotlib.
    """
    if not panels or columns < 1:
        raise InvalidParameterError(f"{len(panels)} panels in {columns} columns; expected at least one of each")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    height_in = 3.7 if columns == 1 else 2.9
    width_in = style.WIDTH_IN if columns < 3 else 2.7 * columns
    room_in = (width_in / columns - 0.8, height_in - 0.9)
    figure = style.new_figure(width_in, height_in * rows + 0.3)
    # So that the label of an axis is seen to belong to its panel.
    figure.set_layout_engine("constrained", wspace=0.06, hspace=0.04)
    looks: dict[str, int] = {}
    handles: list[tuple[Any, str]] = []
    for position, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, position)
        style.dress(axes, x_label=panel.x_label, y_label=panel.y_label, title=panel.title, room_in=room_in)
        for series in panel.series:
            look = looks.setdefault(series.label, len(looks))
            handles.append((_curve(axes, series, look), series.label))
        if panel.x_log:
            values = [style.gaps(series.x) for series in panel.series]
            style.logarithmic_x(axes, np.concatenate([*values, style.gaps(list(panel.vertical_marks.values()))]))
        style.mark_levels(axes, panel.marks)
        style.mark_places(axes, panel.vertical_marks)
    if len(looks) > 1:
        style.legend_below(figure, handles)
    return style.png_of_figure(figure)


def _curve(axes: Axes, series: Series, look: int) -> Any:
    x, y = style.gaps(series.x), style.gaps(series.y)
    colour = style.COLOURS[look % len(style.COLOURS)]
    if series.low is not None and series.high is not None:
        low, high = style.gaps(series.low), style.gaps(series.high)
        for span in style.spans(np.isfinite(x) & np.isfinite(low) & np.isfinite(high)):
            axes.fill_between(x[span], low[span], high[span], color=colour, alpha=0.16, linewidth=0, zorder=1.8)
    (line,) = axes.plot(
        x,
        y,
        color=colour,
        linewidth=1.6,
        linestyle=style.LINES[look % len(style.LINES)],
        marker=style.MARKERS[look % len(style.MARKERS)],
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.6,
    )
    return line
