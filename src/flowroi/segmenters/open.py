"""Finds a segmenter by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowroi.errors import InvalidParameterError

if TYPE_CHECKING:
    from flowroi.segmenters.base import Segmenter

SEGMENTERS = ("classical", "cellpose3", "cellpose-sam")


def open_segmenter(
    name: str, *, weights: Path | None = None, diameter_px: float | None = None, gpu: bool | None = None
) -> Segmenter:
    """Return a segmenter; nothing is loaded before its first frame.

    Parameters
    ----------
    name : "classical", "cellpose3" or "cellpose-sam"
        Without a network; the neutrophil network of mmv-h4tracks, or another one of Cellpose 3; Cellpose-SAM.
    weights : Path, optional
        A network's weights. `cellpose3` has the neutrophil network for a default; `cellpose-sam` needs them.
    diameter_px : float in [2, 512], optional
        Typical diameter of a cell, px. By default `classical` estimates it from each frame; a network of Cellpose 3
        takes the mean of the cells that it was trained on; Cellpose-SAM takes the frame as it is.
    gpu : bool, optional
        Whether networks run on the GPU; by default where there is one.

    Raises
    ------
    InvalidParameterError
        For an unknown name, a value out of range, or a parameter that the segmenter has no use for.
    MissingInputError
        If the weights are needed and not given, or not there.
    MissingDependencyError
        If the segmenter's packages are not installed.

    Examples
    --------
    >>> open_segmenter("classical", diameter_px=16).name
    'classical'
    """
    if name == "classical":
        from flowroi.segmenters.classical import ClassicalSegmenter

        if weights is not None:
            raise InvalidParameterError("weights are given for classical, which has none; leave them out")
        if gpu:
            raise InvalidParameterError("gpu is asked for; classical runs on the CPU only")
        return ClassicalSegmenter(diameter_px)
    if name == "cellpose3":
        from flowroi.segmenters.cellpose3 import Cellpose3Segmenter

        return Cellpose3Segmenter(weights, diameter_px, gpu)
    if name == "cellpose-sam":
        from flowroi.segmenters.cellpose_sam import CellposeSamSegmenter

        return CellposeSamSegmenter(weights, diameter_px, gpu)
    raise InvalidParameterError(f"segmenter is {name!r}; expected one of {', '.join(SEGMENTERS)}")
