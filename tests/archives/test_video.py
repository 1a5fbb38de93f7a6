"""Reading video archives."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import flowroi
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError


@pytest.fixture(scope="module", params=["av1.mkv", "hevc.mp4"])
def archive_path(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / request.param
    movie = flowroi.synthetic_movie(frames=20, height=96, width=128, cells=5, seed=1).frames
    flowroi.compress(movie, path, codec=path.stem, rate=20, gop=8, roi_method="none")
    return path


def test_frames_are_the_same_in_any_order(archive_path):
    with flowroi.open_archive(archive_path) as archive:
        in_order = list(archive)
    with flowroi.open_archive(archive_path) as archive:
        for t in (19, 3, 8, 7, 0, -1, 16):
            np.testing.assert_array_equal(archive[t], in_order[t])
        np.testing.assert_array_equal(archive[6:18:3], np.stack(in_order[6:18:3]))
        assert archive[4:4].shape == (0, 96, 128)
        with pytest.raises(IndexError):
            archive[20]
        with pytest.raises(MissingInputError):
            archive.roi(0)


def test_a_frame_that_was_handed_out_is_the_callers_own(archive_path):
    with flowroi.open_archive(archive_path) as archive:
        frame = archive[2]
        before = frame.copy()
        frame[:] = 0
        np.testing.assert_array_equal(archive[2], before)


def test_a_damaged_packet_is_found_by_every_frame_that_needs_it(archive_path, tmp_path):
    with flowroi.open_archive(archive_path) as archive:
        packet = archive.codestream(9)
        good = archive[2]
    data = bytearray(archive_path.read_bytes())
    assert data.count(packet) == 1
    data[data.index(packet) + len(packet) // 2] ^= 1
    damaged = tmp_path / archive_path.name
    damaged.write_bytes(data)
    with flowroi.open_archive(damaged) as archive:
        np.testing.assert_array_equal(archive[2], good)
        with pytest.raises(CorruptDataError, match="frame 9"):
            archive.codestream(9)
        for t in (8, 15):
            with pytest.raises(CorruptDataError, match="frame 9"):
                archive[t]


def test_no_flipped_byte_changes_a_frame_unnoticed(archive_path, tmp_path):
    with flowroi.open_archive(archive_path) as archive:
        good = archive[:]
    data, damaged = archive_path.read_bytes(), tmp_path / archive_path.name
    rng = np.random.default_rng(0)
    for place in rng.choice(len(data), 25, replace=False):
        broken = bytearray(data)
        broken[place] ^= 0x10
        damaged.write_bytes(broken)
        try:
            with flowroi.open_archive(damaged) as archive:
                np.testing.assert_array_equal(archive[:], good)
        except FlowRoIError:
            continue


def test_another_video_and_a_cut_one_are_told_apart_from_archives(archive_path, tmp_path):
    cut = tmp_path / archive_path.name
    cut.write_bytes(archive_path.read_bytes()[:-5])
    with pytest.raises(UnsupportedFormatError, match="cut short"):
        flowroi.open_archive(cut)


def test_a_changed_manifest_is_found(archive_path, tmp_path):
    data = bytearray(archive_path.read_bytes())
    data[-40] ^= 1
    changed = tmp_path / archive_path.name
    changed.write_bytes(data)
    with pytest.raises(CorruptDataError, match="manifest"):
        flowroi.open_archive(changed)


def test_it_is_a_source_of_its_own_frames(archive_path):
    with flowroi.open_archive(archive_path) as archive, flowroi.open_source(archive_path) as source:
        assert source.shape == archive.shape
        assert source.dtype == archive.dtype
        assert source.significant_bits == 8
        for t in (3, 19, 0):
            np.testing.assert_array_equal(source.read(t), archive[t])
        assert source.provenance()[0]["size_bytes"] == archive_path.stat().st_size


def test_a_second_generation_remembers_the_first(archive_path, tmp_path):
    flowroi.compress(archive_path, tmp_path / "b.mkv", codec="hevc", rate=30, preset=8)
    with flowroi.open_archive(archive_path) as first, flowroi.open_archive(tmp_path / "b.mkv") as second:
        assert second.manifest["lossy_ratio"][:1] == first.manifest["lossy_ratio"]
        assert len(second.manifest["lossy_ratio"]) == 2


def test_threads_read_what_one_alone_reads(archive_path):
    with flowroi.open_archive(archive_path) as archive:
        alone = archive[:]
        order = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 5)).tolist()
        with ThreadPoolExecutor(8) as pool:
            for t, frame in zip(order, pool.map(archive.__getitem__, order), strict=True):
                np.testing.assert_array_equal(frame, alone[t])
