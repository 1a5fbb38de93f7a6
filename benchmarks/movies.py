"""The movies of the benchmarks, with their true cells, and how masks cover those."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi import synthetic_movie
from flowroi.metrics.coverage import Coverage, coverage
from flowroi.sources import open_source

Frames = npt.NDArray[Any]
SYNTHETIC: dict[str, dict[str, Any]] = {
    "synth": {},
    "synth_faint": {"noise": 4.0, "contrast": 0.3},
    "synth_quiet": {"noise": 0.6},
    "synth_slow": {"speed_um_per_min": 6.0},
    "synth_short_interval": {"frame_interval_s": 1.0},
    "synth_long_interval": {"frame_interval_s": 60.0},
    "synth_large": {"cell_area_px": 3000.0, "cells": 20},
    "synth_drift": {"drift_px": 1.0},
    "synth_hard": {"still_fraction": 0.3, "drift_px": 1.0, "flicker": 0.02, "illumination": 0.3, "debris": 40},
}


def load(name: str, labels: str | None, *, frames: int | None = None, seed: int = 731) -> tuple[Frames, Frames]:
    """Return frames and labels, (T, Y, X): of a synthetic movie (24 frames), or of a movie and its label images."""
    if name in SYNTHETIC:
        movie = synthetic_movie(frames=frames or 24, seed=seed, **SYNTHETIC[name])
        return movie.frames, movie.labels
    if labels is None:
        raise SystemExit("--labels: a TIFF or a folder of label images, one a frame")
    stack = np.stack(list(islice(open_source(name), frames)))
    place = Path(labels)
    if place.is_dir():
        truth = np.stack([cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted(place.iterdir())])
    else:
        truth = np.stack(list(open_source(place)))
    return stack, truth[: len(stack)].astype(np.int32)


def covering(masks: Frames, labels: Frames) -> Coverage:
    """Return how the masks of a movie cover its cells."""
    return sum((coverage(mask, truth) for mask, truth in zip(masks, labels, strict=True)), Coverage())
