"""The movies that costs are measured on: synthetic ones, and what is cut, tiled and repeated from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from flowroi import synthetic_movie
from flowroi.plates.base import row_name

Frames = npt.NDArray[Any]
HEIGHT, WIDTH, CELLS = 648, 864, 156
# 4:3, from a crop to a large camera; each has four times the pixels of the one before.
SIZES = ((81, 108), (162, 216), (324, 432), (648, 864), (1296, 1728), (2592, 3456))
_SEED, _MADE = 731, 60
# A 12-bit camera, stored in 16 bits, with the same noise.
_DEEPER = 16
_COLUMNS = 12


def write(path: Path, frames: Frames) -> None:
    """Write one uncompressed TIFF stack."""
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        writer.write(frames, photometric="minisblack", metadata={"axes": "TYX"})


class Movies:
    """Movies in a folder, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._base: tuple[Frames, Frames] | None = None

    @property
    def _made(self) -> tuple[Frames, Frames]:
        """Frames, and what they are without noise."""
        if self._base is None:
            movie = synthetic_movie(frames=_MADE, height=HEIGHT, width=WIDTH, cells=CELLS, seed=_SEED)
            self._base = movie.frames, movie.clean
        return self._base

    def of_frames(self, count: int) -> Path:
        """Return a movie of so many frames: the same ones back and forth, so that nothing jumps."""
        return self._file(f"frames{count}", lambda: self._made[0][_back_and_forth(count)])

    def of_cells(self, cells: int, count: int) -> Path:
        """Return a movie with so many cells."""

        def make() -> Frames:
            made = synthetic_movie(frames=24, height=HEIGHT, width=WIDTH, cells=cells, seed=_SEED).frames
            return made[_back_and_forth(count, 24)]

        return self._file(f"cells{cells}", make)

    def of_size(self, height: int, width: int, sample_bytes: int, count: int) -> Path:
        """Return a movie of another size with as many cells a pixel: a crop of the usual one, or tiles of it."""

        def make() -> Frames:
            frames, clean = (each[:count] for each in self._made)
            if sample_bytes == 2:
                noise = np.random.default_rng(_SEED).standard_normal(clean.shape, np.float32)
                deep = np.rint(_DEEPER * (clean + 2 * noise))
                frames = np.clip(deep, 0, 256 * _DEEPER - 1).astype(np.uint16)
            times = (1, -(-height // HEIGHT), -(-width // WIDTH))
            return np.tile(frames, times)[:, :height, :width]

        return self._file(f"{height}x{width}x{sample_bytes}", make)

    def plate(self, wells: int, count: int) -> Path:
        """Return a plate with the same stack in each well, as links to one file."""
        place = self.folder / f"plate{wells}x{count}"
        if not place.exists():
            stack = self.of_frames(count)
            place.mkdir()
            for n in range(wells):
                os.link(stack, place / f"{row_name(n // _COLUMNS + 1)}{n % _COLUMNS + 1}.tif")
        return place

    def incoming(self, wells: int, count: int) -> Path:
        """Return a folder as an instrument leaves it: a BMP a frame, a folder a well, a marker for the end."""
        place = self.folder / f"incoming{wells}x{count}"
        if not place.exists():
            frames = self._made[0][_back_and_forth(count)]
            for n in range(wells):
                well = place / f"A{n + 1}"
                well.mkdir(parents=True)
                for t, frame in enumerate(frames):
                    cv2.imwrite(str(well / f"t{t:04d}.bmp"), frame)
            (place / "DONE").touch()
        return place

    def _file(self, name: str, make: Any) -> Path:
        path = self.folder / f"{name}.tif"
        if not path.exists():
            write(path, make())
        return path


def _back_and_forth(count: int, made: int = _MADE) -> npt.NDArray[np.int64]:
    return np.abs((np.arange(count) + made - 1) % (2 * made - 2) - (made - 1))
