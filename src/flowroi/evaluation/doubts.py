"""What a reader of an evaluation should know before believing it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.archives import Archive
from flowroi.evaluation.materials import background_of
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.subjects import CAP
from flowroi.sources import Source

# Separate pieces under one number, from which on label images look like masks.
_PIECES = 3


def of_archives(archives: Sequence[Archive], names: Sequence[str], source: Source) -> list[str]:
    """Return doubts about archives: made of other files than the movie, RoI not known, background replaced."""
    found = []
    files = sorted(file["sha256"] for file in source.provenance())
    for archive, name in zip(archives, names, strict=True):
        recorded = sorted(file["sha256"] for file in archive.manifest["source"]["files"])
        if files and recorded and recorded != files:
            found.append(
                f"{name} was made of other files than this movie's (their checksums differ): unless it is the same "
                "movie in another format, the figures mean nothing"
            )
        if not archive.manifest["masks_kept"] and archive.manifest["roi"]["method"].startswith("masks"):
            remedy = " (compress with --keep-masks)" if archive.independent_frames else ""
            found.append(f"the RoI of {name} is not known: its masks were not kept{remedy}")
        if background := background_of(archive):
            found.append(
                f"the background of {name} outside its RoI was replaced ({background}) and is no measurement: its PSNR "
                "there, and that of whole frames, tell nothing of the coding"
            )
    return found


def of_results(results: Iterable[SubjectResult], labelled: bool) -> list[str]:
    """Return doubts about what was measured: no cells at all, curves of one point."""
    found = []
    results = list(results)
    if not any(frame.cells.pixels for frame in results[0].frames):
        found.append(
            "the labels hold no cells: nothing can be said of any"
            if labelled
            else "the segmenter found no cells on the raw movie: nothing can be said of any"
        )
    baselines = [s.key.split(":")[0] for s in results if s.kind == "baseline"]
    found += [
        f"{key} was measured at one rate: a gain takes at least two"
        for key in sorted(set(baselines))
        if key != CAP and baselines.count(key) == 1
    ]
    return found


def looks_like_a_mask(labels: npt.NDArray[np.integer[Any]]) -> bool:
    """Return whether all cells of a frame have one number: a mask, in which cells cannot be told apart.

    Examples
    --------
    >>> mask = np.zeros((9, 9), np.int32); mask[::4, ::4] = 255
    >>> looks_like_a_mask(mask), looks_like_a_mask(mask + np.arange(9, dtype=np.int32) * (mask > 0))
    (True, False)
    """
    highest = int(labels.max(initial=0))
    if highest == 0 or bool(((labels > 0) & (labels < highest)).any()):
        return False
    return cv2.connectedComponents((labels > 0).astype(np.uint8), connectivity=8)[0] - 1 >= _PIECES


MASKS = "the labels look like masks, one number for all cells of a frame: every frame counts as one cell"
