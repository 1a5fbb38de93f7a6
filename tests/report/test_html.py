"""The page as text, and as a file."""

import hashlib
import re
import sys
from base64 import b64encode

import numpy as np
import pytest

from flowroi.errors import (
    CorruptDataError,
    InvalidParameterError,
    MissingDependencyError,
    MissingInputError,
    OutputExistsError,
)
from flowroi.report.blocks import Figure, Gallery, Report, Section, Slider, SliderFrame, Table, Text
from flowroi.report.html import render, write_report
from tests.report.conftest import flat


def one(*blocks):
    return render(Report("t", "v", None, (Section("s", blocks),), {}))


def test_blocks_are_numbered_in_order(report):
    captions = re.findall(r"<figcaption><b>(\w+ \d)\.</b> <bdi>(.*?)</bdi>", render(report))
    assert captions == [
        ("Table 1", "table caption"),
        ("Figure 1", "figure caption"),
        ("Figure 2", "gallery caption"),
        ("Figure 3", "slider caption"),
    ]


def test_every_address_is_one_and_the_contents_lead_to_it():
    titles = ("Same", "same", "provenance", "¿?", "a" * 200, "Same 2", "same", "")
    html = render(Report("t", "v", None, tuple(Section(title, ()) for title in titles), {}))
    addresses = re.findall(r'<section id="([^"]+)"', html)
    assert len(addresses) == len(set(addresses)) == len(titles) + 1
    assert re.findall(r'<li><a href="#([^"]+)"', html) == addresses
    every = re.findall(r'\bid="([^"]+)"', html)
    assert len(every) == len(set(every))


def test_an_address_of_ones_own_is_kept():
    assert '<section id="worst-cells"' in render(Report("t", "v", None, (Section("Cells", (), "worst-cells"),), {}))


def test_the_policy_holds_the_digests_of_what_is_inlined(report):
    html = render(report)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)[1].replace("&#39;", "'")
    for kind in ("style", "script"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        assert f"{kind}-src 'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'; img-src data:;" in policy
    assert "base-uri 'none'; form-action 'none'" in policy
    assert "unsafe" not in policy
    assert html.index("Content-Security-Policy") < html.index("<style")


def test_nothing_is_styled_or_handled_inline_and_nothing_lies_outside(report):
    html = render(report)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert set(re.findall(r'\b(?:src|href|srcset|action)="(.{5})', html)) <= {
        "data:",
        "#verd",
        "#addr",
        "#prov",
        "#empt",
    }
    assert not re.search(r"https?:|@import|url\(", html)


@pytest.mark.parametrize(("good", "words"), [(True, "Verdict: met"), (False, "Verdict: not met"), (None, "Verdict")])
def test_the_verdict_needs_no_colour(good, words):
    assert f'<p class="kind">{words}</p>' in render(Report("t", "v", good, (), {}))


def test_columns_of_numbers_are_set_right_and_others_left():
    rows = (("a", 1, None, None, 2.5), ("b", None, "x", None, "–"))
    html = one(Table("c", ("text", "number", "mixed", "empty", "both"), rows))
    heads = re.findall(r'<th scope="col"( class="number")?>(\w+)', html)
    assert [name for mark, name in heads if mark] == ["number", "empty"]
    cells = re.findall(r"<td(.*?)>(.*?)</td>", html)
    assert [text for attributes, text in cells if "number" in attributes] == ["1", "–", "2.500", "–", "–"]
    assert cells[-1] == ("", "–")


def test_numbers_of_numpy_are_numbers():
    html = one(Table("c", ("a", "b"), ((np.float32(0.5), np.int64(12345)),)))
    assert re.findall(r'data-value="(.*?)"', html) == ["0.5", "12345"]


def test_what_is_empty_says_so():
    html = one(Table("c", ("a",), ()), Gallery("c", ()), Slider("c", "raw", "decoded", ()), Text(()))
    assert html.count("None to show.") == 3


def test_provenance_of_any_depth_and_kind_is_shown():
    deep = {"a": {"b": [{"c": (1, 2.5, None)}, []]}, "items": True, 3: {}, "text": "x" * 5}
    html = render(Report("t", "v", None, (), deep))
    for text in ("1, 2.5, –", "yes", "xxxxx", ">items<", ">3<"):
        assert text in html


def test_a_row_needs_a_cell_for_each_column():
    with pytest.raises(InvalidParameterError, match="row 1 of the table 'sizes' has 1 cells; expected 2"):
        Table("sizes", ("a", "b"), ((1, 2), (1,)))


def test_pictures_of_one_frame_are_of_one_size():
    from flowroi.png import encode_png

    with pytest.raises(InvalidParameterError, match="'t0' are of different sizes"):
        SliderFrame("t0", flat(0), encode_png(np.zeros((3, 3), np.uint8)), None)


def test_what_is_no_png_is_refused_and_nothing_is_written(tmp_path):
    broken = Report("t", "v", None, (Section("s", (Figure("c", "a", b"<svg onload=alert(1)>"),)),), {})
    with pytest.raises(CorruptDataError, match="no PNG"):
        write_report(broken, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_written_whole_and_replaced_only_when_asked(tmp_path, report):
    path = tmp_path / "report.html"
    write_report(report, path)
    assert path.read_text(encoding="utf-8") == render(report)
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        write_report(report, path)
    assert path.read_text() == "mine"
    write_report(report, str(path), overwrite=True)
    assert path.read_text(encoding="utf-8") == render(report)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(MissingInputError):
        write_report(report, tmp_path / "nowhere" / "report.html")


def test_without_jinja2_the_extra_is_named(monkeypatch, report, tmp_path):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'flowroi\[evaluation\]'"):
        write_report(report, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
