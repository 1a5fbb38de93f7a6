"""The paper's statements on numbers made by hand: they agree where they should, and nowhere else."""

import math

import pytest

from flowroi.evaluation.measure import FrameMeasure
from flowroi.evaluation.results import SubjectResult
from flowroi.experiments import bands, fig4, fig7
from flowroi.experiments.statements import (
    Difference,
    Statement,
    at_ceiling,
    at_least,
    difference,
    peaks_at,
    rises_more,
    rises_then_stays,
)
from flowroi.metrics.image import PooledError, PooledMean
from flowroi.metrics.matching import Matches

THRESHOLDS = [0.1, 0.2, 0.3, 0.4]


def subject(errors, hits=None):
    """Return a subject of 100 cell pixels a frame with these squared errors, and true positives of 10 cells."""
    frames = tuple(
        FrameMeasure(
            t,
            1000,
            100,
            PooledError(error, 100),
            PooledError(),
            PooledError(),
            PooledMean(),
            None if hits is None else Matches(10, 10, (hits[t],) * 10),
            None,
            None,
            None,
        )
        for t, error in enumerate(errors)
    )
    return SubjectResult("key", "name", "archive", 10.0, 255, frames)


@pytest.mark.parametrize(
    ("values", "agrees"),
    [
        ([40, 42, 41, 40], True),
        ([40, 41, 42, 40], False),  # peak elsewhere
        ([42, 41, 40, 39], False),
        ([40, 42, 41, 41.5], False),  # rises again
    ],
)
def test_peak(values, agrees):
    assert peaks_at(THRESHOLDS, values, 0.2, "dB")[0] is agrees


def test_peak_elsewhere_says_by_how_much():
    text = peaks_at(THRESHOLDS, [40, 41, 42.5, 40], 0.2, "dB")[1]
    assert text.startswith("highest at 0.3: 42.50 dB, 1.50 dB above 0.2")


@pytest.mark.parametrize(
    ("values", "agrees"),
    [
        ([0.90, 0.95, 0.955, 0.945], True),
        ([0.90, 0.95, 0.97, 0.95], False),  # goes on rising
        ([0.95, 0.95, 0.95, 0.95], False),  # never rises
        ([0.96, 0.95, 0.95, 0.95], False),
    ],
)
def test_rise_to_a_knee(values, agrees):
    assert rises_then_stays(THRESHOLDS, values, 0.2)[0] is agrees


def test_psnr_rises_more_than_f1():
    assert rises_more((30, 36), (0.9, 0.91))[0]
    assert not rises_more((30, 31), (0.5, 0.9))[0]
    assert not rises_more((31, 30), (0.9, 0.5))[0], "what falls less does not rise more"


def test_at_least():
    assert at_least([2.0, 2.4], 2.0) == (True, "2.00 to 2.40")
    assert at_least([1.99, 2.4, None], 2.0)[0] is False
    assert at_least([None], 2.0)[0] is None


def test_ceiling_of_f1():
    assert at_ceiling([0.99, 0.9895], 0.99)
    assert at_ceiling([0.999, 0.995], 0.99), "better than uncompressed, by chance"
    assert at_ceiling([0.99, 0.98], 0.99) is None
    assert at_ceiling([0.99], None) is None
    assert "does not find the cells" in at_ceiling([0.1], 0.4), "a segmenter of no use"


def test_difference_is_that_of_pooled_errors():
    good, bad = subject([100.0, 300.0, 200.0]), subject([1000.0, 3000.0, 2000.0])
    gap = difference(good, bad, "roi_psnr")
    assert gap.value == pytest.approx(10)
    assert gap.low == pytest.approx(10)
    assert gap.above
    assert not gap.below
    turned = difference(bad, good, "roi_psnr")
    assert turned.below
    assert not turned.above


def test_difference_that_frames_do_not_tell_is_none():
    gap = difference(subject([100.0, 300.0, 200.0]), subject([300.0, 100.0, 201.0]), "roi_psnr")
    assert gap.value > 0
    assert gap.low < 0 < gap.high
    assert not gap.above
    assert not gap.below


def test_difference_of_f1():
    gap = difference(subject([1.0] * 3, [9, 9, 9]), subject([1.0] * 3, [8, 8, 8]), "f1")
    assert gap.value == pytest.approx(0.1)
    assert difference(subject([1.0] * 3), subject([1.0] * 3), "f1") is None
    assert difference(None, subject([1.0] * 3), "f1") is None


