"""Plates from a store and into a store, through the command line."""

import json

import pytest

import flowroi
from flowroi.archives.plate import open_plate_archive
from flowroi.cli.app import run
from flowroi.errors import OutputExistsError
from flowroi.plates import open_plate
from flowroi.plates.verification import verify_plate
from tests.stores.conftest import OPTIONS, POSITIONS, files_of

ARGUMENTS = ["--psnr", "38", "--roi-method", "none"]
# fsspec's memory is that of one process.
PLATE = {**OPTIONS, "workers": 1}


@pytest.fixture(scope="module")
def local_plate(raw_plate, tmp_path_factory):
    target = tmp_path_factory.mktemp("local") / "small.ome.zarr"
    flowroi.compress(raw_plate, target, **PLATE)
    return target


def test_every_verb_with_a_plate_in_a_store(s3, raw_plate, local_plate, tmp_path, capsys):
    raw, target = s3.put(raw_plate, "plate.ome.zarr"), s3.url("small.ome.zarr")
    assert run(["compress", raw, "-o", target, *ARGUMENTS, "--workers", "1", "--scratch", str(tmp_path)]) == 0
    assert s3.files("small.ome.zarr") == files_of(local_plate)
    # Two folders are left of it, that of the user and nothing in it.
    assert list(files_of(tmp_path)) == []
    assert run(["verify", target]) == 0
    assert run(["verify", target, "--against", raw, "--json"]) == 0
    assert "safe" in capsys.readouterr().out
    assert run(["inspect", target, "--json"]) == 0
    inspected = json.loads(capsys.readouterr().out.splitlines()[0])
    assert inspected["archive"] == target
    assert inspected["file_bytes"] == sum(map(len, files_of(local_plate).values()))
    assert run(["decompress", target, "-o", str(tmp_path / "out")]) == 0
    assert run(["decompress", str(local_plate), "-o", str(tmp_path / "local")]) == 0
    assert sorted(files_of(tmp_path / "out")) == sorted(files_of(tmp_path / "local"))
    assert run(["decompress", target, "-o", s3.url("out.ome.zarr")]) == 2


def test_processes_write_the_same(s3, raw_plate, local_plate):
    raw = s3.put(raw_plate, "plate.ome.zarr")
    done = s3.run("compress", raw, "-o", s3.url("small.ome.zarr"), *ARGUMENTS, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert s3.files("small.ome.zarr") == files_of(local_plate)


def test_well_by_well_then_finished(raw_plate, local_plate):
    target = "memory://wells/small.ome.zarr"
    part = flowroi.compress(raw_plate, target, wells=("A1",), **PLATE)
    assert not part.finished
    with pytest.raises(flowroi.UnsupportedFormatError, match=r"plate\.json"):
        open_plate_archive(target)
    whole = flowroi.compress(raw_plate, target, **PLATE)
    assert whole.finished
    assert [report.unchanged for _, report in whole.done] == [True, False]
    place = open_plate_archive(target).path
    assert {name: (place / name).read_bytes() for name in place.names_below()} == files_of(local_plate)
    again = flowroi.compress(raw_plate, target, **PLATE)
    assert again.unchanged


def test_other_settings_are_refused_and_overwriting_starts_without_the_mark(raw_plate):
    target = "memory://again/small.ome.zarr"
    flowroi.compress(raw_plate, target, **PLATE)
    with pytest.raises(OutputExistsError, match="made otherwise"):
        flowroi.compress(raw_plate, target, lossless="all", roi_method="none", workers=1)
    report = flowroi.compress(raw_plate, target, lossless="all", roi_method="none", workers=1, overwrite=True)
    assert report.finished
    assert verify_plate(target).is_intact
    with open_plate_archive(target) as plate, plate.open(POSITIONS[0]) as archive:
        assert not archive.manifest["lossy"]


@pytest.mark.parametrize("stray", ["notes.txt", "A/1/0/0/c/0/0/0/0/0", "C/3/0/zarr.json", "A/notes/x", "zarr.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_of_the_plate_is_never_touched(raw_plate, stray, overwrite):
    target = f"memory://strays{abs(hash((stray, overwrite)))}/small.ome.zarr"
    place = open_place(target)
    (place / stray).write(b"somebody's")
    with pytest.raises(OutputExistsError):
        flowroi.compress(raw_plate, target, overwrite=overwrite, **PLATE)
    assert {name: (place / name).read_bytes() for name in place.names_below()} == {stray: b"somebody's"}


def test_raw_plate_is_never_the_target(raw_plate):
    place = open_place("memory://rawplate/plate.ome.zarr")
    for name, data in files_of(raw_plate).items():
        (place / name).write(data)
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError):
            flowroi.compress(raw_plate, str(place), overwrite=overwrite, **PLATE)
    assert {name: (place / name).read_bytes() for name in place.names_below()} == files_of(raw_plate)


def test_missing_well_fails_alone_and_what_was_begun_of_it_goes(s3, raw_plate):
    raw = s3.put(raw_plate, "plate.ome.zarr")
    for name in s3.files("plate.ome.zarr/B/2"):
        s3.remove(f"plate.ome.zarr/B/2/{name}")
    report = flowroi.compress(raw, "memory://missing/small.ome.zarr", skip_failed=True, **PLATE)
    assert [str(position) for position, _ in report.failed] == ["B2_f0"]
    assert report.finished
    assert verify_plate("memory://missing/small.ome.zarr").is_intact


def test_damage_of_a_plate_is_named(raw_plate):
    target = "memory://damage/small.ome.zarr"
    flowroi.compress(raw_plate, target, **PLATE)
    place = open_place(target)
    (place / "notes.txt").write(b"somebody's")
    (place / "A/zarr.json").unlink()
    shard = place / "B/2/1/0/c/0/0/0/0/0"
    shard.write(shard.read_bytes()[:-1])
    found = verify_plate(target)
    assert {name for name, _ in found.faults} >= {"notes.txt", "A/zarr.json"}
    (damaged,) = [one for position, one in found.positions if one.faults]
    assert damaged.path.endswith("B/2/1")


def test_metadata_of_a_plate_is_listed_in_its_order(s3, raw_plate):
    raw = s3.put(raw_plate, "plate.ome.zarr")
    assert open_plate(raw).positions == open_plate(raw_plate).positions == POSITIONS


def open_place(url):
    from flowroi.stores import as_path

    return as_path(url)
