"""Segmenters by their names."""

from pathlib import Path

import pytest

from flowroi.errors import InvalidParameterError
from flowroi.segmenters import SEGMENTERS, open_segmenter


def test_the_name_decides():
    assert SEGMENTERS == ("classical", "cellpose3", "cellpose-sam")
    assert open_segmenter("classical").name == "classical"
    assert open_segmenter("classical", diameter_px=9, gpu=False).describe()["parameters"]["diameter_px"] == 9


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidParameterError, match=r"'stardist'; expected one of classical, cellpose3, cellpose-sam"):
        open_segmenter("stardist")


def test_what_has_no_use_is_refused():
    with pytest.raises(InvalidParameterError, match="weights are given for classical"):
        open_segmenter("classical", weights=Path("network"))
    with pytest.raises(InvalidParameterError, match="gpu is asked for"):
        open_segmenter("classical", gpu=True)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_diameters_are_checked_at_once(name):
    with pytest.raises(InvalidParameterError, match="diameter_px is -1"):
        open_segmenter(name, diameter_px=-1)
