"""Files come in, well or badly written: every whole frame once, in order, and what is wrong is told."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tifffile
from PIL import Image

import flowroi
from flowroi.archives.plate import open_plate_archive
from flowroi.coding import Coding
from flowroi.errors import (
    FlowRoIError,
    InvalidParameterError,
    OutputExistsError,
    UnsupportedFormatError,
    VerificationError,
)
from flowroi.live import watch
from flowroi.live.coder import Coder
from flowroi.live.spool import MARK, Spool
from flowroi.plan import differences
from tests.live.conftest import DEADLINE_S, QUICK, put, put_slowly, well_files

FRAMES = 12


def pixels(path):
    with Image.open(path) as image:
        return np.array(image)


def assert_holds(archive, files):
    """Whether a lossless archive holds these files, in this order."""
    assert len(archive) == len(files)
    for t, file in enumerate(files):
        assert np.array_equal(archive[t], pixels(file)), file.name


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("plate", {"noise": 1}),
        ("plate.ome.zarr", {"psnr": 38, "keep_masks": True}),
        ("plate.ome.zarr", {"rate": 8, "rate_control": "frame", "format": "ome-zarr-0.4"}),
        ("plate", {"lossless": "roi", "format": "jp2"}),
    ],
    ids=str,
)
def test_the_archives_are_those_that_compress_makes(raw, incoming, watcher, tmp_path, target, options):
    """Byte for byte: with a RoI that sees no later frame, it does not matter when the frames came."""
    running = watcher(incoming, tmp_path / target, end_marker="DONE", **options)
    for a, b in zip(well_files(raw, "A01"), well_files(raw, "B02"), strict=True):
        put(b, incoming)
        put(a, incoming)
        time.sleep(0.02)
    (incoming / "DONE").touch()
    report = running.join()
    assert report.finished
    assert report.frames == 2 * FRAMES
    assert report.told == ()
    (incoming / "DONE").unlink()
    other = tmp_path / "other" / target
    other.parent.mkdir()
    flowroi.compress(incoming, other, look_ahead=0, **options)
    with open_plate_archive(tmp_path / target) as live, open_plate_archive(other) as later:
        for position in later.positions:
            with live.open(position) as one, later.open(position) as two:
                assert differences(one.manifest, two.manifest) == []
                assert one.format == options.get("format", "ome-zarr" if target.endswith(".zarr") else "ome-tiff")
            names = sorted(p.relative_to(other) for p in later.place(position).rglob("*") if p.is_file())
            for name in names or [later.place(position).relative_to(other)]:
                assert (tmp_path / target / name).read_bytes() == (other / name).read_bytes()
        assert not list(live.faults())
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_one_movie(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "movie.ome.tif", lossless="all", frames=FRAMES)
    for t, file in enumerate(files):
        put(file, incoming, f"img{t}.png")
    assert running.join().reason == f"every position has {FRAMES} frames"
    with flowroi.open_archive(tmp_path / "movie.ome.tif") as archive:
        assert_holds(archive, files)
        assert [frame["name"] for frame in archive.manifest["frames"]] == [f"img{t}" for t in range(FRAMES)]


def test_a_pattern_over_folders(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    pattern = r"TimePoint_(?P<time>\d+)/(?P<well>[A-H]\d\d)"
    running = watcher(incoming, tmp_path / "plate", lossless="all", idle_s=0.6, pattern=pattern)
    for t, file in enumerate(files[:4]):
        (incoming / f"TimePoint_{t}").mkdir()
        put(file, incoming / f"TimePoint_{t}", "C03.png")
    report = running.join()
    assert report.positions == (("C3_f0", 4),)
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, files[:4])


@pytest.mark.parametrize(
    "folders", [("A1", "WellB02"), ("A/01", "B/2"), ("A1/f0", "A1/f3"), ("B/2/site1", "A/1/site0")]
)
def test_folders_of_wells(raw, incoming, watcher, tmp_path, folders):
    """A plate for `compress` is one here."""
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE")
    for folder in folders:
        (incoming / folder).mkdir(parents=True)
    for t, file in enumerate(well_files(raw)[:4]):
        for folder in folders:
            put(file, incoming / folder, f"img{t}.png")
    running.wait_for("frame", 8)
    (incoming / "DONE").touch()
    report = running.join()
    assert (report.frames, report.told) == (8, ())
    (incoming / "DONE").unlink()
    flowroi.compress(incoming, tmp_path / "other", lossless="all", look_ahead=0)
    with open_plate_archive(tmp_path / "plate") as live, open_plate_archive(tmp_path / "other") as later:
        assert live.positions == later.positions
        for position in later.positions:
            with live.open(position) as one, later.open(position) as two:
                assert differences(one.manifest, two.manifest) == []


def test_two_folders(raw, incoming, watcher, tmp_path):
    other = tmp_path / "incoming2"
    other.mkdir()
    running = watcher([incoming, other], tmp_path / "plate", lossless="all", idle_s=0.6)
    files = well_files(raw)[:6]
    for t, file in enumerate(files):
        put(file, other if t % 2 else incoming)
    assert running.join().frames == 6
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, files)


def test_badly_written_files(raw, incoming, watcher, tmp_path):
    """Slowly, in the wrong order, by links; half-written and hidden ones are not read before they are whole."""
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE", patience_s=100)
    (incoming / f"{files[0].name}.tmp").write_bytes(b"not for us")
    (incoming / f".{files[0].name}").write_bytes(b"nor this")
    put(files[2], incoming)
    put_slowly(files[1], incoming)
    put_slowly(files[0], incoming, pieces=5)
    # Published by a link, the other name going away.
    shutil.copyfile(files[3], incoming / "x.tmp")
    os.link(incoming / "x.tmp", incoming / files[3].name)
    (incoming / "x.tmp").unlink()
    # Half of it, for longer than a file has to stand still; then the rest.
    data = files[4].read_bytes()
    (incoming / files[4].name).write_bytes(data[: len(data) // 2])
    time.sleep(1)
    put(files[5], incoming)
    with (incoming / files[4].name).open("ab") as out:
        out.write(data[len(data) // 2 :])
    running.wait_for("frame", 6)
    (incoming / "DONE").touch()
    report = running.join()
    assert report.told == ()
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, files[:6])
        assert archive.manifest["gaps"] == []


def test_faults_of_the_instrument_are_told(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE")
    for t in (0, 1, 4, 5):
        put(files[t], incoming)
    running.wait_for("frame", 4)
    assert running.kinds().count("gap") == 1
    # Too late, a second file of a time, another size, never whole, no image of the plate, and a link.
    put(files[2], incoming)
    put(files[5], incoming, files[5].name.replace("_t", "_extra1_t").replace("A01", "a_A01").replace("_extra1", ""))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(incoming / "odd.tmp", format="png")
    (incoming / "odd.tmp").rename(incoming / files[6].name)
    (incoming / files[7].name).write_bytes(files[7].read_bytes()[:-40])
    put(files[8], incoming, "overview.png")
    (incoming / files[9].name).symlink_to(files[9])
    # The file of a frame that was taken gets another name, and one is written again.
    (incoming / files[0].name).rename(incoming / files[10].name)
    running.wait_for("refused", 3)
    running.wait_for("renamed")
    (incoming / files[1].name).write_bytes(files[3].read_bytes())
    put(files[11], incoming)
    running.wait_for("frame", 5)
    (incoming / "DONE").touch()
    report = running.join()
    told = sorted((kind, text.split()[0]) for kind, _, text in report.told)
    assert told == sorted(
        [
            ("late", files[2].name),
            ("refused", f"a_{files[5].name}"),
            ("refused", files[6].name),
            ("refused", files[7].name),
            ("ignored", "overview.png"),
            ("ignored", files[9].name),
            ("renamed", files[10].name),
            ("rewritten", files[1].name),
        ]
    )
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, [files[t] for t in (0, 1, 4, 5, 11)])
        assert archive.manifest["gaps"] == [{"before": 2, "missing": 2}, {"before": 4, "missing": 5}]
        warnings = "\n".join(archive.manifest["warnings"])
        for kind, file in told:
            assert (file in warnings) == (kind not in ("ignored",) and not file.startswith("a_"))


def test_a_second_file_of_a_time(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    (incoming / "again").mkdir()
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE")
    for file in files[:3]:
        put(file, incoming)
    running.wait_for("frame", 3)
    put(files[5], incoming / "again", files[1].name)
    running.wait_for("duplicate")
    (incoming / "DONE").touch()
    assert [kind for kind, _, _ in running.join().missing] == ["duplicate"]
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, files[:3])


def test_files_renamed_before_they_are_taken(raw, incoming, watcher, tmp_path):
    """While frame 0 is waited for, the instrument renames 2 to 1: nothing was taken, so nothing is wrong."""
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE", patience_s=100)
    put(files[1], incoming, files[2].name)
    time.sleep(0.6)
    (incoming / files[2].name).rename(incoming / files[1].name)
    time.sleep(0.6)
    put(files[0], incoming)
    running.wait_for("frame", 2)
    (incoming / "DONE").touch()
    report = running.join()
    assert report.told == ()
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, files[:2])


def test_many_at_once(incoming, watcher, tmp_path):
    """Nothing tells of files but the folder itself: all of 2,000 that come at once are found."""
    write_burst(incoming, wells=40, frames=50)
    report = watcher(incoming, tmp_path / "plate", lossless="all", roi_method="none", frames=50).join()
    check_burst(report, tmp_path / "plate", wells=40, frames=50)


@pytest.mark.slow
def test_very_many_at_once(incoming, watcher, tmp_path):
    write_burst(incoming, wells=200, frames=100)
    running = watcher(incoming, tmp_path / "plate", lossless="all", roi_method="none", frames=100)
    running._thread.join(1800)
    check_burst(running.join(), tmp_path / "plate", wells=200, frames=100)


def write_burst(incoming, *, wells, frames):
    for n in range(wells):
        for t in range(frames):
            name = f"{chr(ord('A') + n // 24)}{n % 24 + 1:02}_f0_t{t:04}_c0.tif"
            frame = np.full((8, 8), 3, np.uint8)
            frame[0, :4] = n, t, 255 - n, 7
            tifffile.imwrite(incoming / name, frame, photometric="minisblack", metadata=None)


def check_burst(report, target, *, wells, frames):
    assert report.finished
    assert report.told == ()
    assert [count for _, count in report.positions] == [frames] * wells
    with open_plate_archive(target) as plate:
        assert len(plate) == wells
        for n, position in enumerate(plate.positions):
            with plate.open(position) as archive:
                assert [int(archive[t][0, 1]) for t in range(frames)] == list(range(frames))
                assert int(archive[0][0, 0]) == n


def test_ended_from_outside(raw, incoming, watcher, tmp_path):
    """What had come is taken; a file that is still being written is told."""
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", noise=1)
    for file in files[:4]:
        put(file, incoming)
    running.stop.set()
    report = running.join()
    assert (report.finished, report.frames) == (True, 4)
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert len(archive) == 4


def test_nothing_came(incoming, watcher, tmp_path):
    report = watcher(incoming, tmp_path / "plate", idle_s=0.3).join()
    assert (report.finished, report.frames, report.positions) == (False, 0, ())
    assert list(tmp_path.iterdir()) == [incoming]


def test_the_source_goes_away_and_comes_back(raw, incoming, watcher, tmp_path):
    """As by an unmounted disk: an empty folder in its place. Nothing is given up."""
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE")
    for file in files[:3]:
        put(file, incoming)
    running.wait_for("frame", 3)
    incoming.rename(tmp_path / "away")
    incoming.mkdir()
    running.wait_for("source-lost")
    for file in files[3:6]:
        put(file, tmp_path / "away")
    time.sleep(0.7)
    incoming.rmdir()
    assert running.kinds().count("source-lost") == 1
    (tmp_path / "away").rename(incoming)
    running.wait_for("source-back")
    (incoming / "DONE").touch()
    report = running.join()
    assert report.told == ()
    assert report.frames == 6
    assert "gap" not in running.kinds()


def test_started_again_while_the_source_is_away(raw, incoming, watcher, tmp_path):
    """An empty folder, of which files were taken before, is no folder in which nothing comes."""
    files = well_files(raw)
    first = watcher(incoming, tmp_path / "plate", lossless="all")
    for file in files[:3]:
        put(file, incoming)
    first.wait_for("frame", 3)
    first.abandon.set()
    first.join()
    incoming.rename(tmp_path / "away")
    incoming.mkdir()
    again = watcher(incoming, tmp_path / "plate", lossless="all")
    again.wait_for("source-lost")
    incoming.rmdir()
    (tmp_path / "away").rename(incoming)
    again.wait_for("source-back")
    for file in files[3:6]:
        put(file, incoming)
    again.wait_for("frame", 3)
    again.stop.set()
    assert (again.join().frames, again.report.told) == (6, ())


def test_a_second_watcher_is_refused(raw, incoming, watcher, tmp_path):
    running = watcher(incoming, tmp_path / "plate", noise=1)
    put(well_files(raw)[0], incoming)
    running.wait_for("started")
    with pytest.raises(OutputExistsError, match="another process is watching"):
        watch(incoming, tmp_path / "plate", noise=1, idle_s=0.1)
    running.abandon.set()
    assert not running.join().finished


def test_gone_on_with_by_the_same_command_only(raw, incoming, watcher, tmp_path):
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", lossless="all")
    for file in files[:5]:
        put(file, incoming)
    running.wait_for("frame", 5)
    running.abandon.set()
    report = running.join()
    assert (report.finished, report.frames) == (False, 5)
    assert report.kept_in == str(tmp_path / f".plate{MARK}")
    with pytest.raises(OutputExistsError, match=r"begun otherwise .*lossless"):
        watch(incoming, tmp_path / "plate", noise=1, idle_s=0.1)
    for file in files[5:7]:
        put(file, incoming)
    report = watch(incoming, tmp_path / "plate", lossless="all", frames=7, **QUICK)
    assert report.frames == 7
    assert report.told == ()
    with pytest.raises(OutputExistsError, match="exists"):
        watch(incoming, tmp_path / "plate", lossless="all", idle_s=0.1)


def test_a_damaged_journal(raw, incoming, watcher, tmp_path):
    """Between two runs a byte of a journal changes: those frames are coded again, and the file is kept as it was."""
    for file in raw.iterdir():
        put(file, incoming)
    running = watcher(incoming, tmp_path / "plate", psnr=35)
    running.wait_for("frame", 2 * FRAMES)
    running.abandon.set()
    running.join()
    journal = tmp_path / f".plate{MARK}" / "A1_f0.journal"
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 4
    journal.write_bytes(data)
    report = watch(incoming, tmp_path / "plate", psnr=35, frames=FRAMES, **QUICK)
    assert (report.finished, report.frames) == (True, 2 * FRAMES)
    assert [kind for kind, _, _ in report.told] == ["cut"]
    assert (tmp_path / ".plate.flowroi-damaged" / "A1_f0.journal.damaged-1").read_bytes() == data
    flowroi.compress(incoming, tmp_path / "other", psnr=35, look_ahead=0)
    name = "A1_f0.ome.tif"
    assert (tmp_path / "plate" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_died_when_the_archives_stood(raw, incoming, tmp_path, monkeypatch):
    """Between the archives' appearance and the end of the journals: the same command finds that all is done."""
    for file in well_files(raw)[:3]:
        put(file, incoming)

    def die(self):
        raise RuntimeError("died")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "remove", die)
        with pytest.raises(RuntimeError, match="died"):
            watch(incoming, tmp_path / "plate", lossless="all", frames=3, **QUICK)
    assert (tmp_path / "plate" / "COMPLETE").exists()
    put(well_files(raw)[3], incoming)
    report = watch(incoming, tmp_path / "plate", lossless="all", frames=3, **QUICK)
    assert (report.finished, report.frames) == (True, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incoming", "plate"]


def test_masks_without_files_that_are_gone(raw, incoming, watcher, tmp_path):
    """The RoI is rebuilt from the raw files; where they are gone, the archive says so."""
    files = well_files(raw)
    running = watcher(incoming, tmp_path / "plate", psnr=35)
    for file in files[:5]:
        put(file, incoming)
    running.wait_for("frame", 5)
    running.abandon.set()
    running.join()
    (incoming / files[1].name).unlink()
    for file in files[5:]:
        put(file, incoming)
    report = watch(incoming, tmp_path / "plate", psnr=35, frames=FRAMES, **QUICK)
    assert report.frames == FRAMES
    assert report.told == ()
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert any("without 1 earlier frames" in warning for warning in archive.manifest["warnings"])


def test_the_disk_is_full(raw, incoming, watcher, tmp_path, monkeypatch):
    """It says so once, takes nothing more, tries again, and loses nothing."""
    import flowroi.live.journal as journal

    real, full = os.pwrite, [False]

    def pwrite(handle, data, at):
        if full[0]:
            # Some of it may be written before the end of the disk is met.
            if len(data) > 100:
                return real(handle, data[:50], at)
            raise OSError(28, "No space left on device")
        return real(handle, data, at)

    monkeypatch.setattr(journal.os, "pwrite", pwrite)
    files, other = well_files(raw), well_files(raw, "B02")[0]
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE", patience_s=600)
    for file in files[:3]:
        put(file, incoming)
    running.wait_for("frame", 3)
    full[0] = True
    for file in files[3:8]:
        put(file, incoming)
    # Tried again and again, it gives nothing to write, which is no success.
    (incoming / other.name).write_bytes(other.read_bytes()[:200])
    running.wait_for("stalled")
    time.sleep(1.2)
    assert running.kinds().count("frame") == 3
    assert (running.kinds().count("stalled"), running.kinds().count("resumed")) == (1, 0)
    full[0] = False
    running.wait_for("resumed")
    put(other, incoming)
    running.wait_for("frame", 9)
    (incoming / "DONE").touch()
    report = running.join()
    assert report.told == ()
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert_holds(archive, files[:8])


def test_behind(raw, incoming, watcher, tmp_path, monkeypatch):
    """A machine that cannot keep up says so, finds masks for some frames only as asked, and drops nothing."""
    real = Coder.code

    def slow(self, *arguments, **named):
        time.sleep(0.12)
        return real(self, *arguments, **named)

    monkeypatch.setattr(Coder, "code", slow)
    monkeypatch.setattr(sys.modules["flowroi.live.run"], "_REPORT_S", 0.2)
    for file in well_files(raw):
        put(file, incoming)
    running = watcher(incoming, tmp_path / "plate", psnr=38, frames=FRAMES, max_lag_s=0.3, degrade="masks:3", workers=1)
    report = running.join()
    assert report.frames == FRAMES
    assert any(facts["late"] and facts["degraded"] for kind, facts in running.events if kind == "lag")
    with open_plate_archive(tmp_path / "plate") as plate, plate.open(plate.positions[0]) as archive:
        assert any("could not keep up" in warning for warning in archive.manifest["warnings"])


def test_raw_files_are_left_as_they_were(raw, incoming, watcher, tmp_path):
    before = {}
    for file in well_files(raw)[:4]:
        put(file, incoming)
        found = (incoming / file.name).stat()
        before[file.name] = (found.st_mtime_ns, found.st_ino, file.read_bytes())
    watcher(incoming, tmp_path / "plate", noise=1, frames=4).join()
    after = {f.name: (f.stat().st_mtime_ns, f.stat().st_ino, f.read_bytes()) for f in incoming.iterdir()}
    assert after == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": 20}, "the rate of a whole movie is not known"),
        ({"roi_method": "flow"}, "expected fused or none"),
        ({"codec": "av1"}, "codec is 'av1'"),
        ({"adjacent_factor": 1}, "adjacent_factor is 1"),
        ({"settle_s": 0}, "settle_s is 0"),
        ({"degrade": "frames:2"}, "degrade is"),
        ({"end_marker": "a/b"}, "end_marker is"),
        ({"pattern": "(?P<well>A1)"}, "expected a group named time"),
    ],
)
def test_bad_options(raw, tmp_path, options, said):
    with pytest.raises(InvalidParameterError, match=said):
        watch(raw, tmp_path / "plate", idle_s=0.1, **{**QUICK, **options})


