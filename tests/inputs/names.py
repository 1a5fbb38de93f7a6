"""Recipes: names, order, gaps and links; files that lead out of the input; outputs in the wrong place."""

import os

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
    noise,
    write_image,
    write_zarr,
)

_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def renamed(reader, root, names, frames=None):
    """A folder whose images have these names, without suffix."""
    given = good(reader, root, frames if frames is not None else noise(len(names)))
    for t in reversed(range(len(names))):
        file_of(reader, given, t).rename(given / os.fsdecode(os.fsencode(names[t]) + FOLDERS[reader].encode()))
    return given


@case("one number twice", *FOLDERS)
def one_number_twice(reader, root):
    return Input(renamed(reader, root, ["img1", "img2", "img002"]))


@case("missing frame", *FOLDERS)
def missing_frame(reader, root):
    frames = noise(4)
    return Input(renamed(reader, root, ["t000", "t001", "t004", "t005"], frames), (), frames)


@case("names that prove no order", *FOLDERS)
def no_order(reader, root):
    return Input(renamed(reader, root, ["cells", "medium", "wash"]))


@case("img9 before img10", *FOLDERS)
def numeric_order(reader, root):
    frames = noise(3)
    return Input(renamed(reader, root, ["img8", "img9", "img10"], frames), (), frames)


@case("unfinished and hidden files", *FOLDERS)
def unfinished(reader, root):
    given, suffix = good(reader, root), FOLDERS[reader]
    for name in (f".img9{suffix}", f"img9{suffix}.part", f"img9.tmp{suffix}", f"img9{suffix}.tmp"):
        (given / name).write_bytes(b"half")
    return Input(given, (), noise())


@case("images of several formats", "png")
def several_formats(reader, root):
    given = good(reader, root)
    write_image(given / "img6.bmp", noise(1)[0])
    return Input(given)


def hostile(stem):
    def make(reader, root):
        return Input(renamed(reader, root, [stem.format(t) for t in range(3)]), (), noise(3))

    return make


for _name, _stem in {
    "script tag in a name": "<script>alert(1)<script>{}",
    "newline in a name": "a\n{}",
    "dash before a name": "-rf {}",
    "name of 255 bytes": "a" * 250 + "{}",
    "name that is not UTF-8": os.fsdecode(b"\xff{}"),
}.items():
    case(_name, "png")(hostile(_stem))


@case("link out of the folder", *FOLDERS, "ome-zarr")
def link_out(reader, root):
    given = good(reader, root)
    file = file_of(reader, given, 2)
    file.rename(root / "secret")
    file.symlink_to(root / "secret")
    return Input(given)


@case("link to itself", *FOLDERS, "ome-zarr")
def link_loop(reader, root):
    given = good(reader, root)
    file = file_of(reader, given, 2)
    file.unlink()
    file.symlink_to(file.name)
    return Input(given)


def ome_set(root, name):
    """An OME-TIFF of two files, the second of which is `name`."""
    frames = noise(2)
    blocks = "".join(
        f'<TiffData IFD="0" FirstT="{t}" PlaneCount="1"><UUID FileName="{file}">urn:uuid:{t}</UUID></TiffData>'
        for t, file in enumerate(("f0.ome.tif", name))
    )
    xml = (
        f'<OME xmlns="{_OME}" UUID="urn:uuid:0"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        f'Type="uint8" SizeX="28" SizeY="20" SizeZ="1" SizeC="1" SizeT="2"><Channel ID="Channel:0:0"/>{blocks}</Pixels>'
        "</Image></OME>"
    )
    root.mkdir()
    for t, frame in enumerate(frames):
        tifffile.imwrite(root / f"f{t}.ome.tif", frame, photometric="minisblack", description=xml, metadata=None)
    return root / "f0.ome.tif"


@case("reference out of the folder", "ome-tiff")
def ome_reference(reader, root):
    return Input(ome_set(root, "../secret/s.tif"))


@case("reference out of the folder", "ome-zarr")
def zarr_reference(reader, root):
    given = good(reader, root)
    change_json(given / "zarr.json", lambda meta: meta.update(attributes=image_attributes("tyx", path="../other/0")))
    return Input(given)


@case("link among the companions", "ome-tiff")
def companion_link(reader, root):
    given = ome_set(root, "link.tif")
    (root.parent / "secret").mkdir()
    tifffile.imwrite(root.parent / "secret" / "s.tif", noise(1)[0])
    (root / "link.tif").symlink_to("../secret/s.tif")
    return Input(given)


@case("missing companion", "ome-tiff")
def missing_companion(reader, root):
    return Input(ome_set(root, "f7.ome.tif"))


