"""Good inputs of every reader, each a few small frames; the recipes damage them."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from flowroi.codec import encode

FOLDERS = {"png": ".png", "bmp": ".bmp", "tiff-folder": ".tif", "jp2": ".jp2"}
MOVIES = (*FOLDERS, "tiff", "ome-tiff", "ome-zarr", "video", "npy", "array")
TYPED = ("tiff-folder", "tiff", "ome-tiff", "ome-zarr", "npy", "array")
TINY = ((1, 1), (1, 9), (3, 3))


@dataclass
class Input:
    """What is given to `compress`: a path or an array, options, and the pixels that come out where it is taken."""

    given: Path | np.ndarray
    options: tuple[str, ...] = ()
    frames: np.ndarray | None = None
    # Called when the first frame is done.
    during: Callable[[], None] | None = None
    # Where the archive goes, if not beside the input's folder.
    target: Path | None = None


@dataclass(frozen=True)
class Case:
    """A bad input: its name in docs/inputs.md, the reader, and what makes it."""

    name: str
    reader: str
    make: Callable[[str, Path], Input] = field(repr=False)


CASES: list[Case] = []


def case(name, *readers):
    """Enter a recipe under the name of its row, for some readers."""

    def enter(make):
        CASES.extend(Case(name, reader, make) for reader in readers)
        return make

    return enter


def noise(frames=6, height=20, width=28, dtype=np.uint8, high=None):
    """Frames without an equal row, without 0 and below the highest sample."""
    high = high or np.iinfo(dtype).max
    return np.random.default_rng(7).integers(1, high, (frames, height, width)).astype(dtype)


def good(reader, root, frames=None, **options):
    """Write a movie for a reader below `root`; return the path, or the array."""
    frames = noise() if frames is None else frames
    root.mkdir(exist_ok=True)
    if reader in FOLDERS:
        folder = root / "movie"
        folder.mkdir(exist_ok=True)
        for t, frame in enumerate(frames):
            write_image(folder / f"img{t}{FOLDERS[reader]}", frame)
        return folder
    return {
        "tiff": write_tiff,
        "ome-tiff": write_ome_tiff,
        "ome-zarr": write_zarr,
        "video": write_video,
        "npy": write_npy,
        "array": lambda _root, frames: frames,
    }[reader](root, frames, **options)


def write_image(path, frame):
    if path.suffix == ".tif":
        tifffile.imwrite(path, frame, photometric="rgb" if frame.ndim == 3 else "minisblack")
    elif path.suffix == ".jp2" and frame.ndim == 2:
        path.write_bytes(encode(frame, lossless="all"))
    else:
        Image.fromarray(frame).save(path)


def write_tiff(root, frames, **options):
    options = {"photometric": "rgb" if frames.ndim == 4 else "minisblack", "metadata": None, **options}
    with tifffile.TiffWriter(root / "movie.tif") as tiff:
        for frame in frames:
            tiff.write(frame, contiguous=False, **options)
    return root / "movie.tif"


def write_ome_tiff(root, frames, axes="TYX", **options):
    path = root / "movie.ome.tif"
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata={"axes": axes}, **options)
    return path


def write_npy(root, frames):
    np.save(root / "movie.npy", frames)
    return root / "movie.npy"


def write_video(root, frames, name="movie.mkv", codec="ffv1", form=None, coding=None):
    import av

    form = form or ("gray" if frames.dtype == np.uint8 else "gray12le")
    with av.open(str(root / name), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = form
        stream.options = coding or {}
        for frame in frames:
            given = "rgb24" if frame.ndim == 3 else "gray" if frame.dtype == np.uint8 else form
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=given)))
        container.mux(stream.encode())
    return root / name


def write_zarr(root, frames, axes="tyx", version="0.5", **options):
    """An OME-Zarr image as zarr-python writes it, one chunk a frame."""
    import zarr

    path = root / "movie.ome.zarr"
    lead = (1,) * (frames.ndim - 2)
    options = {"chunks": (*lead, *frames.shape[-2:]), "config": {"write_empty_chunks": True}, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
        group.attrs.update(image_attributes(axes, version))
        array = group.create_array("0", shape=frames.shape, dtype=frames.dtype, fill_value=0, **options)
        array[:] = frames
    return path


def image_attributes(axes, version="0.5", path="0"):
    kinds = {"t": ("time", "second"), "c": ("channel", None)}
    listed = [
        {"name": a, "type": kinds.get(a, ("space",))[0], "unit": kinds.get(a, ("", "micrometer"))[1]} for a in axes
    ]
    scale = [{"t": 8.0, "y": 0.641, "x": 0.641}.get(a, 1.0) for a in axes]
    image = {
        "axes": listed,
        "datasets": [{"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        "version": version,
    }
    return {"multiscales": [image]} if version == "0.4" else {"ome": {"version": version, "multiscales": [image]}}


def file_of(reader, given, t):
    """The file that holds frame `t`."""
    if reader in FOLDERS:
        return given / f"img{t}{FOLDERS[reader]}"
    return given / f"0/c/{t}/0/0" if reader == "ome-zarr" else given


def change_json(path, change):
    """Rewrite a metadata file as `change` leaves it."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def patch(path, offset, data):
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(data)] = data
    path.write_bytes(whole)


def tag_place(path, name, page=0):
    """Byte offset of a tag's entry in a TIFF file."""
    with tifffile.TiffFile(path) as tiff:
        return tiff.pages[page].tags[name].offset


def set_tiff_size(path, width, height):
    for name, value in (("ImageWidth", width), ("ImageLength", height)):
        patch(path, tag_place(path, name) + 2, struct.pack("<HII", 4, 1, value))


def j2k_header(width, height, components=1):
    """The beginning of a codestream that declares a size, in 132 bytes."""
    siz = struct.pack(">HH8IH", 38 + 3 * components, 0, width, height, 0, 0, width, height, 0, 0, components)
    return (b"\xff\x4f\xff\x51" + siz + b"\7\1\1" * components).ljust(132, b"\0")
