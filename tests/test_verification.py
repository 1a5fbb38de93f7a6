"""What `verify` finds in damaged archives."""

import random

import numpy as np
import pytest

import flowroi
from flowroi.errors import CorruptDataError, FlowRoIError

FRAMES = 20
KINDS = {
    "a.ome.tif": {"rate": 8, "keep_masks": True},
    "jp2": {"rate": 8, "keep_masks": True},
    "a.mkv": {"codec": "av1", "rate": 20, "gop": 8, "preset": 10},
    "a.mp4": {"codec": "hevc", "rate": 20, "gop": 8, "preset": 8},
    "mkv": {"codec": "av1", "rate": 20, "gop": 8, "preset": 10},
}
VIDEOS = ["a.mkv", "a.mp4", "mkv"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    movie = flowroi.synthetic_movie(frames=FRAMES, height=96, width=128, cells=5, seed=1).frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flowroi.sequence.coding.CHUNK_FRAMES", 8)
        for name, options in KINDS.items():
            flowroi.compress(movie, folder / name, **options)
    return folder


def files_of(path):
    return {file: file.read_bytes() for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()}


@pytest.fixture
def damaged(archives):
    """Write changed bytes into an archive's files; whatever happened, the archive is whole again afterwards."""
    written = {}

    def write(file, data):
        written.setdefault(file, file.read_bytes())
        file.write_bytes(data)

    def restore():
        while written:
            file, data = written.popitem()
            file.write_bytes(data)

    write.restore = restore
    yield write
    restore()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_sound_archive_has_no_faults(archives, name, workers):
    told = []
    found = flowroi.verify(archives / name, workers=workers, progress=lambda *done: told.append(done))
    assert found.faults == ()
    assert found.frames == FRAMES
    assert told[-1] == (FRAMES, FRAMES)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_exactly_the_damaged_frames_are_named(archives, damaged, name, seed):
    rng = random.Random(seed)
    chosen = sorted(rng.sample(range(FRAMES), rng.randint(1, 6)))
    files = files_of(archives / name)
    with flowroi.open_archive(archives / name) as archive:
        # What is stored for two frames alike cannot be told apart in the file.
        streams = [archive.codestream(t) for t in range(FRAMES)]
    chosen = [t for t in chosen if sum(data.count(streams[t]) for data in files.values()) == 1]
    for t in chosen:
        file = next(file for file in files if streams[t] in file.read_bytes())
        data = bytearray(file.read_bytes())
        data[data.index(streams[t]) + rng.randrange(len(streams[t]))] ^= 1 << rng.randrange(8)
        damaged(file, data)
    assert flowroi.verify(archives / name).bad_frames == tuple(chosen)


@pytest.mark.parametrize("name", VIDEOS)
def test_every_changed_byte_of_a_video_is_found(archives, damaged, name):
    rng = random.Random(0)
    files = files_of(archives / name)
    places = [(file, place) for file, data in files.items() for place in range(len(data))]
    # Beginning and end are structure, where not every byte is a packet's.
    chosen = rng.sample(places, 60) + places[:40] + places[-40:]
    for file, place in chosen:
        data = bytearray(files[file])
        data[place] ^= 1 << rng.randrange(8)
        damaged(file, data)
        try:
            assert flowroi.verify(archives / name).faults, (file.name, place)
        except FlowRoIError:
            pass
        finally:
            damaged.restore()


@pytest.mark.parametrize("name", VIDEOS)
def test_every_cut_of_a_video_is_found(archives, damaged, name):
    file, data = max(files_of(archives / name).items(), key=lambda item: len(item[1]))
    for length in np.linspace(0, len(data) - 1, 40).astype(int):
        damaged(file, data[:length])
        try:
            assert flowroi.verify(archives / name).faults, length
        except FlowRoIError:
            continue


def test_missing_and_foreign_files_of_a_folder_are_named(archives, tmp_path):
    import shutil

    folder = tmp_path / "mkv"
    shutil.copytree(archives / "mkv", folder)
    (folder / "t000008.mkv").unlink()
    shutil.copy(folder / "t000000.mkv", folder / "t000099.mkv")
    found = flowroi.verify(folder)
    assert found.bad_frames == tuple(range(8, 16))
    assert {fault.name for fault in found.faults if fault.frame is None} == {"t000008.mkv", "t000099.mkv"}


def test_swapped_files_are_found(archives, tmp_path):
    import shutil

    folder = tmp_path / "mkv"
    shutil.copytree(archives / "mkv", folder)
    first, second = (folder / name for name in ("t000000.mkv", "t000008.mkv"))
    data = first.read_bytes(), second.read_bytes()
    first.write_bytes(data[1])
    second.write_bytes(data[0])
    assert set(flowroi.verify(folder).bad_frames) >= {0, 1, 8, 9}


def test_a_damaged_manifest_is_an_error(archives, damaged):
    file = archives / "jp2" / "manifest.json"
    damaged(file, file.read_bytes().replace(b"synth", b"other", 1).replace(b"lossy", b"lousy", 1))
    with pytest.raises(CorruptDataError, match="changed or damaged"):
        flowroi.verify(archives / "jp2")
