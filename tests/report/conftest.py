"""A report with a block of every kind, and a real browser to look at it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from flowroi.png import encode_png
from flowroi.report.blocks import (
    Figure,
    Gallery,
    Picture,
    Report,
    Section,
    Slider,
    SliderFrame,
    Table,
    Text,
)
from flowroi.report.pictures import outline_png

HEIGHT, WIDTH = 60, 100


def flat(level):
    """A grey image without any detail."""
    return encode_png(np.full((HEIGHT, WIDTH), level, np.uint8))


def outlined():
    """The outline of a square that reaches from the left half of a frame into the right."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:50, 10:90] = True
    return outline_png(mask)


def report_of(words):
    """A report with a block of every kind and `words(place)` in every field that takes text."""
    frames = tuple(
        SliderFrame(words(f"frame {n}"), flat(20 * n), flat(255 - 20 * n), outlined(), words(f"frame note {n}"))
        for n in range(3)
    )
    rows = tuple((words(f"cell {n}"), n, number) for n, number in enumerate((10.5, 9.25, None, 100.125)))
    blocks = (
        Text((words("paragraph 1"), words("paragraph 2"))),
        Table(words("table caption"), tuple(words(f"column {n}") for n in range(3)), rows, words("table note")),
        Figure(words("figure caption"), words("figure alt"), flat(200)),
        Gallery(words("gallery caption"), (Picture(words("picture"), flat(90), words("picture alt")),)),
        Slider(words("slider caption"), words("original"), words("decoded"), frames),
    )
    provenance = {
        words("key"): words("value"),
        "nested": {words("inner key"): [words("entry 1"), words("entry 2")], "list": [{"a": words("deep")}]},
        "seed": 7,
    }
    sections = (Section(words("section"), blocks, words("address")), Section(words("empty section"), ()))
    return Report(words("title"), words("verdict"), True, sections, provenance)


@pytest.fixture
def report():
    return report_of(lambda place: place)


@dataclass
class Visit:
    """A page that is open, and what it has said and asked for since."""

    page: object
    said: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    failures: set = field(default_factory=set)


@pytest.fixture
def visit(browser, tmp_path):
    """Open HTML from a file; what it says and asks for is noted."""
    contexts = []

    def call(html, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        visit = Visit(page)

        def noted(request):
            if not request.url.startswith("data:") and request.url != path.as_uri():
                visit.requests.append(request.url)

        page.on("request", noted)
        page.on("requestfailed", lambda request: visit.failures.add(request.failure))
        page.on("console", lambda message: visit.said.append(message.text))
        page.on("pageerror", lambda error: visit.said.append(str(error)))
        page.on("dialog", lambda dialog: (visit.said.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        return visit

    yield call
    for context in contexts:
        context.close()
