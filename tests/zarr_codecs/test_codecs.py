"""The codec that zarr and numcodecs find by our entry points."""

import struct
from importlib.metadata import EntryPoint, EntryPoints, entry_points

import numpy as np
import pytest

import flowroi
from flowroi import zarr_codecs
from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError
from flowroi.zarr_codecs import CODEC_NAME, others_codec

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")


@pytest.fixture(params=[(np.uint8, 200), (np.uint16, 4000)], ids=["uint8", "uint16"])
def movie(request):
    dtype, top = request.param
    return np.random.default_rng(0).integers(0, top, (3, 1, 1, 21, 34)).astype(dtype)


def array_of(path, movie, version):
    codec = {"name": CODEC_NAME} if version == 3 else {"id": CODEC_NAME}
    which = {"serializer": codec, "compressors": None} if version == 3 else {"compressors": codec}
    return zarr.create_array(
        path, shape=movie.shape, chunks=(1, 1, 1, *movie.shape[-2:]), dtype=movie.dtype, zarr_format=version, **which
    )


@pytest.mark.parametrize("version", [2, 3])
def test_what_zarr_writes_it_reads(movie, version, tmp_path):
    array_of(tmp_path / "a", movie, version)[:] = movie
    assert np.array_equal(zarr.open_array(tmp_path / "a", mode="r")[:], movie)


@pytest.mark.parametrize("version", [2, 3])
def test_the_metadata_name_no_options(movie, version, tmp_path):
    array_of(tmp_path / "a", movie, version)
    text = (tmp_path / "a" / ("zarr.json" if version == 3 else ".zarray")).read_text()
    assert CODEC_NAME in text
    assert "skipres" not in text
    assert "level" not in text


def first_chunk(path, version):
    return path / ("c/0/0/0/0/0" if version == 3 else "0.0.0.0.0")


@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_that_claims_to_be_huge_is_not_decoded(movie, version, tmp_path):
    array_of(tmp_path / "a", movie, version)[:] = movie
    chunk = first_chunk(tmp_path / "a", version)
    data = bytearray(chunk.read_bytes())
    data[8:16] = struct.pack(">2I", 65536, 65536)
    chunk.write_bytes(data)
    with pytest.raises(UnsupportedFormatError, match="65536x65536 pixels, above the limit"):
        zarr.open_array(tmp_path / "a", mode="r")[0]


def test_a_chunk_of_another_shape_or_depth_is_refused(tmp_path):
    movie = np.ones((1, 1, 1, 8, 6), np.uint8)
    array_of(tmp_path / "a", movie, 3)[:] = movie
    for frame in (np.zeros((6, 8), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((8, 6), np.uint16)):
        first_chunk(tmp_path / "a", 3).write_bytes(flowroi.encode(frame, lossless="all", container="j2k"))
        with pytest.raises(CorruptDataError, match=r"expected \(1, 1, 1, 8, 6\) uint8"):
            zarr.open_array(tmp_path / "a", mode="r")[:]


def test_a_chunk_that_is_no_stream_is_refused(movie, tmp_path):
    for version in (2, 3):
        path = tmp_path / str(version)
        array_of(path, movie, version)[:] = movie
        for damaged in (b"", b"\xff\x4f", first_chunk(path, version).read_bytes()[:-60]):
            first_chunk(path, version).write_bytes(damaged)
            with pytest.raises(FlowRoIError):
                zarr.open_array(path, mode="r")[0]


def test_chunks_of_several_planes_are_refused(tmp_path):
    array = zarr.create_array(
        tmp_path / "a", shape=(4, 8, 8), chunks=(2, 8, 8), dtype="u1", serializer={"name": CODEC_NAME}, compressors=None
    )
    with pytest.raises(UnsupportedFormatError, match="one plane a chunk"):
        array[:] = 1


@pytest.mark.parametrize("version", [2, 3])
def test_options_are_refused_with_what_to_install(version):
    from zarr.registry import get_codec_class

    def codec_of_metadata():
        if version == 2:
            return numcodecs.get_codec({"id": CODEC_NAME, "skipres": 1, "level": None})
        return get_codec_class(CODEC_NAME).from_dict({"name": CODEC_NAME, "configuration": {"skipres": 1}})

    with pytest.raises(UnsupportedFormatError, match=r"skipres.*install imagecodecs-"):
        codec_of_metadata()


def test_numcodecs_decodes_into_what_it_is_given(movie):
    codec = numcodecs.get_codec({"id": CODEC_NAME})
    out = np.empty(movie.shape[-2:], movie.dtype)
    codec.decode(codec.encode(movie[0]), out=out)
    assert np.array_equal(out, movie[0, 0, 0])
    assert codec.get_config() == {"id": CODEC_NAME}


class Theirs:
    """What another package registers."""


@pytest.mark.parametrize("group", ["zarr.codecs", "numcodecs.codecs"])
def test_another_packages_class_is_handed_out(group, monkeypatch):
    ours = EntryPoint(CODEC_NAME, "flowroi.zarr_codecs.zarr3:Jpeg2k", group)
    theirs = EntryPoint(CODEC_NAME, f"{__name__}:Theirs", group)
    for found, expected in (((ours,), None), ((ours, theirs), Theirs), ((theirs, ours), Theirs)):
        monkeypatch.setattr(
            zarr_codecs, "entry_points", lambda found=found, **asked: EntryPoints(found).select(**asked)
        )
        assert others_codec(group) is expected


def test_the_package_registers_both():
    for group in ("zarr.codecs", "numcodecs.codecs"):
        (entry,) = (e for e in entry_points(group=group, name=CODEC_NAME) if e.value.startswith("flowroi."))
        assert entry.load() is not None
