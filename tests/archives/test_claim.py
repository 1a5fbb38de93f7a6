"""One process at a time makes an archive, also where locks are those of NFS, and where a process comes back late."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from flowroi import compress
from flowroi.archives.atomic import appearing, hidden_beside, hold
from flowroi.archives.claim import claim_of, claimed, is_claimed
from flowroi.errors import OutputExistsError
from tests.plates.test_compression import LOSSLESS, digests, write_plate


@pytest.fixture
def like_nfs(monkeypatch):
    """Exclusive locks only of what is open for writing, as NFS has them: never of folders."""
    real = fcntl.flock

    def flock(handle, operation):
        if operation & fcntl.LOCK_EX and fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock)


def test_one_at_a_time(tmp_path):
    place = tmp_path / "a.ome.tif"
    with claimed(place) as claim:
        assert is_claimed(place)
        with pytest.raises(OutputExistsError, match=r"\.a\.ome\.tif\.claim.*: another process"), claimed(place):
            pass
        claim.sign()
    assert not is_claimed(place)
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_the_claim_not_the_archive(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    place = tmp_path / "a.ome.tif"
    claim_of(place).touch()
    with pytest.raises(OutputExistsError, match="remove it") as refusal, claimed(place):
        pass
    assert refusal.value.path == str(claim_of(place))


def test_a_sign_of_life(tmp_path, monkeypatch):
    place = tmp_path / "a.ome.tif"
    monkeypatch.setattr("flowroi.archives.claim._SIGN_EVERY_S", 0)
    with claimed(place) as claim:
        os.utime(claim.path, (0, 0))
        claim.sign()
        assert claim_of(place).stat().st_mtime > 0


def test_the_claim_of_a_process_that_was_killed(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; from flowroi.archives.claim import claimed; "
        "kept = claimed(Path(sys.argv[1])); kept.__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    place = tmp_path / "a.ome.tif"
    assert subprocess.run([sys.executable, "-c", program, str(place)], timeout=60).returncode == -signal.SIGKILL
    assert claim_of(place).exists()
    assert not is_claimed(place)
    with claimed(place):
        assert is_claimed(place)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{}, {"format": "jp2"}], ids=["files", "folders"])
def test_what_was_left_behind_on_nfs(tmp_path, like_nfs, options):
    raw = write_plate(tmp_path / "raw", ("A1", "A2"), frames=2)
    compress(raw, tmp_path / "whole", **LOSSLESS, **options)
    kept = tmp_path / ".out.flowroi-plate"
    kept.mkdir()
    name = "A1_f0" if options else "A1_f0.ome.tif"
    part = hidden_beside(kept / name, ".flowroi-part")
    if options:
        part.mkdir()
    (part / "half" if options else part).write_bytes(b"half")
    claim_of(kept / name).touch()
    assert compress(raw, tmp_path / "out", **LOSSLESS, **options).finished
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_two_writers_on_nfs(tmp_path, like_nfs):
    lock = hold(tmp_path / "a", folder=False)
    with pytest.raises(OutputExistsError, match="another process is writing"):
        hold(tmp_path / "a", folder=False)
    os.close(lock)


def test_output_that_was_exchanged_meanwhile(tmp_path):
    # Somebody removed it, and another process has begun the same since.
    target = tmp_path / "a"
    mine = appearing(target, folder=False)
    mine.path.unlink()
    other = appearing(target, folder=False)
    other.path.write_text("other's")
    with pytest.raises(OutputExistsError, match="was removed, or exchanged"):
        mine.publish()
    mine.discard()
    assert not target.exists()
    with other as unfinished:
        assert unfinished.read_text() == "other's"
    assert target.read_text() == "other's"
