"""Lossy provenance survives an export: what is made of it knows of every generation before."""

import shutil

import pytest

import flowroi
from flowroi.exports import export
from flowroi.losses import Losses

KINDS = {"tiff": "o.ome.tif", "png": "o", "ome-zarr": "o.ome.zarr", "ome-zarr-0.4": "o4.ome.zarr"}


@pytest.mark.parametrize("kind", KINDS)
def test_two_generations_with_an_export_between(archive, tmp_path, kind):
    path = tmp_path / KINDS[kind]
    export(archive, path, format=kind)
    report = flowroi.compress(path, tmp_path / "second.ome.tif", rate=12, roi_method="none", workers=1)
    with flowroi.open_archive(tmp_path / "second.ome.tif") as second:
        manifest = second.manifest
        assert manifest["lossy"] is True
        assert manifest["lossy_method"] == [*archive.manifest["lossy_method"], "ISO_15444_1"]
        assert manifest["lossy_ratio"][:-1] == archive.manifest["lossy_ratio"]
        assert any("lossy already" in warning for warning in report.warnings)
        export(second, tmp_path / "third.ome.tif")
    with flowroi.open_source(tmp_path / "third.ome.tif") as third:
        assert third.losses == Losses.from_manifest(manifest)


def test_a_lossless_archive_of_an_export_is_still_lossy(archive, tmp_path):
    export(archive, tmp_path / "o.ome.tif")
    flowroi.compress(tmp_path / "o.ome.tif", tmp_path / "l.ome.tif", lossless="all", roi_method="none", workers=1)
    with flowroi.open_archive(tmp_path / "l.ome.tif") as opened:
        assert opened.manifest["lossy"] is True
        assert opened.manifest["lossy_ratio"] == archive.manifest["lossy_ratio"]


def test_png_files_without_their_record_still_tell(archive, tmp_path):
    export(archive, tmp_path / "o")
    (tmp_path / "o" / "provenance.json").unlink()
    shutil.copy(next((tmp_path / "o").glob("*.png")), tmp_path / "one.png")
    for path in (tmp_path / "o", tmp_path / "one.png"):
        with flowroi.open_source(path) as source:
            assert source.losses == Losses.from_manifest(archive.manifest)


def test_of_a_damaged_record_at_least_the_flag_stays(archive, tmp_path):
    export(archive, tmp_path / "o")
    file = tmp_path / "o" / "provenance.json"
    file.write_bytes(file.read_bytes()[:-9])
    with flowroi.open_source(tmp_path / "o") as source:
        # The files themselves tell as well.
        assert source.losses == Losses.from_manifest(archive.manifest)
    export(archive, tmp_path / "o.ome.zarr")
    file = tmp_path / "o.ome.zarr" / "zarr.json"
    file.write_text(file.read_text().replace('"lossy": true', '"lossy": false'))
    with flowroi.open_source(tmp_path / "o.ome.zarr") as source:
        assert source.losses == Losses(("unknown",), (None,))
