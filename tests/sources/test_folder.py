import os
import struct

import numpy as np
import pytest
from PIL import Image

from flowroi import open_source
from flowroi.codec import encode
from flowroi.errors import (
    CorruptDataError,
    FlowRoIError,
    InvalidParameterError,
    MissingInputError,
    UnsupportedFormatError,
)

from .conftest import bmp_header_only, j2k_header_only, png_header_only, write_folder


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".PNG"])
def test_numeric_order(tmp_path, movie, suffix):
    numbers = [1, 2, 9, 10, 11, 100]
    folder = write_folder(tmp_path / "m", movie, [f"img{n}{suffix.lower()}" for n in numbers])
    for path in list(folder.iterdir()):
        path.rename(path.with_suffix(suffix))
    with open_source(folder) as source:
        assert source.shape == movie.shape
        assert source.frame_names == tuple(f"img{n}" for n in numbers)
        assert all((a == b).all() for a, b in zip(source, movie, strict=True))
        assert "missing" in source.warnings[0]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jp2", ".j2k"])
def test_sixteen_bits(tmp_path, movie12, suffix):
    folder = tmp_path / "m"
    if suffix in (".jp2", ".j2k"):
        folder.mkdir()
        for t, frame in enumerate(movie12):
            (folder / f"t{t}{suffix}").write_bytes(encode(frame, lossless="all", container=suffix[1:]))
    else:
        write_folder(folder, movie12, suffix=suffix)
    with open_source(folder) as source:
        assert source.dtype == np.uint16
        assert source.significant_bits == 12
        assert (np.stack(list(source)) == movie12).all()


def test_jpeg2000_input_is_said(tmp_path, movie):
    path = tmp_path / "t0.jp2"
    path.write_bytes(encode(movie[0], lossless="all"))
    with open_source(path) as source:
        assert (source.read(0) == movie[0]).all()
        assert not source.losses
        assert source.warnings == ()
    path.write_bytes(encode(movie[0], psnr=20))
    with open_source(path) as source:
        assert source.losses.methods == ("ISO_15444_1",)
        assert source.losses.ratios[0] > 1
        assert "lossy already" in source.warnings[0]


def test_gap_is_recorded_and_nothing_is_renumbered(tmp_path, movie):
    folder = write_folder(tmp_path / "m", movie, [f"t{n:03d}.png" for n in (0, 1, 2, 5, 6, 9)])
    with open_source(folder) as source:
        assert len(source) == 6
        assert source.frame_names[3] == "t005"
        assert "3-4, 7-8 are missing" in source.warnings[0]


def test_regular_steps_are_no_gap(tmp_path, movie):
    with open_source(write_folder(tmp_path / "m", movie, [f"t{8 * n}.png" for n in range(6)])) as source:
        assert source.warnings == ()


def test_duplicate_numbers_are_refused(tmp_path, movie):
    folder = write_folder(tmp_path / "m", movie[:3], ["img1.png", "img2.png", "img002.png"])
    with pytest.raises(UnsupportedFormatError, match=r"img002\.png and img2\.png both have number 2"):
        open_source(folder)


def test_unfinished_hidden_and_foreign_files_are_left_out(tmp_path, movie):
    folder = write_folder(tmp_path / "m", movie)
    for name in (
        ".img9.png",
        "img9.png.part",
        "img9.png.tmp",
        "img9.tmp.png",
        "img9.part.png",
        "notes.txt",
        "Thumbs.db",
    ):
        (folder / name).write_bytes(b"half")
    (folder / "img77.png").mkdir()
    with open_source(folder) as source:
        assert len(source) == 6
        assert source.warnings == ()


def test_names_that_prove_no_order_are_refused(tmp_path, movie):
    for number, names in enumerate(
        (["a.png", "b.png"], ["img1.png", "img2.png", "over1.png"], ["A1_t1.png", "A2_t1.png", "A1_t2.png"])
    ):
        folder = write_folder(tmp_path / f"m{number}", movie[: len(names)], names)
        with pytest.raises(UnsupportedFormatError, match="pattern"):
            open_source(folder)


def test_index_and_time_stamp_agree(tmp_path, movie):
    names = [f"img{n}_{1000 + 8 * n}ms.png" for n in (0, 1, 2, 3, 9, 10)]
    with open_source(write_folder(tmp_path / "m", movie, names)) as source:
        assert source.frame_names[4] == "img9_1072ms"
        assert "4-8 are missing" in source.warnings[0]


