"""Plates made by code: every frame carries its own coordinates as pixel values."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from flowroi.plates.base import Position


def coordinate_frame(well, field=0, channel=0, time=0, shape=(6, 8)):
    """A frame whose first pixels are row, column, field, channel and time; the rest tell it from an empty one."""
    position = Position(well, field)
    row = ord(position.row[-1]) - ord("A") + 1 + 26 * (len(position.row) - 1)
    frame = np.full(shape, 200, np.uint8)
    frame[0, :5] = row, int(position.column), field, channel, time
    return frame


def read_coordinates(frame):
    row, column, field, channel, time = (int(n) for n in frame[0, :5])
    return Position(f"{chr(ord('A') + row - 1)}{column}", field), channel, time


def write_image(path, frame):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".tif", ".tiff", ".TIF"):
        tifffile.imwrite(path, frame, photometric="minisblack", metadata=None)
    else:
        Image.fromarray(frame).save(path)
    return path


def write_stack(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as tiff:
        for frame in frames:
            tiff.write(frame, photometric="minisblack", metadata=None, contiguous=False)
    return path


@pytest.fixture
def check_plate():
    """Whether every position of a plate opens to its own frames, in order of time."""

    def check(plate, times, channel=0):
        for position in plate.positions:
            with plate.open(position) as movie:
                found = [read_coordinates(frame) for frame in movie]
            assert found == [(position, channel, t) for t in times]

    return check
