"""The record of losses: every export carries it, every reader finds it, and a damaged one is no missing one."""

import json
import shutil

import numpy as np
import pytest
import tifffile
import zarr

from flowroi.archives.manifest import canonical_json, sha256
from flowroi.archives.ome_xml import PROVENANCE_NAMESPACE
from flowroi.errors import CorruptDataError
from flowroi.exports import export
from flowroi.exports.png_text import read_text
from flowroi.exports.provenance import read, record_of

KINDS = {
    "tiff": "o.ome.tif",
    "png": "o",
    "ome-zarr": "o.ome.zarr",
    "ome-zarr-0.4": "o4.ome.zarr",
    "h4tracks": "h.zarr",
}


@pytest.fixture(params=KINDS)
def exported(request, archive, tmp_path):
    export(archive, tmp_path / KINDS[request.param], format=request.param, frames=range(1, 4))
    return tmp_path / KINDS[request.param]


def test_it_says_what_the_archive_says_of_its_losses(archive, exported):
    record = read(exported)
    manifest = archive.manifest
    assert record["lossy"] is True
    assert record["lossy_ratio"] == manifest["lossy_ratio"]
    assert len(record["lossy_method"]) == len(record["lossy_ratio"])
    for key in ("flowroi", "codecs", "source", "encode", "roi", "warnings", "significant_bits", "name"):
        assert record[key] == manifest[key], key
    assert record["source"]["files"][0]["sha256"]
    assert record["archive_digest"] == manifest["digest"]
    assert record["frames"] == [1, 4]


def test_it_is_found_inside_of_an_export_and_in_a_copy_of_one_file(archive, tmp_path):
    export(archive, tmp_path / "z.ome.zarr")
    assert read(tmp_path / "z.ome.zarr" / "0") == read(tmp_path / "z.ome.zarr")
    export(archive, tmp_path / "png")
    (tmp_path / "copy").mkdir()
    for file in (tmp_path / "png").glob("*.png"):
        shutil.copy(file, tmp_path / "copy")
    for path in (tmp_path / "copy", next((tmp_path / "copy").iterdir())):
        record = read(path)
        assert (record["lossy"], record["lossy_ratio"]) == (True, archive.manifest["lossy_ratio"])


def test_what_is_no_export_has_none(archive_path, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.uint8))
    (tmp_path / "text.tif").write_text("no TIFF")
    (tmp_path / "text.png").write_text("no PNG")
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "provenance.json").write_text('{"made by": "somebody"}')
    zarr.open_group(tmp_path / "z.zarr", mode="w")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "zarr.json").write_text("{")
    for path in [*tmp_path.iterdir(), archive_path.with_name("raw.ome.tif"), tmp_path / "missing"]:
        assert read(path) is None, path


def test_a_copy_of_an_archive_by_another_program_still_says_that_it_is_lossy(archive, decoded, archive_path, tmp_path):
    with tifffile.TiffFile(archive_path) as tiff:
        xml = tiff.pages.first.description
    tifffile.imwrite(tmp_path / "copy.ome.tif", decoded, description=xml, metadata=None, photometric="minisblack")
    found = read(tmp_path / "copy.ome.tif")
    assert (found["lossy"], found["lossy_method"]) == (True, archive.manifest["lossy_method"])
    assert found["lossy_ratio"] == pytest.approx(archive.manifest["lossy_ratio"], rel=0.01)
    losses = {key: archive.manifest[key] for key in ("lossy", "lossy_method", "lossy_ratio")}
    zarr.open_group(tmp_path / "copy.zarr", mode="w", attributes={"flowroi": losses})
    assert read(tmp_path / "copy.zarr") == losses
    zarr.open_group(tmp_path / "other.zarr", mode="w", attributes={"flowroi": {"lossy": "perhaps"}})
    assert read(tmp_path / "other.zarr") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(lossy=False),
        lambda record: record["lossy_ratio"].pop(),
        lambda record: record.pop("digest"),
        lambda record: record.pop("lossy_method"),
    ],
)
def test_a_changed_record_is_an_error_and_not_a_movie_without_losses(archive, tmp_path, change):
    export(archive, tmp_path / "o")
    file = tmp_path / "o" / "provenance.json"
    record = json.loads(file.read_text())
    change(record)
    file.write_bytes(canonical_json(record))
    with pytest.raises(CorruptDataError, match="record of losses"):
        read(tmp_path / "o")


def test_a_cut_record_is_an_error(archive, tmp_path):
    export(archive, tmp_path / "o")
    file = tmp_path / "o" / "provenance.json"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CorruptDataError, match="JSON"):
        read(tmp_path / "o")


def test_a_record_without_losses_in_it_is_an_error(tmp_path):
    record = {"format": "flowroi-export"}
    record["digest"] = "sha256:" + sha256(canonical_json(record))
    (tmp_path / "provenance.json").write_bytes(canonical_json(record))
    with pytest.raises(CorruptDataError, match="which losses"):
        read(tmp_path)


def test_every_cut_of_a_png_gives_its_text_or_none(archive, tmp_path):
    export(archive, tmp_path / "o", frames=range(1))
    (file,) = (tmp_path / "o").glob("*.png")
    content = file.read_bytes()
    text = read_text(file, PROVENANCE_NAMESPACE)
    for size in range(0, 200):
        file.write_bytes(content[:size])
        assert read_text(file, PROVENANCE_NAMESPACE) in (None, text) or text.startswith(
            read_text(file, PROVENANCE_NAMESPACE)
        )


def test_entities_in_xml_are_not_expanded(archive, tmp_path):
    xml = '<!DOCTYPE x [<!ENTITY a "flowroi/provenance">]><OME>&a;</OME>'
    tifffile.imwrite(tmp_path / "bomb.tif", np.zeros((4, 5), np.uint8), description=xml, metadata=None)
    assert read(tmp_path / "bomb.tif") is None


def test_gaps_keep_their_places():
    manifest = {
        "lossy": True,
        "lossy_method": ["x", "x"],
        "lossy_ratio": [2.0, 3.0],
        "digest": "sha256:0",
        "gaps": [{"before": 2, "missing": 1}, {"before": 5, "missing": 4}, {"before": 9, "missing": 1}],
    }
    record = record_of(manifest, range(2, 8))
    assert record["gaps"] == [{"before": 3, "missing": 4}]
