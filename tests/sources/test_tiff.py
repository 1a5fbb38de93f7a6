import struct

import numpy as np
import pytest
import tifffile

from flowroi import open_source
from flowroi.codec import encode
from flowroi.errors import (
    CorruptDataError,
    FlowRoIError,
    InvalidParameterError,
    MissingInputError,
    UnsupportedFormatError,
)

from .conftest import j2k_header_only, write_pages

OME = {"axes": "TYX"}


def frames_of(path, **options):
    with open_source(path, **options) as source:
        return np.stack(list(source))


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["ome", "imagej", "shaped", "plain", "pages"])
def test_kinds(tmp_path, movie12, kind, byteorder, bigtiff):
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "byteorder": byteorder, "bigtiff": bigtiff}
    if kind == "ome":
        tifffile.imwrite(path, movie12, ome=True, metadata=OME, **options)
    elif kind == "imagej":
        if bigtiff:
            pytest.skip("ImageJ writes no BigTIFF")
        options.pop("bigtiff")
        tifffile.imwrite(path, movie12, imagej=True, metadata=OME, **options)
    elif kind == "shaped":
        tifffile.imwrite(path, movie12, **options)
    elif kind == "plain":
        tifffile.imwrite(path, movie12, metadata=None, **options)
    else:
        with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=byteorder) as tiff:
            for frame in movie12:
                tiff.write(frame, photometric="minisblack")
    with open_source(path) as source:
        assert source.shape == movie12.shape
        assert source.dtype == np.dtype(np.uint16)
        assert source.significant_bits == 12
        assert source.frame_names[5] == "t005"
        assert (np.stack(list(source)) == movie12).all()
        named = kind in ("ome", "imagej")
        assert any("read as time" in text for text in source.warnings) != named


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "packbits", "lzma", "jpeg2000"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_compressions(tmp_path, movie, compression, tile):
    options = {"tile": tile} if tile else {"rowsperstrip": 7}
    path = write_pages(tmp_path / "a.tif", movie, compression=compression, **options)
    assert (frames_of(path) == movie).all()


def test_own_archive_pages_can_be_read_back(tmp_path, movie):
    streams = [encode(frame, lossless="all", container="j2k") for frame in movie]
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for stream in streams:
            tiff.write(iter([stream]), shape=(20, 28), dtype=np.uint8, tile=(32, 32), compression=34712, metadata=None)
    with open_source(tmp_path / "a.tif") as source:
        assert (np.stack(list(source)) == movie).all()
        assert not source.losses


def test_giant_stream_in_a_small_page_is_refused_before_decoding(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(
            iter([j2k_header_only(65536, 65536)]),
            shape=(16, 16),
            dtype=np.uint8,
            tile=(16, 16),
            compression=34712,
            metadata=None,
        )
    with pytest.raises(CorruptDataError, match="declares 65536x65536"):
        open_source(tmp_path / "a.tif")


def test_giant_page_is_refused_before_decoding(tmp_path):
    path = write_pages(tmp_path / "a.tif", np.zeros((1, 4, 4), np.uint8))
    with tifffile.TiffFile(path) as tiff:
        places = [tiff.pages[0].tags[name].offset for name in ("ImageWidth", "ImageLength")]
    data = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into("<HII", data, place + 2, 4, 1, 65536)
    path.write_bytes(data)
    with pytest.raises(UnsupportedFormatError, match="65536x65536 pixels declared"):
        open_source(path)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_samples_without_directories(tmp_path, movie12, byteorder):
    """One directory, then all samples: ImageJ's form for files above 4 GB."""
    path = tmp_path / "a.tif"
    description = "ImageJ=1.54f\nimages=6\nframes=6\nhyperstack=true\nfinterval=8\n"
    tifffile.imwrite(
        path, movie12[0], photometric="minisblack", description=description, metadata=None, byteorder=byteorder
    )
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[0].dataoffsets[0]
    samples = movie12.astype(byteorder + "u2").tobytes()
    path.write_bytes(path.read_bytes()[:start] + samples)
    with open_source(path) as source:
        assert source.frame_interval_s == 8
        assert (np.stack(list(source)) == movie12).all()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptDataError, match=r"5 of 6 frames"):
        open_source(path)


