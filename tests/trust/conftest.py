"""What the tests of the promises share: the sizes asked for, their row in the table, a movie, and runs with faults."""

import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import flowroi
from tests.trust.damage import contents_of
from tests.trust.fault_library import compile_library
from tests.trust.kinds import KINDS, PLATES, masks_of, movie_of, short_pieces
from tests.trust.runs import Runs
from tests.trust.sizes import FORMS
from tests.trust.table import Row

_ROOM_BYTES = 1 << 28


@pytest.fixture(scope="session")
def sizes(request):
    return FORMS[request.config.getoption("--trust")]


@pytest.fixture(scope="module", autouse=True)
def _several_pieces():
    with pytest.MonkeyPatch.context() as patch:
        short_pieces(patch)
        yield


@pytest.fixture
def row(request):
    """What the test adds to the row of the table that its module names in PROMISE."""
    found = Row(request.module.PROMISE)
    yield found
    request.node.user_properties.append(found.to_property())


@pytest.fixture(params=KINDS, ids=str, scope="module")
def kind(request):
    return request.param


@pytest.fixture(params=[*KINDS, *PLATES], ids=str, scope="module")
def kind_or_plate(request):
    return request.param


@pytest.fixture(scope="session")
def fast_folder(tmp_path_factory, sizes):
    """A folder in memory, where flushing costs nothing, if there is such a file system and room on it."""
    memory = Path("/dev/shm")
    if sizes is FORMS["quick"] and memory.is_dir() and os.access(memory, os.W_OK | os.X_OK):
        room = os.statvfs(memory)
        if room.f_bavail * room.f_frsize > _ROOM_BYTES:
            with tempfile.TemporaryDirectory(dir=memory, prefix="flowroi-trust-") as folder:
                yield Path(folder)
                return
    yield tmp_path_factory.mktemp("trust")


@pytest.fixture
def tmp_path(fast_folder):
    """Instead of pytest's: in memory, and gone after the test."""
    with tempfile.TemporaryDirectory(dir=fast_folder) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The compiled library that injects faults; skips where there is no compiler."""
    found, reason = compile_library(tmp_path_factory.mktemp("library"))
    if found is None:
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def runs(fast_folder, library):
    """Run command lines in forks that the library watches."""
    folder = fast_folder / "runs"
    folder.mkdir()
    with Runs(folder, library) as started:
        yield started


@pytest.fixture(scope="session")
def source(tmp_path_factory, sizes):
    """A folder of images, one a frame, a folder of their masks, and a plate of three wells."""
    place = tmp_path_factory.mktemp("source")
    movie = movie_of(sizes.frames)
    (place / "images").mkdir()
    (place / "masks").mkdir()
    for t, (frame, mask) in enumerate(zip(movie, masks_of(movie), strict=True)):
        cv2.imwrite(str(place / "images" / f"img{t + 1}.png"), frame)
        cv2.imwrite(str(place / "masks" / f"img{t + 1}.png"), np.where(mask, np.uint8(255), np.uint8(0)))
    (place / "wells").mkdir()
    for n, well in enumerate(("A01", "A02", "B01")):
        for t, frame in enumerate(movie_of(3, seed=n)):
            cv2.imwrite(str(place / "wells" / f"{well}_f0_t{t}.png"), frame)
    return place


@pytest.fixture(scope="session")
def clean(fast_folder, source, runs):
    """Return the bytes of an undisturbed archive of a kind, and the calls that writing it took."""
    known = {}

    def made(kind):
        if kind not in known:
            folder = fast_folder / f"clean {kind}"
            folder.mkdir()
            done = runs(*command(kind, source, folder), below=folder, log=True)
            assert done.code == 0, done.said
            known[kind] = contents_of(folder / kind.target), done.log
        return known[kind]

    return made


def command(kind, source, folder, *more, **changes):
    """Return the command line whose writing is disturbed."""
    if kind.is_plate:
        return kind.arguments(source / "wells", folder, *more, **changes)
    return kind.arguments(source / "images", folder, *more, masks=source / "masks", **changes)


@pytest.fixture(scope="module")
def archives(fast_folder, source):
    """Return an archive of a kind, to be damaged and put right again."""
    folder = Path(tempfile.mkdtemp(dir=fast_folder))

    def made(kind, frames=4):
        place = folder / f"{frames}"
        place.mkdir(exist_ok=True)
        target = place / kind.target
        if not target.exists():
            movie = source / "wells" if kind.is_plate else movie_of(frames)
            flowroi.compress(movie, target, **kind.options)
        return target

    return made
