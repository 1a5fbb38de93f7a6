"""Scatters of size against quality with the front of the best, and what each parameter does to a quality."""

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

# Room for the words under a tick.
_TICK_IN = 0.8
_POINT = "#a4adb6"


@dataclass(frozen=True, slots=True)
class Front:
    """One scatter: all candidates grey, the front as a line, the chosen one as a star.

    Parameters
    ----------
    x, y : sequence of float or None
        Size and quality of all candidates. None, NaN and the infinities are not drawn.
    front : sequence of int
        Places of those on the front, smallest first.
    chosen : int or None
        Place of the one that was chosen.
    again : (float, float) or None
        The chosen one, measured a second time on other frames.
    x_label, y_label : str
        With units.
    marks : mapping of str to float
        Named horizontal lines: the targets.
    vertical_marks : mapping of str to float

    Raises
    ------
    InvalidParameterError
        If the lengths differ.
    """

    x: Numbers
    y: Numbers
    front: Sequence[int]
    chosen: int | None
    again: tuple[float | None, float | None] | None
    x_label: str
    y_label: str
    marks: Mapping[str, float] = field(default_factory=dict)
    vertical_marks: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_lengths("front", len(self.x), self.y, None, None)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one parameter does.

    Parameters
    ----------
    name : str
    values : sequence of str
        In their order.
    y : sequence of float or None
        The quality at each.
    chosen : int or None
        Place of the value that was chosen.
    own_range : bool
        Whether it is drawn over a range of its own, as it does so much more than the others.
    """

    name: str
    values: Sequence[str]
    y: Numbers
    chosen: int | None = None
    own_range: bool = False


def front_figure(panels: Sequence[Front]) -> bytes:
    r"""Draw scatters side by side.

    Returns
    -------
    bytes
        PNG, 6.5 inches wide.

    Raises
    ------
    InvalidParameterError
        Without panels.
    MissingDependencyError
        Without Matplotlib.

    Examples
    --------
    >>> front_figure([Front([1, 2, 2], [40, 45, 43], [0, 1], 1, None, "size (bits/px)", "PSNR (dB)")])[:4]
    b'\x89PNG'
    """
    if not panels:
        raise InvalidParameterError("there is no scatter to draw; expected at least one")
    figure = style.new_figure(style.WIDTH_IN, 3.9 if len(panels) == 1 else 3.4)
    handles: list[tuple[Any, str]] = []
    for position, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), position)
        style.dress(axes, x_label=panel.x_label, y_label=panel.y_label)
        handles += _scatter(axes, panel)
        style.logarithmic_x(axes, style.gaps([*panel.x, *panel.vertical_marks.values()]))
        style.mark_levels(axes, panel.marks)
        style.mark_places(axes, panel.vertical_marks)
    style.legend_below(figure, handles)
    return style.png_of_figure(figure)


def _scatter(axes: Axes, panel: Front) -> list[tuple[Any, str]]:
    x, y = style.gaps(panel.x), style.gaps(panel.y)
    handles: list[tuple[Any, str]] = []
    (points,) = axes.plot(x, y, linestyle="none", marker="o", markersize=3.5, color=_POINT, markeredgewidth=0)
    handles.append((points, "candidates"))
    if panel.front:
        places = list(panel.front)
        (line,) = axes.plot(
            x[places],
            y[places],
            color=style.COLOURS[0],
            linewidth=1.4,
            marker="o",
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.6,
        )
        handles.append((line, "front"))
    if panel.chosen is not None:
        handles.append((_star(axes, x[panel.chosen], y[panel.chosen], style.COLOURS[1]), "chosen"))
    if panel.again is not None:
        place = style.gaps(panel.again)
        handles.append((_star(axes, place[0], place[1], "white"), "chosen, on frames held out"))
    return handles


def _star(axes: Axes, x: float, y: float, face: str) -> Any:
    (star,) = axes.plot(
        [x],
        [y],
        linestyle="none",
        marker="*",
        markersize=12,
        markerfacecolor=face,
        markeredgecolor=style.COLOURS[1],
        markeredgewidth=1,
        zorder=4,
    )
    return star


def effects_figure(effects: Sequence[Effect], *, y_label: str, columns: int = 3) -> bytes:
    """Draw a quality over the values of parameters, a panel each; the values stand at even distances.

    Raises
    ------
    InvalidParameterError
        Without parameters, or if one has not a figure for each value.
    MissingDependencyError
        Without Matplotlib.
    """
    if not effects:
        raise InvalidParameterError("there is no parameter to draw; expected at least one")
    for effect in effects:
        check_lengths(effect.name, len(effect.values), effect.y, None, None)
    columns = min(columns, len(effects))
    rows = -(-len(effects) // columns)
    figure = style.new_figure(style.WIDTH_IN if columns > 1 else 3.4, 1.9 * rows + 0.3)
    shared = np.concatenate([np.empty(0), *(style.gaps(effect.y) for effect in effects if not effect.own_range)])
    shared = shared[np.isfinite(shared)]
    for position, effect in enumerate(effects, start=1):
        axes = figure.add_subplot(rows, columns, position)
        first = (position - 1) % columns == 0
        style.dress(axes, x_label="", y_label=y_label if first else "", title=effect.name)
        y = style.gaps(effect.y)
        axes.plot(
            range(len(y)), y, color=style.COLOURS[0], linewidth=1.2, marker="o", markersize=4, markeredgecolor="white"
        )
        if effect.chosen is not None:
            _star(axes, effect.chosen, y[effect.chosen], style.COLOURS[1])
        axes.set_xlim(-0.4, len(y) - 0.6)
        if shared.size and not effect.own_range:
            # One range for all, so that strong and weak parameters can be told apart.
            room = max(0.08 * float(np.ptp(shared)), 1e-3)
            axes.set_ylim(shared.min() - room, shared.max() + room)
        crowded = len(y) > 6
        size_pt = style.SMALL_PT - crowded
        # Drawing takes the words of a tick from its axis, and the rest from the tick.
        names = [style.fitted(words, _TICK_IN, size_pt) for words in effect.values]
        axes.set_xticks(range(len(y)), labels=names)
        for tick, words in zip(axes.get_xticklabels(), effect.values, strict=True):
            style.write(tick, words, _TICK_IN, size_pt=size_pt, rotation=90 if crowded else 0)
    return style.png_of_figure(figure)