def test_pattern(tmp_path, movie):
    names = [f"A1_t{t}.png" for t in (2, 10)] + [f"A2_t{t}.png" for t in (2, 10)]
    folder = write_folder(tmp_path / "m", movie[:4], names)
    with open_source(folder, pattern=r"^A2_t(?P<time>\d+)") as source:
        assert source.frame_names == ("A2_t2", "A2_t10")
        assert (source.read(1) == movie[3]).all()
        assert "2 of 4 images do not match" in source.warnings[0]
    with open_source(folder, pattern=r"^A1_t(?P<t>\d+)") as source:
        assert len(source) == 2
    with pytest.raises(UnsupportedFormatError, match=r"2 values of well \(A1, A2\)"):
        open_source(folder, pattern=r"(?P<well>A\d)_t(?P<time>\d+)")
    with pytest.raises(UnsupportedFormatError, match="both have number"):
        open_source(folder, pattern=r"t(?P<time>\d+)")
    with open_source(folder, pattern=r"A(?P<channel>\d)_t(?P<time>\d+)", channel=1) as source:
        assert source.frame_names == ("A2_t2", "A2_t10")


@pytest.mark.parametrize("pattern", ["(", r"t(\d+)", r"zzz(?P<time>\d+)", 5])
def test_bad_pattern(tmp_path, movie, pattern):
    with pytest.raises(InvalidParameterError, match="pattern"):
        open_source(write_folder(tmp_path / "m", movie), pattern=pattern)


@pytest.mark.parametrize("change", ["size", "depth"])
def test_change_mid_series_names_the_first_odd_frame(tmp_path, movie, change):
    frames = list(movie)
    frames[3] = frames[3][:10] if change == "size" else frames[3].astype(np.uint16)
    frames[4] = frames[3]
    folder = write_folder(tmp_path / "m", frames)
    with pytest.raises(UnsupportedFormatError, match=r"img3\.png, frame 3: .*first frame is 20x28 uint8") as caught:
        list(open_source(folder))
    assert caught.value.frame == 3


def test_empty_folder_and_empty_file(tmp_path, movie):
    (tmp_path / "none").mkdir()
    with pytest.raises(MissingInputError, match="no image"):
        open_source(tmp_path / "none")
    folder = write_folder(tmp_path / "m", movie)
    (folder / "img2.png").write_bytes(b"")
    with pytest.raises(CorruptDataError, match=r"img2\.png, frame 2: the file is empty"):
        list(open_source(folder))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".jp2"])
def test_every_truncation_is_found(tmp_path, movie, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".jp2":
        path.write_bytes(encode(movie[0], lossless="all"))
    else:
        write_folder(tmp_path, movie[:1], [path.name])
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            with open_source(path) as source:
                assert (source.read(0) == movie[0]).all(), f"cut at {length} of {len(whole)} gave other pixels"
                assert suffix == ".tif", f"cut at {length} of {len(whole)} was not found"
        except FlowRoIError:
            continue


def test_every_changed_byte_of_a_png_is_found(tmp_path, movie):
    path = write_folder(tmp_path, movie[:1], ["a.png"]) / "a.png"
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x11]) + whole[i + 1 :])
        with pytest.raises(FlowRoIError), open_source(path) as source:
            source.read(0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", png_header_only(65536, 65536)),
        ("a.bmp", bmp_header_only(65536, 65536)),
        ("a.bmp", bmp_header_only(65536, -65536)),
        ("a.j2k", j2k_header_only(65536, 65536)),
    ],
)
def test_giant_declared_size_is_refused_before_decoding(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnsupportedFormatError, match=r"65536x65536 .*above the limit of 268435456"):
        open_source(tmp_path / name)


@pytest.mark.parametrize(
    "data", [png_header_only(0, 5), bmp_header_only(0, 5), bmp_header_only(-4, 5), j2k_header_only(0, 5)]
)
def test_zero_size_is_refused(tmp_path, data):
    path = tmp_path / ("a.png" if data[1:4] == b"PNG" else "a.bmp" if data[:2] == b"BM" else "a.j2k")
    path.write_bytes(data)
    with pytest.raises(FlowRoIError):
        open_source(path)


def test_limit_is_configurable(tmp_path, movie):
    folder = write_folder(tmp_path / "m", movie)
    with open_source(folder, max_pixels=20 * 28) as source:
        assert len(source) == 6
    with pytest.raises(UnsupportedFormatError, match="above the limit of 559"):
        open_source(folder, max_pixels=559)


def test_colour(tmp_path, movie):
    equal = np.repeat(movie[0][..., None], 3, axis=2)
    for suffix in (".png", ".bmp", ".tif"):
        Image.fromarray(equal).save(tmp_path / f"equal{suffix}")
        with open_source(tmp_path / f"equal{suffix}") as source:
            assert (source.read(0) == movie[0]).all()
        colour = np.stack(movie[:3], axis=2)
        Image.fromarray(colour).save(tmp_path / f"colour{suffix}")
        with pytest.raises(UnsupportedFormatError, match="choose a channel"):
            open_source(tmp_path / f"colour{suffix}").read(0)
        with open_source(tmp_path / f"colour{suffix}", channel=2) as source:
            assert (source.read(0) == movie[2]).all()
        with pytest.raises(InvalidParameterError, match="channel is 3"):
            open_source(tmp_path / f"colour{suffix}", channel=3).read(0)


