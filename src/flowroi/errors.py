"""The errors that FlowRoI raises: each says what was seen, what was expected and what to do next."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowroi.stores import StorePath

# The end of a message about a file that is not of its suffix's kind.
NOT_DECODED = "not decoded: check the file and its suffix"


class FlowRoIError(Exception):
    """Base of every error that FlowRoI raises on purpose.

    Parameters
    ----------
    message : str
        What happened, with the value seen, the value expected and the next step, as one sentence or two.
    path : str, path-like or StorePath, optional
        The file concerned.
    frame : int, optional
        The index of the frame concerned, from 0.

    Examples
    --------
    >>> str(FlowRoIError("not a TIFF file", path="a.tif", frame=3))
    'a.tif, frame 3: not a TIFF file'
    """

    def __init__(
        self, message: str, *, path: str | PathLike[str] | StorePath | None = None, frame: int | None = None
    ) -> None:
        name = None if path is None else fspath(path) if isinstance(path, str | PathLike) else str(path)
        where = [] if name is None else [printable(name)]
        if frame is not None:
            where.append(f"frame {frame}")
        super().__init__(f"{', '.join(where)}: {message}" if where else message)
        # Behind it: an ImportError has a path of its own.
        self.message = message
        self.path = name
        self.frame = frame


class InvalidParameterError(FlowRoIError, ValueError):
    """A parameter is outside its documented range, or two parameters contradict each other."""


class UnsupportedFormatError(FlowRoIError, ValueError):
    """The input is intact but of a kind that FlowRoI does not take (pixel type, colour, depth, container)."""


class CorruptDataError(FlowRoIError, ValueError):
    """The input is damaged: truncated, altered, or not what its header promises."""


class MissingInputError(FlowRoIError, FileNotFoundError):
    """The input, or a part of it, is not there."""


class OutputExistsError(FlowRoIError, FileExistsError):
    """The output exists already and overwriting was not asked for."""


class VerificationError(FlowRoIError):
    """What was read back is not what was written."""


class QualityTargetError(FlowRoIError):
    """The asked quality or size cannot be reached on this input."""


class StoreError(OSError):
    """A store failed, after its own retries: as a disk that fails, it is no fault of what was to be read or written.

    Its parameters are those of `FlowRoIError`, which it is not: what damage is told of, it does not tell of.

    Examples
    --------
    >>> str(StoreError("the store failed (timeout)", path="s3://raw/a"))
    's3://raw/a: the store failed (timeout)'
    """

    def __init__(self, message: str, *, path: str | None = None, frame: int | None = None) -> None:
        error = FlowRoIError(message, path=path, frame=frame)
        super().__init__(str(error))
        self.message, self.path, self.frame = message, error.path, frame


class MissingDependencyError(FlowRoIError, ImportError):
    """An optional package is needed for what was asked; the message names the extra that installs it."""


def printable(text: str) -> str:
    r"""Escape control characters and undecodable bytes of a file name, so that it cannot disturb a terminal.

    Examples
    --------
    >>> printable("a\nb")
    'a\\nb'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
