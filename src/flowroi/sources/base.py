"""What every reader of a movie offers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from flowroi.errors import UnsupportedFormatError

Frame = npt.NDArray[Any]

# Frames looked at to tell how many bits 16-bit samples really use.
_SAMPLED_FRAMES = 5


class Source(ABC):
    """A movie to read: frames of one size and type, in order of time. Nothing below its path is ever written.

    Attributes
    ----------
    name : str
        Short name for people and for output files.
    path : Path or None
        Where it is; None for an array.
    shape : (int, int, int)
        (T, Y, X).
    dtype : dtype
        uint8 or uint16.
    frame_names : tuple of str
        One unique stem a frame.
    pixel_size_um, frame_interval_s : float or None
        Where the file tells.
    warnings : tuple of str
        What a user should know: gaps in the numbering, axes that were guessed.
    """

    name: str
    path: Path | None
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    frame_names: tuple[str, ...]
    pixel_size_um: float | None = None
    frame_interval_s: float | None = None
    warnings: tuple[str, ...] = ()
    _declared_bits: int | None = None
    _significant_bits: int | None = None

    @abstractmethod
    def read(self, t: int) -> Frame:
        """Return frame `t`, (Y, X), C-contiguous."""

    def __iter__(self) -> Iterator[Frame]:
        return (self.read(t) for t in range(len(self)))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def significant_bits(self) -> int:
        """Bits that samples use: 8 for uint8; else as the file declares, or as a sample of frames needs."""
        if self._significant_bits is None:
            if self.dtype == np.uint8:
                self._significant_bits = 8
            elif self._declared_bits is not None:
                self._significant_bits = self._declared_bits
            else:
                chosen = np.unique(np.linspace(0, len(self) - 1, _SAMPLED_FRAMES).astype(int))
                largest = max(int(self.read(int(t)).max()) for t in chosen)
                self._significant_bits = max(1, largest.bit_length())
        return self._significant_bits

    @abstractmethod
    def files(self) -> list[Path]:
        """Return the files that the frames come from, in order."""

    def provenance(self) -> list[dict[str, Any]]:
        """Return name, size and SHA-256 of every source file (an array has none)."""
        records = []
        for file in self.files():
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            records.append({"name": file.name, "size_bytes": file.stat().st_size, "sha256": digest})
        return records

    def close(self) -> None:
        """Close files; the source cannot be read afterwards."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_pixel_type(dtype: np.dtype[Any], path: Path | None) -> np.dtype[Any]:
    """Return uint8 or uint16 in native byte order, or raise UnsupportedFormatError with the conversion to ask for."""
    if dtype.kind == "u" and dtype.itemsize in (1, 2):
        return dtype.newbyteorder("=")
    advice = {
        "f": "scale it on purpose, e.g. round to uint8 or uint16",
        "i": "shift it to non-negative values and store it as uint16",
        "u": "store it as uint16 if its values fit",
        "b": "store it as uint8",
    }.get(dtype.kind, "store grey levels as uint8 or uint16")
    raise UnsupportedFormatError(
        f"unsupported pixel type {dtype.name}; expected uint8 or uint16: {advice}; nothing was read", path=path
    )


def check_frame_pixels(height: int, width: int, max_pixels: int, path: Path | None) -> None:
    """Raise UnsupportedFormatError for an empty frame or one above the limit, before anything is allocated for it."""
    if height < 1 or width < 1:
        raise UnsupportedFormatError(f"frames of {height}x{width} pixels; expected at least 1x1", path=path)
    if height * width > max_pixels:
        raise UnsupportedFormatError(
            f"frames of {height}x{width} pixels are declared, above the limit of {max_pixels}; not read: "
            "raise max_pixels if the size is right",
            path=path,
        )
