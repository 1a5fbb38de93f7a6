"""The order of frames is proven from their numbers, or nothing is done."""

import os
import random

import cv2
import pytest

from flowroi import compress, open_archive
from flowroi.errors import FlowRoIError
from tests.trust.kinds import movie_of

PROMISE = "order is proven"


@pytest.fixture
def folder_of(tmp_path):
    """Write frames under names, in a random order and with clocks that jump; each frame tells its number."""

    def made(names, seed=0):
        rng = random.Random(seed)
        folder = tmp_path / f"images{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        movie = movie_of(len(names))
        for t in rng.sample(range(len(names)), len(names)):
            movie[t, 0, 0] = 10 * t
            path = folder / names[t]
            cv2.imwrite(str(path), movie[t])
            when = rng.randrange(10**9, 2 * 10**9)
            os.utime(path, (when, when))
        return folder

    return made


def numbers_of(folder, target):
    compress(folder, target, lossless="all", roi_method="none", workers=1)
    with open_archive(target) as archive:
        return [int(frame[0, 0]) // 10 for frame in archive], archive.manifest


RIGHT = {
    "img2 before img10": [f"img{n}.png" for n in range(1, 13)],
    "zeros in front": [f"img{n:04d}.png" for n in range(12)],
    "a number and a time stamp": [f"s{n}_{1700000000 + 8 * n}.png" for n in range(9, 18)],
    "the authors' names": [f"{n}_data.png" for n in range(8, 13)],
}


@pytest.mark.parametrize("what", RIGHT)
@pytest.mark.parametrize("seed", range(3))
def test_the_right_order(folder_of, row, tmp_path, what, seed):
    names = RIGHT[what]
    row.fault()
    found, manifest = numbers_of(folder_of(names, seed), tmp_path / "a.ome.tif")
    assert found == list(range(len(names)))
    assert [frame["name"] for frame in manifest["frames"]] == [name[:-4] for name in names]


def test_a_gap_is_recorded_and_nothing_is_renumbered(folder_of, row, tmp_path):
    names = [f"img{n}.png" for n in (1, 2, 3, 7, 8, 12)]
    row.fault(2)
    found, manifest = numbers_of(folder_of(names), tmp_path / "a.ome.tif")
    assert found == list(range(6))
    assert manifest["gaps"] == [{"before": 3, "missing": 3}, {"before": 5, "missing": 3}]
    assert any("4" in warning and "missing" in warning for warning in manifest["warnings"])


REFUSED = {
    "the same number twice": ["img2.png", "img3.png", "img002.png"],
    "a clock that jumps back beside an index": ["s1_900.png", "s2_950.png", "s3_910.png"],
    "two movies in one folder": ["A1_t1.png", "A1_t2.png", "B2_t1.png", "B2_t2.png"],
    "names without numbers": ["before.png", "after.png"],
}


@pytest.mark.parametrize("what", REFUSED)
def test_no_order_no_archive(folder_of, row, tmp_path, what):
    folder = folder_of(REFUSED[what])
    row.fault()
    with pytest.raises(FlowRoIError):
        compress(folder, tmp_path / "a.ome.tif", lossless="all", roi_method="none")
    assert not (tmp_path / "a.ome.tif").exists()