def test_channels(tmp_path, movie):
    both = np.stack([movie, 255 - movie], axis=1)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, both, photometric="minisblack", metadata={"axes": "TCYX", "Channel": {"Name": ["phase", "gfp"]}}
    )
    with pytest.raises(
        UnsupportedFormatError, match=r"2 channels \(phase, gfp\); expected one: choose a channel \(0 to 1\)"
    ):
        open_source(path)
    with pytest.raises(InvalidParameterError, match="channel is 2"):
        open_source(path, channel=2)
    assert (frames_of(path, channel=0) == movie).all()
    with open_source(path, channel=1) as source:
        assert source.name == "a"
        assert "channel 1 of 2" in source.warnings[0]
        assert (np.stack(list(source)) == 255 - movie).all()
    tifffile.imwrite(tmp_path / "b.tif", both, photometric="minisblack", imagej=True, metadata={"axes": "TCYX"})
    assert (frames_of(tmp_path / "b.tif", channel=1) == 255 - movie).all()


@pytest.mark.parametrize("axes", ["TZYX", "TZCYX"])
def test_z_stacks_are_refused(tmp_path, movie, axes):
    stack = np.stack([movie, movie], axis=1)
    if "C" in axes:
        stack = stack[:, :, None]
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, photometric="minisblack", metadata={"axes": axes})
    with pytest.raises(UnsupportedFormatError, match="Z stack of 2 planes at each of 6 time points"):
        open_source(tmp_path / "a.ome.tif")


def test_lone_z_axis(tmp_path, movie):
    options = {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.ome.tif", movie, metadata={"axes": "ZYX"}, **options)
    with open_source(tmp_path / "a.ome.tif") as source:
        assert "Z" in source.warnings[0]
        assert "read as time" in source.warnings[0]
        assert (np.stack(list(source)) == movie).all()
    tifffile.imwrite(tmp_path / "b.ome.tif", movie, metadata={"axes": "ZYX", "PhysicalSizeZ": 0.5}, **options)
    tifffile.imwrite(tmp_path / "c.tif", movie, imagej=True, metadata={"axes": "ZYX", "spacing": 0.5}, **options)
    for name in ("b.ome.tif", "c.tif"):
        with pytest.raises(UnsupportedFormatError, match="a Z stack of 6 planes; "):
            open_source(tmp_path / name)


def test_calibration(tmp_path, movie):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        movie,
        photometric="minisblack",
        metadata={
            "axes": "TYX",
            "PhysicalSizeX": 641,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 641,
            "PhysicalSizeYUnit": "nm",
            "TimeIncrement": 8000,
            "TimeIncrementUnit": "ms",
        },
    )
    tifffile.imwrite(
        tmp_path / "b.tif",
        movie,
        imagej=True,
        resolution=(1 / 0.641, 1 / 0.641),
        metadata={"axes": "TYX", "unit": "um", "finterval": 8.0},
    )
    for name in ("a.ome.tif", "b.tif"):
        with open_source(tmp_path / name) as source:
            assert source.pixel_size_um == pytest.approx(0.641, rel=1e-5)
            assert source.frame_interval_s == pytest.approx(8)
    with open_source(write_pages(tmp_path / "c.tif", movie)) as source:
        assert source.pixel_size_um is None
        assert source.frame_interval_s is None


def test_interval_from_planes(tmp_path, movie):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        movie,
        photometric="minisblack",
        metadata={"axes": "TYX", "Plane": {"DeltaT": [0, 8.1, 16.0, 24.1, 32.0, 40.1]}},
    )
    with open_source(tmp_path / "a.ome.tif") as source:
        assert source.frame_interval_s == pytest.approx(8, abs=0.2)


def test_significant_bits_of_ome(tmp_path, movie12):
    tifffile.imwrite(
        tmp_path / "a.ome.tif", movie12 // 4, photometric="minisblack", metadata={"axes": "TYX", "SignificantBits": 11}
    )
    with open_source(tmp_path / "a.ome.tif") as source:
        assert source.significant_bits == 11


@pytest.mark.parametrize(
    ("dtype", "advice"),
    [
        ("float64", r"whole numbers from 0 to 255: if all frames do, frames\.astype\(np\.uint8\)"),
        ("uint32", r"frames\.astype\(np\.uint8\)"),
        ("int16", r"frames\.astype\(np\.uint8\)"),
        ("float32", "choose low and high"),
        ("nan", "NaN"),
        ("negative", "choose low and high"),
    ],
)
def test_pixel_types_are_refused_with_the_conversion(tmp_path, movie, dtype, advice):
    frames = movie.copy()
    frames[0, 0, :2] = 0, 255
    if dtype == "nan":
        frames = frames.astype(np.float32)
        frames[0, 3, 3] = np.nan
    elif dtype == "negative":
        frames = frames.astype(np.int16) - 5
    else:
        frames = frames.astype(dtype) / (3 if dtype == "float32" else 1)
        frames = frames.astype(dtype)
    path = write_pages(tmp_path / "a.tif", frames)
    with pytest.raises(UnsupportedFormatError, match=f"unsupported pixel type {frames.dtype}.*{advice}"):
        open_source(path)


