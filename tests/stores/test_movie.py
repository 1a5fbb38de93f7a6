"""A movie from a store, and into a store: the archive is, byte for byte, the one of a local run."""

import os
import subprocess
import sys

import numpy as np
import pytest

import flowroi
from flowroi.archives.manifest import COMPLETE_NAME
from flowroi.comparison import compare
from flowroi.errors import (
    InvalidParameterError,
    MissingDependencyError,
    MissingInputError,
    OutputExistsError,
    StoreError,
)
from flowroi.sources import open_source
from flowroi.stores import as_path
from flowroi.stores import path as path_module
from flowroi.verification import verify
from tests.stores.conftest import MASKED, OPTIONS, files_of, frames_of


def test_objects_equal_the_files_of_a_local_run(s3, raw, local_archive):
    there = s3.put(raw, "movie.ome.zarr")
    report = flowroi.compress(there, s3.url("small.ome.zarr"), **MASKED)
    assert s3.files("small.ome.zarr") == files_of(local_archive)
    assert report.target == s3.url("small.ome.zarr")
    assert sorted(s3.files()) == sorted(
        [f"movie.ome.zarr/{n}" for n in files_of(raw)] + [f"small.ome.zarr/{n}" for n in files_of(local_archive)]
    )


def test_version_0_4_and_only_one_side_in_a_store(s3, raw, tmp_path):
    local, there = tmp_path / "local.ome.zarr", tmp_path / "other" / "local.ome.zarr"
    there.parent.mkdir()
    flowroi.compress(raw, local, format="ome-zarr-0.4", **OPTIONS)
    flowroi.compress(raw, s3.url("local.ome.zarr"), format="ome-zarr-0.4", **OPTIONS)
    flowroi.compress(s3.put(raw, "movie.ome.zarr"), there, format="ome-zarr-0.4", **OPTIONS)
    assert s3.files("local.ome.zarr") == files_of(local) == files_of(there)


def test_same_again_writes_nothing(s3, raw, local_archive):
    target = s3.put(local_archive, "small.ome.zarr")
    s3.between.seen.clear()
    assert flowroi.compress(raw, target, **MASKED).unchanged
    assert not [seen for seen in s3.between.seen if seen[0] not in ("GET", "HEAD")]
    with pytest.raises(OutputExistsError, match="made otherwise"):
        flowroi.compress(raw, target, lossless="all", roi_method="none")


def test_overwriting_removes_the_mark_first(s3, raw, local_archive, tmp_path):
    target = s3.put(local_archive, "small.ome.zarr")
    s3.between.seen.clear()
    flowroi.compress(raw, target, lossless="all", roi_method="none", overwrite=True)
    flowroi.compress(raw, tmp_path / "small.ome.zarr", lossless="all", roi_method="none")
    assert s3.files("small.ome.zarr") == files_of(tmp_path / "small.ome.zarr")
    within = [seen for seen in s3.between.seen if "/small.ome.zarr/" in seen[1] and seen[0] in ("PUT", "DELETE")]
    mark = f"/{s3.name}/small.ome.zarr/{COMPLETE_NAME}"
    assert within[0] == ("DELETE", mark)
    assert within[-1] == ("PUT", mark)


def test_library_reads_an_archive_in_a_store(s3, raw, local_archive, tmp_path):
    there = s3.put(local_archive, "small.ome.zarr")
    assert verify(there).faults == ()
    with flowroi.open_archive(there) as archive, flowroi.open_archive(local_archive) as local:
        np.testing.assert_array_equal(archive[:], local[:])
        np.testing.assert_array_equal(archive.roi(1), local.roi(1))
        assert archive.manifest == local.manifest
    found = compare(there, s3.put(raw, "movie.ome.zarr"))
    assert found.all_safe
    assert sorted(str(file) for file in found.safe)[0].startswith(s3.url("movie.ome.zarr/"))


def test_other_readers_open_the_result_from_the_store(s3, local_archive, tmp_path):
    there = s3.put(local_archive, "small.ome.zarr")
    read = f"import numpy, zarr; numpy.save('frames.npy', zarr.open_array('{there}/0', mode='r')[:])"
    # In a process of its own: zarr-python leaves its connections to the end of the process.
    subprocess.run(
        [sys.executable, "-c", read], env={**os.environ, **s3.environment}, cwd=tmp_path, check=True, timeout=120
    )
    with flowroi.open_archive(local_archive) as local:
        np.testing.assert_array_equal(np.load(tmp_path / "frames.npy")[:, 0, 0], local[:])


