"""What a worker answers, whatever it meets."""

import pickle

import pytest

from flowroi.archives.claim import claim_of, claimed
from flowroi.cluster import on_worker
from flowroi.cluster.lease import Lease
from flowroi.versions import codec_versions


def twice(number, threads, progress):
    progress(1, 1)
    return number * threads


def disk_full(_number, _threads, _progress):
    raise OSError(28, "No space left on device", "somewhere")


def unheard_of(_number, _threads, _progress):
    class OwnError(Exception):
        pass

    raise OwnError("what")


@pytest.fixture
def lease(tmp_path, monkeypatch):
    monkeypatch.setattr(on_worker, "_event_log", lambda: lambda *_: None)
    with Lease(tmp_path) as held:
        yield held


@pytest.fixture
def ask(lease, tmp_path):
    def ask(work):
        terms = {
            "versions": codec_versions(),
            "lease": str(lease.path),
            "secret": lease.secret,
            "sources": [str(tmp_path)],
            "place": str(tmp_path / "a.ome.tif"),
            "topic": "a",
            "number": 0,
            "attempt": 1,
        }
        return on_worker.run(terms, 2, pickle.dumps((work, 21)))

    return ask


def test_done_or_failed(ask, tmp_path, lease):
    assert ask(twice) == ("done", 42)
    kind, error = ask(disk_full)
    assert (kind, error.errno, error.filename) == ("failed", 28, "somewhere")
    kind, error = ask(unheard_of)
    assert (kind, type(error), str(error)) == ("failed", RuntimeError, "OwnError: what")
    assert list(tmp_path.iterdir()) == [lease.path]


def test_another_process_is_at_it(ask, tmp_path):
    place = tmp_path / "a.ome.tif"
    with claimed(place):
        assert ask(twice) == ("later", claim_of(place).stat().st_mtime_ns)


def test_the_command_has_ended(ask, lease, tmp_path, monkeypatch):
    # A worker that was stopped after it had looked at the files, and goes on now.
    monkeypatch.setattr(on_worker, "recognise", lambda *_: lease.release())
    assert ask(disk_full) == ("later", None)
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_meanwhile(ask, lease, monkeypatch):
    real = on_worker.check
    looked = []

    def check(path):
        real(path)
        looked.append(path)
        lease.release()

    monkeypatch.setattr(on_worker, "check", check)
    assert ask(twice) == ("later", None)
    assert looked == [lease.path]
