"""How every figure looks: colours that colour-blind readers tell apart, and shapes that need no colour at all."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

Numbers = Sequence[float | None] | npt.NDArray[Any]

# Okabe and Ito's palette without its yellow, which is lost on white; blue and vermilion first, as they differ most.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++")
INK = "#1b1f23"
SOFT = "#59636e"
GRID = "#e3e7eb"

WIDTH_IN = 6.5
FONT_PT = 9.0
SMALL_PT = 8.0
_DPI = 192
_FONT = "DejaVu Sans"
_WIDTH_OF_LETTER = 0.6

# Matplotlib's font and layout caches are shared by all threads.
_DRAWING = Lock()


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty white figure; it belongs to no window and to no global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "figures need Matplotlib, which is not installed; nothing was written: pip install 'flowroi[evaluation]'"
        ) from error
    return Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white", layout="constrained")


def png_of_figure(figure: Figure) -> bytes:
    """Draw a figure as PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with _DRAWING:
        FigureCanvasAgg(figure)
        figure.savefig(
            buffer,
            format="png",
            dpi=_DPI,
            facecolor="white",
            bbox_inches=figure.bbox_inches,
            metadata={"Software": None},
            pil_kwargs={"optimize": True},
        )
    return buffer.getvalue()


def write(text: Text, words: str, room_in: float, *, size_pt: float = FONT_PT, lines: int = 3, **style: Any) -> None:
    """Set a text as it is, in lines of a given length: a dollar is no formula, and what is too long is cut."""
    text.set_parse_math(False)
    text.set(
        **{
            "text": fitted(words, room_in, size_pt, lines),
            "fontfamily": _FONT,
            "fontsize": size_pt,
            "color": INK,
            **style,
        }
    )


def fitted(words: str, room_in: float, size_pt: float, lines: int = 3) -> str:
    """Return words as at most `lines` lines that a letter size lets into `room_in` inches."""
    line = max(int(room_in * 72 / (_WIDTH_OF_LETTER * size_pt)), 4)
    return "\n".join(textwrap.wrap(plain(words), line, max_lines=lines, placeholder="…"))


def plain(words: str) -> str:
    r"""Return words with the characters that the font cannot draw replaced.

    Examples
    --------
    >>> plain("PSNR, dB: 細胞\x00")
    'PSNR, dB: ���'
    """
    known = _characters()
    return "".join(c if c in "\n\t" or ord(c) in known else "\N{REPLACEMENT CHARACTER}" for c in words)


@cache
def _characters() -> frozenset[int]:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return frozenset(code for code in FT2Font(findfont(_FONT)).get_charmap() if code >= 0x20)


def dress(
    axes: Axes, *, x_label: str, y_label: str, title: str = "", room_in: tuple[float, float] = (WIDTH_IN - 1, 2.8)
) -> None:
    """Give axes their labels and the look of the house: two spines, a faint grid behind everything."""
    width_in, height_in = room_in
    axes.set_facecolor("white")
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=GRID, linewidth=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(SOFT)
        spine.set_linewidth(0.8)
    axes.tick_params(
        which="both", labelsize=SMALL_PT, labelfontfamily=_FONT, colors=SOFT, labelcolor=INK, direction="out", width=0.8
    )
    write(axes.xaxis.label, x_label, width_in)
    write(axes.yaxis.label, y_label, height_in)
    write(axes.title, title, width_in, size_pt=FONT_PT + 1, fontweight="bold", ha="left", x=0.0)


