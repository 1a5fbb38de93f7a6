"""A server that fails: it is told, nothing is made up, and the same command goes on."""

import json

import pytest

import flowroi
from flowroi.archives.manifest import COMPLETE_NAME
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, StoreError, VerificationError
from flowroi.sources import open_source
from flowroi.verification import verify
from tests.stores.conftest import OPTIONS, SECRET, files_of

FRAME = "movie.ome.zarr/0/c/1/0/0"


@pytest.fixture
def expected(raw, tmp_path):
    flowroi.compress(raw, tmp_path / "small.ome.zarr", **OPTIONS)
    return files_of(tmp_path / "small.ome.zarr")


@pytest.mark.parametrize("what", [403, 404, 500, 503, "cut", "drop"])
def test_reading_a_raw_movie(s3, raw, what):
    there = s3.put(raw, "movie.ome.zarr")
    s3.between.rule = lambda method, key: what if method == "GET" and key.endswith(FRAME) else None
    with pytest.raises((FlowRoIError, StoreError)) as told:
        flowroi.compress(there, s3.url("small.ome.zarr"), **OPTIONS)
    assert FRAME in str(told.value)
    assert isinstance(told.value, MissingInputError if what in (403, 404) else StoreError | CorruptDataError)
    assert s3.files("small.ome.zarr") == {}


def test_missing_chunk_is_not_filled_up(s3, raw):
    there = s3.put(raw, "movie.ome.zarr")
    s3.remove(FRAME)
    with pytest.raises(CorruptDataError, match="frame 1"):
        open_source(there)


def test_denied_listing_is_told(s3, raw):
    there = s3.put(raw, "movie.ome.zarr")
    s3.between.rule = lambda method, key: 403 if key.rstrip("/") == f"/{s3.name}" else None
    with pytest.raises(MissingInputError, match="denies access"):
        open_source(there)


@pytest.mark.parametrize(("what", "nth"), [(403, 1), (500, 4), ("drop", 5)])
def test_writing_goes_on_where_it_broke_off(s3, raw, expected, what, nth):
    puts = []

    def rule(method, key):
        if method == "PUT" and "/small.ome.zarr/" in key:
            puts.append(key)
            return what if len(puts) >= nth else None
        return None

    s3.between.rule = rule
    target = s3.url("small.ome.zarr")
    with pytest.raises((FlowRoIError, StoreError)):
        flowroi.compress(raw, target, **OPTIONS)
    assert COMPLETE_NAME not in s3.files("small.ome.zarr")
    with pytest.raises(FlowRoIError):
        flowroi.open_archive(target)
    s3.between.rule = lambda method, key: None
    flowroi.compress(raw, target, **OPTIONS)
    assert s3.files("small.ome.zarr") == expected
    assert sorted(s3.files()) == sorted(f"small.ome.zarr/{name}" for name in expected)


@pytest.mark.parametrize("what", ["empty", "garble"])
def test_what_is_not_what_was_sent_is_no_archive(s3, raw, expected, what):
    shard = "0/c/0/0/0/0/0"
    method_of = {"empty": "PUT", "garble": "GET"}[what]

    def rule(method, key):
        return what if method == method_of and key.endswith(shard) else None

    s3.between.rule = rule
    with pytest.raises((VerificationError, MissingInputError), match=shard):
        flowroi.compress(raw, s3.url("small.ome.zarr"), **OPTIONS)
    s3.between.rule = lambda method, key: None
    assert COMPLETE_NAME not in s3.files("small.ome.zarr")
    flowroi.compress(raw, s3.url("small.ome.zarr"), **OPTIONS)
    assert s3.files("small.ome.zarr") == expected


def test_a_moment_of_failure_is_tried_again(s3, raw, expected, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    failed = set()

    def rule(method, key):
        if len(failed) < 5 and (method, key) not in failed:
            failed.add((method, key))
            return 503
        return None

    there = s3.put(raw, "movie.ome.zarr")
    s3.store.clear_instance_cache()
    s3.between.rule = rule
    flowroi.compress(there, s3.url("small.ome.zarr"), **OPTIONS)
    assert len(failed) == 5
    assert s3.files("small.ome.zarr") == expected


def test_verify_names_what_is_damaged(s3, local_archive):
    there = s3.put(local_archive, "small.ome.zarr")
    s3.write("small.ome.zarr/notes.txt", b"somebody's")
    s3.remove("small.ome.zarr/labels/zarr.json")
    shard = bytearray(s3.read("small.ome.zarr/0/c/0/0/0/0/0"))
    with flowroi.open_archive(there) as archive:
        shard[archive.manifest["frames"][0]["size_bytes"] + 10] ^= 1
    s3.write("small.ome.zarr/0/c/0/0/0/0/0", bytes(shard))
    found = verify(there)
    assert found.bad_frames == (1,)
    assert {fault.name for fault in found.faults if fault.frame is None} == {
        "notes.txt",
        "labels/zarr.json",
        "0/c/0/0/0/0/0",
    }
    s3.remove("small.ome.zarr/0/c/0/0/0/0/0")
    assert verify(there).bad_frames == (0, 1, 2)


def test_failing_store_is_no_damage(s3, local_archive):
    there = s3.put(local_archive, "small.ome.zarr")
    s3.between.rule = lambda method, key: 500 if key.endswith("/0/c/0/0/0/0/0") else None
    with pytest.raises(StoreError):
        verify(there)
    done = s3.run("verify", there, "--json")
    assert done.returncode == 1
    assert "small.ome.zarr" in json.loads(done.stdout.splitlines()[-1])["message"]


def test_no_secret_is_told(s3, raw):
    s3.between.rule = lambda method, key: 403
    done = s3.run("compress", raw, "-o", s3.url("small.ome.zarr"), *["--psnr", "38", "--roi-method", "none"])
    assert done.returncode == 1
    assert "denies access" in done.stderr
    assert SECRET not in done.stderr + done.stdout
