"""The figures, by what is in their pixels."""

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import cv2
import numpy as np
import pytest

from flowroi.errors import InvalidParameterError, MissingDependencyError
from flowroi.png import png_css_size
from flowroi.report.figures import (
    Bars,
    GridImage,
    Panel,
    Series,
    bars_figure,
    bland_altman_figure,
    curve_figure,
    histogram_figure,
    image_grid,
    panels_figure,
)

BLUE, VERMILION = (0, 114, 178), (213, 94, 0)
X = [5.0, 10.0, 20.0, 40.0]


def pixels(png, colour):
    """Where a figure has a colour, RGB."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    return (np.abs(image - colour) < 12).all(axis=-1)


def curve(*series, **more):
    return curve_figure(series, x_label="rate", y_label="PSNR (dB)", **more)


def test_a_curve_has_the_colour_of_its_place_and_the_width_of_a_column():
    png = curve(Series("a", X, [40, 38, 36, 34]), Series("b", X, [39, 37, 35, 33]))
    assert pixels(png, BLUE).sum() > 500
    assert pixels(png, VERMILION).sum() > 500
    assert png_css_size(png)[0] == pytest.approx(6.5 * 96, abs=2)


@pytest.mark.parametrize("absent", [None, float("nan"), float("inf")])
def test_what_is_absent_is_a_gap(absent):
    whole = pixels(curve(Series("a", X, [40, 38, 36, 34])), BLUE)
    gap = pixels(curve(Series("a", X, [40, absent, 36, 34])), BLUE)
    columns = np.flatnonzero(whole.any(axis=0))
    points = np.linspace(columns[0] + 4, columns[-1] - 4, 4)
    between = [slice(int(a) + 20, int(b) - 20) for a, b in pairwise(points)]
    assert [bool(whole[:, part].any(axis=0).all()) for part in between] == [True, True, True]
    assert [bool(gap[:, part].any(axis=0).all()) for part in between] == [False, False, True]
    assert not gap[:, between[0].start : between[1].stop].any()


def test_a_band_reaches_from_low_to_high():
    line, low, high = [40, 38, 36, 34], [30, 28, 26, 24], [45, 43, 41, None]
    plain = pixels(curve(Series("a", X, line), marks={"": 20, " ": 50}), (214, 231, 242))
    banded = pixels(curve(Series("a", X, line, low, high), marks={"": 20, " ": 50}), (214, 231, 242))
    assert plain.sum() < 200
    assert banded.sum() > 20_000


def test_reference_lines_are_drawn_across():
    grey = (89, 99, 110)
    bare = pixels(curve(Series("a", X, [40, 38, 36, 34])), grey)
    level = pixels(curve(Series("a", X, [40, 38, 36, 34]), marks={"noise": 37}), grey)
    place = pixels(curve(Series("a", X, [40, 38, 36, 34]), vertical_marks={"chosen": 15}), grey)
    assert level.sum(axis=1).max() > bare.shape[1] // 2
    assert place.sum(axis=0).max() > bare.shape[0] // 4
    assert curve(Series("a", X, [4, 3, 2, 1]), marks={"lossless": float("inf")}) == curve(Series("a", X, [4, 3, 2, 1]))
    axis_rows = bare.sum(axis=1) > bare.shape[1] // 2
    assert (level.sum(axis=1) > bare.shape[1] // 2).sum() > axis_rows.sum()


def test_panels_share_a_look_for_a_name():
    a, b = Series("a", X, [4, 3, 2, 1]), Series("b", X, [3, 2, 1, 0])
    png = panels_figure([Panel([a, b], "x", "y"), Panel([b], "x", "z", "alone", x_log=False)], columns=2)
    half = pixels(png, BLUE).shape[1] // 2
    assert pixels(png, VERMILION)[:, half:].sum() > 200
    assert pixels(png, BLUE)[:200, half:].sum() == 0


def test_bars_have_the_heights_of_their_values():
    png = bars_figure(["one", "two", "none"], [Bars("a", [10, 20, None], [9, 18, None], [11, 22, None])], y_label="dB")
    columns = pixels(png, BLUE).sum(axis=0)
    heights = sorted(set(columns[columns > 50].tolist()))
    assert heights[-1] / np.median(columns[: columns.size // 2][columns[: columns.size // 2] > 50]) == pytest.approx(
        2, abs=0.1
    )
    assert not columns[int(0.75 * columns.size) :].any()


def test_groups_of_bars_have_their_names_below():
    ink = [
        pixels(bars_figure([name, name], [Bars("a", [1, 2])], y_label="y"), (27, 31, 35))[-60:, 150:].sum()
        for name in ("", "$x$", "complexeye " * 2)
    ]
    assert ink[0] == 0
    assert 0 < ink[1] < ink[2]


def test_a_histogram_leaves_out_what_is_no_number():
    values = np.random.default_rng(2).normal(10, 2, 500)
    spoiled = [*values, None, float("nan"), float("inf")]
    assert histogram_figure({"a": values}, x_label="speed") == histogram_figure({"a": spoiled}, x_label="speed")
    assert pixels(histogram_figure({"a": values, "b": values + 4}, x_label="speed"), VERMILION).sum() > 300


def test_agreement_shows_every_pair_between_limits():
    png = bland_altman_figure([1, 2, 3, None], [0.5, -0.5, 0, 9], limits=(-1, 1), x_label="mean", y_label="difference")
    blue = cv2.dilate(pixels(png, (51, 142, 193)).astype(np.uint8), np.ones((7, 7), np.uint8))
    points, _ = cv2.connectedComponents(blue)
    assert points - 1 == 3


def test_images_share_their_greys():
    dark, bright = np.full((20, 30), 50, np.uint16), np.full((20, 30), 200, np.uint16)
    dark[0, 0], bright[0, 0] = 0, 250
    png = image_grid(
        [GridImage("dark", dark), GridImage("bright", bright), GridImage("again", dark)], 2, low=0, high=250
    )
    assert pixels(png, (51, 51, 51)).sum() > 2 * 0.9 * pixels(png, (204, 204, 204)).sum() > 100_000


def test_a_contour_follows_the_borders_of_pixels():
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    images = [GridImage("", np.full((20, 20), 128, np.uint8), ((mask, (230, 159, 0)),))]
    drawn = pixels(image_grid(images, 1, low=0, high=255), (230, 159, 0))
    y, x = np.nonzero(drawn)
    side = x.max() - x.min()
    assert side == pytest.approx(y.max() - y.min(), abs=2)
    assert side == pytest.approx(drawn.shape[1] / 2, rel=0.05)
    assert not drawn[y.min() + 20 : y.max() - 20, x.min() + 20 : x.max() - 20].any()


@pytest.mark.parametrize(
    "words",
    ["$x^2", "$$", "_hidden", "100 % $\\frac{1}", "細胞 سلام 🙂", "a\x00\u2028b", "<b>&amp;</b>", "", "a" * 300],
)
def test_any_words_are_drawn_as_they_are_and_without_a_warning(words):
    series = [Series(words, X, [4, 3, 2, 1]), Series(words + "2", X, [3, 2, 1, 0])]
    labels = {"x_label": words, "y_label": words, "title": words}
    curve_figure(series, marks={words: 2}, vertical_marks={words: 10}, **labels)
    bars_figure([words] * 2, [Bars(words, [1, 2]), Bars(words + "2", [1, 2])], **labels)
    histogram_figure({words: X, words + "2": X}, **labels)
    bland_altman_figure(X, X, limits=(-1, 1), **labels)
    image_grid([GridImage(words, np.eye(4, dtype=np.uint8))], 1, row_labels=[words])


@pytest.mark.parametrize("y", [[None] * 4, [float("nan")] * 4, [1, 1, 1, 1]])
def test_series_without_anything_to_show_do_no_harm(y):
    assert curve(Series("a", X, y), Series("none", [], [])).startswith(b"\x89PNG")
    assert histogram_figure({"a": y, "none": []}, x_label="x").startswith(b"\x89PNG")
    assert bland_altman_figure(y, y, limits=(0, 0), x_label="x", y_label="y").startswith(b"\x89PNG")
    assert bars_figure([], [], y_label="y").startswith(b"\x89PNG")


def test_the_same_numbers_give_the_same_bytes_from_any_thread():
    def draw(_):
        return curve(Series("a", X, [40, 38, 36, 34]), Series("b", X, [39, 37, 35, 33]), title="t")

    with ThreadPoolExecutor(4) as pool:
        assert len({draw(0), *pool.map(draw, range(8))}) == 1


def test_nothing_global_is_touched():
    import matplotlib

    before = dict(matplotlib.rcParams)
    curve(Series("a", X, [4, 3, 2, 1]))
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_lengths_that_differ_are_refused():
    with pytest.raises(InvalidParameterError, match="expected 4"):
        Series("a", X, [1, 2])
    with pytest.raises(InvalidParameterError, match="one end"):
        Series("a", X, X, low=X)
    with pytest.raises(InvalidParameterError, match="expected 3"):
        bars_figure(["a", "b", "c"], [Bars("x", [1])], y_label="y")
    with pytest.raises(InvalidParameterError, match="expected 4"):
        bland_altman_figure(X, [1], limits=(0, 1), x_label="x", y_label="y")
    with pytest.raises(InvalidParameterError, match="at least one"):
        panels_figure([], 2)
    with pytest.raises(InvalidParameterError, match="at least one"):
        image_grid([], 2)
    with pytest.raises(InvalidParameterError, match="row labels"):
        image_grid([GridImage("", np.eye(4, dtype=np.uint8))], 1, row_labels=["a", "b"])
    with pytest.raises(InvalidParameterError, match="'m'"):
        GridImage("m", np.eye(4, dtype=np.uint8), ((np.eye(3), (0, 0, 0)),))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'flowroi\[evaluation\]'"):
        curve(Series("a", X, [4, 3, 2, 1]))


def test_effects_name_their_values():
    """The words under the ticks are drawn, with a range of its own and a shared one."""
    from flowroi.report.front import Effect, effects_figure

    named = [Effect("rate", ("ten", "forty"), (40.0, 37.0), 1, own) for own in (True, False)]
    blank = [Effect("rate", (" ", " "), (40.0, 37.0), 1, own) for own in (True, False)]
    for a, b in zip(named, blank, strict=True):
        assert effects_figure([a], y_label="dB") != effects_figure([b], y_label="dB")
