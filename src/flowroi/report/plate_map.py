"""A figure over the wells of a plate as they lie on it, coloured; what was not measured is told by its shape."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from flowroi.errors import InvalidParameterError
from flowroi.plates.base import row_name
from flowroi.report import house_style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Rows and columns of the plates that are made.
_PLATES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
_LARGEST_WELL_IN = 0.55
# Room for the rows' letters and for the scale.
_BESIDE_IN = 1.25
_ABOVE_IN = 0.75
# Smaller wells have no room for a number.
_LEAST_FOR_NUMBERS_IN = 0.36
_MAP = "cividis"
_LIGHT = 0.55

Place = tuple[int, int]


def plate_map_figure(
    values: Mapping[Place, float | None], label: str, *, failed: Collection[Place] = (), digits: int = 1
) -> bytes:
    r"""Draw a plate.

    Parameters
    ----------
    values : mapping of (int, int) to float or None
        By row and column, from 1. None and NaN are drawn as measured without a figure; infinity as the best.
    label : str
        Of the colours' scale, with the unit.
    failed : collection of (int, int)
        Wells that could not be measured: crossed out.
    digits : int
        Behind the point, of the numbers in the wells, where there is room for them.

    Returns
    -------
    bytes
        PNG, 6.5 inches wide at most. The plate is the smallest usual one, 6 wells to 1,536, that has all these wells.

    Raises
    ------
    InvalidParameterError
        Without any well, or with one that no plate has.
    MissingDependencyError
        Without Matplotlib.

    Examples
    --------
    >>> plate_map_figure({(1, 1): 40.0, (2, 3): 38.5}, "PSNR (dB)", failed=[(1, 2)])[:4]
    b'\x89PNG'
    """
    places = [*values, *failed]
    if not places or min(min(place) for place in places) < 1:
        raise InvalidParameterError(f"the wells are {places[:3]}; expected at least one, rows and columns from 1")
    fitting = [
        size for size in _PLATES if max(r for r, _ in places) <= size[0] and max(c for _, c in places) <= size[1]
    ]
    if not fitting:
        raise InvalidParameterError(f"a well is in row and column {max(places)}; expected at most 32 and 48")
    rows, columns = fitting[0]
    well_in = min(_LARGEST_WELL_IN, (style.WIDTH_IN - _BESIDE_IN) / columns)
    figure = style.new_figure(columns * well_in + _BESIDE_IN, rows * well_in + _ABOVE_IN)
    axes = figure.add_subplot()
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Circle

    known = {place: value for place, value in values.items() if value is not None and math.isfinite(value)}
    low, high = (min(known.values()), max(known.values())) if known else (0.0, 1.0)
    flat = high - low < 1e-9
    if flat:
        low, high = low - 0.5, high + 0.5
    scale, colours = Normalize(low, high), colormaps[_MAP]
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            place = (row, column)
            value = values.get(place)
            best = value is not None and math.isinf(value)
            filled = place in known or best
            fill = colours(1.0 if best else float(scale(known[place]))) if filled else "white"
            edge = style.INK if place in values or place in failed else style.GRID
            axes.add_patch(Circle((column, row), 0.44, facecolor=fill, edgecolor=edge, linewidth=0.7))
            if place in failed:
                axes.plot([column], [row], "x", color=style.INK, markersize=22 * well_in, markeredgewidth=1.4)
            elif filled and well_in >= _LEAST_FOR_NUMBERS_IN:
                dark = best or float(scale(known[place])) > _LIGHT
                text = axes.text(column, row, "", ha="center", va="center")
                number = "∞" if best else f"{known[place]:.{digits}f}"
                style.write(text, number, 1, size_pt=6.5, lines=1, color=style.INK if dark else "white")
    axes.set_xlim(0.4, columns + 0.6)
    axes.set_ylim(rows + 0.6, 0.4)
    axes.set_aspect("equal")
    _name_rows_and_columns(axes, rows, columns)
    if known:
        bar = figure.colorbar(ScalarMappable(scale, colours), ax=axes, shrink=0.9, aspect=18, pad=0.03)
        if flat:
            bar.set_ticks([(low + high) / 2])
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=style.SMALL_PT, colors=style.SOFT, labelcolor=style.INK, width=0.8)
        style.write(bar.ax.yaxis.label, label, max(1.2, rows * well_in), size_pt=style.SMALL_PT)
    return style.png_of_figure(figure)


def _name_rows_and_columns(axes: Axes, rows: int, columns: int) -> None:
    step = 1 if columns <= 24 else 4
    axes.set_xticks(range(1, columns + 1, step), [str(n) for n in range(1, columns + 1, step)])
    axes.set_yticks(range(1, rows + 1, step), [row_name(n) for n in range(1, rows + 1, step)])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=style.SMALL_PT, labelcolor=style.INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
