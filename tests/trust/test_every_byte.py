"""Every one-byte change of an archive is found, and every truncation."""

import random

import pytest

from flowroi import verify
from flowroi.errors import FlowRoIError
from tests.trust.damage import files_of

PROMISE = "every one-byte change is found; every truncation is found"


def is_seen(path):
    try:
        return bool(verify(path, workers=1).faults)
    except FlowRoIError:
        return True


def places_of(files):
    return [(file, at) for file, data in files.items() for at in range(len(data))]


def try_each(path, changes, row):
    """Write each change (file, at, data) into the archive, and look whether it is seen."""
    whole = files_of(path)
    assert not verify(path, workers=1).faults
    for file, at, data in changes:
        file.write_bytes(data)
        try:
            row.fault()
            if not is_seen(path):
                row.lost(f"{file.name} at {at} of {len(whole[file])}")
        finally:
            file.write_bytes(whole[file])
    assert not verify(path, workers=1).faults
    assert row.silent == []


def changed(data, at, bits):
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def test_changes(kind, archives, sizes, row):
    rng = random.Random(f"changes {kind}")
    path = archives(kind, 3)
    files = files_of(path)
    places = places_of(files)
    chosen = places if sizes.flips is None else rng.sample(places, min(sizes.flips, len(places)))
    chosen = [*chosen, *(rng.choice(places) for _ in range(sizes.random_flips))]
    # One bit, or any of them.
    try_each(
        path,
        (
            (file, at, changed(files[file], at, rng.choice([1 << rng.randrange(8), rng.randint(1, 255)])))
            for file, at in chosen
        ),
        row,
    )


def test_cuts(kind, archives, sizes, row):
    rng = random.Random(f"cuts {kind}")
    path = archives(kind, 3)
    files = files_of(path)
    places = places_of(files)
    chosen = places if sizes.cuts is None else rng.sample(places, min(sizes.cuts, len(places)))
    try_each(path, ((file, at, files[file][:at]) for file, at in chosen), row)


@pytest.mark.parametrize("more", [b"\0", b"\n", b"flowroi1"])
def test_something_behind_the_end(kind, archives, row, more):
    path = archives(kind, 3)
    try_each(path, ((file, len(data), data + more) for file, data in files_of(path).items()), row)
