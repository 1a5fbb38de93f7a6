"""Verify names every bad frame, and no other."""

import random

from flowroi import open_archive, verify
from tests.trust.damage import WAYS, Damage, files_of, flip, garble, zero_tail

PROMISE = "verify names every bad frame"
FRAMES = 8


def places_of_frames(path):
    """Return where each frame's stream stands, as (file, start, end); None for one whose bytes stand there twice."""
    files = files_of(path)
    with open_archive(path) as archive:
        streams = [archive.codestream(t) for t in range(len(archive))]
    places = []
    for stream in streams:
        found = [(file, data.index(stream)) for file, data in files.items() if data.count(stream) == 1]
        twice = sum(data.count(stream) for data in files.values()) > 1
        places.append(None if twice or not found else (found[0][0], found[0][1], found[0][1] + len(stream)))
    return places


def test_the_reported_set_is_the_true_set(kind, archives, sizes, row):
    path = archives(kind, FRAMES)
    places = places_of_frames(path)
    assert verify(path).faults == ()
    known = [t for t, place in enumerate(places) if place is not None]
    assert len(known) > FRAMES // 2
    for run in range(sizes.damage_runs):
        rng = random.Random(f"{kind} {run}")
        chosen = sorted(rng.sample(known, rng.randint(1, len(known))))
        with Damage(path) as damage:
            for t in chosen:
                file, start, end = places[t]
                data = file.read_bytes()
                # In place: what a disk does to what was once written.
                stream = rng.choice((flip, garble, zero_tail))(data[start:end], rng)
                damage.write(file, data[:start] + stream + data[end:])
            row.fault(len(chosen))
            found = list(verify(path, workers=1 + run % 3).bad_frames)
        if found != chosen:
            row.lost(f"{kind} run {run}: damaged {chosen}, reported {found}")
    assert verify(path).faults == ()
    assert row.silent == []


def test_files_of_frames_that_are_gone_changed_or_exchanged(archives, sizes, row):
    """In a folder of JP2 files each frame is a file, and more can happen to a file than to bytes."""
    from tests.trust.kinds import KINDS

    path = archives(next(kind for kind in KINDS if kind.format == "jp2"), FRAMES)
    places = places_of_frames(path)
    for run in range(sizes.damage_runs):
        rng = random.Random(f"files {run}")
        chosen = set(rng.sample(range(FRAMES), rng.randint(1, FRAMES)))
        exchanged = sorted(rng.sample(sorted(chosen), 2)) if len(chosen) > 1 and rng.random() < 0.5 else []
        with Damage(path) as damage:
            whole = {t: places[t][0].read_bytes() for t in chosen}
            for t in chosen:
                file = places[t][0]
                if t in exchanged:
                    other = exchanged[1 - exchanged.index(t)]
                    damage.write(file, whole[other])
                elif rng.random() < 0.2:
                    damage.remove(file)
                else:
                    data = rng.choice(WAYS)(whole[t], rng)
                    damage.write(file, data if data != whole[t] else b"")
            row.fault(len(chosen))
            found = set(verify(path, workers=1).bad_frames)
        if found != chosen:
            row.lost(f"run {run}: damaged {sorted(chosen)}, reported {sorted(found)}")
    assert row.silent == []


def test_files_that_do_not_belong_there(kind, archives, row):
    if not kind.is_folder:
        return
    path = archives(kind, FRAMES)
    folders = [path, *(place for place in path.rglob("*") if place.is_dir())]
    some = next(iter(files_of(path)))
    for folder in folders:
        for name in ("more.jp2", ".hidden", some.name + "~", "t000099.mkv"):
            with Damage(path) as damage:
                damage.add(folder / name, some.read_bytes())
                row.fault()
                if not any(name in fault.name for fault in verify(path, workers=1).faults):
                    row.lost(f"{kind}: {folder / name} is not named")
    assert row.silent == []
