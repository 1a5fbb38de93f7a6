"""`flowroi verify`."""

import pytest


@pytest.fixture
def archive(flow, movie, tmp_path):
    assert flow("compress", movie, "-o", "a.mkv", "--codec", "hevc", "--rate", 20, "--preset", 8).code == 0
    return tmp_path / "a.mkv"


def test_a_sound_archive(flow, archive):
    done = flow("verify", archive, "--json")
    assert done.code == 0
    assert done.objects == [
        {"type": "verification", "archive": str(archive), "frames": 4, "bad_frames": [], "faults": []}
    ]
    assert "4 of 4 frames are what was written" in flow("verify", archive).out


def test_damage_has_its_own_exit_code(flow, archive):
    data = bytearray(archive.read_bytes())
    data[len(data) // 3] ^= 1
    archive.write_bytes(data)
    done = flow("verify", archive, "--json")
    assert done.code == 4
    assert done.objects[0]["faults"]


def test_one_bad_archive_does_not_hide_another(flow, archive, tmp_path):
    (tmp_path / "cut.mkv").write_bytes(archive.read_bytes()[:-30])
    done = flow("verify", "missing.mkv", "cut.mkv", archive)
    assert done.code != 0
    assert "missing.mkv" in done.err
    assert "cut.mkv" in done.err
    assert "4 of 4 frames" in done.out
