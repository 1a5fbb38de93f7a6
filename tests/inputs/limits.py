"""Recipes: headers that declare what no machine should allocate, and parameters out of range."""

import json
import struct
import zlib

import numpy as np
import tifffile

from .makers import (
    FOLDERS,
    Input,
    case,
    change_json,
    file_of,
    good,
    image_attributes,
    j2k_header,
    noise,
    patch,
    set_tiff_size,
    write_npy,
)
from .names import with_masks


def declared(reader, root, width, height):
    """An input whose first frame declares a size that it does not have."""
    if reader == "masks":
        given = with_masks(root)
        patch_png(root / "masks" / "t000.png", width, height)
        return given
    if reader == "npy":
        given = write_npy_header(root, (1, height, width))
        return Input(given)
    if reader == "array":
        return Input(np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (1, height, width)))
    given = good(reader, root)
    file = file_of(reader, given, 0)
    if reader == "png":
        patch_png(file, width, height)
    elif reader == "bmp":
        patch(file, 18, struct.pack("<ii", width, height))
    elif reader == "jp2":
        patch(file, file.read_bytes().index(b"\xff\x51") + 6, struct.pack(">II", width, height))
    elif reader == "ome-zarr":
        change_json(given / "0" / "zarr.json", lambda meta: meta.update(shape=[6, height, width]))
    elif reader == "video":
        data = file.read_bytes()
        # Matroska: PixelWidth and PixelHeight.
        for code, old, new in ((b"\xb0", 28, width), (b"\xba", 20, height)):
            at = data.index(code + bytes([0x81, old]))
            data = data[:at] + code + bytes([0x81]) + new.to_bytes(1, "big") + data[at + 3 :]
        file.write_bytes(data)
    else:
        set_tiff_size(file, width, height)
    return Input(given)


@case("giant declared size", *FOLDERS, "tiff", "ome-tiff", "ome-zarr", "npy", "array")
def giant(reader, root):
    return declared(reader, root, 65536, 65536)


@case("giant mask", "masks")
def giant_mask(reader, root):
    return declared(reader, root, 65536, 65536)


@case("above a limit of one's own", *FOLDERS, "tiff", "ome-tiff", "ome-zarr", "video", "npy", "array")
def own_limit(reader, root):
    return Input(good(reader, root), ("--max-pixels", "559"))


@case("size of zero", "png", "bmp", "jp2", "tiff", "ome-tiff", "tiff-folder", "ome-zarr", "npy", "array")
def zero(reader, root):
    return declared(reader, root, 0, 5)


@case("size that overflows", "png", "bmp", "jp2", "tiff", "ome-zarr", "npy")
def overflowing(reader, root):
    return declared(reader, root, 2**31 - 1, 2**31 - 1)


@case("too many frames declared", "ome-zarr")
def zarr_frames(reader, root):
    given = good(reader, root)
    change_json(given / "0" / "zarr.json", lambda meta: meta.update(shape=[10**9, 20, 28]))
    return Input(given)


@case("too many frames declared", "ome-tiff")
def ome_frames(reader, root):
    root.mkdir()
    xml = (
        '<OME><Image><Pixels DimensionOrder="XYZCT" SizeX="28" SizeY="20" SizeZ="1" SizeC="1" SizeT="2000000000">'
        "<TiffData/></Pixels></Image></OME>"
    )
    tifffile.imwrite(root / "movie.ome.tif", noise(1)[0], description=xml, metadata=None)
    return Input(root / "movie.ome.tif")


@case("too many frames declared", "tiff")
def imagej_frames(reader, root):
    root.mkdir()
    text = "ImageJ=1.54f\nimages=2000000000\nframes=2000000000\n"
    tifffile.imwrite(root / "movie.tif", noise(1)[0], photometric="minisblack", description=text, metadata=None)
    return Input(root / "movie.tif")


@case("too many frames declared", "array")
def array_frames(reader, root):
    return Input(np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (2**21, 1, 1)))


@case("more frames declared than are there", "npy")
def npy_frames(reader, root):
    return Input(write_npy_header(root, (10**9, 20, 28)))


@case("huge chunk_shape", "ome-zarr")
def huge_chunk(reader, root):
    given = good(reader, root)

    def change(meta):
        meta["chunk_grid"]["configuration"]["chunk_shape"] = [1, 10**6, 10**6]

    change_json(given / "0" / "zarr.json", change)
    return Input(given)


