"""Images in rows and columns, in one grey range: a crop at several rates, masks over several frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.report import house_style as style
from flowroi.report.pictures import Outlines, grey_range
from flowroi.roi.grey import Frame

_TITLE_IN = 0.22
_GAP_IN = 0.06


@dataclass(frozen=True, slots=True)
class GridImage:
    """An image (Y, X), uint8 or uint16, its title, and the masks to outline in it with their colours, RGB 0 to 255."""

    title: str
    image: Frame
    contours: Outlines = ()

    def __post_init__(self) -> None:
        for mask, _ in self.contours:
            if mask.shape != self.image.shape:
                raise InvalidParameterError(
                    f"a mask of shape {mask.shape} on the image {self.title!r} of {self.image.shape}; expected one"
                )


def image_grid(
    images: Sequence[GridImage],
    columns: int,
    *,
    row_labels: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
) -> bytes:
    """Draw images row by row, pixels as squares.

    Parameters
    ----------
    images : sequence of GridImage
        The last row may be short.
    columns : int
    row_labels : sequence of str, optional
        Names left of the rows.
    low, high : float, optional
        The grey levels shown black and white; by default the 0.1 % and 99.9 % quantiles of all images.

    Returns
    -------
    bytes
        PNG, 6.5 inches wide.

    Raises
    ------
    InvalidParameterError
        Without images or columns, or with fewer labels than rows.
    MissingDependencyError
        Without Matplotlib.
    """
    if not images or columns < 1:
        raise InvalidParameterError(f"{len(images)} images in {columns} columns; expected at least one of each")
    rows = -(-len(images) // columns)
    if row_labels and len(row_labels) != rows:
        raise InvalidParameterError(f"{len(row_labels)} row labels for {rows} rows; expected one a row")
    least, most = grey_range(*(one.image for one in images))
    low, high = least if low is None else low, most if high is None else high
    side_in = (style.WIDTH_IN - (0.25 if row_labels else 0)) / columns - _GAP_IN
    heights = []
    for row in range(rows):
        shapes = [one.image.shape for one in images[row * columns : (row + 1) * columns]]
        heights.append(side_in * max(y / x for y, x in shapes) + _TITLE_IN)
    figure = style.new_figure(style.WIDTH_IN, sum(heights) + _GAP_IN * rows)
    figure.set_layout_engine("constrained", w_pad=_GAP_IN / 2, h_pad=_GAP_IN / 2, wspace=0, hspace=0)
    grid = figure.add_gridspec(rows, columns, height_ratios=heights)
    for position, one in enumerate(images):
        row, column = divmod(position, columns)
        axes = figure.add_subplot(grid[row, column])
        axes.imshow(one.image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        style.write(axes.title, one.title, side_in, size_pt=style.SMALL_PT, lines=2)
        if row_labels and column == 0:
            style.write(axes.yaxis.label, row_labels[row], heights[row], size_pt=style.SMALL_PT, lines=2)
        for mask, colour in one.contours:
            _outline(axes, mask, colour)
    return style.png_of_figure(figure)


def _outline(axes: Any, mask: npt.NDArray[Any], colour: tuple[int, int, int]) -> None:
    """Draw the edges between a mask's pixels and the others as lines, along the pixels' borders."""
    from matplotlib.collections import LineCollection

    padded = np.pad(mask != 0, 1)
    y, x = np.nonzero(padded[1:, :] != padded[:-1, :])
    level = [((a - 1.5, b - 0.5), (a - 0.5, b - 0.5)) for a, b in zip(x, y, strict=True)]
    y, x = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = [((a - 0.5, b - 1.5), (a - 0.5, b - 0.5)) for a, b in zip(x, y, strict=True)]
    axes.add_collection(
        LineCollection(level + upright, colors=[[c / 255 for c in colour]], linewidths=1, capstyle="projecting"),
        autolim=False,
    )
