"""Every I/O error is reported: at each call that writes, whatever the error."""

import random
from errno import EACCES, EIO, ENOSPC, EROFS
from itertools import pairwise

from tests.trust.aftermath import check_between, check_resumed, disturbed
from tests.trust.damage import contents_of, state_of
from tests.trust.fault_library import FAIL, SHORT, Fault

PROMISE = "every I/O error is reported"

ERRORS = {
    "write": (EIO, ENOSPC, EROFS),
    "open": (EACCES, EROFS, ENOSPC, EIO),
    "sync": (EIO, ENOSPC),
    "rename": (EACCES, EROFS, ENOSPC, EIO),
    "remove": (EACCES, EROFS, EIO),
    "mkdir": (EACCES, EROFS, ENOSPC),
    "change": (EIO, ENOSPC),
}
# These do not go away by themselves.
STAY = (ENOSPC, EROFS)


def faults_for(calls):
    """Return every fault at every call that a clean run made, with the kind of call."""
    found = []
    for at, (call, _) in enumerate(calls):
        for error in ERRORS[call]:
            found.append((call, Fault(FAIL, at, error)))
            if error in STAY:
                found.append((call, Fault(FAIL, at, error, for_good=True)))
        if call == "write":
            found.append((call, Fault(SHORT, at)))
    return found


def spread(faults, count, rng):
    """Return a sample that has each kind of call, and some of each stretch of the run."""
    if count is None or count >= len(faults):
        return faults
    kinds = sorted({call for call, _ in faults})
    chosen = [rng.choice([fault for fault in faults if fault[0] == call]) for call in kinds]
    stretches = max(count - len(chosen), 1)
    edges = [n * len(faults) // stretches for n in range(stretches + 1)]
    return chosen + [faults[rng.randrange(a, b)] for a, b in pairwise(edges)]


def test_at_each_call(kind_or_plate, clean, runs, source, sizes, row, tmp_path):
    kind = kind_or_plate
    rng = random.Random(f"errors {kind}")
    whole, calls = clean(kind)
    before = state_of(source)
    for n, (call, fault) in enumerate(spread(faults_for(calls), sizes.errors, rng)):
        folder = tmp_path / str(n)
        folder.mkdir()
        what = f"{kind} {call} {fault}"
        row.fault()
        done = disturbed(runs, kind, source, folder, fault)
        if done.hung:
            row.lost(f"{what}: hung")
        elif done.code is None or done.code == 70 or "Traceback" in done.said:
            row.lost(f"{what}: ended by {done.signal or 'an error of its own'}: {done.said[-600:]}")
        elif done.code == 0:
            if call == "sync":
                row.lost(f"{what}: what did not reach the disk was taken for written")
            elif not (folder / kind.target).exists() or contents_of(folder / kind.target) != whole:
                row.lost(f"{what}: no error, and not the archive that was to be")
        elif "error:" not in done.said:
            row.lost(f"{what}: exit code {done.code} without a word: {done.said[-300:]}")
        check_between(folder, kind, whole, row, what)
        check_resumed(runs, kind, source, folder, whole, row, what)
    assert state_of(source) == before
    assert row.silent == []
