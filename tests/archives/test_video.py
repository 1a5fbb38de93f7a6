"""Reading video archives."""

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


def test_it_is_a_source_like_any_video(archive_path):
    with flowroi.open_archive(archive_path) as archive:
        first = archive[0]
    from flowroi.sources import open_source

    with open_source(archive_path) as source:
        assert source.shape == (20, 96, 128)
        frame = source.read(0)
    shift = 2 if frame.dtype == np.uint16 else 0
    np.testing.assert_allclose(frame.astype(int) >> shift, first, atol=1)
