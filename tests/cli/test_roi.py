"""`flowroi roi` through the command line."""

import csv

import cv2
import numpy as np
import pytest

import flowroi


def images(folder, kind):
    return np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in sorted(folder.glob(f"*_{kind}.png"))])


def test_masks_are_those_of_extract_roi_and_overlays_show_them(flow, movie, frames, tmp_path):
    result = flow("roi", movie, "-o", "out", "--roi-threshold", "0.1", "--json")
    assert result.code == 0
    (report,) = result.objects
    masks = images(tmp_path / "out", "roi")
    assert set(np.unique(masks)) == {0, 255}
    assert np.array_equal(masks > 0, flowroi.extract_roi(frames, roi_threshold=0.1))
    assert report["type"] == "roi"
    assert report["roi_share"] == np.mean([frame["roi_share"] for frame in report["per_frame"]])
    overlays = images(tmp_path / "out", "overlay")
    assert overlays.shape == (4, 120, 160, 3)
    coloured = np.ptp(overlays.astype(int), axis=3) > 20
    assert coloured[masks > 0].mean() > coloured[masks == 0].mean()
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names[:3] == ["roi.csv", "t000_overlay.png", "t000_roi.png"]
    with (tmp_path / "out" / "roi.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["frame"] for row in table] == [frame["name"] for frame in report["per_frame"]]
    assert float(table[2]["roi_share"]) == pytest.approx((masks[2] > 0).mean(), abs=1e-5)
    assert float(table[2]["noise"]) == pytest.approx(report["per_frame"][2]["noise"], abs=1e-3)


def test_workers_do_not_change_the_files(flow, movie, tmp_path):
    for workers in (1, 3):
        flow("roi", movie, "-o", f"out{workers}", "--workers", workers, "--adjacent-factor", "1")
    one, three = ({p.name: p.read_bytes() for p in (tmp_path / f"out{n}").iterdir()} for n in (1, 3))
    assert one == three


def test_overlays_may_be_left_out(flow, movie, tmp_path):
    assert flow("roi", movie, "-o", "out", "--no-overlays").code == 0
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_bad_values_and_places(flow, movie, tmp_path):
    assert flow("roi", movie, "-o", "out", "--roi-method", "none").code == 2
    assert flow("roi", movie, "-o", "out", "--step", "0").code == 2
    assert flow("roi", movie, "-o", "nowhere/out").code == 1
    assert flow("roi", movie, "-o", tmp_path, "--overwrite").code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["movie.tif"]


def test_overwriting_only_masks_and_only_when_asked(flow, movie, tmp_path):
    flow("roi", movie, "-o", "out")
    assert flow("roi", movie, "-o", "out").code == 1
    assert flow("roi", movie, "-o", "out", "--overwrite", "--no-overlays").code == 0
    assert len(list((tmp_path / "out").iterdir())) == 5
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert flow("roi", movie, "-o", "out", "--overwrite").code == 1
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_damaged_frame_leaves_nothing(flow, frames, tmp_path):
    (tmp_path / "in").mkdir()
    for t, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / "in" / f"{t}.png"), frame)
    (tmp_path / "in" / "3.png").write_bytes(b"broken")
    result = flow("roi", "in", "-o", "out")
    assert result.code == 1
    assert "3.png" in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_values_may_come_from_a_file(flow, movie, frames, tmp_path):
    (tmp_path / "settings.toml").write_text("roi-threshold = 0.3\noverlays = false")
    assert flow("roi", movie, "-o", "out", "--config", "settings.toml").code == 0
    assert np.array_equal(images(tmp_path / "out", "roi") > 0, flowroi.extract_roi(frames, roi_threshold=0.3))