@case("huge metadata", "ome-zarr")
def huge_metadata(reader, root):
    given = good(reader, root)
    file = given / "zarr.json"
    file.write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": image_attributes("tyx")}))
    with file.open("r+b") as handle:
        handle.truncate(2**26 + 1)
    return Input(given)


@case("huge tile", "tiff")
def huge_tile(reader, root):
    given = good(reader, root, tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(given) as tiff:
        places = [tiff.pages[0].tags[name].offset for name in ("TileWidth", "TileLength")]
    for place in places:
        patch(given, place + 2, struct.pack("<HII", 4, 1, 2**20))
    return Input(given)


@case("tag of too many values", "tiff")
def many_values(reader, root):
    given = good(reader, root)
    with tifffile.TiffFile(given) as tiff:
        place = tiff.pages[3].tags["StripOffsets"].offset
    patch(given, place + 4, struct.pack("<I", 2**31))
    return Input(given)


@case("JPEG 2000: too many tiles, packets or code-blocks", "jp2", "tiff")
def many_parts(reader, root):
    given = good("jp2", root)
    stream = bytearray((given / "img0.jp2").read_bytes())
    place = stream.index(b"\xff\x52")
    stream[place + 6 : place + 8] = struct.pack(">H", 65535)
    (given / "img0.jp2").write_bytes(stream)
    if reader == "jp2":
        return Input(given)
    data = bytes(stream[stream.index(b"\xff\x4f\xff\x51") :])
    with tifffile.TiffWriter(root / "movie.tif") as tiff:
        tiff.write(iter([data]), shape=(20, 28), dtype=np.uint8, tile=(32, 32), compression=34712, metadata=None)
    return Input(root / "movie.tif")


@case("JPEG 2000: a palette", "jp2")
def palette(reader, root):
    given = good(reader, root)
    data = (given / "img0.jp2").read_bytes()
    at = data.index(b"jp2h")
    box = struct.pack(">I4sHB255B", 8 + 3 + 255, b"pclr", 1, 255, *[7] * 255)
    size = struct.unpack(">I", data[at - 4 : at])[0]
    (given / "img0.jp2").write_bytes(
        data[: at - 4] + struct.pack(">I", size + len(box)) + b"jp2h" + box + data[at + 4 :]
    )
    return Input(given)


@case("JPEG 2000: 132 bytes that declare 65536x65536", "jp2")
def tiny_bomb(reader, root):
    (root / "movie").mkdir(parents=True)
    (root / "movie" / "img0.j2k").write_bytes(j2k_header(65536, 65536))
    return Input(root / "movie")


def parameters(*options):
    def make(reader, root):
        return Input(good("npy", root), options)

    return make


for _name, _options in {
    "rate of 1": ("--rate", "1"),
    "rate below 1": ("--rate", "0.5"),
    "negative rate": ("--rate", "-3"),
    "rate that is no number": ("--rate", "nan"),
    "rate without end": ("--rate", "inf"),
    "PSNR of 0": ("--psnr", "0"),
    "negative noise": ("--noise", "-1"),
    "rate that the frame cannot have": ("--rate", "1000"),
    "scaling factor below 1": ("--rate", "4", "--scaling-factor", "0.5"),
    "two targets": ("--rate", "4", "--psnr", "40"),
    "no workers": ("--rate", "4", "--workers", "0"),
    "channel that is not there": ("--rate", "4", "--channel", "3"),
    "pattern for a file": ("--rate", "4", "--pattern", "(?P<time>.)"),
    "RoI method that is not known": ("--rate", "4", "--roi-method", "magic"),
    "limit of no pixels": ("--rate", "4", "--max-pixels", "0"),
}.items():
    case(_name, "parameters")(parameters(*_options))


def patch_png(path, width, height):
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    kind = bytes(data[12:29])
    data[29:33] = struct.pack(">I", zlib.crc32(kind))
    path.write_bytes(data)


def write_npy_header(root, shape):
    """A .npy file whose header promises what is not there."""
    root.mkdir(exist_ok=True)
    path = write_npy(root, np.zeros((1, 4, 4), np.uint8))
    head = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + bytes(16))
    return path
