"""`flowroi sweep` through the command line."""

import csv
import shlex
import signal
import time

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.cli.app import run

FILES = {"sweep.csv", "front.png", "settings.toml", "report.html", "cache"}
GRID = ("--grid", "rate=5,10,20", "--grid", "soft-weights=on,off", "--fix", "margin=1", "--segmenter", "none")


@pytest.fixture(scope="module")
def small():
    return flowroi.synthetic_movie(frames=6, height=80, width=96, cells=4, seed=3)


@pytest.fixture
def inputs(small, tmp_path):
    """A movie and labels under names that a shell would trip over."""
    tifffile.imwrite(tmp_path / "-my movie.tif", small.frames, photometric="minisblack", metadata={"axes": "TYX"})
    np.save(tmp_path / "labels.npy", small.labels)
    return ("--labels", "labels.npy", "--sample-frames", "4", "--workers", "1", "-o", "out", "--", "-my movie.tif")


def entries(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cache").iterdir()}


def test_sweep_writes_what_it_found(flow, inputs, tmp_path):
    result = flow("sweep", "--target", "roi_psnr>=36", *GRID, "--json", *inputs)
    assert result.code == 0, result.err
    *candidates, last = result.objects
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert [c["type"] for c in candidates] == ["candidate"] * 6
    assert last["type"] == "sweep"
    assert last["targets_met"] is True
    assert last["best"] in [{k: v for k, v in c.items() if k != "type"} for c in candidates]
    assert last["best"]["roi_psnr"] >= 36
    assert last["dry_run_bytes"] == pytest.approx(last["predicted_bytes"], rel=0.1)
    with (tmp_path / "out" / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["roi_psnr"]) for row in rows] == [c["roi_psnr"] for c in candidates]
    assert [row["feasible"] == "1" for row in rows] == [c["feasible"] for c in candidates]
    assert [row["chosen"] for row in rows].count("1") == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert last["verdict"].split(":")[0] in page
    assert "What each parameter does" in page
    assert (tmp_path / "out" / "front.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_and_the_settings_make_the_same_archive(flow, inputs, tmp_path):
    result = flow("sweep", "--target", "roi_psnr>=36", *GRID, *inputs)
    assert result.code == 0, result.err
    words = shlex.split(result.out.splitlines()[-1])
    assert words[:2] == ["flowroi", "compress"]
    assert run(words[1:]) == 0
    printed = tmp_path / words[words.index("--output") + 1]
    assert flow("compress", "--config", "out/settings.toml", "-o", "b.ome.tif", "--", "-my movie.tif").code == 0
    with flowroi.open_archive(printed) as a, flowroi.open_archive(tmp_path / "b.ome.tif") as b:
        assert a.manifest["frames"] == b.manifest["frames"]
        assert a.manifest["encode"] == b.manifest["encode"]
        assert a.manifest["roi"] == b.manifest["roi"]
        assert a.manifest["roi"]["margin"] == 1


def test_no_candidate_meets_the_target(flow, inputs, tmp_path):
    result = flow("sweep", "--target", "roi_psnr>=90", *GRID, *inputs)
    assert result.code == 5
    assert "None of 6 candidates meets roi_psnr>=90; the nearest, rate 5" in result.out
    assert "dB below 90 dB" in result.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert "# the nearest, which misses: roi_psnr is" in (tmp_path / "out" / "settings.toml").read_text()


def test_output_is_kept_and_the_cache_used_again(flow, inputs, tmp_path):
    command = ("sweep", "--target", "roi_psnr>=36", *GRID, "--json")
    assert flow(*command, *inputs).code == 0
    before = entries(tmp_path / "out")
    again = flow(*command, *inputs)
    assert again.code == 1
    assert "the cache stays" in again.err
    result = flow(*command, "--overwrite", *inputs)
    assert result.code == 0
    assert result.objects[-1]["measured"] == 0
    assert entries(tmp_path / "out") == before
    (tmp_path / "out" / "notes.txt").write_text("mine")
    refused = flow(*command, "--overwrite", *inputs)
    assert refused.code == 1
    assert "notes.txt" in refused.err


def test_bad_command_lines(flow, inputs, tmp_path):
    for words in (
        ("--grid", "rate=0.5", "--target", "roi_psnr>=36"),
        ("--grid", "speed=2", "--target", "roi_psnr>=36"),
        # Frames that depend on each other cannot be sampled.
        ("--grid", "codec=av1,hevc", "--target", "roi_psnr>=36"),
        ("--fix", "codec=av1", "--target", "roi_psnr>=36"),
        ("--fix", "background=plate", "--target", "roi_psnr>=36"),
        ("--fix", "rate", "--target", "roi_psnr>=36"),
        ("--target", "beauty>=1"),
        ("--target", "f1>=0.9", "--segmenter", "none"),
        ("--best", "speed", "--target", "roi_psnr>=36"),
        (),
    ):
        result = flow("sweep", *words, *inputs)
        assert result.code == 2, (words, result.err)
        assert not (tmp_path / "out").exists()
    assert flow("sweep", "missing.tif", "-o", "out", "--target", "roi_psnr>=36").code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_was_stopped_goes_on(process, flow, inputs, tmp_path, number):
    command = (
        "sweep",
        "--target",
        "roi_psnr>=36",
        "--fix",
        "margin=1",
        "--rounds",
        "1",
        "--segmenter",
        "none",
        "--json",
    )
    words = [*inputs[: inputs.index("--workers")], "--workers", "2", *inputs[inputs.index("-o") :]]
    running = process(*command, *words)
    deadline = time.monotonic() + 30
    while len(list((tmp_path / "out" / "cache").glob("*.json"))) < 4:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    running.send_signal(number)
    running.communicate(timeout=20)
    assert running.returncode == -number
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cache"}
    before = entries(tmp_path / "out")
    kept = {name for name in before if name.endswith(".json")}
    result = flow(*command, *inputs)
    assert result.code == 0, result.err
    last = result.objects[-1]
    assert last["cached"] >= len(kept) >= 4
    after = entries(tmp_path / "out")
    assert {name: after[name] for name in before if not name.startswith(".")} == {
        name: stamp for name, stamp in before.items() if not name.startswith(".")
    }
    assert len([name for name in after if name.endswith(".json")]) == last["cached"] + last["measured"]


def test_a_segmenter_that_does_not_find_the_labelled_cells_is_named(flow, inputs, tmp_path, small):
    """Labels of other places: what is found there is not what is asked for."""
    arguments = ("sweep", "--target", "roi_psnr>=30", *GRID[:-2], "--no-confirm")
    result = flow(*arguments, *inputs)
    assert result.code == 0, result.err
    assert "F1" not in result.err
    np.save(tmp_path / "labels.npy", np.roll(small.labels, 40, axis=2))
    result = flow(*arguments, "--overwrite", *inputs)
    assert result.code == 0, result.err
    assert "F1" in result.err