def test_several_channels_are_refused(incoming, tmp_path):
    for channel in range(2):
        tifffile.imwrite(incoming / f"A01_f00_t0000_c{channel}.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(UnsupportedFormatError, match=r"channel 1.*--pattern"):
        watch(incoming, tmp_path / "plate", idle_s=0.5, **QUICK)
    assert list(tmp_path.iterdir()) == [incoming]


def test_inside_the_incoming_folder(incoming):
    with pytest.raises(InvalidParameterError, match="lies inside the input"):
        watch(incoming, incoming / "plate", idle_s=0.1)


def test_a_damaged_file_that_is_to_be_tried_again_hides_none_behind_it_at_the_end(
    raw, incoming, watcher, tmp_path, monkeypatch
):
    first, second, *later = well_files(raw)
    for file in later:
        put(file, incoming)
    put(first, incoming)
    (incoming / second.name).write_bytes(second.read_bytes()[:200])
    tried, real = threading.Event(), Coder.read

    def read(self, found):
        try:
            return real(self, found)
        except FlowRoIError:
            tried.set()
            raise

    monkeypatch.setattr(Coder, "read", read)
    running = watcher(incoming, tmp_path / "plate", lossless="all", settle_s=1.5, patience_s=600)
    assert tried.wait(DEADLINE_S)
    # The end comes before it is tried again.
    running.stop.set()
    report = running.join()
    assert report.frames == 1 + len(later)
    assert [(kind, where) for kind, where, _ in report.missing] == [("refused", "A1_f0")]


def test_the_source_is_away_for_longer_than_is_waited(raw, incoming, watcher, tmp_path, monkeypatch):
    """The file in hand when it goes is missing when it is back; those behind it wait for it nevertheless."""
    files, real = well_files(raw), Coder.read
    away = threading.Event()

    def read(self, found):
        if found.file.path.name == files[4].name and not away.is_set():
            incoming.rename(tmp_path / "away")
            incoming.mkdir()
            away.set()
        return real(self, found)

    monkeypatch.setattr(Coder, "read", read)
    for file in files:
        put(file, incoming)
    running = watcher(incoming, tmp_path / "plate", lossless="all", frames=FRAMES, patience_s=2.5)
    running.wait_for("source-lost")
    time.sleep(3)
    incoming.rmdir()
    (tmp_path / "away").rename(incoming)
    report = running.join()
    assert (report.frames, report.told) == (FRAMES, ())


@pytest.mark.parametrize("wait_s", [100, 0.1])
def test_the_source_goes_away_with_the_backlog_of_the_end(raw, incoming, watcher, tmp_path, monkeypatch, wait_s):
    """The marker was there, and no more files are waited for; those that had come are."""
    files, real = well_files(raw), Coder.read
    away = threading.Event()

    def read(self, found):
        if found.file.path.name == files[4].name and not away.is_set():
            time.sleep(1)
            incoming.rename(tmp_path / "away")
            incoming.mkdir()
            away.set()
        return real(self, found)

    monkeypatch.setattr(Coder, "read", read)
    monkeypatch.setattr(sys.modules["flowroi.live.run"], "_LAST_FILES_S", wait_s)
    for file in files:
        put(file, incoming)
    (incoming / "DONE").touch()
    running = watcher(incoming, tmp_path / "plate", lossless="all", end_marker="DONE")
    running.wait_for("source-lost")
    time.sleep(1)
    incoming.rmdir()
    (tmp_path / "away").rename(incoming)
    report = running.join()
    assert (report.frames, report.told) == (FRAMES, ())


def test_a_moment_of_failure_behind_a_backlog(raw, incoming, watcher, tmp_path, monkeypatch):
    """A file that has waited for long is tried again, too."""
    files, real = well_files(raw), Coder.read
    failed = threading.Event()

    def read(self, found):
        if found.file.path.name == files[3].name:
            time.sleep(1)
        if found.file.path.name == files[4].name and not failed.is_set():
            failed.set()
            raise OSError(errno.EIO, "a moment of failure")
        return real(self, found)

    monkeypatch.setattr(Coder, "read", read)
    for file in files:
        put(file, incoming)
    running = watcher(incoming, tmp_path / "plate", lossless="all", frames=FRAMES, patience_s=0.5)
    report = running.join()
    assert (report.frames, report.told) == (FRAMES, ())


def test_what_was_unsettled_at_the_end_is_told_by_the_run_that_goes_on(raw, incoming, watcher, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["flowroi.live.run"], "_LAST_FILES_S", 0.1)
    first, second, *_ = well_files(raw)
    put(first, incoming)
    (incoming / second.name).touch()

    def stop_when_finishing(kind, _facts):
        if kind == "finishing":
            raise KeyboardInterrupt

    options = {**QUICK, "lossless": "all", "end_marker": "DONE"}
    (incoming / "DONE").touch()
    with pytest.raises(KeyboardInterrupt):
        watch(incoming, tmp_path / "plate", tell=stop_when_finishing, **options)
    report = watcher(incoming, tmp_path / "plate", **options).join()
    assert report.finished
    assert [kind for kind, _, _ in report.missing] == ["unsettled"]


def test_a_frame_that_is_coded_once_more_has_the_mask_that_it_would_have_had(raw, incoming, tmp_path, monkeypatch):
    """Also in the middle of frames that are not on the disk yet, which the method has to learn anew."""
    real, failed = Coding.coded, []

    def coded(self, item, **named):
        if item.t == 7 and not failed:
            failed.append(item.t)
            raise VerificationError("a bit was flipped")
        return real(self, item, **named)

    for file in well_files(raw):
        put(file, incoming)
    options = {**QUICK, "psnr": 38, "keep_masks": True, "frames": FRAMES, "workers": 1}
    watch(incoming, tmp_path / "clean", **options)
    monkeypatch.setattr(Coding, "coded", coded)
    watch(incoming, tmp_path / "again", **options)
    assert failed
    manifests = []
    for name in ("clean", "again"):
        with open_plate_archive(tmp_path / name) as plate, plate.open(plate.positions[0]) as archive:
            manifests.append(archive.manifest)
    assert not differences(*manifests)


def test_a_run_outlives_its_log(raw, incoming, tmp_path):
    """Its disk may be full, or whoever read it gone."""
    for file in well_files(raw):
        put(file, incoming)
    command = [sys.executable, "-m", "flowroi", "watch", str(incoming), "-o", str(tmp_path / "plate"), "--json"]
    command += ["--verbose", "--lossless", "all", "--settle", "0.2", "--interval", "0.1", "--frames", str(FRAMES)]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        subprocess.run(command, stdout=full, stderr=subprocess.DEVNULL, timeout=DEADLINE_S, check=False)
    assert (tmp_path / "plate" / "COMPLETE").exists()


def test_ended_while_the_source_is_away(raw, incoming, watcher, tmp_path):
    """Nobody knows what came there: that is told, and no archive passes for the whole of it."""
    running = watcher(incoming, tmp_path / "plate", lossless="all")
    put(well_files(raw)[0], incoming)
    running.wait_for("frame")
    incoming.rename(tmp_path / "away")
    running.wait_for("source-lost")
    running.stop.set()
    report = running.join()
    assert (report.finished, [kind for kind, _, _ in report.missing]) == (True, ["unsettled"])


def test_stopped_at_once_while_the_archives_are_made(raw, incoming, tmp_path):
    for file in well_files(raw):
        put(file, incoming)
    abandon, options = threading.Event(), {**QUICK, "lossless": "all", "frames": FRAMES}

    def stop_when_finishing(kind, _facts):
        if kind == "finishing":
            abandon.set()

    report = watch(incoming, tmp_path / "plate", tell=stop_when_finishing, abandon=abandon, **options)
    assert (report.finished, report.reason) == (False, "stopped at once")
    assert watch(incoming, tmp_path / "plate", **options).finished
