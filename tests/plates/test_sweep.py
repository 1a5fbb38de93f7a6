"""`flowroi sweep` on a plate: which wells stand for it, what holds in each of them, and the predicted size."""

import csv
import shlex
import shutil

import numpy as np
import pytest

import flowroi
from flowroi.cli.app import run
from flowroi.plates import Position
from flowroi.segmentation import write_labels
from flowroi.sweep.plate import sampled_positions
from tests.cli.conftest import flow  # noqa: F401
from tests.plates.labelled import break_well, write_labelled_plate

WELLS = ("A1", "A2", "A3", "B1")
# Two wells are sampled, of six frames each.
QUICK = ("--sample-frames", "12", "--segmenter", "none", "--workers", "1", "--labels", "labels", "--no-confirm")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plate")
    return folder, write_labelled_plate(folder, WELLS, frames=4)


@pytest.fixture
def plate(made, tmp_path):
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    return made[1]


def sweep(flow, *more, target="roi_psnr>=36"):  # noqa: F811
    grid = ("--grid", "rate=3,6,12", "--json")
    return flow("sweep", "raw", "-o", "out", "--target", target, *grid, *QUICK, *more)


def test_the_sampled_wells_are_spread_and_always_the_same():
    row = [Position(f"A{column}") for column in range(1, 13)]
    assert [str(p) for p in sampled_positions(row, 8)] == ["A7_f0"]
    assert [str(p) for p in sampled_positions(row, 16)] == ["A1_f0", "A12_f0"]
    assert sampled_positions(row, 1000) == tuple(row)
    assert sampled_positions(row[:1], 24) == (row[0],)


def test_what_is_chosen_holds_in_every_sampled_well(flow, plate, tmp_path):  # noqa: F811
    first = sweep(flow)
    assert first.code in (0, 5)
    *candidates, last = first.objects
    assert [c["type"] for c in candidates] == ["candidate"] * 3
    sampled = last["plate"]["sampled"]
    assert [movie["position"] for movie in sampled] == ["A1_f0", "B1_f0"]
    assert last["plate"]["positions"] == 4
    # A level that the whole sample reaches at the best rate, and one well does not.
    best = max(candidates, key=lambda candidate: candidate["roi_psnr"])
    alone = {}
    for well in ("A1", "B1"):
        found = sweep(flow, "--well", well, "--overwrite").objects
        alone[well] = max(found[:-1], key=lambda candidate: candidate["roi_psnr"])["roi_psnr"]
    assert min(alone.values()) < best["roi_psnr"] < max(alone.values())
    between = (min(alone.values()) + best["roi_psnr"]) / 2
    result = sweep(flow, "--overwrite", target=f"roi_psnr>={between:.5f}")
    assert result.code == 5
    (misses,) = (c["misses"] for c in result.objects[:-1] if c["options"] == best["options"])
    assert [miss[:7] for miss in misses] == [f"{min(alone, key=alone.get)}_f0: "]
    below = min(alone.values()) - 0.01
    assert sweep(flow, "--overwrite", target=f"roi_psnr>={below:.5f}").code == 0


