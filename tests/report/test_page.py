"""The page as a reader has it: in a real browser."""

import cv2
import numpy as np
import pytest

from flowroi.report.html import render

ORANGE_BGR = (0, 159, 230)


def picture(locator):
    """What is on the screen there."""
    return cv2.imdecode(np.frombuffer(locator.screenshot(), np.uint8), cv2.IMREAD_COLOR)


def dark_share(page):
    """The share of the first slider's frame that shows its original, which is black; what is decoded is white."""
    page.locator(".outlined").uncheck()
    return float((picture(page.locator(".window"))[20] < 128).all(axis=-1).mean())


def orange(image):
    return (np.abs(image.astype(int) - ORANGE_BGR) < 30).all(axis=-1)


def test_a_page_from_disk_is_silent_and_asks_for_nothing(visit, report):
    seen = visit(render(report))
    seen.page.wait_for_load_state("networkidle")
    assert seen.said == []
    assert seen.requests == []
    assert seen.page.title() == "title"
    assert seen.page.evaluate("document.documentElement.lang") == "en"
    assert seen.page.evaluate("[...document.images].filter(i => i.src && !(i.complete && i.naturalWidth)).length") == 0


@pytest.mark.parametrize("width", [360, 700, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_needs_scrolling_sideways(visit, report, width, scheme):
    page = visit(render(report), viewport={"width": width, "height": 800}, color_scheme=scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    plate = page.evaluate("getComputedStyle(document.querySelector('figure.picture .plate')).backgroundColor")
    assert plate == "rgb(255, 255, 255)"


def test_the_mouse_draws_the_divider(visit, report):
    page = visit(render(report)).page
    assert dark_share(page) == pytest.approx(0.5, abs=0.02)
    page.locator(".window").scroll_into_view_if_needed()
    box = page.locator(".window").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] * 0.9, y)
    assert dark_share(page) == pytest.approx(0.25, abs=0.02)
    assert page.locator(".split").input_value() == "25"


def test_the_keyboard_draws_the_divider(visit, report):
    page = visit(render(report)).page
    page.locator(".split").focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert dark_share(page) == pytest.approx(0.6, abs=0.02)
    assert page.locator(".split").get_attribute("aria-valuetext") == "60 % original"
    page.locator(".split").press("Home")
    assert dark_share(page) == 0
    page.locator(".split").press("End")
    assert dark_share(page) > 0.98


def test_a_finger_draws_the_divider_where_it_takes_it(visit, report):
    page = visit(render(report), has_touch=True).page
    page.locator(".window").scroll_into_view_if_needed()
    box = page.locator(".window").bounding_box()
    y = box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def drag(start, stop):
        places = np.linspace(start, stop, 6) * box["width"] + box["x"]
        for kind, x in zip(("touchStart", *["touchMove"] * 5), places, strict=True):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": float(x), "y": y}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    drag(0.5, 0.8)
    assert dark_share(page) == pytest.approx(0.8, abs=0.03)
    drag(0.2, 0.4)
    assert dark_share(page) == pytest.approx(0.8, abs=0.03)


def test_the_outline_is_on_both_sides_until_it_is_unchecked(visit, report):
    page = visit(render(report)).page
    shown = orange(picture(page.locator(".window")))
    middle = shown.shape[1] // 2
    assert shown[:, : middle - 10].sum() > 50
    assert shown[:, middle + 10 :].sum() > 50
    page.locator(".outlined").uncheck()
    assert not orange(picture(page.locator(".window"))).any()
    page.locator(".outlined").check()
    assert orange(picture(page.locator(".window"))).sum() == shown.sum()


def test_frames_are_chosen_by_name_and_in_turn(visit, report):
    page = visit(render(report)).page

    def shown():
        level = int(picture(page.locator(".window"))[5, 5, 0])
        notes = [note.inner_text() for note in page.locator(".frame-note").all() if note.is_visible()]
        return level, notes, page.locator(".count").inner_text()

    assert shown() == (0, ["frame 0: frame note 0"], "1 of 3")
    page.locator("select").select_option(label="frame 2")
    assert shown() == (40, ["frame 2: frame note 2"], "3 of 3")
    page.locator(".next").click()
    assert shown()[2] == "1 of 3"
    page.locator(".previous").click()
    page.locator(".previous").click()
    assert shown() == (20, ["frame 1: frame note 1"], "2 of 3")


def test_zoom_enlarges_whole_pixels_and_the_divider_stays_in_sight(visit, report):
    page = visit(render(report), viewport={"width": 360, "height": 800}).page
    stage, window = page.locator(".stage"), page.locator(".window")
    for zoom in (1, 2, 4):
        page.locator(f"[data-zoom='{zoom}']").click()
        assert stage.bounding_box()["width"] == 100 * zoom
        assert page.locator("[aria-pressed='true']").inner_text() == f"{zoom}×"
        assert dark_share(page) == pytest.approx(0.5, abs=0.03)
    assert window.bounding_box()["width"] < 400
    window.evaluate("view => { view.scrollLeft = 0; view.dispatchEvent(new Event('scroll')); }")
    assert dark_share(page) == pytest.approx(0.5, abs=0.03)
    assert page.locator(".frame img").first.evaluate("i => getComputedStyle(i).imageRendering") == "pixelated"


def test_a_click_enlarges_a_figure_and_escape_closes_it(visit, report):
    page = visit(render(report)).page
    dialog = page.locator("dialog")
    for button, caption in (("figure.picture .enlarge", "Figure 1. figure caption"), (".gallery .enlarge", "picture")):
        page.locator(button).click()
        assert dialog.is_visible()
        assert dialog.locator("p").inner_text() == caption
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
    page.locator("figure.picture .enlarge").focus()
    page.keyboard.press("Enter")
    dialog.locator(".close").click()
    assert not dialog.is_visible()


def test_a_click_on_a_header_sorts_and_what_is_absent_stays_last(visit, report):
    page = visit(render(report)).page

    def column():
        return page.locator(".sortable tbody td:nth-child(3)").all_inner_texts()

    header = page.locator(".sortable th button").nth(2)
    assert column() == ["10.50", "9.250", "–", "100.1"]
    header.click()
    assert column() == ["9.250", "10.50", "100.1", "–"]
    assert page.locator(".sortable th").nth(2).get_attribute("aria-sort") == "ascending"
    header.click()
    assert column() == ["100.1", "10.50", "9.250", "–"]
    page.locator(".sortable th button").nth(0).click()
    assert page.locator(".sortable tbody td:nth-child(1)").all_inner_texts() == [f"cell {n}" for n in range(4)]


@pytest.mark.parametrize("how", ["on paper", "without scripts"])
def test_where_nothing_moves_both_versions_stand_side_by_side(visit, report, how):
    page = visit(render(report), java_script_enabled=how == "on paper").page
    if how == "on paper":
        page.locator("[data-zoom='4']").click()
        page.emulate_media(media="print")
    decoded, original = (page.locator(f".frame .{name}").first for name in ("decoded", "original"))
    left, right = original.bounding_box(), decoded.bounding_box()
    assert left["x"] + left["width"] <= right["x"]
    assert left["y"] == right["y"]
    assert left["width"] == pytest.approx(right["width"], abs=1)
    assert not page.locator(".split").is_visible()
    shown = picture(original)
    assert (shown < 10).mean() > 0.95


def test_paper_shows_the_provenance(visit, report):
    page = visit(render(report)).page
    value = page.locator("#provenance td", has_text="deep").last
    assert not value.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert value.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not value.is_visible()


def test_every_control_has_a_name(visit, report):
    page = visit(render(report)).page
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input")].filter((control) => !(
            control.ariaLabel || control.textContent.trim() || control.closest("label")?.textContent.trim()
            || control.querySelector("img")?.alt)).map((control) => control.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    assert page.locator("img:not([alt])").count() == 0
