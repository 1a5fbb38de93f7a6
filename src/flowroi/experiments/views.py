"""Where experiments look: frames, their true cells, and squares cut out of them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.evaluation.labels import open_labels
from flowroi.experiments.workbench import Workbench
from flowroi.sources import open_source

Box = tuple[slice, slice]


def frame_and_truth(bench: Workbench, t: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    """Return a frame and its true cells: labels, or without them what the segmenter finds on the frame."""
    with open_source(bench.movie.path) as source:
        frame = source.read(t)
        labels = None
        if bench.movie.labels is not None:
            with open_labels(bench.movie.labels, source) as opened:
                labels = opened.read(t)
    if labels is None:
        assert bench.segmenter is not None
        labels = bench.segmenter.segment(frame)
    return frame, labels


def middle_frame(bench: Workbench) -> int:
    """Return the frame in the middle of those that were measured."""
    return bench.frames[len(bench.frames) // 2]


def densest(truth: npt.NDArray[Any], size_px: int) -> Box:
    """Return the square with the most cell pixels; a smaller frame's whole.

    Examples
    --------
    >>> truth = np.zeros((8, 8), np.int32); truth[5:, 6:] = 1
    >>> densest(truth, 3)
    (slice(5, 8, None), slice(5, 8, None))
    """
    size = min(size_px, *truth.shape)
    cells = (truth > 0).astype(np.float32)
    density = cv2.boxFilter(cells, -1, (size, size), anchor=(0, 0), normalize=False)
    inside = density[: truth.shape[0] - size + 1, : truth.shape[1] - size + 1]
    top, left = (int(place) for place in np.unravel_index(int(inside.argmax()), inside.shape))
    return slice(top, top + size), slice(left, left + size)


def around(centre_yx: tuple[float, float], size_px: int, shape: tuple[int, ...]) -> Box:
    """Return a square around a place, moved inwards at a border; a smaller frame's whole.

    Examples
    --------
    >>> around((1.0, 9.0), 4, (10, 10))
    (slice(0, 4, None), slice(6, 10, None))
    """
    size = min(size_px, *shape)
    starts = (min(max(round(c) - size // 2, 0), n - size) for c, n in zip(centre_yx, shape, strict=True))
    top, left = starts
    return slice(top, top + size), slice(left, left + size)
