"""OME-Zarr images as others write them: layouts, compressions, units, and what is refused."""

import json
import shutil

import numpy as np
import pytest

from flowroi import compress, open_archive, open_source
from flowroi.errors import CorruptDataError, InvalidParameterError, UnsupportedFormatError
from flowroi.sources.zarr_node import inside
from tests.inputs.makers import change_json, image_attributes, write_zarr

zarr = pytest.importorskip("zarr", reason="zarr-python, the extra `zarr`, is not installed")

MOVIE = np.random.default_rng(0).integers(0, 4096, (6, 40, 56), dtype=np.uint16)
VERSION_2 = ["none", "blosc", "zstd", "gzip", "zlib", "lz4", "bz2", "lzma"]
VERSION_3 = ["none", "blosc", "zstd", "gzip", "crc32c"]


def compressor(name, version):
    import numcodecs
    from zarr import codecs

    if name == "none":
        return None
    if version == "0.4":
        names = {"gzip": "GZip", "bz2": "BZ2", "lzma": "LZMA", "lz4": "LZ4"}
        return getattr(numcodecs, names.get(name, name.capitalize()))()
    return {
        "blosc": codecs.BloscCodec(),
        "zstd": codecs.ZstdCodec(),
        "gzip": codecs.GzipCodec(),
        "crc32c": codecs.Crc32cCodec(),
    }[name]


@pytest.mark.parametrize(
    ("version", "name"), [("0.4", name) for name in VERSION_2] + [("0.5", name) for name in VERSION_3]
)
def test_compressions(tmp_path, version, name):
    for chunks in ((1, 40, 56), (4, 16, 30)):
        path = write_zarr(tmp_path, MOVIE, version=version, chunks=chunks, compressors=compressor(name, version))
        with open_source(path) as source:
            assert source.shape == MOVIE.shape
            assert source.dtype == np.uint16
            assert source.significant_bits == 12
            assert source.pixel_size_um == 0.641
            assert source.frame_interval_s == 8
            assert source.name == "movie"
            assert not source.losses
            assert (np.stack([source.read(t) for t in (5, 0, 1, 4, 3, 2)]) == MOVIE[[5, 0, 1, 4, 3, 2]]).all()
            names = [file["name"] for file in source.provenance()]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", VERSION_3)
def test_shards(tmp_path, name):
    path = write_zarr(tmp_path, MOVIE, chunks=(1, 20, 28), shards=(4, 40, 56), compressors=compressor(name, "0.5"))
    with open_source(path) as source:
        assert (np.stack(list(source)) == MOVIE).all()
        assert len(source.provenance()) == 4


@pytest.mark.parametrize("separator", [".", "/"])
def test_names_of_chunks(tmp_path, separator):
    for version, kind in (("0.4", "v2"), ("0.5", "default"), ("0.5", "v2")):
        encoding = {"name": kind, "separator": separator}
        path = write_zarr(tmp_path, MOVIE, version=version, chunk_key_encoding=encoding)
        with open_source(path) as source:
            assert (np.stack(list(source)) == MOVIE).all()


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("yx", (40, 56)), ("tczyx", (6, 1, 1, 40, 56)), ("tzyx", (6, 1, 40, 56)), ("cyx", (1, 40, 56))],
)
def test_axes(tmp_path, axes, shape):
    frames = MOVIE[: 6 if "t" in axes else 1]
    with open_source(write_zarr(tmp_path, frames.reshape(shape), axes=axes)) as source:
        assert (np.stack(list(source)) == frames).all()


def test_channels(tmp_path):
    path = write_zarr(tmp_path, np.stack([MOVIE, MOVIE[::-1]], axis=1), axes="tcyx")
    omero = {"channels": [{"label": "phase"}, {"label": "gfp"}]}
    change_json(path / "zarr.json", lambda meta: meta["attributes"]["ome"].update(omero=omero))
    with pytest.raises(UnsupportedFormatError, match=r"2 channels \(phase, gfp\); expected one: choose a channel"):
        open_source(path)
    with pytest.raises(InvalidParameterError, match="channel is 2"):
        open_source(path, channel=2)
    with open_source(path, channel=1) as source:
        assert (np.stack(list(source)) == MOVIE[::-1]).all()
        assert "channel 1 of 2" in source.warnings[0]
    # Only the chunks of the channel that is read are needed.
    shutil.rmtree(path / "0/c/3/0")
    with open_source(path, channel=1) as source:
        assert (source.read(3) == MOVIE[2]).all()
    with pytest.raises(CorruptDataError, match="chunk 3/0/0/0 of frame 3 is missing"):
        open_source(path, channel=0)


def test_units_and_scales(tmp_path):
    path = write_zarr(tmp_path, MOVIE)

    def change(meta):
        image = meta["attributes"]["ome"]["multiscales"][0]
        for axis, unit in zip(image["axes"], ("minute", "nanometer", "nanometer"), strict=True):
            axis["unit"] = unit
        image["datasets"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [0.5, 700, 641]}]
        image["coordinateTransformations"] = [{"type": "scale", "scale": [2, 1, 1]}]

    change_json(path / "zarr.json", change)
    with open_source(path) as source:
        assert source.frame_interval_s == 60
        assert source.pixel_size_um == pytest.approx(0.641)
        assert "not square" in source.warnings[0]
    change_json(path / "zarr.json", lambda meta: meta["attributes"]["ome"]["multiscales"][0]["axes"][0].pop("unit"))
    with open_source(path) as source:
        assert source.frame_interval_s is None


