"""What every source of frames offers, whatever the files look like."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from flowroi.errors import InvalidParameterError, UnsupportedFormatError
from flowroi.limits import check_frame_count
from flowroi.losses import Losses
from flowroi.sources.checks import FrameChecks
from flowroi.sources.files import AnyFile, located
from flowroi.sources.names import text_name
from flowroi.sources.pixels import Frame, bits_of
from flowroi.stores import AnyPath

# Enough to meet a bright frame of a movie that changes; few enough to decode at once.
_SAMPLED_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames that the input's own numbers say are missing; they are recorded, never renumbered or filled in.

    Parameters
    ----------
    before : int >= 1
        Index of the first frame after the gap.
    missing : int >= 1
        How many frames are missing there.
    """

    before: int
    missing: int


class Source(ABC):
    """A movie to read: frames (Y, X) of one size and pixel type, in order of time.

    A context manager: leaving it closes the files. Reading may be done from several threads; nothing is ever
    written below the source.

    Attributes
    ----------
    name : str
        A name fit for a file: the stem of the input.
    path : Path, StorePath or None
        The input; None for an array.
    shape : (int, int, int)
        Frames, rows, columns (T, Y, X).
    dtype : dtype
        uint8 or uint16, native byte order.
    pixel_size_um : float or None
        Width of a pixel in µm, where the input says so.
    frame_interval_s : float or None
        Seconds from frame to frame, where the input says so.
    frame_names : tuple of str
        One unique stem a frame, fit for file names.
    losses : Losses
        The lossy codings that the frames went through before.
    gaps : tuple of Gap
        Where frames are missing, in order; empty where nothing says so.
    left_out : str or None
        What the files hold beside the frames that are read, such as other channels; None where that is nothing.
    """

    def __init__(
        self,
        *,
        name: str,
        path: AnyPath | None,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        frame_names: tuple[str, ...],
        significant_bits: int | None = None,
        pixel_size_um: float | None = None,
        frame_interval_s: float | None = None,
        losses: Losses | None = None,
        warnings: Sequence[str] = (),
        gaps: Sequence[Gap] = (),
        left_out: str | None = None,
    ) -> None:
        check_frame_count(shape[0])
        self.name = name
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self.frame_names = frame_names
        self.losses = losses or Losses()
        self.gaps = tuple(gaps)
        self.left_out = left_out
        self.pixel_size_um = _positive(pixel_size_um)
        self.frame_interval_s = _positive(frame_interval_s)
        depth = 8 * dtype.itemsize
        self._significant_bits = 8 if depth == 8 else significant_bits and min(significant_bits, depth)
        self._warnings = tuple(warnings)
        self._checks: FrameChecks | None = None
        self._closed = False

    @abstractmethod
    def _read(self, t: int) -> Frame:
        """Decode frame `t` (already checked) to (Y, X); errors need no path or frame."""

    @abstractmethod
    def _files(self) -> Sequence[AnyFile]:
        """Every file that the frames come from."""

    def _file_of(self, t: int) -> AnyPath | None:  # noqa: ARG002 - for sources of many files
        """Return the file that frame `t` comes from, for messages."""
        return self.path

    def _release(self) -> None:  # noqa: B027 - most sources keep nothing open
        """Close what is open; called once."""

    @property
    def significant_bits(self) -> int:
        """Bits that the samples really use; PSNR's peak is 2**significant_bits - 1.

        8 for uint8. For uint16 what the file says (OME SignificantBits, TIFF BitsPerSample, the depth of a video
        or of a JPEG 2000 stream); where it says nothing or 16, what the largest sample needs in up to 16 frames spread
        over the movie, the first and the last among them.
        """
        if self._significant_bits is None:
            count = min(len(self), _SAMPLED_FRAMES)
            chosen = sorted({round(i) for i in np.linspace(0, len(self) - 1, count)})
            self._significant_bits = bits_of(self.read(t) for t in chosen)
        return self._significant_bits

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should be told: about the input, and about the frames that were iterated over until now."""
        lost = self.losses.warning
        told = self._warnings if lost is None else (lost, *self._warnings)
        if self._significant_bits and self._significant_bits < 8 * self.dtype.itemsize:
            told += (f"{self._significant_bits} significant bits in samples of 16: PSNR counts on them",)
        return told + (() if self._checks is None else self._checks.messages())

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, t: int) -> Frame:
        """Return frame `t`.

        Parameters
        ----------
        t : int
            Index of the frame, from 0.

        Returns
        -------
        ndarray, shape (Y, X), uint8 or uint16
            C-contiguous, its own memory or read-only.

        Raises
        ------
        InvalidParameterError
            If there is no such frame, or the source is closed.
        CorruptDataError
            If the frame is damaged, or its file changed since the source was opened.
        UnsupportedFormatError
            If the frame is of another kind than the movie.
        """
        if self._closed:
            raise InvalidParameterError("the source is closed; open it again to read", path=self.path)
        if not 0 <= t < len(self):
            raise InvalidParameterError(f"frame is {t}; expected 0 to {len(self) - 1}", path=self.path)
        with located(self._file_of(t), t):
            frame = self._read(t)
            if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
                seen, expected = describe(frame.shape, frame.dtype), describe(self.shape[1:], self.dtype)
                raise UnsupportedFormatError(size_changed(seen, expected))
        return np.ascontiguousarray(frame, dtype=self.dtype)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order, one at a time."""
        bits = self.significant_bits
        self._checks = checks = FrameChecks(bits)
        for t in range(len(self)):
            frame = self.read(t)
            checks.observe(t, frame)
            yield frame

    def file_of(self, t: int) -> AnyPath:
        """Return the file that frame `t` comes from: the input itself where all frames are in one."""
        file = self._file_of(t) or self.path
        assert file is not None
        return file

    @property
    def files(self) -> tuple[AnyPath, ...]:
        """Every file that the frames come from, in the order of `provenance`."""
        return tuple(file.path for file in self._files())

    @property
    def to_spare(self) -> tuple[AnyPath, ...]:
        """What no output may replace, lie in or hold: the input, and the files beside it that it names."""
        if self.path is None:
            return ()
        return (self.path,) if self.path.is_dir() else tuple({self.path: None, **dict.fromkeys(self.files)})

    def provenance(self) -> list[dict[str, Any]]:
        """Name, size and SHA-256 of every file that the frames come from; reads them once more.

        Raises
        ------
        CorruptDataError
            If a file changed since the source was opened.
        """
        return [
            {"name": text_name(file.path.name), "size_bytes": file.size_bytes, "sha256": file.sha256()}
            for file in self._files()
        ]

    def close(self) -> None:
        """Close the files; reading afterwards raises InvalidParameterError."""
        if not self._closed:
            self._closed = True
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def describe(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """Return shape and type of a frame as text, rows first."""
    return f"{shape[0]}x{shape[1]} {dtype}"


def size_changed(seen: str, expected: str) -> str:
    """Return the message for a frame that is not like the first one."""
    return (
        f"the frame is {seen} (rows x columns); the first frame is {expected}. A movie has one size and depth; "
        "nothing was cropped or scaled: take this frame out, or split the movie here"
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None
