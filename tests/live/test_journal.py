"""A journal is whole up to where a write broke off, whatever broke off."""

import os
import random

import pytest

from flowroi.errors import CorruptDataError
from flowroi.live.journal import Journal, record_bytes

RECORDS = [({"n": n}, bytes(range(n, n + 40))) for n in range(3)]
DATA = b"".join(record_bytes(*record) for record in RECORDS)
ENDS = [sum(len(record_bytes(*record)) for record in RECORDS[:n]) for n in range(4)]


def opened(path):
    journal = Journal(path)
    try:
        return list(journal), journal.cut
    finally:
        journal.close()


def test_every_cut(tmp_path):
    path = tmp_path / "a.journal"
    for size in range(len(DATA) + 1):
        path.write_bytes(DATA[:size])
        records, cut = opened(path)
        whole = max(n for n in range(4) if ENDS[n] <= size)
        assert records == RECORDS[:whole]
        assert (cut is not None) == (size not in ENDS)
        assert path.read_bytes() == DATA[: ENDS[whole]]
    assert list(tmp_path.iterdir()) == [path]


def test_every_byte(tmp_path):
    """A changed byte costs the records from there on, and the file as it was is kept where whole ones stand behind."""
    path = tmp_path / "a.journal"
    rng = random.Random(0)
    for at in range(0, len(DATA), 3):
        damaged = bytearray(DATA)
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        records, cut = opened(path)
        whole = max(n for n in range(4) if ENDS[n] <= at)
        assert records == RECORDS[:whole]
        kept = tmp_path / "a.journal.damaged-1"
        assert kept.exists() == (whole < 2)
        assert cut is not None
        assert ("is damaged" in cut) == (whole < 2)
        if kept.exists():
            assert kept.read_bytes() == damaged
            kept.unlink()


def test_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "a.journal"
    path.write_bytes(DATA[:-1])
    journal = Journal(path)
    journal.append(record_bytes({"n": 7}))
    assert len(list(journal)) == 2
    journal.commit()
    assert [header["n"] for header, _ in journal] == [0, 1, 7]
    journal.append(record_bytes({"n": 8}))
    journal.close()
    assert [header["n"] for header, _ in opened(path)[0]] == [0, 1, 7]


def test_a_write_that_fails_is_made_good(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "a.journal")
    journal.append(DATA)
    real = os.fsync

    def fsync(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output"):
        journal.commit()
    assert (journal.end, journal.pending) == (0, 1)
    monkeypatch.setattr(os, "fsync", real)
    journal.commit()
    assert list(journal) == RECORDS
    journal.close()


def test_damaged_while_it_is_open(tmp_path):
    path = tmp_path / "a.journal"
    path.write_bytes(DATA)
    journal = Journal(path)
    with path.open("r+b") as file:
        file.seek(ENDS[1] + 30)
        file.write(b"!")
    with pytest.raises(CorruptDataError, match=f"byte {ENDS[1]}"):
        list(journal)
    journal.close()
