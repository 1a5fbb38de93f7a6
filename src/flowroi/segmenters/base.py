"""What every segmenter offers, and the checks that all of them make."""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError

Frame = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Labels = npt.NDArray[np.int32]

DIAMETER_RANGE_PX = (2.0, 512.0)


class Segmenter(Protocol):
    """Finds the cells of one frame, each by itself.

    A segmenter is quick to make and can be pickled: what is heavy is loaded with the first frame, once a process.

    Attributes
    ----------
    name : str
        What `open_segmenter` calls it.
    """

    @property
    def name(self) -> str:
        """What `open_segmenter` calls it."""
        ...

    def segment(self, frame: Frame) -> Labels:
        """Return the cells of a frame.

        Parameters
        ----------
        frame : ndarray, shape (Y, X), uint8 or uint16

        Returns
        -------
        ndarray, shape (Y, X), int32
            0 is background, the cells are 1 to n without gaps. The same frame gives the same labels.

        Raises
        ------
        InvalidParameterError
            If the frame is of another kind.
        MissingDependencyError
            If a package that the segmenter needs is not installed.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return what a report says of it, ready for JSON.

        Returns
        -------
        dict
            `name`; `versions` of the libraries, by name; `parameters`, by name; `weights`, None or a dict of `name` and
            `sha256`; `device`.
        """
        ...


def check_frame(frame: npt.NDArray[Any]) -> None:
    """Raise InvalidParameterError unless this is a frame (Y, X) of uint8 or uint16 with at least a pixel.

    Examples
    --------
    >>> check_frame(np.zeros((2, 3), np.float32))
    Traceback (most recent call last):
    flowroi.errors.InvalidParameterError: the frame is (2, 3) float32; expected (Y, X) of uint8 or uint16, not empty
    """
    if frame.ndim != 2 or frame.size == 0 or frame.dtype not in (np.uint8, np.uint16):
        raise InvalidParameterError(
            f"the frame is {frame.shape} {frame.dtype}; expected (Y, X) of uint8 or uint16, not empty"
        )


def check_diameter(diameter_px: float | None) -> None:
    """Raise InvalidParameterError unless a cell can have this diameter; None is left to the segmenter.

    Examples
    --------
    >>> check_diameter(0.5)
    Traceback (most recent call last):
    flowroi.errors.InvalidParameterError: diameter_px is 0.5; expected 2 to 512 (px), or none
    """
    if diameter_px is None:
        return
    low, high = DIAMETER_RANGE_PX
    number = isinstance(diameter_px, int | float | np.number) and not isinstance(diameter_px, bool)
    if not (number and math.isfinite(diameter_px) and low <= diameter_px <= high):
        raise InvalidParameterError(f"diameter_px is {diameter_px!r}; expected {low:g} to {high:g} (px), or none")


def consecutive(labels: npt.NDArray[Any]) -> Labels:
    """Return the labels renumbered: those that occur are 1 to n, in their order.

    Parameters
    ----------
    labels : ndarray of int >= 0
        0 is background.

    Examples
    --------
    >>> consecutive(np.array([[0, 7], [3, 7]]))
    array([[0, 2],
           [1, 2]], dtype=int32)
    """
    occurs = np.bincount(labels.ravel()) > 0
    occurs[0] = False
    number = np.where(occurs, np.cumsum(occurs), 0).astype(np.int32)
    return np.asarray(number[labels], np.int32)


def library_versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages that are installed, by name."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