def test_what_is_not_understood_is_refused(tmp_path):
    path = write_zarr(tmp_path, MOVIE)
    whole = {name: (path / name).read_text() for name in ("zarr.json", "0/zarr.json")}
    changes = [
        ("0/zarr.json", lambda meta: meta.update(codecs=[{"name": "zstd"}, {"name": "gzip"}]), "more than once"),
        ("0/zarr.json", lambda meta: meta.update(storage_transformers=[{"name": "x"}]), "storage transformers"),
        ("0/zarr.json", lambda meta: meta["chunk_grid"].update(name="rectilinear"), "chunk grid 'rectilinear'"),
        ("0/zarr.json", lambda meta: meta.update(data_type="string"), "unsupported pixel type 'string'"),
        ("0/zarr.json", lambda meta: meta.update(shape=[6, 40]), "axes tyx for an array of shape|chunk_shape is"),
        ("0/zarr.json", lambda meta: meta.update(shape=[6, -1, 56]), "sizes of at least 1"),
        ("0/zarr.json", lambda meta: meta.update(codecs="bytes"), "expected a list of codecs"),
        ("0/zarr.json", lambda meta: meta.update(node_type="group"), "is a Zarr group; expected an array"),
        ("zarr.json", lambda meta: meta["attributes"]["ome"]["multiscales"].append({}), "holds 2 images"),
        ("zarr.json", lambda meta: meta["attributes"]["ome"]["multiscales"][0].pop("datasets"), "lacks what OME"),
        ("zarr.json", lambda meta: meta.update(attributes=image_attributes("xyt")), "expected y and x last"),
        ("zarr.json", lambda meta: meta.update(attributes={"ome": 5}), "no JSON object"),
        ("zarr.json", lambda meta: meta.update(attributes={"ome": {"plate": {}}}), "plate of many movies.*A/1/0"),
        ("zarr.json", lambda meta: meta.update(zarr_format=7), "not the metadata of a Zarr v3"),
    ]
    for name, change, message in changes:
        change_json(path / name, change)
        with pytest.raises((CorruptDataError, UnsupportedFormatError), match=message):
            open_source(path)
        for other, text in whole.items():
            (path / other).write_text(text)
    open_source(path).close()


def test_keys_that_lead_out_are_refused(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link").symlink_to(tmp_path)
    for key in ("..", "../x", "/etc", "a//b", "a/./b", "a\\b", "a\0b", "link", "link/x"):
        with pytest.raises(UnsupportedFormatError, match=r"was not opened|was not followed"):
            inside(tmp_path / "store", key)
    assert inside(tmp_path / "store", "0/c") == tmp_path / "store" / "0" / "c"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_random_damage_to_metadata_raises_our_errors_only(tmp_path, version):
    path = write_zarr(tmp_path, MOVIE[:2, :8, :8], version=version)
    file = path / "0" / ("zarr.json" if version == "0.5" else ".zarray")
    whole = json.dumps(json.loads(file.read_text())).encode()
    rng = np.random.default_rng(2)
    for _ in range(120):
        data = bytearray(whole)
        data[int(rng.integers(0, len(data)))] = int(rng.integers(32, 127))
        file.write_bytes(data)
        try:
            with open_source(path, max_pixels=1 << 16) as source:
                source.read(0)
        except (CorruptDataError, UnsupportedFormatError):
            continue


def test_file_that_is_cut_while_it_is_read(tmp_path):
    path = write_zarr(tmp_path, MOVIE)
    with open_source(path) as source:
        source.read(0)
        chunk = path / "0/c/4/0/0"
        chunk.write_bytes(chunk.read_bytes()[:-1])
        with pytest.raises(CorruptDataError, match="changed while it was being read") as caught:
            source.read(4)
        assert caught.value.frame == 4


def test_streams_in_chunks(tmp_path):
    """An archive without its manifest is an image as others write it, with the codec that imagecodecs registers."""
    from zarr.registry import get_codec_class

    try:
        get_codec_class("imagecodecs_jpeg2k")
    except KeyError:
        pytest.skip("no package registers imagecodecs_jpeg2k with zarr")
    movie = (MOVIE[:, :32, :32] >> 4).astype(np.uint8)
    for number, options in enumerate(({"rate": 3}, {"lossless": "all"})):
        path = tmp_path / f"{number}.ome.zarr"
        compress(movie, path, roi_method="none", workers=1, **options)
        with open_archive(path) as archive:
            frames = np.stack([archive[t] for t in range(6)])
        for name in ("manifest.json", "COMPLETE"):
            (path / name).unlink()
        with open_source(path) as source:
            assert (np.stack(list(source)) == frames).all()
            assert source.losses.methods == (("ISO_15444_1",) if number == 0 else ())
