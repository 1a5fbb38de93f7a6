"""`kill -9` at any moment: the same command goes on, and its archives are those of a run that nothing disturbed."""

import random
import shutil

import pytest

import flowroi
from flowroi.archives.plate import open_plate_archive
from flowroi.live.journal import Journal
from flowroi.live.spool import MARK
from flowroi.plan import differences
from flowroi.plates.verification import verify_plate
from tests.live.conftest import put
from tests.trust.runs import Runs

KILLS = 8


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with Runs(tmp_path_factory.mktemp("runs")) as started:
        yield started


def durable(spool, copy):
    """Return the times of the frames in every journal; looked at in a copy, since opening one cuts a torn end off."""
    found = {}
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in sorted(spool.glob("*.journal")):
        shutil.copy(file, copy)
        journal = Journal(copy / file.name)
        found[file.name] = [header["time"][0] for header, _ in journal if header["kind"] == "frame"]
        journal.close()
    return found


def test_killed_again_and_again(raw, incoming, runs, tmp_path):
    rng = random.Random("live")
    files = [file for pair in zip(*(sorted(raw.glob(f"{w}_*")) for w in ("A01", "B02")), strict=True) for file in pair]
    target, spool = tmp_path / "plate", tmp_path / f".plate{MARK}"
    options = ("--psnr", "36", "--settle", "0.1", "--interval", "0.05", "--patience", "60", "--keep-masks")
    command = ("watch", incoming, "-o", target, *options, "--end-marker", "DONE")
    before: dict[str, list[int]] = {}
    for n in range(KILLS):
        for _ in range(3 if n < KILLS - 2 else 0):
            put(files.pop(0), incoming)
        if n == KILLS - 2:
            while files:
                put(files.pop(0), incoming)
            (incoming / "DONE").touch()
        done = runs(*command, kill_after_s=rng.uniform(0.05, 0.6))
        assert not done.hung
        if target.exists():
            break
        now = durable(spool, tmp_path / "copy")
        for name, times in before.items():
            # What was durable stays, and goes on by the next frames.
            assert now[name][: len(times)] == times
        for times in now.values():
            assert times == list(range(len(times)))
        before = now
    if not target.exists():
        done = runs(*command)
        assert done.code == 0, done.said
    assert verify_plate(target).is_intact
    other = tmp_path / "other"
    flowroi.compress(incoming, other, psnr=36.0, look_ahead=0, keep_masks=True)
    with open_plate_archive(target) as live, open_plate_archive(other) as clean:
        assert len(live) == len(clean) == 2
        for position in clean.positions:
            with live.open(position) as one, clean.open(position) as two:
                assert len(one) == 12
                assert differences(one.manifest, two.manifest) == []
