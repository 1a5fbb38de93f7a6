"""The list that a person may act on: `verify --against` names no raw file as safe that is not."""

import random
import shutil

import cv2
import pytest

from flowroi import compress
from flowroi.comparison import compare
from flowroi.errors import FlowRoIError
from tests.trust.damage import Damage, cut, files_of, flip, garble
from tests.trust.kinds import movie_of
from tests.trust.test_verify_names import places_of_frames

PROMISE = "no raw file is called safe that is not"
FRAMES = 6


@pytest.fixture(scope="module")
def pair(kind, fast_folder):
    """A folder of raw images, and an archive of them."""
    folder = fast_folder / f"against {kind}"
    (folder / "raw").mkdir(parents=True)
    for t, frame in enumerate(movie_of(FRAMES)):
        cv2.imwrite(str(folder / "raw" / f"img{t}.png"), frame)
    compress(folder / "raw", folder / kind.target, **kind.options)
    return folder / "raw", folder / kind.target


def safe_files(path, raw):
    try:
        return {int(file.stem[3:]) for file in compare(path, raw, workers=1).safe}
    except FlowRoIError:
        return set()


def test_damaged_archives_and_changed_sources(kind, pair, sizes, row):
    raw, path = pair
    places = places_of_frames(path)
    known = [t for t, place in enumerate(places) if place is not None]
    everything = set(range(FRAMES))
    assert safe_files(path, raw) == everything
    for run in range(sizes.comparisons):
        rng = random.Random(f"against {kind} {run}")
        bad = set(rng.sample(known, rng.randint(0, 2)))
        changed = set(rng.sample(range(FRAMES), rng.randint(0 if bad else 1, 2)))
        with Damage(path) as damage, Damage(raw) as change:
            for t in bad:
                file, start, end = places[t]
                data = file.read_bytes()
                damage.write(file, data[:start] + rng.choice((flip, garble))(data[start:end], rng) + data[end:])
            for t in changed:
                file = raw / f"img{t}.png"
                data = file.read_bytes()
                change.write(file, rng.choice((flip, cut, lambda data, _: data + b"\0"))(data, rng))
            row.fault(len(bad) + len(changed))
            wrong = safe_files(path, raw) & (bad | changed)
        if wrong:
            row.lost(f"{kind} run {run}: damaged {bad}, changed {changed}, called safe {wrong}")
    assert safe_files(path, raw) == everything
    assert row.silent == []


def test_another_set_of_files(kind, pair, row, tmp_path):
    """One more, one less, two exchanged, another name: then it is another movie, or those files are not safe."""
    raw, path = pair
    for what in ("more", "less", "exchanged", "renamed", "moved on"):
        other = tmp_path / what / "raw"
        shutil.copytree(raw, other)
        if what == "more":
            shutil.copy(raw / "img0.png", other / f"img{FRAMES}.png")
            wrong = {FRAMES}
        elif what == "less":
            (other / "img3.png").unlink()
            wrong = set()
        elif what == "exchanged":
            shutil.copy(raw / "img1.png", other / "img2.png")
            shutil.copy(raw / "img2.png", other / "img1.png")
            wrong = {1, 2}
        elif what == "renamed":
            (other / "img5.png").rename(other / "img9.png")
            wrong = {9}
        else:
            for t in range(FRAMES):
                shutil.copy(raw / f"img{t}.png", other / f"img{(t + 1) % FRAMES}.png")
            wrong = set(range(FRAMES))
        row.fault()
        if found := safe_files(path, other) & wrong:
            row.lost(f"{kind} {what}: called safe {found}")
    assert row.silent == []


def test_damage_around_the_frames(kind, pair, sizes, row):
    """Whatever byte of the archive is another, no file is called safe whose frame cannot be vouched for."""
    raw, path = pair
    files = files_of(path)
    places = [place for place in places_of_frames(path) if place is not None]
    around = [
        (file, at)
        for file, data in files.items()
        for at in range(len(data))
        if not any(file == f and start <= at < end for f, start, end in places)
    ]
    rng = random.Random(f"around {kind}")
    for file, at in rng.sample(around, min(sizes.comparisons, len(around))):
        data = files[file]
        with Damage(path) as damage:
            damage.write(file, data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
            row.fault()
            if found := safe_files(path, raw):
                row.lost(f"{kind} {file.name} at {at}: called safe {found}")
    assert row.silent == []
