"""Targets as people write them."""

from types import SimpleNamespace

import pytest

from flowroi.errors import InvalidParameterError
from flowroi.targets import METRICS, parse_target


def summary(**figures):
    return SimpleNamespace(**{name: figures.get(name) for name in METRICS})


def test_limits():
    raw = summary(f1=0.98)
    at_least = parse_target("f1>=0.5*raw")
    assert at_least.limit(raw) == pytest.approx(0.49)
    assert at_least.met(summary(f1=0.49), raw)
    assert not at_least.met(summary(f1=0.4899), raw)
    at_most = parse_target(" cells_missed <= 0.01 ")
    assert at_most.met(summary(cells_missed=0.0), raw)
    assert not at_most.met(summary(cells_missed=0.02), raw)


def test_what_was_not_measured_is_not_met():
    assert not parse_target("f1>=0").met(summary(), summary(f1=1.0))
    assert not parse_target("f1>=0.1*raw").met(summary(f1=1.0), summary())
    assert not parse_target("cells_missed<=1").met(summary(), summary())


def test_no_error_at_all_meets_any_psnr():
    assert parse_target("roi_psnr>=99").met(summary(roi_psnr=float("inf")), summary())


@pytest.mark.parametrize("text", ["rate>=60", "roi_psnr>=40.5", "f1>=0.95*raw", "cells_missed<=0.001"])
def test_text_comes_back(text):
    assert str(parse_target(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f1",
        "f1>0.5",
        "f1>=",
        "f1>=x",
        "f1>=1.2.3",
        "f1>=.",
        "speed>=3",
        "rate>=0.5*raw",
        "f1>=0.5*raw*raw",
        "f1>=-1",
        "f1>=95",
        "f1>=1.1*raw",
        "rate<=0",
    ],
)
def test_bad_targets_are_refused(text):
    with pytest.raises(InvalidParameterError, match="target is"):
        parse_target(text)
