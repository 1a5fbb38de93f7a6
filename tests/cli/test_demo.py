"""`flowroi demo` through the command line, with a small movie."""

from functools import partial

import cv2
import numpy as np
import pytest
import tifffile

import flowroi
import flowroi.demonstration


@pytest.fixture
def small(monkeypatch):
    """Make the demo's movie small."""
    made = partial(flowroi.synthetic_movie, height=160, width=200, cells=14)
    monkeypatch.setattr(flowroi.demonstration, "synthetic_movie", made)


def test_demo_makes_checks_and_shows(flow, tmp_path, small):
    result = flow("demo", "--frames", "3", "--rate", "20")
    assert result.code == 0
    folder = tmp_path / "flowroi-demo"
    assert sorted(p.name for p in folder.iterdir()) == sorted(flowroi.demonstration.FILES)
    assert "3 of 3 frames read back" in result.out
    for name in flowroi.demonstration.FILES:
        assert f"flowroi-demo/{name}" in result.out
    assert cv2.imread(str(folder / "compare.png")).shape[1] > 3 * 120 * 4
    assert cv2.imread(str(folder / "roi.png")).shape == (160, 200, 3)


def test_demo_figures_are_those_of_its_files(flow, tmp_path, small):
    (report,) = flow("demo", "-o", "d", "--frames", "3", "--rate", "20", "--json").objects
    movie, labels = tifffile.imread(tmp_path / "d" / "movie.tif"), tifffile.imread(tmp_path / "d" / "labels.tif")
    with flowroi.open_archive(tmp_path / "d" / "movie.ome.tif") as archive:
        # All three frames are those of the curve.
        error = (archive[:].astype(float) - movie)[labels > 0]
        assert archive.manifest["pixel_size_um"] == pytest.approx(0.641)
        assert archive.manifest["frame_interval_s"] == 8
    assert report["type"] == "demo"
    assert report["flowroi_cells_psnr"] == pytest.approx(10 * np.log10(255**2 / np.mean(error**2)))
    page = (tmp_path / "d" / "report" / "report.html").read_text()
    assert report["verdict"].replace("'", "&#39;") in page


def test_demo_replaces_only_a_demo(flow, tmp_path, small):
    arguments = ("demo", "-o", "d", "--frames", "2", "--rate", "20")
    assert flow(*arguments).code == 0
    assert flow(*arguments).code == 1
    assert flow(*arguments, "--overwrite").code == 0
    (tmp_path / "d" / "mine.txt").touch()
    assert flow(*arguments, "--overwrite").code == 1
    assert (tmp_path / "d" / "mine.txt").exists()


def test_demo_that_cannot_be_read_back_is_code_4(flow, monkeypatch, tmp_path, small):
    def damaging(source, target, **options):
        report = flowroi.compress(source, target, **options)
        with flowroi.open_archive(target) as archive:
            stream = archive.codestream(1)
        content = bytearray(target.read_bytes())
        content[content.index(stream) + len(stream) - 9] ^= 16
        target.write_bytes(content)
        return report

    monkeypatch.setattr(flowroi.demonstration, "compress_as_movie", damaging)
    result = flow("demo", "-o", "d", "--frames", "2", "--rate", "20", "--json")
    assert result.code == 4
    assert result.objects[0]["frame"] == 1
    assert list(tmp_path.iterdir()) == []


def test_demo_needs_two_frames_and_a_rate(flow, tmp_path):
    assert flow("demo", "--frames", "1").code == 2
    assert flow("demo", "--frames", "2", "--rate", "0.5").code == 2
    assert list(tmp_path.iterdir()) == []
