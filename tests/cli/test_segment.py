"""`flowroi segment` through the command line."""

import csv

import cv2
import numpy as np
import pytest
import tifffile

from flowroi.segmenters import open_segmenter


def test_labels_are_those_of_the_segmenter(flow, movie, frames, tmp_path):
    result = flow("segment", movie, "-o", "out", "--json")
    assert result.code == 0
    (report,) = result.objects
    names = ["cells.csv", *(f"t{t:03}.tif" for t in range(4))]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    counts = []
    for t, frame in enumerate(frames):
        labels = tifffile.imread(tmp_path / "out" / f"t{t:03}.tif")
        assert labels.dtype == np.uint16
        assert np.array_equal(labels, open_segmenter("classical").segment(frame))
        counts.append(int(labels.max()))
    assert min(counts) >= 7
    assert report["type"] == "segment"
    assert report["segmenter"] == open_segmenter("classical").describe()
    assert [frame["cells"] for frame in report["per_frame"]] == counts
    assert report["mean_cells"] == np.mean(counts)
    with (tmp_path / "out" / "cells.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["frame"], int(row["cells"])) for row in table] == [(f"t{t:03}", n) for t, n in enumerate(counts)]
    areas = np.bincount(labels.ravel())[1:]
    assert float(table[3]["median_area_px"]) == pytest.approx(np.median(areas), abs=0.1)


def test_people_read_a_line(flow, movie):
    result = flow("segment", movie, "-o", "out", "--diameter-px", "16")
    assert result.code == 0
    assert "4 frames" in result.out
    assert "cells a frame" in result.out
    assert result.err == ""


def test_for_training_the_frames_lie_beside_their_labels(flow, movie, frames, tmp_path):
    flow("segment", movie, "-o", "labels")
    assert flow("segment", movie, "-o", "training", "--for-training").code == 0
    assert len(list((tmp_path / "training").iterdir())) == 9
    for t, frame in enumerate(frames):
        assert np.array_equal(tifffile.imread(tmp_path / "training" / f"t{t:03}.tif"), frame)
        labels = (tmp_path / "labels" / f"t{t:03}.tif").read_bytes()
        assert (tmp_path / "training" / f"t{t:03}_masks.tif").read_bytes() == labels


def test_frames_without_cells_are_labelled_empty(flow, tmp_path):
    np.save(tmp_path / "empty.npy", np.full((2, 30, 40), 90, np.uint8))
    result = flow("segment", "empty.npy", "-o", "out", "--json")
    assert result.code == 0
    assert [frame["median_area_px"] for frame in result.objects[-1]["per_frame"]] == [None, None]
    assert (tmp_path / "out" / "cells.csv").read_text().splitlines()[1].endswith(",0,")


def test_bad_values_and_places(flow, movie, tmp_path):
    assert flow("segment", movie, "-o", "out", "--segmenter", "stardist").code == 2
    assert flow("segment", movie, "-o", "out", "--diameter-px", "0").code == 2
    assert flow("segment", movie, "-o", "out", "--weights", "network").code == 2
    assert flow("segment", movie, "-o", "nowhere/out").code == 1
    assert flow("segment", movie, "-o", tmp_path, "--overwrite").code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["movie.tif"]


def test_overwriting_only_labels_and_only_when_asked(flow, movie, tmp_path):
    flow("segment", movie, "-o", "out")
    assert flow("segment", movie, "-o", "out").code == 1
    assert flow("segment", movie, "-o", "out", "--overwrite").code == 0
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert flow("segment", movie, "-o", "out", "--overwrite").code == 1
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_damaged_frame_leaves_nothing(flow, frames, tmp_path):
    (tmp_path / "in").mkdir()
    for t, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "in" / f"{t}.png"), frame)
    (tmp_path / "in" / "3.png").write_bytes(b"broken")
    result = flow("segment", "in", "-o", "out")
    assert result.code == 1
    assert "3.png" in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_many_cells_need_more_bits(tmp_path):
    from flowroi.segmentation import write_labels

    labels = np.arange(300 * 300, dtype=np.int32).reshape(300, 300)
    write_labels(tmp_path / "many.tif", labels)
    assert np.array_equal(tifffile.imread(tmp_path / "many.tif"), labels)


def test_values_may_come_from_a_file(flow, movie, tmp_path):
    (tmp_path / "settings.toml").write_text('segmenter = "classical"\ndiameter-px = 100')
    result = flow("segment", movie, "-o", "out", "--config", "settings.toml", "--json")
    assert result.objects[-1]["segmenter"]["parameters"]["diameter_px"] == 100