def test_transparent_and_shallow_png_are_refused(tmp_path, movie):
    opaque = np.stack([movie[0], np.full_like(movie[0], 255)], axis=2)
    Image.fromarray(opaque).save(tmp_path / "opaque.png")
    with open_source(tmp_path / "opaque.png") as source:
        assert (source.read(0) == movie[0]).all()
    Image.fromarray(np.stack([movie[0], movie[1]], axis=2)).save(tmp_path / "clear.png")
    with pytest.raises(UnsupportedFormatError, match="transparent"):
        open_source(tmp_path / "clear.png")
    Image.fromarray(movie[0] > 128).save(tmp_path / "mask.png")
    with pytest.raises(UnsupportedFormatError, match="1 bits a sample; expected 8 or 16"):
        open_source(tmp_path / "mask.png")


def test_palette_is_applied(tmp_path, movie):
    image = Image.fromarray(movie[0]).convert("P")
    image.putpalette([255 - i for i in range(256) for _ in range(3)])
    indices = np.asarray(image)
    for suffix in (".png", ".bmp"):
        image.save(tmp_path / f"inverted{suffix}")
        with open_source(tmp_path / f"inverted{suffix}") as source:
            assert (source.read(0) == 255 - indices).all()


def test_bmp_top_row_first(tmp_path, movie):
    Image.fromarray(movie[0]).save(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[22:26] = struct.pack("<i", -20)
    (tmp_path / "a.bmp").write_bytes(data)
    with open_source(tmp_path / "a.bmp") as source:
        assert (source.read(0) == movie[0][::-1]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3)])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_small_frames(tmp_path, shape, suffix):
    frames = np.random.default_rng(1).integers(0, 256, (2, *shape), dtype=np.uint8)
    with open_source(write_folder(tmp_path / "m", frames, suffix=suffix)) as source:
        assert (np.stack(list(source)) == frames).all()


def test_links_out_of_the_folder_loops_and_pipes_are_refused(tmp_path, movie):
    write_folder(tmp_path, movie[:1], ["secret.png"])
    for number, target in enumerate(["../secret.png", "img9.png", "nowhere.png"]):
        folder = write_folder(tmp_path / f"m{number}", movie)
        (folder / "img9.png").symlink_to(target)
        with pytest.raises(UnsupportedFormatError, match="symbolic link"):
            open_source(folder)
    folder = write_folder(tmp_path / "pipe", movie)
    os.mkfifo(folder / "img9.png")
    with pytest.raises(UnsupportedFormatError, match="pipe"):
        open_source(folder)
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(UnsupportedFormatError, match="pipe"):
        open_source(tmp_path / "a.tif")


def test_hostile_names(tmp_path, movie):
    stems = ["-rf\n{}", "<script>{}", "a" * 250 + "{}"]
    for number, stem in enumerate(stems):
        folder = write_folder(tmp_path / f"m{number}", movie, [stem.format(t) + ".png" for t in range(6)])
        with open_source(folder) as source:
            assert all(name.isprintable() and name[0] not in "-." and "<" not in name for name in source.frame_names)
            assert all(len(name.encode()) <= 200 for name in source.frame_names)
            assert len(set(source.frame_names)) == 6


def test_name_that_is_not_utf8(tmp_path, movie):
    folder = write_folder(tmp_path / "m", movie)
    for t in range(6):
        (folder / f"img{t}.png").rename(folder / os.fsdecode(b"\xff%d.png" % t))
    with open_source(folder) as source:
        assert (np.stack(list(source)) == movie).all()
        assert source.provenance()[0]["name"] == "\\xff0.png"
        "".join(source.frame_names).encode()


def test_file_that_changes_while_it_is_read(tmp_path, movie):
    folder = write_folder(tmp_path / "m", movie)
    with open_source(folder) as source:
        write_folder(folder, [movie[0][:, :10]], ["img4.png"])
        with pytest.raises(CorruptDataError, match="changed while it was being read"):
            source.read(4)
        with pytest.raises(CorruptDataError, match="changed"):
            source.provenance()


def test_mixed_formats_are_refused(tmp_path, movie):
    with pytest.raises(UnsupportedFormatError, match="formats"):
        open_source(write_folder(tmp_path / "m", movie[:2], ["img0.png", "img1.bmp"]))


def test_real_folder(shared_data):
    with open_source(shared_data / "t98g" / "images8") as source:
        assert source.shape == (37, 1022, 1024)
        assert source.frame_names[36] == "t036"
        assert source.significant_bits == 8
        reference = np.asarray(Image.open(shared_data / "t98g" / "images8" / "t020.png"))
        assert (source.read(20) == reference).all()


@pytest.mark.parametrize(
    ("names", "warned"), [(("A01", "A02", "A03"), True), (("t01", "t02"), False), (("A98", "A99"), False)]
)
def test_images_named_as_wells_are_told(tmp_path, names, warned):
    from flowroi.png import write_png

    for n, name in enumerate(names):
        write_png(tmp_path / f"{name}.png", np.full((8, 8), n, np.uint8))
    with open_source(tmp_path) as source:
        assert any("named as wells" in text for text in source.warnings) == warned