def test_the_size_is_that_of_the_plate_and_the_command_compresses_it(flow, plate, tmp_path):  # noqa: F811
    result = sweep(flow, target="roi_psnr>=25")
    assert result.code == 0, result.err
    last = result.objects[-1]
    raw_bytes = sum(movie.frames.nbytes for movie in plate.values())
    assert last["predicted_bytes"] == pytest.approx(raw_bytes / last["best"]["rate"], rel=0.01)
    assert last["dry_run_bytes"] == pytest.approx(last["predicted_bytes"], rel=0.1)
    page = (tmp_path / "out/report.html").read_text()
    assert "Sampled: A1_f0, B1_f0, of 4 positions." in page
    assert "Sampled positions" in page
    with (tmp_path / "out/sweep.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    words = shlex.split(last["command"])
    assert words[words.index("--output") + 1] == "raw.ome.zarr"
    assert run(words[1:]) == 0
    with flowroi.open_plate_archive(tmp_path / "raw.ome.zarr") as archive:
        assert len(archive) == 4
    assert flow("compress", "--config", "out/settings.toml", "raw", "-o", "again.ome.zarr").code == 0
    again = sweep(flow, "--overwrite", target="roi_psnr>=25")
    assert again.objects[-1]["measured"] == 0


def test_frames_held_out_are_of_the_same_wells(flow, plate, tmp_path):  # noqa: F811
    words = [word for word in QUICK if word != "--no-confirm"]
    result = flow("sweep", "raw", "-o", "out", "--target", "roi_psnr>=25", "--grid", "rate=6", *words, "--json")
    assert result.code == 0, result.err
    for movie in result.objects[-1]["plate"]["sampled"]:
        assert movie["confirmed"]["roi_psnr"] > 20
        assert not set(movie["sample_frames"]) & set(movie["held_out_frames"])


def test_a_well_that_cannot_be_read_one_without_labels_and_one_without_cells(flow, plate, tmp_path):  # noqa: F811
    break_well(tmp_path / "raw", "A01")
    result = sweep(flow, target="roi_psnr>=20")
    assert result.code == 3
    assert "A1_f0 was to be looked at, and could not be" in result.err
    assert [movie["position"] for movie in result.objects[-1]["plate"]["sampled"]] == ["B1_f0"]
    assert [one["position"] for one in result.objects[-1]["plate"]["left_out"]] == ["A1_f0"]
    # Wells without labels are not looked at in the first place.
    shutil.rmtree(tmp_path / "labels/A1_f0")
    result = sweep(flow, "--overwrite", target="roi_psnr>=20")
    assert result.code == 0, result.err
    assert [movie["position"] for movie in result.objects[-1]["plate"]["sampled"]] == ["A2_f0", "B1_f0"]
    for path in (tmp_path / "labels/A2_f0").iterdir():
        write_labels(path, np.zeros((64, 80), np.int32))
    result = sweep(flow, "--overwrite", target="roi_psnr>=20")
    assert result.code == 3
    assert "A2_f0 was to be looked at, and could not be: there are no cells" in result.err
    break_well(tmp_path / "raw", "B01")
    assert sweep(flow, "--well", "B1", "--overwrite").code == 1
    assert sweep(flow, "--well", "H12", "--overwrite").code == 2


def test_masks_in_folders_are_those_of_each_position(flow, plate, tmp_path):  # noqa: F811
    assert flow("roi", "raw", "-o", "masks", "--no-overlays", "--workers", "1").code == 0
    result = sweep(flow, "--fix", "roi-method=masks", target="roi_psnr>=20")
    assert result.code == 0, result.err
    shutil.rmtree(tmp_path / "masks/B1_f0")
    assert sweep(flow, "--fix", "roi-method=masks", "--overwrite").code == 1


def test_one_image_and_a_movie(flow, plate, tmp_path):  # noqa: F811
    quick = ("--target", "roi_psnr>=25", "--grid", "rate=3,6", "--segmenter", "none", "--workers", "1", "--json")
    one = ("raw/A01_f00_t0000_c0.png", "--labels", "labels/A1_f0/A01_f00_t0000_c0.tif")
    result = flow("sweep", *one, "-o", "one", *quick)
    assert result.code == 0, result.err
    assert result.objects[-1]["plate"] is None
    assert result.objects[-1]["confirmed"] is None
    np.save(tmp_path / "movie.npy", plate["A1"].frames)
    np.save(tmp_path / "truth.npy", plate["A1"].labels)
    assert flow("sweep", "movie.npy", "--labels", "truth.npy", "-o", "movie", *quick).code == 0
    refused = flow("sweep", "movie.npy", "--labels", "truth.npy", "-o", "wells", *quick, "--well", "A1")
    assert refused.code == 2
    assert "a movie, or not surely a plate" in refused.err
