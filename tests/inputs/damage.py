"""Recipes: files that are not there, empty, of another kind, cut, or changed."""

import os

import numpy as np
import tifffile

from flowroi import compress, open_archive

from .makers import FOLDERS, Input, case, file_of, good, noise, patch, write_npy, write_video

FILES = (*FOLDERS, "tiff", "ome-tiff", "video", "npy")


@case("no such file", "tiff", "video", "npy", "ome-zarr", "png")
def no_such_file(reader, root):
    given = good(reader, root)
    return Input(given.with_name("other" + given.suffix))


@case("empty file", *FILES, "ome-zarr")
def empty_file(reader, root):
    given = good(reader, root)
    file_of(reader, given, 2).write_bytes(b"")
    return Input(given)


@case("folder without images", "png")
def folder_without_images(reader, root):
    (root / "movie").mkdir(parents=True)
    (root / "movie" / "notes.txt").write_text("none")
    return Input(root / "movie")


@case("unknown suffix", "tiff")
def unknown_suffix(reader, root):
    return Input(good(reader, root).rename(root / "movie.lif"))


@case("another kind of file under the suffix", *FILES)
def another_kind(reader, root):
    given = good(reader, root)
    file_of(reader, given, 0).write_bytes(b"These are notes, no image at all. " * 4)
    return Input(given)


@case("metadata that is no JSON", "ome-zarr")
def no_json(reader, root):
    given = good(reader, root)
    (given / "0" / "zarr.json").write_bytes(b'{"zarr_format": 3, ')
    return Input(given)


@case("cut in the middle", *FOLDERS, "tiff", "ome-tiff", "npy")
def cut_in_the_middle(reader, root):
    given = good(reader, root)
    file = file_of(reader, given, 2)
    file.write_bytes(file.read_bytes()[: -100 if reader == "tiff-folder" else file.stat().st_size // 2])
    return Input(given)


@case("cut in the middle", "ome-zarr")
def cut_chunk(reader, root):
    given = good(reader, root, compressors=None)
    file = file_of(reader, given, 2)
    file.write_bytes(file.read_bytes()[:100])
    return Input(given)


@case("cut in the middle", "video")
def cut_video(reader, root):
    given = write_video(make(root), noise(), "movie.avi", "rawvideo")
    given.write_bytes(given.read_bytes()[: given.stat().st_size // 2])
    return Input(given)


@case("cut between pages", "tiff", "ome-tiff")
def cut_between_pages(reader, root):
    given = good(reader, root, noise(60))
    with tifffile.TiffFile(given) as tiff:
        last = max(tiff.pages[39].dataoffsets[0] + 560, 0)
        offset = tiff.pages[40].offset
    given.write_bytes(given.read_bytes()[: offset if reader == "tiff" else last])
    return Input(given)


@case("zeroed tail, where a checksum or a code finds it", "png", "jp2", "tiff", "video")
def zeroed_tail(reader, root):
    options = {"compression": "zlib"} if reader == "tiff" else {}
    given = good(reader, root, noise(6, 64, 64), **options)
    file = file_of(reader, given, 2)
    start, length = 0, file.stat().st_size
    if reader == "tiff":
        with tifffile.TiffFile(file) as tiff:
            start, length = tiff.pages[2].dataoffsets[0], tiff.pages[2].databytecounts[0]
    patch(file, start + length // 2, bytes(length - length // 2))
    return Input(given)


@case("zeroed tail of samples that are not compressed", "bmp", "tiff-folder", "tiff", "npy", "ome-zarr", "array")
def zeroed_rows(reader, root):
    frames = noise()
    frames[3, 12:] = 0
    return Input(good(reader, root, frames, **({"compressors": None} if reader == "ome-zarr" else {})), (), frames)


@case("changed bytes, where the format has a checksum", "png", "video", "ome-zarr")
def changed_bytes(reader, root):
    from zarr.codecs import Crc32cCodec, ZstdCodec

    options = {
        "png": {},
        "ome-zarr": {"compressors": [ZstdCodec(), Crc32cCodec()]},
        # The third version of FFV1, which has checksums.
        "video": {"coding": {"level": "3", "slicecrc": "1"}},
    }[reader]
    given = good(reader, root, noise(6, 64, 64), **options)
    file = file_of(reader, given, 2)
    middle = file.stat().st_size // 2
    patch(file, middle, bytes(byte ^ 0x55 for byte in file.read_bytes()[middle : middle + 8]))
    return Input(given)


def archived(root, **options):
    """An archive of ours, which can be compressed again."""
    path = make(root) / "movie.ome.tif"
    compress(noise(4, 64, 64), path, roi_method="none", workers=1, **options)
    return path


@case("changed bytes, where the format has a checksum", "archive")
def changed_archive(reader, root):
    given = archived(root, lossless="all")
    with open_archive(given) as archive:
        stream = archive.codestream(2)
    data = given.read_bytes()
    patch(given, data.index(stream) + len(stream) // 2, b"\x55\x55")
    return Input(given)


@case("cut in the middle", "archive")
def cut_archive(reader, root):
    given = archived(root, lossless="all")
    given.write_bytes(given.read_bytes()[: given.stat().st_size // 2])
    return Input(given)


@case("lossy already", "archive")
def lossy_archive(reader, root):
    return Input(archived(root, rate=4))


@case("pages that point in a circle", "tiff")
def circle(reader, root):
    given = good(reader, root)
    with tifffile.TiffFile(given) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[5].offset
    data = given.read_bytes()
    entries = int.from_bytes(data[last : last + 2], "little")
    patch(given, last + 2 + 12 * entries, first.to_bytes(4, "little"))
    return Input(given)


@case("strip without bytes", "tiff", "tiff-folder")
def strip_without_bytes(reader, root):
    given = good(reader, root)
    file = file_of(reader, given, 2)
    with tifffile.TiffFile(file) as tiff:
        tag = tiff.pages[2 if reader == "tiff" else 0].tags["StripOffsets"]
    patch(file, tag.valueoffset, bytes(4))
    return Input(given)


@case("pipe in place of a file", *FILES, "ome-zarr")
def pipe(reader, root):
    given = good(reader, root)
    file = file_of(reader, given, 2)
    file.unlink()
    os.mkfifo(file)
    return Input(given)


@case("no permission to read", "png")
def no_permission(reader, root):
    given = good(reader, root)
    file_of(reader, given, 2).chmod(0)
    return Input(given)


@case("source gone while it is read", *FOLDERS, "ome-zarr")
def gone(reader, root):
    given = good(reader, root, noise(40))
    return Input(given, during=file_of(reader, given, 39).unlink)


@case("file changed while it is read", *FOLDERS, "ome-zarr")
def changed_while_read(reader, root):
    given = good(reader, root, noise(40))
    last = file_of(reader, given, 39)
    return Input(given, during=lambda: last.write_bytes(last.read_bytes() + b"more"))


@case("Python objects", "npy")
def objects(reader, root):
    return Input(write_npy(make(root), np.array([{"run": "me"}], object)))


def make(root):
    root.mkdir(exist_ok=True)
    return root
