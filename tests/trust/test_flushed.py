"""What gets its name is on the disk: every file is flushed after it was last written and before it is renamed."""

from pathlib import PurePath

PROMISE = "what gets its name was flushed to the disk"


def unflushed_at_renames(calls):
    """Yield (rename, file) for each file that was written and not flushed when it, or a folder of it, was renamed."""
    unflushed = {}
    for call, name in calls:
        path = PurePath(name)
        if call in ("write", "change"):
            unflushed[path] = True
        elif call in ("sync", "remove"):
            unflushed.pop(path, None)
        elif call == "rename":
            for file in list(unflushed):
                if file == path or path in file.parents:
                    yield name, str(file)
                    del unflushed[file]


def test_files_before_the_rename_and_the_folder_after_it(kind_or_plate, clean, row):
    _, calls = clean(kind_or_plate)
    renames = [n for n, (call, _) in enumerate(calls) if call == "rename"]
    assert renames
    row.fault(len(renames))
    for rename, file in unflushed_at_renames(calls):
        row.lost(f"{rename} was renamed before {file} was flushed")
    for n in renames:
        folder = str(PurePath(calls[n][1]).parent)
        if ("sync", folder) not in calls[n:]:
            row.lost(f"{folder} was not flushed after {calls[n][1]} was renamed")
    assert row.silent == []


def test_folders_that_were_made_are_flushed(kind_or_plate, clean, row):
    """A file is found after a crash only if its folder was flushed, too."""
    _, calls = clean(kind_or_plate)
    made = {name for call, name in calls if call == "mkdir"}
    removed = {name for call, name in calls if call == "remove"}
    last = max(n for n, (call, _) in enumerate(calls) if call == "rename")
    row.fault(len(made - removed))
    for name in made - removed:
        if ("sync", name) not in calls[:last]:
            row.lost(f"{name} was never flushed")
    assert row.silent == []
