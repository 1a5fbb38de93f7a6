"""Names of files, cells and parameters come from anywhere: none of them becomes a part of the page."""

import pytest

from flowroi.report.html import render
from flowroi.report.wording import legible
from tests.report.conftest import report_of

HOSTILE = {
    "script": "<script>window.ran=1;alert(1)</script>",
    "image": '"><img src=x onerror="window.ran=1;alert(1)">',
    "attribute": "' onmouseover='window.ran=1' autofocus onfocus=alert(1) x='",
    "end of script": "</script><script>window.ran=1</script>",
    "end of style": "</style><style>body{display:none}</style><svg onload=alert(1)>",
    "end of title": "</title></textarea></option></select><iframe src=javascript:alert(1)></iframe>",
    "address": "javascript:alert(1)",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt; &quot; &#60;",
    "separators": "a\u2028b\u2029c",
    "lines": "first\nsecond\r\nthird\ttabbed",
    "template": "{{7*7}}{% raw %}{{ config }}${7*7}",
    "comment": "--><!-- <![CDATA[ ]]>",
    "turned": "gpj.\u202eexe \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "control": "\x00\x07\x1b[31m\x7f\x85",
    "half": "name\udcff.png",
}


TAGS = "() => [...document.querySelectorAll('*')].map((e) => e.tagName + ':' + e.getAttributeNames().sort()).sort()"
HARMLESS: list[str] = []


def use(page):
    """Do what a reader does, so that all of the page's script has run over its text."""
    page.locator("summary").click()
    page.locator("figure.picture .enlarge").click()
    page.locator("dialog .close").click()
    page.locator(".next").click()
    page.locator(".sortable th button").first.click()
    page.mouse.move(300, 300)


def tags_of_harmless_words(visit):
    if not HARMLESS:
        page = visit(render(report_of(lambda place: place))).page
        use(page)
        HARMLESS.extend(page.evaluate(TAGS))
    return HARMLESS


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_text_of_any_field_stays_text(visit, payload):
    html = render(report_of(lambda place: f"{place} {payload}"))
    html.encode()
    seen = visit(html)
    page = seen.page
    use(page)
    assert page.evaluate("window.ran") is None
    assert seen.said == []
    assert seen.requests == []
    assert page.evaluate(TAGS) == tags_of_harmless_words(visit)

    shown = page.evaluate("document.body.textContent")
    words = legible(payload).replace("\r\n", "\n")
    for place in ("title", "verdict", "section", "paragraph 2", "table caption", "column 1", "cell 3", "table note",
                  "figure caption", "gallery caption", "picture", "slider caption", "original", "decoded", "frame 1",
                  "frame note 2", "key", "value", "inner key", "entry 1", "deep"):  # fmt: skip
        assert f"{place} {words}" in shown, place
    for place in ("figure alt", "picture alt"):
        assert page.get_by_alt_text(f"{place} {words}", exact=True).count(), place
    assert page.evaluate(
        "[...document.querySelectorAll('[href]')].every((a) => /^#|^data:/.test(a.getAttribute('href')))"
    )


def test_the_policy_stops_what_would_get_in_all_the_same(visit, report):
    injected = (
        "<script>window.ran = 'script'</script><img src='x' onerror=\"window.ran = 'handler'\">"
        "<p id='styled' style='color: rgb(1, 2, 3)'>styled</p>"
        "<link rel='stylesheet' href='https://example.org/a.css'><img src='https://example.org/a.png'>"
        "<iframe src='https://example.org/'></iframe></body>"
    )
    html = render(report).replace("</body>", injected)
    colour = "getComputedStyle(document.querySelector('#styled')).color"
    guarded = visit(html)
    guarded.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = 'later'";
            document.body.append(script);
        }"""
    )
    assert guarded.page.evaluate("window.ran") is None
    assert guarded.page.evaluate(colour) != "rgb(1, 2, 3)"
    assert guarded.failures == {"csp"}
    assert any("Content Security Policy" in line for line in guarded.said)

    # The same page without the policy runs it: it is the policy that stops it above.
    open_page = visit(html.replace("Content-Security-Policy", "nothing"), offline=True)
    assert open_page.page.evaluate("window.ran") is not None
    assert open_page.page.evaluate(colour) == "rgb(1, 2, 3)"
    assert open_page.requests
    assert "csp" not in open_page.failures


def test_own_style_and_script_are_what_the_policy_allows(visit, report):
    page = visit(render(report)).page
    assert page.evaluate("getComputedStyle(document.querySelector('.sortable')).borderCollapse") == "collapse"
    assert page.locator(".sortable th button").count() == 3
    assert page.locator("[style]").count() == page.locator(".stage[style]").count() == 1
