"""What may be there after a run that went wrong, and what must be there after the same command ran again."""

from pathlib import Path

from flowroi import open_archive, open_plate_archive, verify
from flowroi.errors import FlowRoIError
from tests.trust.conftest import command
from tests.trust.damage import contents_of


def opens_and_is_damaged(path):
    """Whether something opens as an archive and is none."""
    if (path / "plate.json").exists():
        return plate_is_damaged(path)
    try:
        with open_archive(path):
            pass
    except (FlowRoIError, OSError):
        return False
    try:
        return bool(verify(path, workers=1).faults)
    except FlowRoIError:
        return True


def plate_is_damaged(path):
    try:
        plate = open_plate_archive(path)
    except FlowRoIError:
        return False
    return any(True for _ in plate.faults()) or any(opens_and_is_damaged(plate.place(at)) for at in plate.positions)


def disturbed(runs, kind, source, folder, fault=None, **more):
    """Run the command whose writing is disturbed."""
    return runs(*command(kind, source, folder), below=folder, fault=fault, **more)


def check_between(folder, kind, whole, row, what):
    """What a broken run left is no archive, or a good one; at the target it is the one that was to be."""
    for path in sorted(Path(folder).iterdir()):
        if opens_and_is_damaged(path):
            row.lost(f"{what}: {path.name} opens as an archive and is damaged")
    target = folder / kind.target
    if target.exists() and contents_of(target) != whole:
        row.lost(f"{what}: {target.name} is there and is not what it was to be")


def check_resumed(runs, kind, source, folder, whole, row, what):
    """The same command again ends in the bytes of an undisturbed run, and leaves nothing else."""
    again = disturbed(runs, kind, source, folder)
    target = folder / kind.target
    if again.code != 0:
        row.lost(f"{what}: the same command again ends with {again.code}, {again.signal}: {again.said[-600:]}")
    elif contents_of(target) != whole:
        row.lost(f"{what}: the same command again ends in other bytes")
    elif left := [path.name for path in sorted(folder.iterdir()) if path != target]:
        row.lost(f"{what}: the same command again leaves {left}")
