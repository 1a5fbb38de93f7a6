"""The RoI that archives were made with."""

import numpy as np
import pytest

import flowroi
from flowroi.errors import CorruptDataError
from flowroi.evaluation.archive_masks import archive_masks


@pytest.mark.parametrize("changed", [{"foreign": 1}, {"margin": "x"}, {"step": -1}])
def test_parameters_that_are_none_are_refused(tmp_path, changed):
    movie = np.zeros((3, 32, 32), np.uint8)
    flowroi.compress(movie, tmp_path / "a.mkv", codec="hevc", preset=8)
    with flowroi.open_archive(tmp_path / "a.mkv") as archive, flowroi.open_source(movie) as source:
        archive.manifest["roi"].update(changed)
        with pytest.raises(CorruptDataError, match="RoI parameters"):
            list(archive_masks(archive, source))
