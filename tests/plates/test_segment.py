"""`flowroi segment` on a plate: the labels of each position, as of a movie, and what fails alone."""

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.segmenters import open_segmenter
from tests.cli.conftest import flow  # noqa: F401
from tests.plates.labelled import break_well, write_labelled_plate


@pytest.fixture
def movies(tmp_path):
    return write_labelled_plate(tmp_path, frames=2)


def test_a_folder_of_labels_for_each_position(flow, movies, tmp_path):  # noqa: F811
    result = flow("segment", "raw", "-o", "out", "--json")
    assert result.code == 0, result.err
    assert [(found["type"], found["well"], found["field"], found["frames"]) for found in result.objects] == [
        ("segment", well, 0, 2) for well in ("A1", "A2", "B1")
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["A1_f0", "A2_f0", "B1_f0"]
    for well, movie in movies.items():
        folder = tmp_path / "out" / f"{well}_f0"
        names = sorted(path.name for path in folder.iterdir())
        assert names == [*(f"{well[0]}0{well[1]}_f00_t000{t}_c0.tif" for t in range(2)), "cells.csv"]
        for t in range(2):
            assert np.array_equal(
                tifffile.imread(folder / names[t]), open_segmenter("classical").segment(movie.frames[t])
            )
    # They are what `evaluate` takes.
    flowroi.compress(tmp_path / "raw", tmp_path / "small", rate=6, workers=1)
    quick = ("--baseline", "none", "--segmenter", "none", "--workers", "1")
    assert flow("evaluate", "raw", "small", "--labels", "out", "-o", "report", *quick).code == 0


def test_one_well_fails_and_the_others_are_done(flow, movies, tmp_path):  # noqa: F811
    break_well(tmp_path / "raw", "A02")
    result = flow("segment", "raw", "-o", "out", "--json")
    assert result.code == 3
    assert [found.get("well") for found in result.objects if found["type"] == "segment"] == ["A1", "B1"]
    (error,) = (found for found in result.objects if found["type"] == "error")
    assert "A2_f0: " in error["message"]
    assert (error["exit_code"], error["path"].endswith("A02_f00_t0000_c0.png")) == (3, True)
    assert "2 of 3 positions done" in result.err
    assert not (tmp_path / "out/A2_f0").exists()
    assert flow("segment", "raw", "-o", "bad", "--well", "A2").code == 1
    assert not (tmp_path / "bad").exists()


def test_wells_and_what_is_there_already(flow, movies, tmp_path):  # noqa: F811
    assert flow("segment", "raw", "-o", "out", "--well", "B/1", "--for-training").code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["B1_f0"]
    assert (tmp_path / "out/B1_f0/B01_f00_t0001_c0_masks.tif").exists()
    refused = flow("segment", "raw", "-o", "out")
    assert refused.code == 1
    assert "the output exists; nothing was written" in refused.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["B1_f0"]
    assert flow("segment", "raw", "-o", "out", "--well", "A1").code == 0
    assert flow("segment", "raw", "-o", "out", "--overwrite").code == 0
    (tmp_path / "out/A1_f0/mine.txt").touch()
    kept = flow("segment", "raw", "-o", "out", "--overwrite")
    assert kept.code == 1
    assert (tmp_path / "out/A1_f0/mine.txt").exists()
    assert flow("segment", "raw", "-o", "more", "--well", "H12").code == 2
    assert flow("segment", "raw", "-o", "raw/labels").code == 2


def test_one_image_and_a_movie(flow, movies, tmp_path):  # noqa: F811
    assert flow("segment", "raw/A01_f00_t0000_c0.png", "-o", "one").code == 0
    assert sorted(path.suffix for path in (tmp_path / "one").iterdir()) == [".csv", ".tif"]
    np.save(tmp_path / "movie.npy", movies["A1"].frames)
    assert flow("segment", "movie.npy", "-o", "movie").code == 0
    refused = flow("segment", "movie.npy", "-o", "wells", "--well", "A1")
    assert refused.code == 2
    assert "a movie, or not surely a plate" in refused.err
