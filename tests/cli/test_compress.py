"""`flowroi compress` through the command line."""

import hashlib
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

import flowroi


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize("target", ["a.ome.tif", "a.tif", "a"])
def test_a_movie_becomes_an_archive(flow, movie, frames, target):
    result = flow("compress", movie, "-o", target, "--rate", "10")
    assert result.code == 0
    assert "4 frames" in result.out
    with flowroi.open_archive(target) as archive:
        assert archive.shape == frames.shape
        assert archive.format == ("jp2" if target == "a" else "ome-tiff")


def test_json_is_one_strict_object_and_nothing_else(flow, movie):
    result = flow("compress", movie, "-o", "a.ome.tif", "--rate", "10", "--measure", "--json")
    (report,) = result.objects
    assert report["type"] == "compression"
    assert report["frames"] == 4
    assert report["file_bytes"] == Path("a.ome.tif").stat().st_size
    assert report["roi_psnr"]["min"] > 20


def test_lossless_measured_is_strict_json_too(flow, movie):
    (report,) = flow(
        "compress", movie, "-o", "a.ome.tif", "--lossless", "all", "--roi-method", "none", "--measure", "--json"
    ).objects
    assert report["roi_psnr"] is None


def test_warnings_go_to_stderr(flow, movie):
    result = flow("compress", movie, "-o", "a.ome.tif")
    assert "flowroi: warning: " in result.err
    assert "noise" in result.err
    assert result.out.count("\n") == 1


@pytest.mark.parametrize("target", ["a.ome.tif", "a"])
def test_same_bytes_for_any_number_of_workers(flow, movie, tmp_path, target):
    found = set()
    for workers in (1, 2, 4):
        assert flow("compress", movie, "-o", target, "--rate", "12", "--workers", workers, "--overwrite").code == 0
        files = [tmp_path / target] if target == "a.ome.tif" else sorted((tmp_path / target).iterdir())
        found.add(hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest())
    assert len(found) == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--rate", "1"],
        ["--rate", "0.5"],
        ["--rate", "-4"],
        ["--rate", "nan"],
        ["--rate", "many"],
        ["--rate", "10", "--psnr", "40"],
        ["--rate", "10", "--noise", "1"],
        ["--noise", "0"],
        ["--rate-control", "sometimes"],
        ["--lossless", "most"],
        ["--scaling-factor", "0.5"],
        ["--format", "zip"],
        ["--codec", "av1"],
        ["--workers", "0"],
        ["--roi-method", "guess"],
        ["--roi-threshold", "2"],
        ["--roi-threshold", "some"],
        ["--adjacent-factor", "-1"],
        ["--step", "0"],
        ["--progression", "XYZ"],
    ],
)
def test_bad_values_are_usage_errors_and_leave_nothing(flow, movie, tmp_path, options):
    result = flow("compress", movie, "-o", "a.ome.tif", *options)
    assert result.code == 2
    assert "rror" in result.err
    assert result.out == ""
    assert names(tmp_path) == ["movie.tif"]


def test_format_must_be_told_somehow(flow, movie, tmp_path):
    assert flow("compress", movie, "-o", "a.zip").code == 2
    assert flow("compress", movie, "-o", "a.zip", "--format", "jp2", "--rate", "10").code == 0
    assert (tmp_path / "a.zip" / "manifest.json").is_file()