@case("entities in OME-XML", "ome-tiff")
def entities(reader, root):
    root.mkdir()
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><OME>&b;</OME>'
    tifffile.imwrite(root / "movie.ome.tif", noise(1)[0], description=bomb, metadata=None)
    return Input(root / "movie.ome.tif")


@case("missing chunk", "ome-zarr")
def missing_chunk(reader, root):
    given = good(reader, root)
    file_of(reader, given, 2).unlink()
    return Input(given)


@case("chunk missing from a shard", "ome-zarr")
def missing_in_shard(reader, root):
    # zarr-python leaves out chunks that are all fill value.
    frames = noise(4)
    frames[2] = 0
    config = {"write_empty_chunks": False}
    return Input(write_zarr(_made(root), frames, shards=(4, 20, 28), config=config))


@case("empty shard", "ome-zarr")
def empty_shard(reader, root):
    given = write_zarr(_made(root), noise(4), shards=(4, 20, 28))
    (given / "0/c/0/0/0").write_bytes(bytes(12))
    return Input(given)


@case("shard cut short", "ome-zarr")
def cut_shard(reader, root):
    given = write_zarr(_made(root), noise(4), shards=(4, 20, 28))
    shard = given / "0/c/0/0/0"
    data = shard.read_bytes()
    shard.write_bytes(data[:100] + data[-68:])
    return Input(given)


@case("pickle filter", "ome-zarr")
def pickle_filter(reader, root):
    given = write_zarr(_made(root), noise(), version="0.4")
    change_json(given / "0" / ".zarray", lambda meta: meta.update(filters=[{"id": "pickle", "protocol": 5}]))
    return Input(given)


@case("array of objects", "ome-zarr")
def object_array(reader, root):
    given = write_zarr(_made(root), noise(), version="0.4")
    change_json(given / "0" / ".zarray", lambda meta: meta.update(dtype="|O"))
    return Input(given)


@case("codec that is not known", "ome-zarr")
def unknown_codec(reader, root):
    given = good(reader, root)
    change_json(given / "0" / "zarr.json", lambda meta: meta["codecs"].append({"name": "mine"}))
    return Input(given)


def group_with(attributes):
    def make(reader, root):
        given = good(reader, root)
        change_json(given / "zarr.json", lambda meta: meta.update(attributes=attributes))
        return Input(given)

    return make


case("well in place of a movie", "ome-zarr")(group_with({"ome": {"version": "0.5", "well": {"images": []}}}))
case("group without OME metadata", "ome-zarr")(group_with({}))
case("other version of OME-Zarr", "ome-zarr")(group_with(image_attributes("tyx", version="0.9")))


@case("output inside the input", *FOLDERS, "ome-zarr")
def output_inside(reader, root):
    given = good(reader, root)
    return Input(given, target=given / "archive.ome.tif")


@case("output in place of the input", "tiff", "ome-tiff")
def output_is_input(reader, root):
    given = good(reader, root)
    return Input(given, ("--overwrite",), target=given)


@case("output that is there", "npy")
def output_there(reader, root):
    given = good(reader, root)
    (root / "there.ome.tif").write_bytes(b"mine")
    return Input(given, target=root / "there.ome.tif")


@case("masks: none for a frame", "masks")
def missing_mask(reader, root):
    given = with_masks(root)
    (root / "masks" / "t002.png").unlink()
    return given


@case("masks: another size", "masks")
def other_size(reader, root):
    given = with_masks(root)
    write_image(root / "masks" / "t002.png", np.zeros((10, 28), np.uint8))
    return given


@case("masks: empty file", "masks")
def empty_mask(reader, root):
    given = with_masks(root)
    (root / "masks" / "t002.png").write_bytes(b"")
    return given


@case("masks: cut in the middle", "masks")
def cut_mask(reader, root):
    given = with_masks(root)
    data = (root / "masks" / "t002.png").read_bytes()
    (root / "masks" / "t002.png").write_bytes(data[:-20])
    return given


@case("masks: another kind of file", "masks")
def other_mask(reader, root):
    given = with_masks(root)
    (root / "masks" / "t002.png").write_bytes(b"These are notes, no image at all. " * 4)
    return given


@case("masks: colours", "masks")
def colour_mask(reader, root):
    given = with_masks(root)
    write_image(root / "masks" / "t002.png", np.zeros((20, 28, 3), np.uint8))
    return given


@case("masks: empty", "masks")
def all_empty(reader, root):
    given = with_masks(root, value=0)
    given.frames = noise()
    return given


def with_masks(root, value=255):
    given = good("npy", root)
    (root / "masks").mkdir()
    for t in range(6):
        mask = np.zeros((20, 28), np.uint8)
        mask[4:9, 5:20] = value
        write_image(root / "masks" / f"t{t:03d}.png", mask)
    return Input(given, ("--roi-method", str(root / "masks")))


def _made(root):
    root.mkdir()
    return root
