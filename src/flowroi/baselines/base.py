"""What a baseline is, and what all of them check."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Protocol

import imagecodecs
import numpy as np
import numpy.typing as npt

from flowroi.codec.encoder import check_frame
from flowroi.errors import InvalidParameterError, MissingDependencyError

Frame = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


class Baseline(Protocol):
    """A way to compress single frames within a number of bytes.

    Instances are small, immutable and can be pickled, so that they go to worker processes.

    Attributes
    ----------
    name : str
        For people: "JPEG 2000 (OpenJPEG)".
    key : str
        For `open_baseline`: "openjpeg".
    """

    @property
    def name(self) -> str:
        """The name for people."""

    @property
    def key(self) -> str:
        """The name for programs."""

    def encode(self, frame: Frame, rate: float, roi: Mask | None = None) -> bytes:
        """Encode a frame, as well as the codec can, within its budget.

        Parameters
        ----------
        frame : ndarray, shape (Y, X), uint8 or uint16
        rate : float > 1
            Raw bytes over encoded bytes: the result has at most `floor(frame.nbytes / rate)` bytes, headers included,
            and as near below that as the codec allows.
        roi : ndarray, shape (Y, X), bool, optional
            The cells; only `smooth` uses it, and it must have it.

        Raises
        ------
        InvalidParameterError
            For a frame, rate or RoI of the wrong kind, shape or range.
        QualityTargetError
            If the codec cannot go below the budget, whatever it drops.
        UnsupportedFormatError
            If the codec does not take samples so deep.
        """

    def decode(self, data: bytes) -> Frame:
        """Return the frame that `encode` wrote, with its shape and dtype.

        Raises
        ------
        CorruptDataError
            If the codec cannot read it.
        """

    def describe(self) -> dict[str, Any]:
        """Return key, name, the library's version and the settings, ready for JSON."""


def checked(frame: Frame, rate: float) -> tuple[Frame, int]:
    """Check frame and rate; return the frame, C-contiguous, and the bytes that it may take.

    Raises
    ------
    InvalidParameterError
        For a frame that is not grey uint8 or uint16, or a rate that is not a number above 1.

    Examples
    --------
    >>> checked(np.zeros((10, 10), np.uint8), 8)[1]
    12
    """
    frame = check_frame(frame)
    if isinstance(rate, bool) or not isinstance(rate, Real) or not math.isfinite(rate) or rate <= 1:
        raise InvalidParameterError(f"rate is {rate!r}; expected a number above 1: raw bytes over encoded bytes")
    return frame, math.floor(frame.nbytes / float(rate))


def require_codec(codec: str, library: str) -> None:
    """Check that imagecodecs was built with a library.

    Raises
    ------
    MissingDependencyError
        If it was not.

    Examples
    --------
    >>> require_codec("JPEG2K", "OpenJPEG")
    """
    if not getattr(getattr(imagecodecs, codec, None), "available", False):
        raise MissingDependencyError(
            f"the installed imagecodecs {imagecodecs.__version__} was built without {library} (imagecodecs.{codec}); "
            "install a build that has it, as the wheels of imagecodecs 2026.3.6 do, or leave this baseline out"
        )