def test_two_frames_have_no_interval():
    gap = difference(subject([100.0, 100.0]), subject([1000.0, 1000.0]), "roi_psnr")
    assert (gap.low, gap.high) == (None, None)
    assert gap.above


def test_words():
    assert [Statement("", "", "", "", agrees).word for agrees in (True, False, None)] == [
        "agrees",
        "disagrees",
        "cannot be told",
    ]
    assert Difference(-0.5).text("", 2) == "-0.50"


def mask_rows(off, on, thresholds=(0.1, 0.2, 0.3)):
    """Return rows of figure 4: (pieces, cells' cover) with denoising off and on, RoI shares by threshold."""
    rows = [
        {"parameter": "denoise", "value": name, "roi_share": 0.2, "cell_share": cover, "empty_pieces": pieces}
        for name, (pieces, cover) in (("off", off), ("on", on))
    ]
    for name, values in (("RoI threshold", ("0.1", "0.2", "0.3")), ("adjacent factor", ("0", "1", "2"))):
        rows += [
            {"parameter": name, "value": value, "roi_share": share, "cell_share": 1.0, "empty_pieces": 0}
            for value, share in zip(values, thresholds, strict=True)
        ]
    return rows


@pytest.mark.parametrize(
    ("off", "on", "agrees"),
    [
        ((5.0, 0.95), (2.0, 0.945), True),
        ((5.0, 0.95), (5.0, 0.95), False),  # nothing removed
        ((5.0, 0.95), (2.0, 0.90), False),  # cells suffer
        ((0.0, 0.95), (0.0, 0.95), None),  # nothing there to remove
        ((0.0, 0.95), (0.0, 0.90), False),
    ],
)
def test_masks_by_denoising(off, on, agrees):
    assert fig4._statements(mask_rows(off, on))[0].agrees is agrees


def test_masks_by_threshold():
    _, threshold, adjacent = fig4._statements(mask_rows((1, 1), (0, 1)))
    assert threshold.agrees
    assert adjacent.agrees
    _, threshold, _ = fig4._statements(mask_rows((1, 1), (0, 1), (0.1, 0.3, 0.2)))
    assert threshold.agrees is False


class _Bench:
    """Figures made by hand, by configuration."""

    def __init__(self, psnr, f1, raw_f1):
        self.figures = dict(zip((0.1, 0.2, 0.3, 0.4, 0.5), zip(psnr, f1, strict=True), strict=True))
        self.raw = _Result(None, raw_f1)

    def result(self, configuration):
        return _Result(*self.figures[configuration.roi_threshold])


class _Result:
    def __init__(self, roi_psnr, f1):
        self.roi_psnr, self.f1 = roi_psnr, f1

    def summary(self):
        return self


@pytest.mark.parametrize(
    ("psnr", "f1", "verdicts", "raw_f1"),
    [
        ((36, 38, 37, 36, 35), (0.90, 0.95, 0.95, 0.95, 0.95), [True, True], 0.99),
        ((38, 37, 36, 35, 34), (0.95, 0.90, 0.90, 0.90, 0.90), [False, False], 0.99),
        ((36, 38, 37, 36, 35), (0.99, 0.99, 0.99, 0.99, 0.99), [True, None], 0.99),
        ((36, 38, 37, 36, 35), (0.01, 0.02, 0.02, 0.02, 0.02), [True, None], 0.1),
    ],
)
def test_figure_7_on_numbers_made_by_hand(psnr, f1, verdicts, raw_f1):
    statements = fig7._statements(_Bench(psnr, f1, raw_f1), "flow", fig7._line("flow"))
    assert [s.agrees for s in statements] == verdicts


def test_bands_hold_what_is_pooled():
    result = subject([100.0, 400.0, 200.0, 300.0], [9, 8, 10, 9])
    found = bands.interval_of(result)
    low, high = found["f1"]
    assert 0.8 <= low < 0.9 < high <= 1.0
    low, high = found["roi_psnr"]
    assert low < 10 * math.log10(255**2 / 2.5) < high
    assert bands.interval_of(subject([1.0, 2.0]))["roi_psnr"] == (None, None)
    assert bands.interval_of(subject([0.0] * 3))["roi_psnr"] == (None, None), "an infinite PSNR has no interval"
    assert bands.interval_of(subject([1.0] * 3))["f1"] == (None, None)
