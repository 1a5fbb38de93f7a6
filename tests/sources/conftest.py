"""Movies made by code, and small writers for the file formats that no library writes damaged."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image


@pytest.fixture
def movie():
    """Six frames (20, 28) uint8, each different, none with an equal row."""
    return np.random.default_rng(7).integers(1, 256, (6, 20, 28), dtype=np.uint8)


@pytest.fixture
def movie12(movie):
    """Six frames (20, 28) uint16 of 12 significant bits."""
    frames = movie.astype(np.uint16) * 16
    frames[0, 0, 0] = 4095
    return frames


def write_folder(folder, frames, names=None, suffix=".png"):
    folder.mkdir(exist_ok=True)
    for t, frame in enumerate(frames):
        name = names[t] if names else f"img{t}{suffix}"
        if name.endswith((".tif", ".tiff")):
            tifffile.imwrite(folder / name, frame, photometric="minisblack")
        else:
            Image.fromarray(frame).save(folder / name)
    return folder


def write_pages(path, frames, **options):
    """One page a frame, each directory before its samples: what a camera program writes frame by frame."""
    with tifffile.TiffWriter(path) as tiff:
        for frame in frames:
            tiff.write(frame, photometric="minisblack", metadata=None, contiguous=False, **options)
    return path


def png_header_only(width, height):
    """A PNG that declares a size and holds nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bmp_header_only(width, height):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def j2k_header_only(width, height):
    """A codestream of 132 bytes that declares a size, with room for the markers behind it."""
    siz = struct.pack(">HH8IH3B", 41, 0, width, height, 0, 0, width, height, 0, 0, 1, 7, 1, 1)
    return (b"\xff\x4f\xff\x51" + siz).ljust(132, b"\0")
