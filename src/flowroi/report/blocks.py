"""What a report is made of: blocks that know how they look and nothing of what they measure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flowroi.errors import InvalidParameterError
from flowroi.png import png_size

_PAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*(?:/[A-Za-z0-9_][A-Za-z0-9_.]*)*")


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to another page.

    Parameters
    ----------
    text : str
    page : str
        Its place below the folder of this page, such as `A1_f0/report.html`.

    Raises
    ------
    InvalidParameterError
        If the page is anywhere else.

    Examples
    --------
    >>> Link("A1", "javascript:alert(1)")
    Traceback (most recent call last):
    flowroi.errors.InvalidParameterError: the page is 'javascript:alert(1)'; expected one below this one's folder
    """

    text: str
    page: str

    def __post_init__(self) -> None:
        if not _PAGE.fullmatch(self.page):
            raise InvalidParameterError(f"the page is {self.page!r}; expected one below this one's folder")

    def __str__(self) -> str:
        return self.text


Cell = str | int | float | Link | None


@dataclass(frozen=True, slots=True)
class Text:
    """Running text, a string a paragraph."""

    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a click on a column's header sorts.

    Parameters
    ----------
    caption : str
    columns : tuple of str
        The headers, with units.
    rows : tuple of tuple of str, int, float, Link or None
        A cell a column. Text is shown as it is, numbers with 4 significant digits, None and NaN as a dash.
    note : str, optional
        What a reader must know beside the caption; stands under the table.

    Raises
    ------
    InvalidParameterError
        If a row has not a cell for each column.

    Examples
    --------
    >>> Table("Sizes", ("frame", "bytes"), (("t000",),))
    Traceback (most recent call last):
    flowroi.errors.InvalidParameterError: row 0 of the table 'Sizes' has 1 cells; expected 2, one a column
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise InvalidParameterError(
                    f"row {number} of the table {self.caption!r} has {len(row)} cells; "
                    f"expected {len(self.columns)}, one a column"
                )

    def without_empty_columns(self) -> Table:
        """Return the table without the columns of which nothing is known.

        Examples
        --------
        >>> Table("Sizes", ("frame", "bytes"), (("t000", None),)).without_empty_columns().columns
        ('frame',)
        """
        kept = [n for n in range(len(self.columns)) if any(row[n] is not None for row in self.rows)]
        rows = tuple(tuple(row[n] for n in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[n] for n in kept), rows=rows)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture over the width of the page, enlarged by a click.

    Parameters
    ----------
    caption : str
        What is shown, with units.
    alt : str
        What the picture says, for those who do not see it.
    png : bytes
        Shown at the size that its resolution asks for.
    """

    caption: str
    alt: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture of a gallery; `alt` is the caption where it is empty."""

    caption: str
    png: bytes
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures side by side, in the order given."""

    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class SliderFrame:
    """One frame of a comparison.

    Parameters
    ----------
    name : str
    original_png, decoded_png : bytes
        Of one size, and stretched from one grey range.
    outline_png : bytes or None
        The outline of the RoI, transparent elsewhere.
    note : str, optional
        What is to be said of this frame.

    Raises
    ------
    InvalidParameterError
        If the pictures differ in size.
    """

    name: str
    original_png: bytes
    decoded_png: bytes
    outline_png: bytes | None
    note: str = ""

    def __post_init__(self) -> None:
        sizes = {png_size(png) for png in (self.original_png, self.decoded_png, self.outline_png) if png is not None}
        if len(sizes) > 1:
            raise InvalidParameterError(
                f"the pictures of frame {self.name!r} are of different sizes (width, height): {sorted(sizes)}; "
                "expected one size"
            )


@dataclass(frozen=True, slots=True)
class Slider:
    """Two versions of the same frames, with a divider to draw across them.

    Parameters
    ----------
    caption : str
    original, decoded : str
        What lies left and right of the divider.
    frames : tuple of SliderFrame
        The first is shown first.
    """

    caption: str
    original: str
    decoded: str
    frames: tuple[SliderFrame, ...]


Block = Text | Table | Figure | Gallery | Slider


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report with its own line in the contents; `id` is its address in the page, by default its title."""

    title: str
    blocks: tuple[Block, ...]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    Parameters
    ----------
    title : str
    verdict : str
        The answer, as one sentence.
    verdict_good : bool or None
        Whether what was asked for was met; None where nothing was.
    sections : tuple of Section
    provenance : mapping of str
        Whatever it takes to make the report again: versions, parameters, digests, the command line; nested as JSON is.
    """

    title: str
    verdict: str
    verdict_good: bool | None
    sections: tuple[Section, ...]
    provenance: Mapping[str, Any]