def test_colour_pages(tmp_path, movie):
    colour = np.stack([movie, movie, 255 - movie], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    with pytest.raises(UnsupportedFormatError, match="choose a channel"):
        open_source(tmp_path / "a.tif")
    assert (frames_of(tmp_path / "a.tif", channel=2) == 255 - movie).all()


def test_every_cut_is_found(tmp_path, movie):
    """Between pages, in the middle of a strip, in a directory: never a shorter movie, never other pixels."""
    for layout in ("pages", "shaped", "ome", "imagej"):
        path = tmp_path / f"{layout}.tif"
        if layout == "pages":
            write_pages(path, movie)
        else:
            extra = {"metadata": OME} if layout != "shaped" else {}
            tifffile.imwrite(
                path, movie, photometric="minisblack", ome=layout == "ome", imagej=layout == "imagej", **extra
            )
        whole = path.read_bytes()
        for length in range(0, len(whole), 7):
            path.write_bytes(whole[:length])
            try:
                read = frames_of(path)
            except FlowRoIError:
                continue
            # Some bytes behind the last strip carry nothing.
            assert read.shape == movie.shape, (layout, length)
            assert (read == movie).all(), (layout, length)


def test_cut_movie_says_how_much_is_there(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames, photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        end = tiff.pages[0].dataoffsets[0] + 40 * 256
    path.write_bytes(path.read_bytes()[: end + 100])
    with pytest.raises(CorruptDataError, match=r"40 of 60 frames.*not shortened silently"):
        open_source(path)


def test_strip_of_zero_bytes_is_not_read_as_zeros(tmp_path, movie):
    path = write_pages(tmp_path / "a.tif", movie, compression="zlib", rowsperstrip=5)
    with tifffile.TiffFile(path) as tiff:
        tag = tiff.pages[2].tags["StripByteCounts"]
        place, size = tag.valueoffset, {3: 2, 4: 4}[int(tag.dtype)]
    data = bytearray(path.read_bytes())
    data[place + size : place + 2 * size] = bytes(size)
    path.write_bytes(data)
    with pytest.raises(CorruptDataError, match=r"frame 2: .*strip 1 of 4 is missing"):
        open_source(path)


def test_damaged_strip_names_the_frame(tmp_path, movie):
    path = write_pages(tmp_path / "a.tif", movie, compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[4]
        start, length = page.dataoffsets[0], page.databytecounts[0]
    data = bytearray(path.read_bytes())
    data[start + length // 2 : start + length] = bytes(length - length // 2)
    path.write_bytes(data)
    with open_source(path) as source:
        assert (source.read(3) == movie[3]).all()
        with pytest.raises(CorruptDataError) as caught:
            source.read(4)
        assert caught.value.frame == 4


def test_looping_chain_is_refused(tmp_path, movie):
    path = write_pages(tmp_path / "a.tif", movie[:2])
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        first, place = tiff.pages[0].offset, tiff.pages.next_page_offset
    data[place : place + 4] = struct.pack("<I", first)
    path.write_bytes(data)
    with pytest.raises(CorruptDataError, match="points back"):
        open_source(path)


@pytest.mark.parametrize("change", ["size", "depth"])
def test_change_mid_series_names_the_first_odd_frame(tmp_path, movie, change):
    frames = list(movie)
    frames[3] = frames[3][:10] if change == "size" else frames[3].astype(np.uint16)
    with pytest.raises(UnsupportedFormatError, match="first frame is 20x28 uint8") as caught:
        open_source(write_pages(tmp_path / "a.tif", frames))
    assert caught.value.frame == 3


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"no tiff at all", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\0" + bytes(20)]
)
def test_what_is_no_tiff(tmp_path, data):
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(CorruptDataError):
        open_source(tmp_path / "a.tif")


def multi_file(folder, movie, names):
    """An OME-TIFF set: one file a frame, each with the XML of all."""
    blocks = "".join(
        f'<TiffData IFD="0" FirstT="{t}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{t}</UUID></TiffData>'
        for t, name in enumerate(names)
    )
    folder.mkdir(exist_ok=True)
    for t, frame in enumerate(movie):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{t}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="28" SizeY="20" SizeZ="1" SizeC="1" '
            f'SizeT="{len(names)}"><Channel ID="Channel:0:0"/>{blocks}</Pixels></Image></OME>'
        )
        name = f"f{t}.ome.tif"
        tifffile.imwrite(folder / name, frame, photometric="minisblack", description=xml, metadata=None)
    return folder / "f0.ome.tif"


def test_set_of_files(tmp_path, movie):
    long = np.concatenate([movie, movie[::-1]])
    path = multi_file(tmp_path, long, [f"f{t}.ome.tif" for t in range(12)])
    with open_source(path) as source:
        assert (np.stack(list(source)) == long).all()
        assert len(source.provenance()) == 12
    (tmp_path / "f7.ome.tif").unlink()
    with pytest.raises(MissingInputError, match=r"f7\.ome\.tif: .*nothing was filled in"):
        open_source(path)


def test_references_out_of_the_folder_are_not_followed(tmp_path, movie):
    (tmp_path / "secret").mkdir()
    tifffile.imwrite(tmp_path / "secret" / "s.tif", movie[0])
    for name in ("../secret/s.tif", "/etc/passwd", "..\\s.tif", ".."):
        path = multi_file(tmp_path / "set", movie[:2], ["f0.ome.tif", name])
        with pytest.raises(UnsupportedFormatError, match="outside the folder"):
            open_source(path)
    path = multi_file(tmp_path / "set", movie[:2], ["f0.ome.tif", "link.tif"])
    (tmp_path / "set" / "link.tif").symlink_to("../secret/s.tif")
    with pytest.raises(UnsupportedFormatError, match="outside the folder"):
        open_source(path)


def test_hostile_xml(tmp_path, movie):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><OME>&b;</OME>'
    tifffile.imwrite(tmp_path / "a.tif", movie[0], description=bomb, metadata=None)
    with pytest.raises(UnsupportedFormatError, match="entities"):
        open_source(tmp_path / "a.tif")
    huge = (
        '<OME><Image><Pixels DimensionOrder="XYZCT" SizeX="28" SizeY="20" SizeZ="1" SizeC="1" SizeT="2000000000">'
        "<TiffData/></Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "b.tif", movie[0], description=huge, metadata=None)
    with pytest.raises(UnsupportedFormatError, match="2000000000 planes"):
        open_source(tmp_path / "b.tif")


def test_random_damage_raises_our_errors_only(tmp_path, movie):
    rng = np.random.default_rng(3)
    tifffile.imwrite(tmp_path / "o.tif", movie, photometric="minisblack", ome=True, metadata=OME, compression="zlib")
    write_pages(tmp_path / "p.tif", movie)
    tifffile.imwrite(tmp_path / "i.tif", movie, imagej=True, metadata=OME)
    for name in ("o.tif", "p.tif", "i.tif"):
        whole = (tmp_path / name).read_bytes()
        for _ in range(150):
            data = bytearray(whole)
            for place in rng.integers(0, min(len(data), 900), 3):
                data[place] = rng.integers(0, 256)
            (tmp_path / "x.tif").write_bytes(data)
            try:
                frames_of(tmp_path / "x.tif", max_pixels=1 << 20)
            except FlowRoIError:
                continue


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 1, 1), (5, 1, 9), (5, 3, 3)])
def test_small_frames(tmp_path, shape):
    frames = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with open_source(write_pages(tmp_path / "a.tif", frames)) as source:
        assert source.shape == shape
        assert (np.stack(list(source)) == frames).all()
    tifffile.imwrite(tmp_path / "b.tif", frames, photometric="minisblack", metadata=OME, ome=True)
    assert np.array_equal(frames_of(tmp_path / "b.tif"), frames)


def test_frames_of_one_column_folded_into_one_page_are_not_taken_for_one_frame(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.arange(5, dtype=np.uint8).reshape(5, 1, 1), photometric="minisblack")
    with pytest.raises(UnsupportedFormatError, match="axes TYX"):
        open_source(tmp_path / "a.tif")


def test_real_movies(shared_data):
    with open_source(shared_data / "complexeye" / "example.tiff") as source:
        assert source.shape == (11, 190, 250)
        assert "Z" in source.warnings[0]
        assert (np.stack(list(source)) == tifffile.imread(shared_data / "complexeye" / "example.tiff")).all()
    with pytest.raises(UnsupportedFormatError, match=r"float64.*frames\.astype\(np\.uint8\)"):
        open_source(shared_data / "h4tracks" / "Raw_Image.tif")
