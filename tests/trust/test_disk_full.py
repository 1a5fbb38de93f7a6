"""A full disk never leaves a plausible archive, and the run goes on once there is space."""

import random

from tests.trust.aftermath import check_between, check_resumed, disturbed
from tests.trust.fault_library import QUOTA, Fault

PROMISE = "disk full never leaves a plausible archive"


def test_disks_of_many_sizes(kind_or_plate, clean, runs, source, sizes, row, tmp_path):
    kind = kind_or_plate
    rng = random.Random(f"disk {kind}")
    whole, _ = clean(kind)
    total = sum(map(len, whole.values()))
    count = sizes.disk_sizes
    for n in range(count):
        folder = tmp_path / str(n)
        folder.mkdir()
        # From nothing to all but a little, where only the end is missing.
        space = rng.randint(n * total // count, (n + 1) * total // count - 1) if n else rng.randrange(64)
        what = f"{kind} with {space} of {total} bytes"
        row.fault()
        done = disturbed(runs, kind, source, folder, Fault(QUOTA, quota_bytes=space))
        if done.hung or done.code is None:
            row.lost(f"{what}: hung or ended by {done.signal}")
        elif done.code == 0:
            row.lost(f"{what}: no error")
        elif "No space left" not in done.said:
            row.lost(f"{what}: the error does not say that the disk is full: {done.said[-300:]}")
        check_between(folder, kind, whole, row, what)
        if (folder / kind.target).exists():
            row.lost(f"{what}: something is at {kind.target}")
        check_resumed(runs, kind, source, folder, whole, row, what)
    assert row.silent == []
