"""Exports hold the decoded pixels and the metadata, as other programs read them."""

import json
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from flowroi.errors import InvalidParameterError, MissingDependencyError, OutputExistsError
from flowroi.exports import EXPORT_FORMATS, export, export_format
from tests.exports.conftest import INTERVAL_S, PIXEL_SIZE_UM

NAMES = {"tiff": "o.ome.tif", "png": "o", "ome-zarr": "o.ome.zarr", "ome-zarr-0.4": "o4.ome.zarr"}


@pytest.mark.filterwarnings("ignore:As of version")  # of a library behind bioio
def test_ome_tiff_in_tifffile_and_bioio(archive, decoded, tmp_path):
    export(archive, tmp_path / "o.ome.tif")
    with tifffile.TiffFile(tmp_path / "o.ome.tif") as tiff:
        assert tiff.is_bigtiff
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert np.array_equal(tiff.asarray(), decoded)
        assert f'SignificantBits="{archive.manifest["significant_bits"]}"' in tiff.ome_metadata
    from bioio import BioImage
    from bioio_ome_tiff import Reader

    image = BioImage(tmp_path / "o.ome.tif", reader=Reader)
    assert np.array_equal(image.get_image_data("TYX"), decoded)
    assert image.physical_pixel_sizes.X == PIXEL_SIZE_UM
    assert image.ome_metadata.images[0].pixels.time_increment == INTERVAL_S


def test_ome_tiff_is_valid_ome(archive, tmp_path):
    import ome_types

    export(archive, tmp_path / "o.ome.tif")
    with tifffile.TiffFile(tmp_path / "o.ome.tif") as tiff:
        ome = ome_types.from_xml(tiff.ome_metadata)
    (annotation,) = ome.structured_annotations.map_annotations
    assert annotation.namespace == "flowroi/provenance"
    assert {m.k: m.value for m in annotation.value.ms}["Lossy image compression"] == "yes"


@pytest.mark.parametrize("kind", EXPORT_FORMATS)
def test_made_twice_it_is_the_same(archive, tmp_path, kind):
    suffix = ".ome.tif" if kind == "tiff" else ".zarr"
    digests = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}{suffix}"
        export(archive, path, format=kind)
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        digests.append([(file.relative_to(path), file.read_bytes()) for file in files])
    assert digests[0] == digests[1]


def test_png_in_pillow_and_opencv(archive, decoded, tmp_path):
    export(archive, tmp_path / "o")
    for t, record in enumerate(archive.manifest["frames"]):
        file = tmp_path / "o" / f"{record['name']}.png"
        assert np.array_equal(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), decoded[t])
        with Image.open(file) as image:
            image.load()
            assert np.array_equal(np.asarray(image), decoded[t])
            assert json.loads(image.text["flowroi/provenance"])["lossy"] is True


@pytest.mark.parametrize(("kind", "zarr_format"), [("ome-zarr", 3), ("ome-zarr-0.4", 2)])
def test_ome_zarr_in_zarr(archive, decoded, tmp_path, kind, zarr_format):
    export(archive, tmp_path / "o.ome.zarr", format=kind)
    group = zarr.open_group(tmp_path / "o.ome.zarr", mode="r")
    image = group["0"]
    assert image.metadata.zarr_format == zarr_format
    assert image.shape == (5, 1, 1, 40, 56)
    assert image.chunks == (1, 1, 1, 40, 56)
    assert np.array_equal(image[:, 0, 0], decoded)
    ome = group.attrs["ome"] if zarr_format == 3 else group.attrs
    (scales,) = ome["multiscales"]
    assert [axis["name"] for axis in scales["axes"]] == list("tczyx")
    assert scales["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [INTERVAL_S, 1.0, 1.0, PIXEL_SIZE_UM, PIXEL_SIZE_UM]}
    ]
    assert ome["omero"]["channels"][0]["window"]["max"] == 2 ** archive.manifest["significant_bits"] - 1


@pytest.mark.parametrize("kind", ["ome-zarr", "ome-zarr-0.4"])
def test_every_changed_byte_of_a_zarr_chunk_is_refused_by_zarr_itself(archive, tmp_path, kind):
    export(archive, tmp_path / "o.ome.zarr", format=kind)
    chunk = next(file for file in sorted((tmp_path / "o.ome.zarr").rglob("*")) if "1" in file.parts and file.is_file())
    content = chunk.read_bytes()
    before = zarr.open_group(tmp_path / "o.ome.zarr", mode="r")["0"][:]
    for at in range(0, len(content), max(1, len(content) // 40)):
        chunk.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            after = zarr.open_group(tmp_path / "o.ome.zarr", mode="r")["0"][:]
        except Exception:
            continue
        assert np.array_equal(before, after)


@pytest.mark.parametrize("kind", ["ome-zarr", "ome-zarr-0.4"])
def test_a_frame_of_zeros_has_a_chunk_so_that_a_missing_chunk_is_never_meant(archive, tmp_path, kind):
    export(archive, tmp_path / "o.ome.zarr", format=kind)
    chunks = [file for file in (tmp_path / "o.ome.zarr" / "0").rglob("*") if file.is_file() and file.name == "0"]
    assert len(chunks) == 5


@pytest.mark.parametrize("kind", NAMES)
def test_some_frames_with_progress(archive, decoded, tmp_path, kind):
    seen = []
    export(archive, tmp_path / NAMES[kind], format=kind, frames=range(1, 3), progress=lambda *a: seen.append(a))
    assert seen == [(1, 2), (2, 2)]
    path = tmp_path / NAMES[kind]
    if kind == "tiff":
        found = tifffile.imread(path)
    elif kind == "png":
        found = np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in sorted(path.glob("*.png"))])
    else:
        found = zarr.open_group(path, mode="r")["0"][:, 0, 0]
    assert np.array_equal(found, decoded[1:3])


