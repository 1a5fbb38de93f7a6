"""`flowroi experiment` through the command line, with a small movie."""

import signal
import time

import pytest
import tifffile

import flowroi
from flowroi.experiments.registry import EXPERIMENTS


@pytest.fixture
def labelled(tmp_path):
    """A movie and its labels on disk."""
    made = flowroi.synthetic_movie(frames=4, height=120, width=160, cells=9, seed=3)
    tifffile.imwrite(tmp_path / "movie.tif", made.frames, photometric="minisblack", metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "labels.tif", made.labels.astype("uint16"), photometric="minisblack")
    return ("--input", tmp_path / "movie.tif", "--labels", tmp_path / "labels.tif", "--workers", 1)


def test_experiment_says_which_statements_hold(flow, labelled, tmp_path):
    result = flow("experiment", "fig6", "-o", "e", "--method", "flow", *labelled)
    assert result.code == 0, result.err
    assert "denoising improves PSNR" in result.out
    assert "Look at e/report.html" in result.out
    assert (tmp_path / "e" / "fig6_psnr.png").exists()
    assert flow("experiment", "fig6", "-o", "e", *labelled).code == 1
    again = flow("experiment", "fig6", "-o", "e", "--method", "flow", "--overwrite", "--json", *labelled)
    (report,) = again.objects
    assert report["type"] == "experiment"
    assert report["experiments"] == ["fig6"]
    assert {s["experiment"] for s in report["statements"]} == {"fig6"}
    assert report["measured_frames"] == 4


def test_bad_command_lines(flow, labelled, tmp_path):
    before = sorted(tmp_path.iterdir())
    unknown = flow("experiment", "fig10", "-o", "e")
    assert unknown.code == 2
    for name in EXPERIMENTS:
        assert name in unknown.err
    assert flow("experiment", "-o", "e").code == 2
    assert flow("experiment", "fig6").code == 2
    assert flow("experiment", "fig6", "-o", "e", "--method", "best").code == 2
    assert flow("experiment", "fig6", "-o", "e", "--segmenter", "best").code == 2
    assert flow("experiment", "fig6", "-o", "e", "--frames", "1").code == 2
    assert flow("experiment", "fig6", "-o", "e", "--workers", "0").code == 2
    assert flow("experiment", "fig6", "-o", "e", "--frames", "5", *labelled).code == 2
    assert flow("experiment", "fig6", "-o", "e", "--seed", "5", *labelled).code == 2
    assert flow("experiment", "fig6", "-o", "e", "--input", "none.tif").code == 1
    assert flow("experiment", "fig6", "-o", "no/e", *labelled).code == 1
    assert flow("experiment", "fig6", "-o", "movie.tif", "--overwrite", *labelled).code == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_it_keeps_only_what_is_finished(process, labelled, tmp_path, number):
    running = process("experiment", "fig9", "-o", "e", *map(str, labelled))
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("e/cache/archives/*.ome.tif")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == -number
    assert out == b""
    assert err.endswith(b"flowroi: interrupted; nothing incomplete was left behind\n")
    assert [p.name for p in (tmp_path / "e").iterdir()] == ["cache"]
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(".")]
