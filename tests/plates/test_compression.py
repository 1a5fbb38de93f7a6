import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import flowroi.plates.tasks
from flowroi import compress, open_plate_archive
from flowroi.archives.atomic import hold
from flowroi.errors import (
    CorruptDataError,
    InvalidParameterError,
    MissingInputError,
    OutputExistsError,
    UnsupportedFormatError,
)
from flowroi.plates import Position, open_plate
from flowroi.plates.report import PlateReport
from flowroi.synthetic import write_synthetic_plate

from .conftest import coordinate_frame, read_coordinates, write_image

LOSSLESS = {"lossless": "all", "roi_method": "none", "workers": 1}
WELLS = ("A1", "A2", "B1")


def write_plate(folder, wells=WELLS, fields=1, frames=3):
    for well in wells:
        for field in range(fields):
            for t in range(frames):
                name = f"{well[0]}{int(well[1:]):02}_f{field}_t{t}.png"
                write_image(folder / name, coordinate_frame(well, field, time=t, shape=(32, 32)))
    return folder


def digests(folder):
    """SHA-256 of every file by its name: what byte-equal means."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def break_well(folder, well):
    for path in folder.glob(f"{well}_*"):
        path.write_bytes(path.read_bytes()[:-9])


def check_frames(archive, fields=1, frames=3):
    for position in archive:
        with archive.open(position) as movie:
            assert [read_coordinates(frame) for frame in movie] == [(position, 0, t) for t in range(frames)]


@pytest.fixture
def raw(tmp_path):
    return write_plate(tmp_path / "raw")


ZARR_GROUPS = {
    "0.5": {f"{where}zarr.json" for where in ("", "A/", "B/", "A/1/", "A/2/", "B/1/")},
    "0.4": {f"{where}{name}" for where in ("", "A/", "B/", "A/1/", "A/2/", "B/1/") for name in (".zattrs", ".zgroup")}
    - {"A/.zattrs", "B/.zattrs"},
}


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_ome_zarr_plates(tmp_path, version):
    raw = write_plate(tmp_path / "raw", fields=2)
    options = {} if version == "0.5" else {"format": "ome-zarr-0.4"}
    out = tmp_path / "out.ome.zarr"
    report = compress(raw, out, **LOSSLESS, **options)
    assert report.finished
    archive = open_plate_archive(out)
    check_frames(archive)
    assert list(archive.faults()) == []
    inside = tuple(f"{row}/{column}/{field}/" for row in "AB" for column in "12" for field in "01")
    around = {name for name in digests(out) if not name.startswith(inside)}
    assert around == {*ZARR_GROUPS[version], "plate.json", "COMPLETE"}
    assert compress(raw, out, **LOSSLESS, **options).unchanged
    # It is a plate to read like any other.
    plate = open_plate(out)
    assert plate.positions == archive.positions
    for position in plate:
        with plate.open(position) as movie:
            assert [read_coordinates(frame) for frame in movie] == [(position, 0, t) for t in range(3)]
    (out / "B/extra").write_text("x")
    assert [name for name, _ in archive.faults()] == ["B/extra"]
    (out / "B/extra").unlink()
    group = out / ("A/zarr.json" if version == "0.5" else "A/.zgroup")
    group.write_bytes(group.read_bytes() + b" ")
    assert [name for name, _ in archive.faults()] == [str(group.relative_to(out))]
    with pytest.raises(OutputExistsError, match="damaged"):
        compress(raw, out, **LOSSLESS, **options)


@pytest.mark.parametrize(("target", "kind"), [("a.ome.zarr", "ome-zarr"), ("a", "ome-tiff")])
def test_the_name_tells_the_format_of_every_archive(tmp_path, raw, target, kind):
    assert compress(raw, tmp_path / target, lossless="all", roi_method="none").finished
    with open_plate_archive(tmp_path / target) as plate:
        assert plate.format == kind
        for position in plate.positions:
            with plate.open(position) as archive:
                assert archive.format == kind


@pytest.mark.parametrize(("suffix", "options"), [(".ome.tif", {}), ("", {"format": "jp2"})])
def test_every_position_goes_where_its_coordinates_say(tmp_path, suffix, options):
    raw = write_plate(tmp_path / "raw", fields=2)
    report = compress(raw, tmp_path / "out", **LOSSLESS, **options)
    assert isinstance(report, PlateReport)
    assert report.finished
    assert report.frames == 18
    assert report.failed == report.remaining == ()
    names = {f"{well}_f{field}{suffix}" for well in WELLS for field in (0, 1)}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*names, "plate.json", "COMPLETE"}
    archive = open_plate_archive(tmp_path / "out")
    assert archive.positions == open_plate(raw).positions
    assert archive.name == "raw"
    assert list(archive.faults()) == []
    check_frames(archive)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    record = json.loads((tmp_path / "out/plate.json").read_bytes())
    assert record["digest"] + "\n" == (tmp_path / "out/COMPLETE").read_text()
    json.loads(report.to_json())


def test_videos(tmp_path):
    raw = tmp_path / "raw"
    write_synthetic_plate(raw, wells=("A1", "B2"), frames=5, height=64, width=64, cells=1)
    options = {"codec": "av1", "rate": 10, "preset": 12, "workers": 1}
    assert compress(raw, tmp_path / "out", **options).finished
    assert names_in(tmp_path / "out") == ["A1_f0.mkv", "B2_f0.mkv", "COMPLETE", "plate.json"]
    archive = open_plate_archive(tmp_path / "out")
    assert list(archive.faults()) == []
    with archive.open(Position("B2")) as movie:
        assert movie.shape == (5, 64, 64)
    assert compress(raw, tmp_path / "out", **options).unchanged
    with pytest.raises(OutputExistsError, match="preset: 12 there, 11 asked for"):
        compress(raw, tmp_path / "out", **{**options, "preset": 11})
    for target, more in (("out.ome.zarr", {}), ("other", {"format": "jp2"})):
        with pytest.raises(InvalidParameterError, match="a folder of MKV files"):
            compress(raw, tmp_path / target, **options, **more)
    assert names_in(tmp_path) == ["out", "raw"]


def test_a_second_run_changes_nothing(tmp_path, raw):
    compress(raw, tmp_path / "out", **LOSSLESS)
    before = digests(tmp_path / "out")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    report = compress(raw, tmp_path / "out", **{**LOSSLESS, "workers": 2})
    assert report.unchanged
    assert report.finished
    assert report.frames == 9
    assert digests(tmp_path / "out") == before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == stamps
    # One well of it, likewise.
    assert compress(raw, tmp_path / "out", wells=["A/1"], **LOSSLESS).unchanged


def test_other_settings_another_input_and_another_format_are_refused(tmp_path, raw):
    compress(raw, tmp_path / "out", **LOSSLESS)
    before = digests(tmp_path / "out")
    with pytest.raises(OutputExistsError, match=r"encode\.psnr: None there, 30 asked for"):
        compress(raw, tmp_path / "out", psnr=30, roi_method="none")
    with pytest.raises(OutputExistsError, match="format: 'ome-tiff' there, 'jp2' asked for"):
        compress(raw, tmp_path / "out", format="jp2", **LOSSLESS)
    write_image(raw / "A02_f0_t1.png", coordinate_frame("A2", time=7, shape=(32, 32)))
    with pytest.raises(OutputExistsError, match=r"source\.files: other content"):
        compress(raw, tmp_path / "out", **LOSSLESS)
    more = write_plate(tmp_path / "more" / "raw", wells=(*WELLS, "B2"))
    with pytest.raises(OutputExistsError, match="it lacks B2_f0"):
        compress(more, tmp_path / "out", **LOSSLESS)
    assert digests(tmp_path / "out") == before
    compress(raw, tmp_path / "out", overwrite=True, **LOSSLESS)
    with open_plate_archive(tmp_path / "out").open(Position("A2")) as movie:
        assert read_coordinates(movie[1])[2] == 7
    assert names_in(tmp_path) == ["more", "out", "raw"]


def test_a_damaged_plate_is_not_taken_for_finished(tmp_path, raw):
    compress(raw, tmp_path / "whole", **LOSSLESS)
    cases = {
        "A2_f0.ome.tif": lambda path: path.write_bytes(path.read_bytes()[:300] + b"x" + path.read_bytes()[301:]),
        "B1_f0.ome.tif": lambda path: path.unlink(),
        "COMPLETE": lambda path: path.write_text("sha256:" + 64 * "0" + "\n"),
        "plate.json": lambda path: path.write_bytes(path.read_bytes().replace(b'"raw"', b'"rav"')),
        "extra.txt": lambda path: path.write_text("x"),
    }
    for name, damage in cases.items():
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "out")
        damage(tmp_path / "out" / name)
        with pytest.raises(OutputExistsError, match="damaged"):
            compress(raw, tmp_path / "out", **LOSSLESS)


def test_foreign_folders_are_not_touched(tmp_path, raw):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("x")
    for overwrite, message in ((False, r"thesis\.txt"), (True, "no plate of ours")):
        with pytest.raises(OutputExistsError, match=message):
            compress(raw, tmp_path / "out", overwrite=overwrite, **LOSSLESS)
    assert names_in(tmp_path) == ["out", "raw"]
    compress(raw, tmp_path / "done", **LOSSLESS)
    (tmp_path / "done/thesis.txt").write_text("x")
    with pytest.raises(OutputExistsError, match=r"holds 'thesis\.txt'"):
        compress(raw, tmp_path / "done", overwrite=True, **LOSSLESS)
    assert (tmp_path / "done/thesis.txt").exists()
    # Begun, but not finished: whose the archives are is not sure.
    compress(raw, tmp_path / "begun", wells=["A1"], **LOSSLESS)
    with pytest.raises(OutputExistsError, match="no plate of ours"):
        compress(raw, tmp_path / "begun", overwrite=True, **LOSSLESS)
    (tmp_path / "group.ome.zarr").mkdir()
    (tmp_path / "group.ome.zarr/zarr.json").write_text("{}")
    for more in ({}, {"overwrite": True}, {"wells": ["A1"]}):
        with pytest.raises(OutputExistsError):
            compress(raw, tmp_path / "group.ome.zarr", **LOSSLESS, **more)
    assert (tmp_path / "group.ome.zarr/zarr.json").read_text() == "{}"
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputExistsError):
        compress(raw, tmp_path / "file", **LOSSLESS)
    with pytest.raises(InvalidParameterError, match="inside the input"):
        compress(raw, raw / "out", **LOSSLESS)
    with pytest.raises(InvalidParameterError, match="one movie's"):
        compress(raw, tmp_path / "out.ome.tif", **LOSSLESS)


def test_a_position_that_fails_does_not_stop_the_others(tmp_path, raw):
    whole = tmp_path / "whole"
    compress(raw, whole, **LOSSLESS)
    kept = {path.name: path.read_bytes() for path in raw.glob("A02_*")}
    break_well(raw, "A02")
    report = compress(raw, tmp_path / "out", **LOSSLESS)
    assert not report.finished
    assert [str(position) for position, _ in report.done] == ["A1_f0", "B1_f0"]
    ((position, error),) = report.failed
    assert (str(position), type(error)) == ("A2_f0", CorruptDataError)
    assert not (tmp_path / "out").exists()
    assert report.kept_in is not None
    assert sorted(path.name for path in Path(report.kept_in).iterdir()) == ["A1_f0.ome.tif", "B1_f0.ome.tif"]
    for name, data in kept.items():
        (raw / name).write_bytes(data)
    report = compress(raw, tmp_path / "out", **LOSSLESS)
    assert report.finished
    assert [done.unchanged for _, done in report.done] == [True, False, True]
    assert digests(tmp_path / "out") == digests(whole)
    assert names_in(tmp_path) == ["out", "raw", "whole"]


def test_skip_failed_finishes_and_records_it(tmp_path, raw):
    break_well(raw, "A02")
    report = compress(raw, tmp_path / "out", skip_failed=True, **LOSSLESS)
    assert report.finished
    assert len(report.failed) == 1
    archive = open_plate_archive(tmp_path / "out")
    assert archive.skipped == (Position("A2"),)
    assert archive.positions == (Position("A1"), Position("B1"))
    assert "cut short" in archive.record["skipped"][0]["reason"]
    assert list(archive.faults()) == []
    again = compress(raw, tmp_path / "out", skip_failed=True, **LOSSLESS)
    assert again.unchanged
    assert "finished without A2_f0" in again.warnings[0]
    with pytest.raises(OutputExistsError, match="finished without A2_f0"):
        compress(raw, tmp_path / "out", **LOSSLESS)


def test_nothing_is_left_where_everything_fails(tmp_path, raw):
    for well in ("A01", "A02", "B01"):
        break_well(raw, well)
    report = compress(raw, tmp_path / "out", skip_failed=True, **LOSSLESS)
    assert not report.finished
    assert report.kept_in is None
    assert len(report.failed) == 3
    assert names_in(tmp_path) == ["raw"]


def test_a_wrong_option_is_told_once_not_for_every_position(tmp_path, raw):
    with pytest.raises(InvalidParameterError):
        compress(raw, tmp_path / "out", roi_method="none", psnr=30, codec="av1", format="jp2")
    (tmp_path / "masks").mkdir()
    report = compress(raw, tmp_path / "out", rate=4, roi_method=str(tmp_path / "masks"))
    assert "no masks for A1_f0" in str(report.failed[0][1])
    assert names_in(tmp_path) == ["masks", "raw"]


def test_a_full_disk_stops_and_keeps_what_is_finished(tmp_path, raw, monkeypatch):
    real, calls = flowroi.plates.tasks.compress_movie, []

    def full(movie, place, *rest):
        calls.append(place)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(place))
        return real(movie, place, *rest)

    monkeypatch.setattr(flowroi.plates.tasks, "compress_movie", full)
    with pytest.raises(OSError, match="No space left") as caught:
        compress(raw, tmp_path / "out", **LOSSLESS)
    assert "goes on from there" in caught.value.__notes__[0]
    assert len(calls) == 2
    assert compress(raw, tmp_path / "out", **LOSSLESS).finished
    assert len(calls) == 4


@pytest.mark.parametrize(("suffix", "first"), [("", "B1_f0.ome.tif"), (".ome.zarr", "B")])
def test_well_by_well_then_the_whole_is_the_same_as_at_once(tmp_path, raw, suffix, first):
    whole = tmp_path / f"whole{suffix}"
    compress(raw, whole, **LOSSLESS)
    out = tmp_path / f"out{suffix}"
    report = compress(raw, out, wells=["B1"], **LOSSLESS)
    assert not report.finished
    assert [str(position) for position in report.remaining] == ["A1_f0", "A2_f0"]
    assert names_in(out) == [first]
    assert not compress(raw, out, wells=["A/1/0"], **LOSSLESS).done[0][1].unchanged
    assert compress(raw, out, wells=["A01", "B/1"], **LOSSLESS).done[0][1].unchanged
    with pytest.raises(UnsupportedFormatError, match="not a compressed plate"):
        open_plate_archive(out)
    with pytest.raises(OutputExistsError, match="made otherwise"):
        compress(raw, out, wells=["A1"], psnr=30, roi_method="none")
    report = compress(raw, out, **LOSSLESS)
    assert report.finished
    assert [done.unchanged for _, done in report.done] == [True, False, True]
    assert digests(out) == digests(whole)


@pytest.mark.parametrize("suffix", ["", ".ome.zarr"])
def test_killed_while_a_plate_made_well_by_well_is_finished(tmp_path, raw, suffix):
    compress(raw, tmp_path / f"whole{suffix}", **LOSSLESS)
    whole = digests(tmp_path / f"whole{suffix}")
    for number, record in enumerate((b"", b'{"arch', None)):
        out = tmp_path / f"out{number}{suffix}"
        shutil.copytree(tmp_path / f"whole{suffix}", out)
        (out / "COMPLETE").unlink()
        if record is not None:
            (out / "plate.json").write_bytes(record)
        with pytest.raises(OutputExistsError, match="made otherwise"):
            compress(raw, out, psnr=30, roi_method="none")
        assert compress(raw, out, **LOSSLESS).finished
        assert digests(out) == whole


def test_one_well_is_made_anew_while_the_plate_is_not_finished(tmp_path, raw):
    out = tmp_path / "out"
    compress(raw, out, wells=["A1"], **LOSSLESS)
    lossy = {"rate": 4, "roi_method": "none", "workers": 1}
    assert not compress(raw, out, wells=["A1"], overwrite=True, **lossy).done[0][1].unchanged
    assert compress(raw, out, wells=["A1"], **lossy).done[0][1].unchanged
    assert compress(raw, out, **lossy).finished
    with pytest.raises(OutputExistsError, match="one well of it cannot be replaced"):
        compress(raw, out, wells=["A1"], overwrite=True, **LOSSLESS)


def test_wells_at_the_same_time(tmp_path, raw):
    errors = []

    def one(well):
        try:
            compress(raw, tmp_path / "out", wells=[well], **LOSSLESS)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(well,)) for well in WELLS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert compress(raw, tmp_path / "out", **LOSSLESS).finished
    check_frames(open_plate_archive(tmp_path / "out"))


@pytest.mark.parametrize("wells", [["C3"], ["nothing"], ["A/1/7"], "A1", ["../A1"], [3]])
def test_no_such_wells(tmp_path, raw, wells):
    with pytest.raises(InvalidParameterError, match="well"):
        compress(raw, tmp_path / "out", wells=wells, **LOSSLESS)
    assert not (tmp_path / "out").exists()


def test_wells_of_a_movie(tmp_path, raw):
    for path in raw.glob("[AB]0[12]_*"):
        if path.name.startswith("A01"):
            path.rename(raw / path.name.removeprefix("A01_"))
        else:
            path.unlink()
    for options in ({"wells": ["A1"]}, {"skip_failed": True}):
        with pytest.raises(InvalidParameterError, match="a movie, or not surely a plate"):
            compress(raw, tmp_path / "out", **LOSSLESS, **options)


def test_a_second_writer_is_refused(tmp_path, raw):
    lock = hold(tmp_path / ".out.flowroi-plate", folder=True)
    with pytest.raises(OutputExistsError, match="another process"):
        compress(raw, tmp_path / "out", **LOSSLESS)
    os.close(lock)
    assert compress(raw, tmp_path / "out", **LOSSLESS).finished


def test_work_of_other_settings_or_another_release_is_not_gone_on_with(tmp_path, raw, monkeypatch):
    whole = tmp_path / "whole"
    compress(raw, whole, **LOSSLESS)
    break_well(raw, "B01")
    kept = Path(compress(raw, tmp_path / "out", rate=4, roi_method="none", workers=1).kept_in)
    assert len(list(kept.iterdir())) == 2
    write_plate(tmp_path / "raw", wells=("B1",))
    report = compress(raw, tmp_path / "out", **LOSSLESS)
    assert [done.unchanged for _, done in report.done] == [False] * 3
    assert digests(tmp_path / "out") == digests(whole)
    break_well(raw, "B01")
    compress(raw, tmp_path / "other", **LOSSLESS)
    versions = flowroi.plates.tasks.codec_versions()
    monkeypatch.setattr(flowroi.plates.tasks, "codec_versions", lambda: {**versions, "flowroi": "9.9"})
    report = compress(raw, tmp_path / "other", **LOSSLESS)
    assert [done.unchanged for _, done in report.done] == [False] * 2


def test_a_displaced_plate_is_removed_by_the_next_run(tmp_path, raw):
    compress(raw, tmp_path / "out", **LOSSLESS)
    # As if an overwriting run had been killed right after the two changed places.
    shutil.copytree(tmp_path / "out", tmp_path / ".out.flowroi-plate")
    assert compress(raw, tmp_path / "out", **LOSSLESS).unchanged
    assert names_in(tmp_path) == ["out", "raw"]
    # Unfinished work is somebody's.
    shutil.copytree(tmp_path / "out", tmp_path / ".out.flowroi-plate")
    (tmp_path / ".out.flowroi-plate/COMPLETE").unlink()
    assert compress(raw, tmp_path / "out", **LOSSLESS).unchanged
    assert names_in(tmp_path) == [".out.flowroi-plate", "out", "raw"]


def test_what_is_left_of_other_positions_is_not_published(tmp_path, raw):
    break_well(raw, "B01")
    kept = Path(compress(raw, tmp_path / "out", **LOSSLESS).kept_in)
    (kept / ".A1_f0.ome.tif.flowroi-part").write_bytes(b"half")
    (kept / "C1_f0.ome.tif").write_bytes((kept / "A1_f0.ome.tif").read_bytes())
    write_plate(tmp_path / "raw", wells=("B1",))
    assert compress(raw, tmp_path / "out", **LOSSLESS).finished
    assert list(open_plate_archive(tmp_path / "out").faults()) == []


def test_masks_of_each_position(tmp_path, raw):
    for position in ("A1_f0", "A2_f0", "B1_f0"):
        for t in range(3):
            mask = np.zeros((32, 32), np.uint8)
            mask[:8] = 255
            write_image(tmp_path / "masks" / position / f"{position[0]}0{position[1]}_f0_t{t}_roi.png", mask)
    report = compress(raw, tmp_path / "out", rate=4, roi_method=str(tmp_path / "masks"), keep_masks=True, workers=1)
    assert report.finished, report.failed
    with open_plate_archive(tmp_path / "out").open(Position("A2")) as movie:
        assert movie.roi(0).sum() == 8 * 32
    assert compress(
        raw, tmp_path / "out", rate=4, roi_method=str(tmp_path / "masks"), keep_masks=True, workers=1
    ).unchanged


def test_gaps_reach_the_manifest(tmp_path, raw):
    (raw / "A02_f0_t1.png").unlink()
    compress(raw, tmp_path / "out", **LOSSLESS)
    with open_plate_archive(tmp_path / "out").open(Position("A2")) as movie:
        assert movie.manifest["gaps"] == [{"before": 1, "missing": 1}]


def test_dry_run_writes_nothing(tmp_path, raw):
    report = compress(raw, tmp_path / "out", dry_run=True, **LOSSLESS)
    assert report.dry_run
    assert "predicted from 3 of 3 positions" in report.warnings[-1]
    assert names_in(tmp_path) == ["raw"]


def test_progress_ends_at_all_frames(tmp_path, raw):
    seen = []
    compress(raw, tmp_path / "out", progress=lambda *at: seen.append(at), **LOSSLESS)
    assert seen[-1] == (9, 9)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(("name", "options"), [("one", {}), ("one", {"format": "jp2"}), ("one.ome.zarr", {})])
def test_a_compressed_plate_is_an_input_again(tmp_path, raw, name, options):
    compress(raw, tmp_path / name, rate=4, roi_method="none", workers=1, **options)
    report = compress(tmp_path / name, tmp_path / "two", rate=8, roi_method="none", workers=1)
    assert report.finished, report.failed
    assert report.warnings == ()
    with open_plate_archive(tmp_path / "two").open(Position("B1")) as movie:
        assert movie.manifest["lossy"]
        assert len(movie.manifest["lossy_ratio"]) == 2


def test_hostile_records(tmp_path, raw):
    from flowroi.archives.manifest import complete_mark, sealed

    compress(raw, tmp_path / "whole", **LOSSLESS)
    record = json.loads((tmp_path / "whole/plate.json").read_bytes())
    del record["digest"]
    changes = [
        {"positions": [{**record["positions"][0], "path": "../../etc"}]},
        {"positions": [{**record["positions"][0], "path": "/etc"}]},
        {"positions": [{**record["positions"][0], "well": "../A1"}]},
        {"positions": []},
        {"positions": 5},
        {"positions": [record["positions"][0]] * 2},
        {"files": [{"name": "../x", "size_bytes": 1, "sha256": ""}]},
        {"archive": "../x"},
        {"settings": None},
        {"skipped": [{"well": "A1", "field": 0, "reason": "x"}]},
    ]
    for number, change in enumerate(changes):
        out = tmp_path / f"out{number}"
        shutil.copytree(tmp_path / "whole", out)
        data = sealed({**record, **change})
        (out / "plate.json").write_bytes(data)
        (out / "COMPLETE").write_bytes(complete_mark(json.loads(data)["digest"]))
        with pytest.raises(CorruptDataError):
            open_plate_archive(out)
    linked = tmp_path / "linked"
    shutil.copytree(tmp_path / "whole", linked)
    (linked / "A1_f0.ome.tif").unlink()
    (linked / "A1_f0.ome.tif").symlink_to(tmp_path / "whole/A1_f0.ome.tif")
    with pytest.raises(CorruptDataError, match="link"):
        open_plate_archive(linked).open(Position("A1"))
    swapped = tmp_path / "swapped"
    shutil.copytree(tmp_path / "whole", swapped)
    shutil.copy(swapped / "A1_f0.ome.tif", swapped / "A2_f0.ome.tif")
    with pytest.raises(CorruptDataError, match="exchanged"):
        open_plate_archive(swapped).open(Position("A2"))
    assert [name for name, _ in open_plate_archive(swapped).faults()] == ["A2_f0.ome.tif"]
    with pytest.raises(MissingInputError):
        open_plate_archive(tmp_path / "nowhere")


_CHILD = """
import sys
from flowroi import compress
compress(sys.argv[1], sys.argv[2], lossless="all", roi_method="none", workers=1)
"""


@pytest.mark.parametrize(
    ("suffix", "finished_positions", "moments"),
    [("", "A*.ome.tif", [1, 3, 5, 8]), (".ome.zarr", "A/*/0/COMPLETE", [2, 6])],
)
def test_killed_at_any_moment_and_gone_on_with(tmp_path, suffix, finished_positions, moments):
    raw = write_plate(tmp_path / "raw", wells=[f"A{n}" for n in range(1, 9)], frames=6)
    compress(raw, tmp_path / f"whole{suffix}", **LOSSLESS)
    out = tmp_path / f"out{suffix}"
    work = tmp_path / f".out{suffix}.flowroi-plate"
    deadline = time.monotonic() + 60
    for finished in moments:
        child = subprocess.Popen([sys.executable, "-c", _CHILD, str(raw), str(out)])
        try:
            # Killed as soon as so many archives are there: somewhere in the next one, or in the end.
            while child.poll() is None and len(list(work.glob(finished_positions))) < finished:
                assert time.monotonic() < deadline, "the compression hangs"
                time.sleep(0.002)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait(10)
        if out.exists():
            break
        assert len(list(work.glob(finished_positions))) >= finished
    report = compress(raw, out, **LOSSLESS)
    assert report.finished
    assert digests(out) == digests(tmp_path / f"whole{suffix}")
    assert names_in(tmp_path) == [out.name, "raw", f"whole{suffix}"]