def test_missing_and_unsuitable_inputs_fail_with_their_names(flow, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.tif").touch()
    np.save(tmp_path / "float.npy", np.zeros((3, 8, 8)))
    np.save(tmp_path / "deep.npy", np.zeros((2, 3, 8, 8), np.uint8))
    for name in ("missing.tif", "notes.txt", "empty.tif", "float.npy", "deep.npy"):
        result = flow("compress", name, "-o", "a.ome.tif")
        assert result.code == 1, name
        assert name in result.err
        assert result.err.count("\n") == 1
        assert "Traceback" not in result.err
        assert not (tmp_path / "a.ome.tif").exists()


def test_a_rate_out_of_reach_is_code_5_and_names_the_frame(flow, movie, tmp_path):
    result = flow("compress", movie, "-o", "a.ome.tif", "--rate", "5000", "--json")
    assert result.code == 5
    assert result.objects[0]["frame"] == 0
    assert names(tmp_path) == ["movie.tif"]


def test_output_is_not_overwritten_unasked(flow, movie, archive):
    before = archive.read_bytes()
    result = flow("compress", movie, "-o", archive, "--rate", "20")
    assert result.code == 1
    assert "exists" in result.err
    assert archive.read_bytes() == before
    assert flow("compress", movie, "-o", archive, "--rate", "20", "--overwrite").code == 0
    assert archive.read_bytes() != before


def test_output_inside_the_input_is_refused(flow, tmp_path, frames):
    folder = tmp_path / "frames"
    folder.mkdir()
    for t, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{t}.png"), frame)
    result = flow("compress", folder, "-o", folder / "a.ome.tif", "--rate", "10")
    assert result.code == 2
    assert "inside the input" in result.err
    assert len(names(folder)) == 4


def test_dry_run_writes_nothing(flow, movie, tmp_path):
    result = flow("compress", movie, "-o", "a.ome.tif", "--rate", "10", "--dry-run", "--json")
    (report,) = result.objects
    assert report["type"] == "prediction"
    assert report["rate"] >= 10
    assert report["seconds"] > 0
    assert names(tmp_path) == ["movie.tif"]
    assert "would become" in flow("compress", movie, "-o", "a.ome.tif", "--dry-run", "--rate", "10").out


def test_masks_from_a_folder(flow, movie, tmp_path, frames):
    assert flow("roi", movie, "-o", "masks", "--no-overlays").code == 0
    result = flow("compress", movie, "-o", "a", "--rate", "10", "--roi-method", "masks", "--keep-masks")
    assert result.code == 0
    with flowroi.open_archive(tmp_path / "a") as archive:
        assert np.array_equal(np.stack([archive.roi(t) for t in range(4)]), flowroi.extract_roi(frames))
    (tmp_path / "masks" / "t002_roi.png").unlink()
    result = flow("compress", movie, "-o", "b", "--rate", "10", "--roi-method", "masks")
    assert result.code == 1
    assert "t002" in result.err


def test_roi_options_reach_the_masks(flow, movie, tmp_path, frames):
    options = {"roi_threshold": 0.1, "step": 2, "adjacent_factor": 1, "margin": 2, "alpha": 0.5, "denoise": False}
    arguments = ["--roi-threshold", "0.1", "--step", "2", "--adjacent-factor", "1", "--margin", "2", "--alpha", "0.5"]
    flow("compress", movie, "-o", "a", "--rate", "10", "--keep-masks", "--no-denoise", *arguments)
    with flowroi.open_archive(tmp_path / "a") as archive:
        assert np.array_equal(np.stack([archive.roi(t) for t in range(4)]), flowroi.extract_roi(frames, **options))
        assert archive.manifest["roi"] | options == archive.manifest["roi"]


def test_encoder_options_reach_the_encoder(flow, movie, tmp_path):
    arguments = [
        "--levels",
        "3",
        "--layers",
        "4",
        "--progression",
        "RPCL",
        "--scaling-factor",
        "8",
        "--refinement",
        "0",
    ]
    assert flow("compress", movie, "-o", "a", "--rate", "10", *arguments).code == 0
    with flowroi.open_archive(tmp_path / "a") as archive:
        settings = archive.manifest["encode"]
        stream = archive.codestream(0)
    cod = stream.index(b"\xff\x52")
    # ISO/IEC 15444-1, A.6.1: progression order, layers, ..., decomposition levels.
    assert (stream[cod + 5], stream[cod + 7], stream[cod + 9]) == (2, 4, 3)
    assert (settings["scaling_factor"], settings["refinement"]) == (8, 0)


class TestConfig:
    def write(self, tmp_path, text):
        (tmp_path / "settings.toml").write_text(text)

    def test_values_come_from_the_file(self, flow, movie, tmp_path):
        self.write(tmp_path, 'rate = 20\nroi-threshold = 0.1\nkeep_masks = true\ndenoise = false\noutput = "a.ome.tif"')
        (report,) = flow("compress", movie, "--config", "settings.toml", "--json").objects
        assert report["rate"] == pytest.approx(20, rel=0.1)
        with flowroi.open_archive("a.ome.tif") as archive:
            assert archive.manifest["roi"]["roi_threshold"] == 0.1
            assert archive.manifest["roi"]["denoise"] is False
            assert archive.manifest["masks_kept"] is True

    def test_the_command_line_wins(self, flow, movie, tmp_path):
        self.write(tmp_path, "rate = 20\nscaling-factor = 9")
        flow("compress", movie, "-o", "a", "--config", "settings.toml", "--scaling-factor", "3")
        flow("compress", movie, "-o", "b", "--config", "settings.toml", "--psnr", "36")
        with flowroi.open_archive("a") as archive:
            assert archive.manifest["encode"]["scaling_factor"] == 3
            assert archive.manifest["encode"]["rate"] == 20
        with flowroi.open_archive("b") as archive:
            assert archive.manifest["encode"]["psnr"] == 36
            assert "rate" not in archive.manifest["encode"]

    @pytest.mark.parametrize(
        "text",
        [
            "quality = 90",
            'inputs = "movie.tif"',
            'config = "other.toml"',
            "as_json = true",
            'rate = "many"',
            "rate = [10, 20]",
            "rate = nan",
            "step = 1.5",
            "[compress]\nrate = 10",
            "rate = ",
        ],
    )
    def test_what_it_may_not_hold_is_a_usage_error(self, flow, movie, tmp_path, text):
        self.write(tmp_path, text)
        assert flow("compress", movie, "-o", "a.ome.tif", "--config", "settings.toml").code == 2
        assert not (tmp_path / "a.ome.tif").exists()

    def test_a_missing_file_is_a_usage_error(self, flow, movie):
        result = flow("compress", movie, "-o", "a.ome.tif", "--config", "missing.toml")
        assert result.code == 2
        assert "missing.toml" in result.err


class TestSeveralInputs:
    def test_each_becomes_an_archive_named_after_it(self, flow, movie, tmp_path, frames):
        shutil.copy(movie, tmp_path / "second.ome.tiff")
        (tmp_path / "third").mkdir()
        for t, frame in enumerate(frames):
            cv2.imwrite(str(tmp_path / "third" / f"{t}.png"), frame)
        result = flow("compress", movie, "second.ome.tiff", "third", "-o", "out", "--rate", "10", "--json")
        assert result.code == 0
        assert [report["type"] for report in result.objects] == ["compression"] * 3
        assert names(tmp_path / "out") == ["movie.ome.tif", "second.ome.tif", "third.ome.tif"]

    def test_one_that_fails_does_not_stop_the_others(self, flow, movie, tmp_path):
        (tmp_path / "broken.tif").write_bytes(b"II*\0 and no more")
        result = flow("compress", "broken.tif", movie, "missing.tif", "-o", "out", "--rate", "10", "--json")
        assert result.code == 3
        assert [report["type"] for report in result.objects] == ["error", "compression", "error"]
        assert "1 of 3 inputs done" in result.err
        assert "broken.tif" in result.err
        assert "missing.tif" in result.err
        assert names(tmp_path / "out") == ["movie.ome.tif"]

    def test_when_all_fail_nothing_is_left(self, flow, tmp_path):
        assert flow("compress", "a.tif", "b.tif", "-o", "out").code == 1
        assert names(tmp_path) == []

    def test_bad_values_are_usage_errors_here_too(self, flow, movie, tmp_path):
        shutil.copy(movie, tmp_path / "b.tif")
        for bad in (["--rate", "0.5"], ["--format", "zip"]):
            assert flow("compress", movie, "b.tif", "-o", "out", *bad).code == 2
        assert names(tmp_path) == ["b.tif", "movie.tif"]

    def test_equal_names_are_refused(self, flow, movie, tmp_path):
        (tmp_path / "other").mkdir()
        shutil.copy(movie, tmp_path / "other" / "movie.tif")
        result = flow("compress", movie, "other/movie.tif", "-o", "out")
        assert result.code == 2
        assert "movie.ome.tif" in result.err

    def test_the_folder_may_not_lie_inside_an_input(self, flow, movie, tmp_path, frames):
        (tmp_path / "frames").mkdir()
        cv2.imwrite(str(tmp_path / "frames" / "0.png"), frames[0])
        assert flow("compress", movie, "frames", "-o", "frames/out").code == 2
        assert names(tmp_path / "frames") == ["0.png"]


@pytest.mark.parametrize(
    "name",
    [
        "-rf.tif",
        "a b'c\"d.tif",
        "line\nbreak.tif",
        "<script>alert(1)<.tif",
        "[red]x[end].tif",
        "\x1b[31mred.tif",
        "ü" * 120 + ".tif",
    ],
)
def test_hostile_names(flow, movie, tmp_path, name):
    movie.rename(tmp_path / name)
    result = flow("compress", "-o", "a.ome.tif", "--rate", "10", "--json", "--", name)
    assert result.code == 0
    assert result.objects[0]["source"] == name
    text = flow("compress", "-o", "b", "--rate", "10", "--", name)
    assert text.code == 0
    assert text.out.count("\n") == 1
    assert all(line.startswith("flowroi: ") for line in text.err.splitlines())
    assert "\x1b" not in text.out + text.err
    with flowroi.open_archive("a.ome.tif") as archive:
        assert archive.manifest["source"]["files"][0]["name"]


def test_a_name_that_is_not_utf8(process, movie, tmp_path):
    name = os.fsdecode(b"caf\xe9.tif")
    movie.rename(tmp_path / name)
    running = process("compress", name, "-o", "a.ome.tif", "--rate", "10", "--json")
    out, err = running.communicate()
    assert running.returncode == 0, err
    assert b"Traceback" not in err
    assert out.isascii()
    running = process("compress", name, "-o", "b.ome.tif", "--rate", "10")
    out, err = running.communicate()
    assert running.returncode == 0, err
    assert b"4 frames" in out


def test_real_folder_of_frames(flow, shared_data, tmp_path):
    folder = tmp_path / "t98g"
    folder.mkdir()
    for t in range(3):
        shutil.copy(shared_data / "t98g" / "images8" / f"t{t:03d}.png", folder)
    result = flow("compress", folder, "-o", "t98g.ome.tif", "--rate", "40", "--json")
    assert result.code == 0
    assert 40 <= result.objects[0]["rate"] <= 40.4
    assert tifffile.imread("t98g.ome.tif").shape == (3, 1022, 1024)
