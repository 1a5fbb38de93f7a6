"""The RoI of a movie that is being recorded: each frame's as soon as it is there, from it and those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from flowroi.params import RoiParams
from flowroi.roi import FrameRoi
from flowroi.roi.fused_extraction import FusedExtraction
from flowroi.roi.memory import RoiMemory

Frame = npt.NDArray[Any]


class CausalRoi:
    """What `fused` says of one frame after the other; the same frames give the same masks.

    Parameters
    ----------
    params : RoiParams
        With `look_ahead` 0 and `adjacent_factor` 0.
    memory : RoiMemory, optional
        Of another one, to go on where it was.
    frames : mapping of int to ndarray, shape (Y, X)
        Those that the memory wants, by number.

    Examples
    --------
    >>> import numpy as np
    >>> CausalRoi(RoiParams(look_ahead=0)).next(np.zeros((32, 32), np.uint8)).mask.shape
    (32, 32)
    """

    def __init__(
        self, params: RoiParams, memory: RoiMemory | None = None, frames: Mapping[int, Frame] | None = None
    ) -> None:
        if params.look_ahead or params.adjacent_factor:
            raise ValueError("a causal RoI waits for no later frame")
        self._frame: Frame | None = None
        self._extraction = FusedExtraction(params, None, 0)
        if memory is not None:
            self._extraction.recall(memory, frames or {})
        self._found = self._extraction.run(self._frames())

    def next(self, frame: Frame) -> FrameRoi:
        """Take in the next frame and return its RoI."""
        self._frame = frame
        return next(self._found)[1]

    @property
    def memory(self) -> RoiMemory:
        """What is known of the frames until now."""
        return self._extraction.memory

    def _frames(self) -> Iterator[Frame]:
        # The extraction asks for one frame for each that it gives back.
        while True:
            frame, self._frame = self._frame, None
            if frame is None:
                raise RuntimeError("a later frame was asked for")
            yield frame
