"""A report as one HTML file that asks the network for nothing and runs no script but its own."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowroi.archives.atomic import appearing
from flowroi.errors import MissingDependencyError
from flowroi.output import check_target
from flowroi.png import png_css_size
from flowroi.report.blocks import Figure, Gallery, Link, Report, Slider, Table, Text
from flowroi.report.wording import cell_text, is_number, leaf_text, legible, sort_key

if TYPE_CHECKING:
    from jinja2 import Environment

_KINDS: dict[type, str] = {Text: "text", Table: "table", Figure: "figure", Gallery: "gallery", Slider: "slider"}

# Addresses that the page itself uses.
_TAKEN = ("contents", "provenance", "verdict")


def render(report: Report) -> str:
    """Return a report as one HTML page.

    Parameters
    ----------
    report : Report
        Nothing in it is taken for markup.

    Returns
    -------
    str
        The page: pictures, style and script are inside, and its content security policy lets it run and load
        nothing else.

    Raises
    ------
    MissingDependencyError
        Without Jinja2.
    CorruptDataError
        If a picture is no PNG image.

    Examples
    --------
    >>> page = render(Report("Rate <10>", "All cells are kept.", True, (), {"seed": 1}))
    >>> "<title>Rate &lt;10&gt;</title>" in page
    True
    """
    environment = _environment()
    style, script = (_template(name).strip("\n") for name in ("report.css", "report.js"))
    policy = "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    from markupsafe import Markup

    return environment.get_template("report.html.j2").render(
        report=report,
        sections=list(_sections(report)),
        policy=policy,
        # Ours, and inlined as they are: escaped they would be neither style nor script.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
    )


def write_report(report: Report, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a report as one HTML file, whole or not at all.

    Parameters
    ----------
    report : Report
    path : path
        The file.
    overwrite : bool, default False
        Replace a file that exists.

    Raises
    ------
    OutputExistsError
        If the file exists and `overwrite` is False.
    MissingInputError
        If its folder does not exist.
    MissingDependencyError
        Without Jinja2.
    CorruptDataError
        If a picture is no PNG image.
    """
    target = Path(path)
    check_target(target, inputs=[], overwrite=overwrite)
    page = render(report)
    with appearing(target, folder=False, overwrite=overwrite) as unfinished:
        unfinished.write_text(page, encoding="utf-8", newline="\n")


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise MissingDependencyError(
            "an HTML report needs Jinja2, which is not there; nothing was written: pip install 'flowroi[evaluation]'"
        ) from error
    # autoescape is on for every template: select_autoescape goes by the suffix, and would let .j2 through unescaped.
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(data_uri=_data_uri, cell=cell_text, leaf=leaf_text, sort_key=sort_key)
    environment.globals.update(css_size=png_css_size, numeric_columns=_numeric_columns)
    environment.tests["number_cell"] = is_number
    environment.tests["linked"] = lambda value: isinstance(value, Link)
    environment.tests["nested"] = lambda value: isinstance(value, Mapping)
    environment.tests["listed"] = lambda value: isinstance(value, list | tuple)
    return environment


def _template(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    """Make the text of a report legible; what is markup already, our own, passes."""
    return value if hasattr(value, "__html__") else legible(str(value))


def _digest(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_uri(png: bytes) -> Any:
    from markupsafe import Markup

    return Markup("data:image/png;base64," + b64encode(png).decode())  # noqa: S704


def _sections(report: Report) -> Iterator[dict[str, Any]]:
    """Give every section an address of its own, and every table and figure its number."""
    taken = set(_TAKEN)
    counts = {"Table": 0, "Figure": 0}
    for number, section in enumerate(report.sections, start=1):
        address = _slug(section.id or section.title) or f"section-{number}"
        if address in taken:
            address = f"{address}-{number}"
        taken.add(address)
        blocks = []
        for block in section.blocks:
            kind = _KINDS[type(block)]
            word = "Table" if kind == "table" else "Figure"
            if kind != "text":
                counts[word] += 1
            blocks.append({"kind": kind, "block": block, "label": f"{word} {counts[word]}"})
        yield {"id": address, "title": section.title, "blocks": blocks}


def _numeric_columns(table: Table) -> list[bool]:
    """Tell of every column whether it holds numbers only, beside what is absent."""
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    return [all(value is None or is_number(value) for value in column) for column in columns]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
