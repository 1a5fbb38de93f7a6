"""`kill -9` leaves only what is complete or can be gone on with."""

import random

from tests.trust.aftermath import check_between, check_resumed, disturbed
from tests.trust.conftest import command
from tests.trust.damage import contents_of
from tests.trust.fault_library import KILL_AFTER, KILL_BEFORE, KILL_HALFWAY, Fault

PROMISE = "kill -9 leaves only complete or resumable state"


def killed(row, runs, kind, source, folder, whole, **how):
    """Kill once or twice in a row, then let the command end."""
    done = disturbed(runs, kind, source, folder, **how)
    what = f"{kind} {how}"
    if done.hung:
        row.lost(f"{what}: hung")
    row.fault()
    check_between(folder, kind, whole, row, what)
    return what


def test_at_a_moment(kind_or_plate, clean, runs, source, sizes, row, tmp_path):
    kind = kind_or_plate
    rng = random.Random(f"moment {kind}")
    whole, _ = clean(kind)
    for n in range(sizes.kills_at_a_moment):
        folder = tmp_path / str(n)
        folder.mkdir()
        what = killed(row, runs, kind, source, folder, whole, kill_after_s=rng.uniform(0, 0.15))
        check_resumed(runs, kind, source, folder, whole, row, what)
    assert row.silent == []


def test_at_a_call(kind_or_plate, clean, runs, source, sizes, row, tmp_path):
    kind = kind_or_plate
    rng = random.Random(f"call {kind}")
    whole, calls = clean(kind)
    # Spread over the whole run, and the last few always: there the archive gets its name.
    count = sizes.kills_at_a_call
    chosen = [rng.randrange(len(calls)) for _ in range(count - 1)]
    chosen.append(len(calls) - 1 - rng.randrange(8))
    for n, at in enumerate(chosen):
        folder = tmp_path / str(n)
        folder.mkdir()
        action = rng.choice([KILL_BEFORE, KILL_AFTER, KILL_HALFWAY])
        what = killed(row, runs, kind, source, folder, whole, fault=Fault(action, at))
        if rng.random() < 0.3:
            # And once more while it goes on.
            again = Fault(rng.choice([KILL_BEFORE, KILL_HALFWAY]), rng.randrange(len(calls)))
            what = killed(row, runs, kind, source, folder, whole, fault=again)
        check_resumed(runs, kind, source, folder, whole, row, what)
    assert row.silent == []


def test_while_an_archive_is_replaced(kind_or_plate, clean, runs, source, sizes, row, tmp_path):
    """With `--overwrite` the old archive stays whole until the new one takes its place."""
    kind = kind_or_plate
    rng = random.Random(f"replaced {kind}")
    whole, _ = clean(kind)
    target = tmp_path / kind.target
    other = command(kind, source, tmp_path, "--overwrite", **({"levels": 2} if kind.is_plate else {"rate": 3}))
    again = command(kind, source, tmp_path, "--overwrite")
    assert runs(*other).code == 0
    old = contents_of(target)
    assert old != whole
    done = runs(*again, below=tmp_path, log=True)
    assert done.code == 0, done.said
    assert contents_of(target) == whole
    # Around the moment of the exchange, and anywhere.
    renames = [n for n, (call, _) in enumerate(done.log) if call == "rename"]
    chosen = [rng.randrange(len(done.log)) for _ in range(sizes.kills_at_a_call - 2)] + renames[-2:]
    for at in chosen:
        assert runs(*other).code == 0
        row.fault()
        runs(*again, below=tmp_path, fault=Fault(rng.choice([KILL_BEFORE, KILL_AFTER]), at))
        if not target.exists() or contents_of(target) not in (old, whole):
            row.lost(f"{kind} killed at call {at}: neither the old archive nor the new one is there")
        last = runs(*again)
        if last.code != 0 or contents_of(target) != whole:
            row.lost(f"{kind} killed at call {at}: does not go on to the new archive: {last.said[-300:]}")
    assert row.silent == []
