"""Lossy provenance cannot be lost: through generations, formats and exports, losses add up and are never reset."""

import itertools

import pytest

import flowroi
from flowroi import open_archive
from flowroi.archives.manifest import digest_of_file
from flowroi.exports.export import export
from tests.trust.kinds import KINDS, movie_of

PROMISE = "lossy provenance cannot be lost"


@pytest.fixture(scope="module")
def first_generation(tmp_path_factory):
    """One lossy archive of each kind, with its manifest."""
    folder = tmp_path_factory.mktemp("first")
    made = {}
    for kind in KINDS:
        flowroi.compress(movie_of(4), folder / kind.target, **kind.options)
        with open_archive(folder / kind.target) as archive:
            made[kind] = folder / kind.target, archive.manifest
    return made


def method_of(kind):
    codec = kind.options.get("codec", "jpeg2000")
    return {"jpeg2000": "ISO_15444_1", "av1": "AV1", "hevc": "HEVC"}[codec]


def check(manifest, methods, lossy_now, ratios_before):
    assert manifest["lossy"] is True
    assert manifest["lossy_method"] == methods
    assert len(manifest["lossy_ratio"]) == len(methods)
    assert manifest["lossy_ratio"][: len(ratios_before)] == ratios_before
    if lossy_now:
        assert manifest["lossy_ratio"][-1] > 1
    assert manifest["flowroi"] == flowroi.__version__
    assert manifest["settings"]
    assert any("lossy" in warning for warning in manifest["warnings"])


@pytest.mark.parametrize(("first", "second"), list(itertools.product(KINDS, KINDS)), ids=str)
def test_two_generations(first_generation, row, tmp_path, first, second):
    path, known = first_generation[first]
    target = tmp_path / second.target
    flowroi.compress(path, target, **second.options)
    row.fault()
    with open_archive(target) as archive:
        manifest = archive.manifest
    check(manifest, [method_of(first), method_of(second)], True, known["lossy_ratio"])
    if path.is_file():
        (file,) = manifest["source"]["files"]
        assert file["sha256"] == digest_of_file(path, path.stat().st_size)


@pytest.mark.parametrize("first", KINDS, ids=str)
def test_a_lossless_copy_of_a_lossy_archive_is_lossy(first_generation, row, tmp_path, first):
    path, known = first_generation[first]
    row.fault(2)
    for n, target in enumerate((tmp_path / "a.ome.tif", tmp_path / "b")):
        flowroi.compress(path, target, lossless="all", roi_method="none")
        with open_archive(target) as archive:
            check(archive.manifest, [method_of(first)], False, known["lossy_ratio"])
        # And a third, of the copy.
        again = tmp_path / f"again{n}.ome.tif"
        flowroi.compress(target, again, rate=8, roi_method="none")
        with open_archive(again) as archive:
            check(archive.manifest, [method_of(first), "ISO_15444_1"], True, known["lossy_ratio"])


EXPORTS = {"tiff": "e.ome.tif", "png": "e", "ome-zarr": "e.ome.zarr", "ome-zarr-0.4": "e4.ome.zarr"}


@pytest.mark.parametrize("first", KINDS, ids=str)
@pytest.mark.parametrize("way", EXPORTS)
def test_through_exports(first_generation, row, tmp_path, first, way):
    """An export looks lossless; what is made of it, however lossless, is not."""
    path, known = first_generation[first]
    exported = tmp_path / EXPORTS[way]
    with open_archive(path) as archive:
        export(archive, exported, format=way)
    row.fault(2)
    flowroi.compress(exported, tmp_path / "again.ome.tif", lossless="all", roi_method="none", workers=1)
    with open_archive(tmp_path / "again.ome.tif") as archive:
        check(archive.manifest, [method_of(first)], False, known["lossy_ratio"])
    flowroi.compress(exported, tmp_path / "third.ome.tif", rate=5, roi_method="none", workers=1)
    with open_archive(tmp_path / "third.ome.tif") as archive:
        check(archive.manifest, [method_of(first), "ISO_15444_1"], True, known["lossy_ratio"])


def test_what_was_never_lossy_does_not_become_it(row, tmp_path):
    flowroi.compress(movie_of(4), tmp_path / "a.ome.tif", lossless="all", roi_method="none")
    flowroi.compress(tmp_path / "a.ome.tif", tmp_path / "b", lossless="all", roi_method="none")
    row.fault()
    with open_archive(tmp_path / "b") as archive:
        assert archive.manifest["lossy"] is False
        assert archive.manifest["lossy_method"] == []
        assert archive.manifest["lossy_ratio"] == []
