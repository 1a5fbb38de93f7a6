"""Every one-byte change of an archive is found, and every truncation."""

import random

import pytest

from flowroi import open_plate_archive, verify
from flowroi.errors import FlowRoIError
from tests.trust.damage import files_of

PROMISE = "every one-byte change is found; every truncation is found"


def is_seen(path):
    try:
        if not (path / "plate.json").exists() and not path.name.startswith("plate"):
            return bool(verify(path, workers=1).faults)
        plate = open_plate_archive(path)
        return any(True for _ in plate.faults()) or any(
            verify(plate.place(position), workers=1).faults for position in plate.positions
        )
    except FlowRoIError:
        return True


def places_of(files):
    return [(file, at) for file, data in files.items() for at in range(len(data))]


def some_of(places, count, kind, rng):
    if count is None:
        return places
    # A plate is several archives, all of which are looked at.
    return rng.sample(places, min(count // 3 if kind.is_plate else count, len(places)))


def try_each(path, changes, row):
    """Write each change (file, at, data) into the archive, and look whether it is seen."""
    whole = files_of(path)
    assert not is_seen(path)
    for file, at, data in changes:
        file.write_bytes(data)
        try:
            row.fault()
            if not is_seen(path):
                row.lost(f"{file.name} at {at} of {len(whole[file])}")
        finally:
            file.write_bytes(whole[file])
    assert not is_seen(path)
    assert row.silent == []


def changed(data, at, bits):
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def test_changes(kind_or_plate, archives, sizes, row):
    kind = kind_or_plate
    rng = random.Random(f"changes {kind}")
    path = archives(kind, 3)
    files = files_of(path)
    places = places_of(files)
    chosen = some_of(places, sizes.flips, kind, rng)
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


def test_cuts(kind_or_plate, archives, sizes, row):
    kind = kind_or_plate
    rng = random.Random(f"cuts {kind}")
    path = archives(kind, 3)
    files = files_of(path)
    places = places_of(files)
    chosen = some_of(places, sizes.cuts, kind, rng)
    try_each(path, ((file, at, files[file][:at]) for file, at in chosen), row)


@pytest.mark.parametrize("more", [b"\0", b"\n", b"flowroi1"])
def test_something_behind_the_end(kind_or_plate, archives, row, more):
    path = archives(kind_or_plate, 3)
    try_each(path, ((file, len(data), data + more) for file, data in files_of(path).items()), row)
