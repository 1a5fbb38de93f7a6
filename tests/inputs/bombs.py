"""Small files that would take much memory, opened one after the other; what each took goes to stdout, as JSON.

Run as `python -m tests.inputs.bombs FOLDER`: a process of its own, whose memory nothing else fills.
"""

from __future__ import annotations

import bz2
import json
import lzma
import struct
import sys
import time
import zlib
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

from flowroi.errors import FlowRoIError
from flowroi.masks import read_mask
from flowroi.sources import open_source

from . import limits, names, values  # noqa: F401 - the recipes that are bombs, too
from .makers import CASES, good, j2k_header, noise, set_tiff_size, write_video, write_zarr

SIZE = 128 << 20
SMALLER = 64 << 20
# Not a bomb, but as much memory as one would take: it must be seen.
CONTROL = "control"
# Recipes of bad inputs that a careless reader would allocate for.
RECIPES = (
    "giant declared size",
    "giant mask",
    "too many frames declared",
    "more frames declared than are there",
    "huge chunk_shape",
    "huge metadata",
    "huge tile",
    "tag of too many values",
    "entities in OME-XML",
    "JPEG 2000: too many tiles, packets or code-blocks",
    "JPEG 2000: a palette",
    "JPEG 2000: 132 bytes that declare 65536x65536",
)


@cache
def zeros(kind, size=SIZE):
    """So many zeros, compressed."""
    coder = {
        "zlib": lambda: zlib.compressobj(1),
        "gzip": lambda: zlib.compressobj(1, wbits=31),
        "bz2": lambda: bz2.BZ2Compressor(1),
        "lzma": lambda: lzma.LZMACompressor(preset=0),
    }[kind]()
    pieces = [coder.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join([*pieces, coder.flush()])


def png(root, kind):
    path = root / "a.png"
    data = zeros("zlib")

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 20, 8, 0, 0, 0, 0))]
    if kind == "zTXt":
        parts.append(chunk(b"zTXt", b"Comment\0\0" + data))
    if kind == "iCCP":
        parts.append(chunk(b"iCCP", b"profile\0\0" + data))
    parts.append(chunk(b"IDAT", data if kind == "IDAT" else zlib.compress(bytes(29 * 20))))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b""))
    return path


def tiff(root, compression, data):
    """A page of 28x20 whose strip is far more."""
    path = root / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            iter([data]),
            shape=(20, 28),
            dtype=np.uint8,
            compression=compression,
            rowsperstrip=20,
            photometric="minisblack",
            metadata=None,
        )
    return path


def zarr(root, codec, data):
    import numcodecs

    compressor = {
        "gzip": numcodecs.GZip(),
        "zlib": numcodecs.Zlib(),
        "zstd": numcodecs.Zstd(),
        "bz2": numcodecs.BZ2(),
        "lzma": numcodecs.LZMA(),
        "blosc": numcodecs.Blosc(),
        "lz4": numcodecs.LZ4(),
    }[codec]
    path = write_zarr(root, noise(1), version="0.4", compressors=compressor)
    (path / "0" / "0.0.0").write_bytes(data)
    return path


def stream(root, **changes):
    """A JPEG 2000 stream of a small frame whose headers say something else."""
    from flowroi.codec import encode

    data = bytearray(encode(noise(1)[0], lossless="all", container="j2k"))
    siz, cod = data.index(b"\xff\x51"), data.index(b"\xff\x52")
    if "size" in changes:
        data[siz + 6 : siz + 14] = struct.pack(">II", *changes["size"])
        data[siz + 22 : siz + 30] = struct.pack(">II", *changes.get("tile", changes["size"]))
    if "layers" in changes:
        data[cod + 6 : cod + 8] = struct.pack(">H", changes["layers"])
    if "block" in changes:
        data[cod + 10 : cod + 12] = bytes([changes["block"]] * 2)
    path = root / "a.j2k"
    path.write_bytes(bytes(data))
    return path


def avi(root):
    """A video whose header declares the largest size that the codec could have."""
    path = write_video(root, noise(), "a.avi", "mjpeg", "yuvj420p")
    data = path.read_bytes().replace(struct.pack("<II", 28, 20), struct.pack("<II", 65500, 65500))
    path.write_bytes(data)
    return path


def giant_tiff_strip(root):
    path = tiff(root, "zlib", zeros("zlib"))
    set_tiff_size(path, 65536, 65536)
    return path


