"""Archives that are coded from frame to frame, on the command line."""

import cv2
import numpy as np
import tifffile


def test_compress_inspect_decompress_evaluate(flow, movie, frames, tmp_path):
    made = flow("compress", movie, "-o", "a.mkv", "--codec", "av1", "--rate", 20, "--json")
    assert made.code == 0, made.err
    assert made.objects[0]["rate"] >= 20
    seen = flow("inspect", "a.mkv", "--json").objects[0]
    assert seen["manifest"]["sequence"]["codec"] == "av1"
    text = flow("inspect", "a.mkv")
    assert text.code == 0
    assert "treatment=fill" in text.out
    assert flow("decompress", "a.mkv", "-o", "b.tif").code == 0
    assert tifffile.imread(tmp_path / "b.tif").shape == frames.shape
    again = flow("compress", movie, "-o", "a.mkv", "--codec", "av1", "--rate", 20)
    assert again.code == 0
    assert "nothing was written" in again.out
    other = flow("compress", movie, "-o", "a.mkv", "--codec", "av1", "--rate", 30)
    assert other.code == 1
    assert "encode.rate: 20.0 there, 30.0 asked for" in other.err
    assert flow("compress", movie, "-o", "a.mkv", "--codec", "av1", "--rate", 20, "--overwrite").code == 0
    report = flow("evaluate", movie, "a.mkv", "-o", "report", "--baseline", "openjpeg", "--workers", 1, "--json")
    assert report.code == 0, report.err
    subject = next(s for s in report.objects[0]["subjects"] if s["kind"] == "archive")
    assert subject["rate"] >= 20
    assert 25 < subject["roi_psnr"] < 60


def test_hevc_in_mp4(flow, movie, frames, tmp_path):
    done = flow("compress", movie, "-o", "a.mp4", "--codec", "hevc", "--psnr", 36, "--preset", 6, "--gop", 2)
    assert done.code == 0, done.err
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert sum(1 for _ in iter(lambda: capture.read()[0], False)) == len(frames)


def test_what_does_not_fit_is_told(flow, movie, tmp_path):
    for arguments, text in (
        (["-o", "a.tif", "--codec", "av1", "--rate", 9], "NAME.mkv"),
        (["-o", "a.mkv", "--codec", "av1", "--lossless", "all"], "jpeg2000"),
        (["-o", "a.mkv", "--codec", "h264", "--rate", 9], "hevc"),
        (["-o", "a.mkv", "--codec", "hevc", "--rate", 9, "--preset", 12], "from 0 to 8"),
    ):
        done = flow("compress", movie, *arguments)
        assert done.code in (1, 2)
        assert text in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["movie.tif"]


def test_several_movies_become_mkv(flow, movie, tmp_path):
    np.save(tmp_path / "other.npy", tifffile.imread(movie))
    done = flow("compress", movie, "other.npy", "-o", "out", "--codec", "hevc", "--rate", 20)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["movie.mkv", "other.mkv"]
