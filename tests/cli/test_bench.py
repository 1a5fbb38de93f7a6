"""`flowroi bench` through the command line: that it measures what it says, not how fast this machine is."""

import pytest


def test_bench_on_a_given_movie(flow, movie, tmp_path):
    result = flow("bench", movie, "--frames", "3", "--repeats", "1", "--workers", "2", "--rate", "10", "--json")
    assert result.code == 0
    (report,) = result.objects
    assert report["type"] == "bench"
    assert (report["frames"], report["height"], report["width"]) == (3, 120, 160)
    assert report["measured_on"] == "RoI"
    assert report["encode_speed_ratio"] == pytest.approx(report["openjpeg_ms_per_mp"] / report["encode_ms_per_mp"])
    for k in (0, 1):
        ours, theirs = report["compress_frames_per_s"][k], report["openjpeg_frames_per_s"][k]
        assert report["compress_speed_ratio"][k] == pytest.approx(ours / theirs)
    assert 20 < report["psnr"] < 80
    assert report["size_ratio"] is None or 0.2 < report["size_ratio"] < 10
    assert [path.name for path in tmp_path.iterdir()] == ["movie.tif"]


def test_bench_prints_a_table(flow, movie):
    result = flow("bench", movie, "--frames", "2", "--repeats", "1", "--workers", "1", "--rate", "10")
    assert result.code == 0
    assert "OpenJPEG 2." in result.out
    assert "ratio" in result.out


def test_bench_refuses_what_it_cannot_measure(flow, tmp_path):
    assert flow("bench", "missing.tif").code == 1
    assert flow("bench", "--frames", "1").code == 2
    assert flow("bench", "--repeats", "0").code == 2
    assert flow("bench", "--rate", "1").code == 2