def bombs():
    """Return each bomb's name and what makes it in an empty folder."""
    made = {
        f"PNG: {kind} of {SIZE >> 20} MiB": lambda root, kind=kind: png(root, kind) for kind in ("IDAT", "zTXt", "iCCP")
    }
    made["TIFF: deflate strip"] = lambda root: tiff(root, "zlib", zeros("zlib"))
    made["TIFF: Zstandard strip"] = lambda root: tiff(root, "zstd", imagecodecs.zstd_encode(bytes(SIZE)))
    made["TIFF: LZMA strip"] = lambda root: tiff(root, "lzma", zeros("lzma", SMALLER))
    made["TIFF: LZW strip"] = lambda root: tiff(root, "lzw", imagecodecs.lzw_encode(bytes(SMALLER)))
    made["TIFF: PackBits strip"] = lambda root: tiff(root, "packbits", b"\x81\0" * (SMALLER >> 7))
    made["TIFF: deflate strip of a giant page"] = giant_tiff_strip
    made["Zarr: gzip"] = lambda root: zarr(root, "gzip", zeros("gzip"))
    made["Zarr: two gzip members"] = lambda root: zarr(root, "gzip", _two_members())
    made["Zarr: zlib"] = lambda root: zarr(root, "zlib", zeros("zlib"))
    made["Zarr: Zstandard"] = lambda root: zarr(root, "zstd", imagecodecs.zstd_encode(bytes(SIZE)))
    made["Zarr: bzip2"] = lambda root: zarr(root, "bz2", zeros("bz2", SMALLER))
    made["Zarr: LZMA"] = lambda root: zarr(root, "lzma", zeros("lzma", SMALLER))
    made["Zarr: Blosc"] = lambda root: zarr(root, "blosc", struct.pack("<4BIII", 2, 1, 2, 1, 2**31 - 1, 1 << 20, 40))
    made["Zarr: LZ4"] = lambda root: zarr(root, "lz4", struct.pack("<I", 2**31 - 1) + bytes(100))
    made["JPEG 2000: header alone"] = lambda root: _written(root / "a.j2k", j2k_header(65536, 65536))
    made["JPEG 2000: 16384 components"] = lambda root: _written(root / "a.j2k", j2k_header(28, 20, 16384))
    made["JPEG 2000: tiles of a pixel"] = lambda root: stream(root, size=(16384, 16384), tile=(1, 1))
    made["JPEG 2000: code-blocks of 4x4"] = lambda root: stream(root, size=(16384, 16384), block=0)
    made["JPEG 2000: 65535 layers"] = lambda root: stream(root, layers=65535)
    made["AVI: giant frames"] = avi
    for case in CASES:
        if case.name in RECIPES and case.reader != "array":
            made[f"{case.reader}: {case.name}"] = lambda root, case=case: case.make(case.reader, root / "in")
    return made


def _two_members():
    return zlib.compress(bytes(560), wbits=31) + zeros("gzip")


def _written(path, data):
    path.write_bytes(data)
    return path


def read(given):
    """Open an input and read it as `compress` does; return what was said."""
    try:
        if isinstance(given, Path):
            path, masks = given, None
        else:
            path, masks = given.given, given.options[1] if "--roi-method" in given.options else None
        with open_source(path) as source:
            for t in range(min(len(source), 3)):
                frame = source.read(t)
                if masks:
                    read_mask(Path(masks), source.frame_names[t], frame.shape, t)
    except FlowRoIError as error:
        return str(error)
    return "taken"


def memory(name):
    """A line of /proc/self/status, MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(name)


def main(folder):
    made = []
    for number, (name, make) in enumerate(bombs().items()):
        root = folder / str(number)
        root.mkdir()
        made.append((name, make(root)))
    # What libraries take once is no part of a bomb.
    for reader in ("png", "bmp", "jp2", "tiff", "ome-tiff", "ome-zarr", "video", "npy"):
        read(good(reader, folder / "good"))
    read(limits.with_masks(folder / "masked"))
    for name, given in [(CONTROL, None), *made]:
        # The highest point begins anew.
        Path("/proc/self/clear_refs").write_text("5")
        before, started = memory("VmRSS"), time.perf_counter()
        said = str(np.ones(SIZE, np.uint8).sum()) if given is None else read(given)
        took, peak = time.perf_counter() - started, memory("VmHWM") - before
        print(json.dumps({"name": name, "mib": round(peak, 1), "seconds": round(took, 3), "said": said}), flush=True)


if __name__ == "__main__":
    # Were a limit missing, this process would fail, and not the machine.
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    main(Path(sys.argv[1]))
