"""A movie, its cells and two archives of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.evaluation.run import Evaluation, run_evaluation
from flowroi.segmenters import open_segmenter


@dataclass
class Case:
    """What was made, and what was measured on it."""

    folder: Path
    frames: np.ndarray
    labels: np.ndarray
    clean: np.ndarray
    evaluation: Evaluation

    @property
    def movie(self):
        return self.folder / "movie.tif"

    @property
    def archives(self):
        return [self.folder / "good.ome.tif", self.folder / "small"]


@pytest.fixture(scope="session")
def case(tmp_path_factory) -> Case:
    """Seven frames of moving cells, an archive with masks and a JP2 folder without, measured on all frames."""
    folder = tmp_path_factory.mktemp("evaluation")
    made = flowroi.synthetic_movie(frames=7, height=160, width=200, cells=14, seed=4)
    metadata = {"axes": "TYX", "finterval": made.frame_interval_s, "unit": "um"}
    resolution = (1 / made.pixel_size_um,) * 2
    tifffile.imwrite(folder / "movie.tif", made.frames, imagej=True, resolution=resolution, metadata=metadata)
    tifffile.imwrite(folder / "labels.tif", made.labels.astype(np.uint16), photometric="minisblack")
    flowroi.compress(folder / "movie.tif", folder / "good.ome.tif", rate=10, keep_masks=True)
    flowroi.compress(folder / "movie.tif", folder / "small", rate=40, format="jp2", roi_threshold=0.1)
    evaluation = run_evaluation(
        folder / "movie.tif",
        [folder / "good.ome.tif", folder / "small"],
        labels=folder / "labels.tif",
        clean=made.clean,
        segmenter=open_segmenter("classical"),
        baselines=("openjpeg", "smooth", "cap"),
        rates=(4, 8, 16, 32),
        curve_frames=3,
        workers=1,
    )
    return Case(folder, made.frames, made.labels, made.clean, evaluation)
