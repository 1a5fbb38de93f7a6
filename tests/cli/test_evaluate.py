"""`flowroi evaluate`: tables, report, targets, and what it refuses."""

import csv
import json
import os

import cv2
import numpy as np
import pytest
import tifffile

import flowroi
import flowroi.evaluation.save
from flowroi.evaluation.save import FILES


@pytest.fixture
def labelled(tmp_path):
    """A movie of six frames, its cells, and an archive."""
    made = flowroi.synthetic_movie(frames=6, height=120, width=160, cells=9, seed=3)
    tifffile.imwrite(tmp_path / "movie.tif", made.frames, photometric="minisblack", metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "labels.tif", made.labels.astype(np.uint16), photometric="minisblack")
    flowroi.compress(tmp_path / "movie.tif", tmp_path / "a.ome.tif", rate=20)
    return made


ARGUMENTS = ("evaluate", "movie.tif", "a.ome.tif", "--labels", "labels.tif", "--rates", "10,20", "--workers", "1")


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_figures_report_and_tables(flow, tmp_path, labelled):
    result = flow(*ARGUMENTS, "-o", "report", "--json")
    assert result.code == 0
    (found,) = result.objects
    assert found["type"] == "evaluation"
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == sorted(FILES)
    archive = next(s for s in found["subjects"] if s["kind"] == "archive")
    with flowroi.open_archive(tmp_path / "a.ome.tif") as opened:
        error = (opened[:].astype(float) - labelled.frames)[labelled.labels > 0]
    assert archive["roi_psnr"] == pytest.approx(10 * np.log10(255**2 / np.mean(error**2)))
    rows = table(tmp_path / "report" / "summary.csv")
    assert [row["key"] for row in rows][:3] == ["raw", "repeat", "archive:0"]
    assert float(rows[2]["roi_psnr"]) == archive["roi_psnr"]
    cells = table(tmp_path / "report" / "cells.csv")
    assert len(cells) == sum(len(np.unique(t)) - 1 for t in labelled.labels)
    assert len(table(tmp_path / "report" / "frames.csv")) == 6
    assert {row["subject"] for row in table(tmp_path / "report" / "migration.csv")} == {
        "uncompressed",
        "recorded again",
        "a.ome.tif",
    }
    on_disk = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert on_disk["verdict"] == found["verdict"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert found["verdict"].replace("'", "&#39;") in page
    for heading in ("Gain", "Size and quality", "Region of interest", "Segmentation", "Tracking and migration"):
        assert heading in page


def test_text_for_people(flow, labelled):
    result = flow(*ARGUMENTS, "-o", "report")
    assert result.code == 0
    assert result.out.startswith("At ")
    assert "uncompressed" in result.out
    assert "report/report.html" in result.out


def test_targets_decide_the_code(flow, tmp_path, labelled):
    assert flow(*ARGUMENTS, "-o", "met", "--target", "rate>=19", "--target", "f1>=0.5*raw").code == 0
    result = flow(*ARGUMENTS, "-o", "missed", "--target", "roi_psnr>=90", "--json")
    assert result.code == 5
    assert result.objects[0]["targets_met"] is False
    # The report is there all the same: it tells by how much.
    assert "roi_psnr&gt;=90" in (tmp_path / "missed" / "report.html").read_text()


def test_without_labels_baselines_or_segmenter(flow, tmp_path, labelled):
    without_labels = ("evaluate", "movie.tif", "a.ome.tif", "--baseline", "none", "--workers", "1", "-o", "a")
    assert flow(*without_labels).code == 0
    no_segmenter = (*ARGUMENTS, "--segmenter", "none", "-o", "b", "--json")
    (found,) = flow(*no_segmenter).objects
    assert found["segmenter"] is None
    assert found["migration"] == {}
    assert flow("evaluate", "movie.tif", "a.ome.tif", "--segmenter", "none", "-o", "c").code == 2


def test_several_archives_and_a_range_of_frames(flow, tmp_path, labelled):
    flowroi.compress(tmp_path / "movie.tif", tmp_path / "b", rate=40, format="jp2")
    (found,) = flow(
        "evaluate", "movie.tif", "a.ome.tif", "b", "--labels", "labels.tif", "--rates", "10,40", "--frames", "1:4",
        "--workers", "1", "-o", "r", "--json",
    ).objects  # fmt: skip
    archives = [s for s in found["subjects"] if s["kind"] == "archive"]
    assert [(s["name"], s["frames"]) for s in archives] == [("a.ome.tif", 3), ("b", 3)]
    assert set(found["gains"]) == {"archive:0", "archive:1"}


def test_bad_input_is_named_and_nothing_is_left(flow, tmp_path, labelled):
    before = sorted(p.name for p in tmp_path.iterdir())
    assert flow(*ARGUMENTS, "-o", "r", "--target", "speed>=1").code == 2
    assert flow(*ARGUMENTS, "-o", "r", "--baseline", "gif").code == 2
    assert flow(*ARGUMENTS, "-o", "r", "--rates", "1").code == 2
    assert flow(*ARGUMENTS, "-o", "r", "--rates", "ten").code == 2
    assert flow(*ARGUMENTS, "-o", "r", "--segmenter", "magic").code == 2
    assert flow(*ARGUMENTS, "-o", "no/such").code == 1
    assert flow("evaluate", "movie.tif", "labels.tif", "-o", "r").code == 1
    missing = flow("evaluate", "missing.tif", "a.ome.tif", "-o", "r")
    assert (missing.code, "missing.tif" in missing.err) == (1, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_evaluation_is_replaced_only_when_asked(flow, tmp_path, labelled):
    assert flow(*ARGUMENTS, "-o", "r").code == 0
    assert flow(*ARGUMENTS, "-o", "r").code == 1
    assert flow(*ARGUMENTS, "-o", "r", "--overwrite").code == 0
    (tmp_path / "r" / "mine.txt").touch()
    assert flow(*ARGUMENTS, "-o", "r", "--overwrite").code == 1
    assert (tmp_path / "r" / "mine.txt").exists()


def test_an_interruption_leaves_nothing(flow, tmp_path, labelled, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(flowroi.evaluation.save, "render", stop)
    before = sorted(p.name for p in tmp_path.iterdir())
    assert flow(*ARGUMENTS, "-o", "r").code == 130
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_hostile_names_stay_text(flow, tmp_path):
    name = "<script>alert(1)</script>"
    folder = tmp_path / "<img src=x onerror=alert(2)>"
    folder.mkdir()
    frames = flowroi.synthetic_movie(frames=5, height=80, width=96, cells=4, seed=1).frames
    for t, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"&lt;b&gt; {t}.png"), frame)
    flowroi.compress(folder, tmp_path / f"{name.replace('/', '')}.ome.tif", rate=10)
    arguments = ("evaluate", folder.name, f"{name.replace('/', '')}.ome.tif", "--rates", "5,10", "--workers", "1")
    assert flow(*arguments, "-o", "r").code == 0
    page = (tmp_path / "r" / "report.html").read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;script&gt;.ome.tif" in page


@pytest.mark.parametrize("lossless", ["all", "roi"])
def test_a_lossless_archive(flow, tmp_path, labelled, lossless):
    flowroi.compress(tmp_path / "movie.tif", tmp_path / "exact.ome.tif", lossless=lossless, keep_masks=True)
    (found,) = flow(*ARGUMENTS[:2], "exact.ome.tif", *ARGUMENTS[3:], "-o", "r", "--json").objects
    archive = next(s for s in found["subjects"] if s["kind"] == "archive")
    if lossless == "all":
        assert (archive["roi_mse"], archive["roi_psnr"]) == (0, None)
        assert "its cells without any error" in found["verdict"]
        assert found["gains"]["archive:0"][0]["at"] is None
    assert archive["f1"] == pytest.approx(found["subjects"][0]["f1"], abs=0.05)


def test_a_movie_without_cells(flow, tmp_path, labelled):
    tifffile.imwrite(tmp_path / "none.tif", np.zeros(labelled.labels.shape, np.uint16), photometric="minisblack")
    result = flow(
        "evaluate", "movie.tif", "a.ome.tif", "--labels", "none.tif", "--rates", "10,20", "--workers", "1", "-o", "r"
    )
    assert result.code == 0
    assert "there are no cells" in result.out
    assert "the labels hold no cells" in result.err
    np.save(tmp_path / "flat.npy", np.full((4, 48, 64), 90, np.uint8))
    flowroi.compress(tmp_path / "flat.npy", tmp_path / "flat.ome.tif", rate=10)
    assert flow("evaluate", "flat.npy", "flat.ome.tif", "--workers", "1", "-o", "f").code == 0


def test_one_frame(flow, tmp_path, labelled):
    tifffile.imwrite(tmp_path / "one.tif", labelled.frames[0], photometric="minisblack")
    flowroi.compress(tmp_path / "one.tif", tmp_path / "one.ome.tif", rate=10)
    assert flow("evaluate", "one.tif", "one.ome.tif", "--rates", "5,20", "--workers", "1", "-o", "r").code == 0


def test_a_damaged_archive_is_named_and_leaves_nothing(flow, tmp_path, labelled):
    with flowroi.open_archive(tmp_path / "a.ome.tif") as archive:
        stream = archive.codestream(2)
    content = bytearray((tmp_path / "a.ome.tif").read_bytes())
    content[content.index(stream) + len(stream) - 9] ^= 16
    (tmp_path / "a.ome.tif").write_bytes(content)
    result = flow(*ARGUMENTS, "-o", "r", "--json")
    assert result.code == 1
    assert result.objects[0]["frame"] == 2
    assert not (tmp_path / "r").exists()


def test_a_name_that_is_not_utf8(flow, tmp_path, labelled):
    name = os.fsdecode(b"a\xff.ome.tif")
    (tmp_path / "a.ome.tif").rename(tmp_path / name)
    assert flow("evaluate", "movie.tif", name, "--rates", "10,20", "--workers", "1", "-o", "r").code == 0
    assert r"a\xff.ome.tif" in (tmp_path / "r" / "summary.csv").read_text()


def test_what_is_not_known_is_empty_in_the_tables(flow, tmp_path, labelled):
    flowroi.compress(tmp_path / "movie.tif", tmp_path / "n.ome.tif", rate=10, roi_method="none")
    arguments = (
        "evaluate",
        "movie.tif",
        "n.ome.tif",
        "--labels",
        "labels.tif",
        "--segmenter",
        "none",
        "--baseline",
        "none",
    )
    assert flow(*arguments, "-o", "r").code == 0
    for row in table(tmp_path / "r" / "cells.csv"):
        assert (row["covered"], row["found"]) == ("", "")


def test_an_archive_coded_from_frame_to_frame_beside_one_of_single_frames(flow, tmp_path, labelled):
    flowroi.compress(tmp_path / "movie.tif", tmp_path / "a.mkv", codec="av1", rate=40)
    result = flow("evaluate", "movie.tif", "a.ome.tif", "a.mkv", *ARGUMENTS[3:], "-o", "r", "--json")
    assert result.code == 0
    assert "background of a.mkv outside its RoI was replaced (fill)" in result.err
    (found,) = result.objects
    assert set(found["gains_over"]) == {"openjpeg", "svt-av1"}
    plain = [row for row in table(tmp_path / "r" / "summary.csv") if row["key"].startswith("svt-av1:crf")]
    assert len(plain) == 2
    assert all(row["coded"].startswith("from frame to frame, CRF") for row in plain)
    chosen = flow("evaluate", "movie.tif", "a.mkv", *ARGUMENTS[3:], "--baseline", "x264,x265", "-o", "s", "--json")
    assert list(chosen.objects[0]["gains_over"]) == ["x264", "x265"]
    assert flow("evaluate", "movie.tif", "a.mkv", *ARGUMENTS[3:], "--baseline", "x266", "-o", "t").code == 2
