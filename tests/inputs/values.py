"""Recipes: whole files whose samples, sizes, colours or axes are not what a movie of cells has, or only just."""

import numpy as np
import tifffile

from flowroi.codec import encode

from .makers import (
    FOLDERS,
    MOVIES,
    TINY,
    TYPED,
    Input,
    case,
    good,
    noise,
    write_image,
    write_npy,
    write_tiff,
    write_zarr,
)


@case("16-bit samples of 12 bits", *(reader for reader in MOVIES if reader != "bmp"))
def twelve_bits(reader, root):
    frames = noise(dtype=np.uint16, high=4095)
    frames[0, 0, 0] = 4095
    return Input(good(reader, root, frames), (), frames)


@case("int16", *TYPED)
def int16(reader, root):
    return Input(good(reader, root, noise().astype(np.int16) - 5))


@case("uint32", *TYPED)
def uint32(reader, root):
    return Input(good(reader, root, noise().astype(np.uint32)))


@case("float", *TYPED)
def floating(reader, root):
    return Input(good(reader, root, noise().astype(np.float32) / 3))


@case("NaN", *TYPED)
def nan(reader, root):
    frames = noise().astype(np.float32)
    frames[0, 2, 2] = np.nan
    return Input(good(reader, root, frames))


@case("colours", "png", "bmp", "tiff-folder", "tiff", "video")
def colours(reader, root):
    frames = np.stack([noise(), noise()[::-1], 255 - noise()], axis=-1)
    options = {"name": "movie.avi", "codec": "png", "form": "rgb24"} if reader == "video" else {}
    return Input(good(reader, root, frames, **options))


@case("colours in JPEG 2000", "jp2")
def jp2_colours(reader, root):
    return Input(good(reader, root, np.stack([noise(), noise()[::-1], 255 - noise()], axis=-1)))


@case("several channels", "ome-tiff", "ome-zarr")
def channels(reader, root):
    axes = {"axes": "TCYX"} if reader == "ome-tiff" else {"axes": "tcyx"}
    return Input(good(reader, root, np.stack([noise(), 255 - noise()], axis=1), **axes))


@case("Z stack", "ome-tiff", "ome-zarr")
def z_stack(reader, root):
    axes = {"axes": "TZYX"} if reader == "ome-tiff" else {"axes": "tzyx"}
    return Input(good(reader, root, np.stack([noise(), 255 - noise()], axis=1), **axes))


@case("four axes without names", "npy", "array")
def four_axes(reader, root):
    return Input(good(reader, root, np.stack([noise(), 255 - noise()], axis=1)))


@case("constant frames", *MOVIES)
def constant(reader, root):
    frames = noise()
    frames[2:4] = 77
    return Input(good(reader, root, frames), (), frames)


@case("black frames", *MOVIES)
def black(reader, root):
    frames = np.zeros((6, 20, 28), np.uint8)
    return Input(good(reader, root, frames), (), frames)


@case("saturated frames", *MOVIES)
def saturated(reader, root):
    frames = noise()
    frames[1, :, :14] = 255
    return Input(good(reader, root, frames), (), frames)


@case("same frame twice", *MOVIES)
def twice(reader, root):
    frames = noise()
    frames[4] = frames[3]
    return Input(good(reader, root, frames), (), frames)


def tiny(shape):
    def make(reader, root):
        frames = noise(4, *shape)
        return Input(good(reader, root, frames), (), frames)

    return make


for _shape in TINY:
    case("frames of {}x{}".format(*_shape), *(reader for reader in MOVIES if reader != "video"))(tiny(_shape))


@case("one frame only", *MOVIES)
def one_frame(reader, root):
    frames = noise(1, 64, 64)
    return Input(good(reader, root, frames), ("--roi-method", "fused"), frames)


@case("one frame only, by optical flow", "npy")
def one_frame_flow(reader, root):
    frames = noise(1, 64, 64)
    return Input(good(reader, root, frames), ("--roi-method", "flow"), frames)


@case("size changes", *FOLDERS, "tiff")
def size_changes(reader, root):
    return Input(_series(reader, root, [*noise()[:3], *noise()[3:, :10]]))


@case("depth changes", "png", "tiff-folder", "jp2", "tiff")
def depth_changes(reader, root):
    return Input(_series(reader, root, [*noise()[:3], *noise(dtype=np.uint16)[3:]]))


@case("compression that is not read", "tiff", "tiff-folder")
def jpeg_in_tiff(reader, root):
    given = good(reader, root)
    file = given if reader == "tiff" else given / "img0.tif"
    tifffile.imwrite(file, noise(1, 32, 32)[0], compression="jpeg", photometric="minisblack")
    return Input(given)


@case("lossy already", "jp2", "tiff", "video", "ome-zarr")
def lossy_already(reader, root):
    frames = noise(3, 64, 64)
    if reader == "jp2":
        given = good(reader, root, frames)
        for t, frame in enumerate(frames):
            (given / f"img{t}.jp2").write_bytes(encode(frame, rate=4))
        return Input(given)
    root.mkdir()
    if reader == "tiff":
        streams = [encode(frame, rate=4, container="j2k") for frame in frames]
        with tifffile.TiffWriter(root / "movie.tif") as tiff:
            for stream in streams:
                tiff.write(
                    iter([stream]), shape=(64, 64), dtype=np.uint8, tile=(64, 64), compression=34712, metadata=None
                )
        return Input(root / "movie.tif")
    if reader == "ome-zarr":
        import numcodecs

        filters = [numcodecs.FixedScaleOffset(offset=0, scale=0.1, dtype="u1")]
        return Input(write_zarr(root, frames, version="0.4", filters=filters))
    return Input(good(reader, root, frames, name="movie.avi", codec="mjpeg", form="yuvj420p"))


@case("array that is no movie", "array", "npy")
def no_frames(reader, root):
    return Input(good(reader, root, np.zeros((0, 20, 28), np.uint8)))


@case("big-endian samples", "npy", "array", "tiff")
def big_endian(reader, root):
    frames = noise(dtype=np.uint16, high=4095)
    swapped = frames.astype(">u2")
    if reader == "tiff":
        root.mkdir()
        return Input(write_tiff(root, swapped), (), frames)
    if reader == "npy":
        root.mkdir()
        return Input(write_npy(root, swapped), (), frames)
    return Input(swapped, (), frames)


def _series(reader, root, frames):
    given = good(reader, root, noise()[:1])
    if reader == "tiff":
        with tifffile.TiffWriter(given) as tiff:
            for frame in frames:
                tiff.write(frame, contiguous=False, photometric="minisblack", metadata=None)
    else:
        for t, frame in enumerate(frames):
            write_image(given / f"img{t}{FOLDERS[reader]}", frame)
    return given