def test_a_frame_is_one_request(s3, local_archive):
    with flowroi.open_archive(s3.put(local_archive, "small.ome.zarr")) as archive:
        s3.between.seen.clear()
        archive[1]
    assert len(s3.between.seen) == 1


def test_frames_of_a_raw_movie_are_fetched_once_and_removed(s3, raw, tmp_path):
    place = as_path(s3.put(raw, "movie.ome.zarr"), scratch=tmp_path)
    s3.between.seen.clear()
    with open_source(place) as movie:
        np.testing.assert_array_equal(np.stack(list(movie)), frames_of(1))
        movie.provenance()
    gets = [key for method, key in s3.between.seen if method == "GET" and "/c/" in key]
    assert len(gets) == len(set(gets)) == 3
    assert not [path for path in tmp_path.rglob("*") if path.is_file() or path.name.startswith(".")]


def test_provenance_survives_two_generations_in_stores(s3, raw, local_archive):
    there = s3.put(local_archive, "first.ome.zarr")
    flowroi.compress(there, s3.url("second.ome.zarr"), rate=3, roi_method="none")
    with flowroi.open_archive(s3.url("second.ome.zarr")) as second, flowroi.open_archive(there) as first:
        assert second.manifest["lossy_ratio"][:1] == first.manifest["lossy_ratio"]
        assert len(second.manifest["lossy_method"]) == 2


def test_memory_and_file_urls(raw, local_archive, tmp_path):
    flowroi.compress(raw, "memory://lab/small.ome.zarr", **MASKED)
    flowroi.compress(f"file://{raw}", f"file://{tmp_path}/small.ome.zarr", **MASKED)
    assert verify("memory://lab/small.ome.zarr").faults == ()
    assert files_of(tmp_path / "small.ome.zarr") == files_of(local_archive)
    with flowroi.open_archive("memory://lab/small.ome.zarr") as archive:
        assert {name: (archive.path / name).read_bytes() for name in archive.path.names_below()} == files_of(
            local_archive
        )


def test_dry_run_writes_nothing(s3, raw):
    report = flowroi.compress(raw, s3.url("small.ome.zarr"), dry_run=True, **OPTIONS)
    assert report.dry_run
    assert report.target == s3.url("small.ome.zarr")
    assert s3.files() == {}


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("memory://a/small.ome.tif", {}),
        ("memory://a/small", {"format": "jp2"}),
        ("memory://a/small.mkv", {"codec": "av1"}),
        ("memory://a.ome.zarr", {}),
        ("https://example.org/small.ome.zarr", {}),
    ],
)
def test_what_is_not_written_to_a_store(raw, target, options):
    with pytest.raises(InvalidParameterError, match=r"store|bucket|web server"):
        flowroi.compress(raw, target, rate=20, **options)


def test_what_is_not_read_from_a_store(s3):
    s3.write("movie/t0.png", b"PNG")
    with pytest.raises(MissingInputError, match="only OME-Zarr"):
        open_source(s3.url("movie"))
    with pytest.raises(MissingInputError, match="only OME-Zarr"):
        open_source(s3.url("movie/t0.png"))


def test_output_inside_its_input_is_refused(s3, raw):
    there = s3.put(raw, "movie.ome.zarr")
    with pytest.raises(InvalidParameterError, match="lies inside the input"):
        flowroi.compress(there, f"{there}/small.ome.zarr", rate=20)
    with pytest.raises(InvalidParameterError, match="the input itself"):
        flowroi.compress(there, there, rate=20, overwrite=True)


def test_missing_package_of_a_protocol_is_named(monkeypatch):
    def absent(protocol):
        raise ImportError("no")

    monkeypatch.setattr("fsspec.get_filesystem_class", absent)
    with pytest.raises(MissingDependencyError, match="pip install s3fs"):
        open_source("s3://lab/movie.ome.zarr")


def test_no_room_is_told_before_anything_is_fetched(s3, raw, monkeypatch):
    there = s3.put(raw, "movie.ome.zarr")
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100})())
    s3.between.seen.clear()
    with pytest.raises(StoreError, match="--scratch"):
        open_source(there)
    assert not [key for method, key in s3.between.seen if "/c/" in key and method == "GET"]


def test_large_objects_are_read_in_blocks(s3, monkeypatch):
    monkeypatch.setattr(path_module, "BLOCK_BYTES", 1000)
    data = np.random.default_rng(3).bytes(3500)
    s3.write("big", data)
    place = as_path(s3.url("big"))
    assert place.read_bytes() == data
    assert place.digest()[0] == 3500
    assert place.read_part(3400, 1000) == data[3400:]
    assert place.read_part(4000, 10) == b""