@pytest.mark.parametrize("kind", NAMES)
def test_one_frame_is_in_memory_at_a_time(archive, tmp_path, kind, monkeypatch):
    """The next frame is decoded only once the one before is written."""
    written = []
    reads = type(archive).__getitem__

    def counted(self, t):
        size = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
        written.append(size)
        return reads(self, t)

    monkeypatch.setattr(type(archive), "__getitem__", counted)
    export(archive, tmp_path / NAMES[kind], format=kind)
    assert len(written) == 5
    if kind != "tiff":  # tifffile buffers small files
        assert all(later > earlier for earlier, later in pairwise(written[1:]))


@pytest.mark.parametrize("kind", NAMES)
def test_an_export_is_replaced_where_asked_for_and_only_an_export(archive, decoded, tmp_path, kind):
    path = tmp_path / NAMES[kind]
    export(archive, path, format=kind, frames=range(1))
    with pytest.raises(OutputExistsError):
        export(archive, path, format=kind)
    export(archive, path, format=kind, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_zarr_of_others_is_never_replaced(archive, tmp_path):
    path = tmp_path / "raw.zarr"
    zarr.open_group(path, mode="w").create_array("0", data=np.arange(4))
    with pytest.raises(OutputExistsError, match="no export of ours"):
        export(archive, path, overwrite=True)
    assert zarr.open_group(path, mode="r")["0"][3] == 3


def test_a_failure_leaves_nothing(archive, tmp_path, monkeypatch):
    reads = type(archive).__getitem__

    def failing(self, t):
        if t == 2:
            raise OSError(5, "Input/output error")
        return reads(self, t)

    monkeypatch.setattr(type(archive), "__getitem__", failing)
    for kind, name in NAMES.items():
        with pytest.raises(OSError, match="Input/output"):
            export(archive, tmp_path / name, format=kind)
        assert list(tmp_path.iterdir()) == []


def test_formats_are_told_by_name_or_refused(tmp_path):
    told = {name: export_format(tmp_path / name) for name in ("a.tif", "a.ome.tiff", "a.zarr", "a.ome.zarr", "a")}
    assert list(told.values()) == ["tiff", "tiff", "ome-zarr", "ome-zarr", "png"]
    assert {export_format(tmp_path / "a.zarr", name) for name in EXPORT_FORMATS} == set(EXPORT_FORMATS)
    with pytest.raises(InvalidParameterError, match="cannot be told"):
        export_format(tmp_path / "a.h5")
    with pytest.raises(InvalidParameterError, match="gif"):
        export_format(tmp_path / "a", "gif")
    with pytest.raises(InvalidParameterError, match="MMV_H4Tracks"):
        export_format(tmp_path / "a.tif", "h4tracks")


def test_labels_need_a_format_with_room_for_them(archive, tmp_path):
    labels = np.zeros(archive.shape, np.int32)
    with pytest.raises(InvalidParameterError, match="h4tracks"):
        export(archive, tmp_path / "o.ome.tif", labels=labels)
    with pytest.raises(InvalidParameterError, match="without labels"):
        export(archive, tmp_path / "o.zarr", format="h4tracks", labels_are_tracks=True)
    assert list(tmp_path.iterdir()) == []


def test_without_zarr_it_says_what_to_install(archive, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingDependencyError, match=r"flowroi\[zarr\]"):
        export(archive, tmp_path / "o.zarr")
    assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported_before_it_is_used():
    code = "import sys, flowroi.exports; sys.exit(any(name in sys.modules for name in ('zarr', 'numcodecs', 'av')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_name_that_xml_cannot_hold_is_escaped(archive, decoded, tmp_path):
    archive.manifest["name"] = "5 µm <b>&\x01\ud800"
    export(archive, tmp_path / "o.ome.tif")
    with tifffile.TiffFile(tmp_path / "o.ome.tif") as tiff:
        assert 'Name="5 µm &lt;b&gt;&amp;\ufffd\ufffd"' in tiff.ome_metadata
        assert np.array_equal(tiff.asarray(), decoded)