def logarithmic_x(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    """Make the x axis logarithmic, its ticks written as plain numbers: 1, 2, 5, 10, ..."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    positive = values[np.isfinite(values) & (values > 0)]
    decades = math.log10(positive.max() / positive.min()) if positive.size else 0
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def mark_levels(axes: Axes, marks: Mapping[str, float]) -> None:
    """Draw horizontal reference lines, their names at the right: over the line, or under it where the next is close."""
    low, high = axes.get_ylim()
    ordered = sorted(_drawable(marks), key=lambda mark: mark[1])
    for number, (words, level) in enumerate(ordered, start=1):
        under = number < len(ordered) and ordered[number][1] - level < 0.07 * (high - low)
        axes.axhline(level, color=SOFT, linewidth=1, linestyle=(0, (4, 2)), zorder=1.5)
        place = {"xy": (1, level), "xycoords": axes.get_yaxis_transform(), "xytext": (-2, -2 if under else 2)}
        _name(axes, words, place, ha="right", va="top" if under else "bottom")


def mark_places(axes: Axes, marks: Mapping[str, float]) -> None:
    """Draw vertical reference lines with their names beside them."""
    for words, x in _drawable(marks):
        axes.axvline(x, color=SOFT, linewidth=1, linestyle=(0, (1.5, 1.5)), zorder=1.5)
        place = {"xy": (x, 1), "xycoords": axes.get_xaxis_transform(), "xytext": (2, -2)}
        _name(axes, words, place, ha="left", va="top", rotation=90)


def _drawable(marks: Mapping[str, float]) -> list[tuple[str, float]]:
    """Leave out the levels that no axis reaches, as the infinite PSNR of what is lossless."""
    return [(words, level) for words, level in marks.items() if math.isfinite(level)]


def _name(axes: Axes, words: str, place: dict[str, Any], **alignment: Any) -> None:
    """Write the name of a reference line, with a white rim that lets it be read over a curve."""
    from matplotlib.patheffects import withStroke

    name = axes.annotate("", textcoords="offset points", annotation_clip=False, zorder=4, **place, **alignment)
    write(name, words, 1.8, size_pt=SMALL_PT, lines=1, color=SOFT)
    name.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def legend_below(figure: Figure, entries: Iterable[tuple[Any, str]]) -> None:
    """Put a legend under all axes of a figure; entries of one name are one."""
    unique: dict[str, Any] = {}
    for handle, words in entries:
        unique.setdefault(words, handle)
    if not unique:
        return
    # Matplotlib leaves out the names that begin with an underscore.
    drawn = figure.legend(
        list(unique.values()),
        [f" {number}" for number in range(len(unique))],
        loc="outside lower center",
        ncols=_columns(list(unique)),
        frameon=False,
        fontsize=SMALL_PT,
        handlelength=3.2,
        columnspacing=1.6,
    )
    for text, words in zip(drawn.get_texts(), unique, strict=True):
        write(text, words, WIDTH_IN / 2, size_pt=SMALL_PT)


def _columns(words: Sequence[str]) -> int:
    widest = max(len(word) for word in words)
    return max(1, min(len(words), 85 // (widest + 9)))


def gaps(values: Numbers) -> npt.NDArray[np.float64]:
    """Return numbers as an array in which what is absent, not a number or infinite is NaN: a gap in a line.

    Examples
    --------
    >>> gaps([1, None, float("inf")]).tolist()
    [1.0, nan, nan]
    """
    array = np.array([np.nan if value is None else float(value) for value in values], np.float64)
    array[~np.isfinite(array)] = np.nan
    return array


def spans(known: npt.NDArray[np.bool_]) -> list[slice]:
    """Return the runs of true values.

    Examples
    --------
    >>> spans(np.array([True, True, False, True]))
    [slice(0, 2, None), slice(3, 4, None)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], known, [False])).astype(np.int8)))
    return [slice(int(start), int(stop)) for start, stop in list(pairwise(edges))[::2]]


def check_lengths(label: str, length: int, values: Numbers, low: Numbers | None, high: Numbers | None) -> None:
    """Raise InvalidParameterError unless all have one length, and both ends of an interval are given or none."""
    lengths = [len(numbers) for numbers in (values, low, high) if numbers is not None]
    if set(lengths) != {length}:
        raise InvalidParameterError(f"{label!r} has {lengths} values, low and high ends; expected {length} of each")
    if (low is None) != (high is None):
        raise InvalidParameterError(f"{label!r} has one end of its intervals; expected both, or none")
