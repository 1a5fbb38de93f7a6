"""The verbs on plates: what they print, and the exit codes that workflow managers go by."""

import shutil

import numpy as np
import pytest
import zarr

from flowroi.plates import open_plate
from flowroi.synthetic import write_synthetic_plate
from tests.plates.conftest import write_image

QUICK = ("--lossless", "all", "--roi-method", "none", "--workers", "1")


@pytest.fixture
def raw(flow, tmp_path):
    write_synthetic_plate(tmp_path / "raw", wells=("A1", "A2", "B1"), frames=3, height=48, width=48, cells=1)
    return tmp_path / "raw"


def break_well(raw, well="A02"):
    for path in raw.glob(f"{well}_*"):
        path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("target", ["out", "out.ome.zarr"])
def test_a_plate_that_is_not_finished_is_told_as_such(flow, raw, target):
    assert flow("compress", raw, "-o", target, "--well", "A1", *QUICK).code == 0
    result = flow("verify", target)
    assert result.code == 1
    assert "no plate yet: it was not finished" in result.err
    assert flow("inspect", target).code == 1
    # What was exported is named likewise, and is none.
    assert flow("compress", raw, "-o", target, *QUICK).code == 0
    flow("decompress", target, "-o", "plain")
    assert "not an archive of ours" in flow("verify", "plain").err


def test_compress_verify_inspect(flow, raw):
    result = flow("compress", raw, "-o", "out", *QUICK)
    assert result.code == 0, result.err
    assert "3 of 3 positions, 9 frames" in result.out
    assert "A2_f0: 3 frames" in result.out
    again = flow("compress", raw, "-o", "out", *QUICK, "--json")
    (report,) = again.objects
    assert (again.code, report["type"], report["finished"], report["unchanged"]) == (0, "plate", True, True)
    assert [(p["well"], p["field"], p["frames"]) for p in report["done"]] == [("A1", 0, 3), ("A2", 0, 3), ("B1", 0, 3)]
    result = flow("verify", "out")
    assert result.code == 0
    assert "3 of 3 positions, 9 frames, are what was written" in result.out
    result = flow("inspect", "out", "--json")
    assert [found["type"] for found in result.objects] == ["plate-archive", "position", "position", "position"]
    assert "settings" in result.objects[0]["record"]
    assert "B1_f0.ome.tif" in flow("inspect", "out").out


def test_a_well_worth_a_look_is_told(flow, tmp_path):
    wells = [f"{row}{column}" for row in "AB" for column in (1, 2, 3, 4)]
    write_synthetic_plate(tmp_path / "raw", wells=wells, frames=2, height=64, width=64, cells=1, noise=2)
    for path in (tmp_path / "raw").glob("B02_*"):
        write_image(path, np.full((64, 64), 90, np.uint8))
    result = flow("compress", "raw", "-o", "out", *QUICK)
    assert result.code == 0, result.err
    assert "worth a look, far from the other positions:\n  B2_f0: rate high" in result.out
    (report,) = flow("compress", "raw", "-o", "out", *QUICK, "--json").objects
    assert {(one["well"], one["measure"]) for one in report["outliers"]} >= {("B2", "rate")}


def test_other_settings_are_a_failure_that_names_them(flow, raw):
    flow("compress", raw, "-o", "out", *QUICK)
    result = flow("compress", raw, "-o", "out", "--psnr", "30", "--roi-method", "none")
    assert result.code == 1
    assert "encode.psnr: None there, 30.0 asked for" in result.err


def test_one_bad_well_is_partly_done_then_skipped(flow, raw, tmp_path):
    break_well(raw)
    # In processes: what a person reads is the same.
    result = flow("compress", raw, "-o", "out", *QUICK, "--json", "--workers", "2")
    assert result.code == 3
    error, report = result.objects
    assert error["type"] == "error"
    assert "A2_f0: " in error["message"]
    assert error["exit_code"] == 3
    assert not report["finished"]
    assert [(p["well"], p["path"].endswith("A02_f00_t0000_c0.png")) for p in report["failed"]] == [("A2", True)]
    assert "--skip-failed" in result.err
    assert not (tmp_path / "out").exists()
    result = flow("compress", raw, "-o", "out", *QUICK, "--skip-failed")
    assert result.code == 0
    assert "A2_f0" in result.err
    assert "finished without A2_f0" in flow("verify", "out").out


@pytest.mark.parametrize("target", ["out", "out.ome.zarr"])
def test_a_well_that_failed_by_itself_leaves_nothing_in_the_plate(flow, raw, tmp_path, target):
    break_well(raw)
    break_well(raw, "B01")
    assert flow("compress", raw, "-o", target, *QUICK, "--well", "A1").code == 0
    for well in ("A2", "B1"):
        assert flow("compress", raw, "-o", target, *QUICK, "--well", well).code == 1
    assert flow("compress", raw, "-o", target, *QUICK, "--skip-failed").code == 0
    result = flow("verify", target)
    assert result.code == 0, result.out
    assert not (tmp_path / target / "B").exists()


def test_nothing_done_is_a_failure(flow, raw):
    for well in ("A01", "A02", "B01"):
        break_well(raw, well)
    assert flow("compress", raw, "-o", "out", *QUICK).code == 1


def test_well_by_well(flow, raw, tmp_path):
    for well in ("B/1", "A1", "A/2/0"):
        result = flow("compress", raw, "-o", "out", *QUICK, "--well", well)
        assert result.code == 0, result.err
        assert "1 of 3 positions" in result.out
        assert "without --well it finishes the plate" in result.err
    assert flow("compress", raw, "-o", "out", *QUICK, "--well", "A1").code == 0
    assert flow("verify", "out").code == 1
    assert flow("compress", raw, "-o", "out", *QUICK).code == 0
    assert flow("verify", "out").code == 0
    assert flow("compress", raw, "-o", "out", *QUICK, "--well", "H12").code == 2
    assert flow("compress", raw, "-o", "out", *QUICK, "--well", "A1", "--skip-failed").code == 2
    break_well(raw)
    shutil.rmtree(tmp_path / "out")
    assert flow("compress", raw, "-o", "out", *QUICK, "--well", "A2").code == 1
    assert flow("compress", raw, "-o", "out", *QUICK, "--well", "A1", "--well", "A2").code == 3


def test_verify_names_what_is_damaged(flow, raw, tmp_path):
    flow("compress", raw, "-o", "out", *QUICK)
    path = tmp_path / "out/A2_f0.ome.tif"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    (tmp_path / "out/B1_f0.ome.tif").unlink()
    (tmp_path / "out/extra").write_text("x")
    result = flow("verify", "out", "--json")
    assert result.code == 4
    (found,) = result.objects
    assert not found["intact"]
    assert [fault["name"] for fault in found["faults"]] == ["B1_f0.ome.tif", "extra"]
    assert [bool(p["faults"]) for p in found["positions"]] == [False, True]
    text = flow("verify", "out").out
    assert "1 of 3 positions" in text
    assert "A2_f0, " in text
    (tmp_path / "out/COMPLETE").unlink()
    assert flow("verify", "out").code == 4


def test_roi_of_a_plate_is_what_compress_takes(flow, raw, tmp_path):
    result = flow("roi", raw, "-o", "masks", "--no-overlays", "--json")
    assert result.code == 0, result.err
    assert [(found["well"], found["frames"]) for found in result.objects] == [("A1", 3), ("A2", 3), ("B1", 3)]
    assert (tmp_path / "masks/A1_f0/A01_f00_t0000_c0_roi.png").exists()
    assert flow("compress", raw, "-o", "out", "--rate", "4", "--roi-method", "masks").code == 0
    assert flow("roi", raw, "-o", "masks").code == 1
    break_well(raw)
    result = flow("roi", raw, "-o", "more", "--well", "A1", "--well", "A2", "--no-overlays")
    assert result.code == 3
    assert "1 of 2 positions done" in result.err


def test_several_inputs_one_of_them_a_plate(flow, raw, tmp_path):
    write_synthetic_plate(tmp_path / "movie", wells=("A1",), frames=3, height=48, width=48, cells=1)
    break_well(raw)
    result = flow("compress", raw, "movie", "-o", "out", *QUICK)
    assert result.code == 3
    assert "1 of 2 inputs done, 1 of them partly" in result.err
    assert (tmp_path / "out/movie.ome.tif").exists()


def test_a_movie_has_no_wells(flow, raw, tmp_path):
    plain = "t{time:04}.png"
    write_synthetic_plate(tmp_path / "movie", wells=("A1",), frames=3, height=48, width=48, cells=1, template=plain)
    for verb in (("compress", *QUICK), ("roi",)):
        result = flow(verb[0], "movie", "-o", "out", *verb[1:], "--well", "A1")
        assert result.code == 2
        assert "a movie, or not surely a plate" in result.err


def test_what_all_positions_warn_of_is_said_once(flow, raw):
    result = flow("compress", raw, "-o", "out", "--roi-method", "none")
    assert result.err.count("no target was given") == 1
    assert "warning: A1_f0, A2_f0, B1_f0: no target was given" in result.err


def test_a_dry_run_predicts_all_positions_not_those_that_it_tried(flow, tmp_path):
    wells = tuple(f"A{column}" for column in range(1, 7))
    write_synthetic_plate(tmp_path / "raw", wells=wells, frames=2, height=32, width=32, cells=1)
    result = flow("compress", "raw", "-o", "out", *QUICK, "--dry-run", "--json")
    (report,) = result.objects
    assert (report["positions"], len(report["done"])) == (6, 3)
    assert report["predicted"]["file_bytes"] == 2 * report["file_bytes"]
    assert "6 positions, about" in flow("compress", "raw", "-o", "out", *QUICK, "--dry-run").out


def test_dry_run(flow, raw, tmp_path):
    result = flow("compress", raw, "-o", "out", *QUICK, "--dry-run", "--json")
    assert result.code == 0
    assert result.objects[0]["type"] == "plate-prediction"
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_decompress(flow, raw, tmp_path):
    assert flow("compress", raw, "-o", "out.ome.zarr", *QUICK).code == 0
    result = flow("decompress", "out.ome.zarr", "-o", "back", "--json")
    assert result.code == 0, result.err
    assert [(p["well"], p["field"]) for p in result.objects[0]["done"]] == [("A1", 0), ("A2", 0), ("B1", 0)]
    original = open_plate(raw)
    exported = open_plate(tmp_path / "back")
    assert exported.positions == original.positions
    for position in original:
        with original.open(position) as one, exported.open(position) as other:
            assert (np.stack(list(one)) == np.stack(list(other))).all()
    assert flow("decompress", "out.ome.zarr", "-o", "back").code == 1
    assert (
        flow("decompress", "out.ome.zarr", "-o", "one", "--well", "B/1", "--format", "png", "--frames", "1:3").code == 0
    )
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["B1_f0"]
    assert len(list((tmp_path / "one/B1_f0").glob("*.png"))) == 2
    assert flow("decompress", "out.ome.zarr", "-o", "back.ome.zarr").code == 0
    assert open_plate(tmp_path / "back.ome.zarr").positions == original.positions
    assert zarr.open(tmp_path / "back.ome.zarr/A/2/0/0", mode="r").ndim == 5
    assert flow("decompress", "out.ome.zarr", "-o", "two.ome.zarr", "--format", "png").code == 2
    manifest = tmp_path / "out.ome.zarr/A/2/0/manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1])
    result = flow("decompress", "out.ome.zarr", "-o", "most")
    assert result.code == 3
    assert "A2_f0: " in result.err


def test_the_folder_around_the_output_must_be_there(flow, raw):
    result = flow("compress", raw, "-o", "nowhere/out", *QUICK)
    assert result.code == 1
    assert "no such folder" in result.err
    assert "flowroi-plate" not in result.err


@pytest.mark.parametrize("options", [("--plate",), ("--pattern", r"(?P<well>A\d\d)_f\d\d_t(?P<time>\d+)")])
def test_a_plate_of_one_well_goes_the_way_of_all_plates(flow, tmp_path, options):
    write_synthetic_plate(tmp_path / "raw", wells=("A1",), frames=2, height=48, width=48, cells=1)
    (summary, position) = flow("inspect", "raw", *options, "--json").objects
    assert (summary["wells"], position["well"], position["frames"]) == (["A1"], "A1", 2)
    result = flow("compress", "raw", "-o", "out", "--well", "A1", *options, *QUICK)
    assert result.code == 0, result.err
    assert "the command without --well finishes it" in result.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["A1_f0.ome.tif"]
    assert flow("compress", "raw", "-o", "out", *options, *QUICK).code == 0
    assert flow("verify", "out").code == 0
    assert flow("verify", "out", "--against", "raw", *[o for o in options if o != "--plate"]).code == 0
    # Without being asked it is a movie, as ever.
    assert flow("compress", "raw", "-o", "movie.ome.tif", *QUICK).code == 0


def test_a_well_asks_for_a_plate(flow, tmp_path):
    write_synthetic_plate(tmp_path / "raw", wells=("B2",), frames=2, height=48, width=48, cells=1)
    assert flow("compress", "raw", "-o", "out", "--well", "B2", *QUICK).code == 0
    assert (tmp_path / "out/B2_f0.ome.tif").is_file()
    assert flow("roi", "raw", "-o", "masks", "--well", "B2", "--roi-method", "fused").code == 0
    assert (tmp_path / "masks/B2_f0").is_dir()
    result = flow("compress", tmp_path / "raw" / "B02_f00_t0000_c0.png", "-o", "x", "--plate", *QUICK)
    assert result.code == 1
    assert "expected a plate" in result.err


def test_inspect_lists_a_raw_plate(flow, raw, tmp_path):
    break_well(raw)
    result = flow("inspect", raw, "--json")
    assert result.code == 0
    summary, *positions = result.objects
    assert (summary["type"], summary["wells"], summary["positions"]) == ("raw-plate", ["A1", "A2", "B1"], 3)
    assert [(p["type"], p["well"], p["field"], p["frames"], p["height"], p["dtype"]) for p in positions] == [
        ("position", "A1", 0, 3, 48, "uint8"),
        ("position", "A2", 0, None, None, None),
        ("position", "B1", 0, 3, 48, "uint8"),
    ]
    assert "A02_f00_t0000_c0.png" in positions[1]["error"]
    text = flow("inspect", raw).out
    assert "3 wells, 3 positions" in text
    assert "B1_f0  3 frames of 48x48 uint8" in text
    # One of ours that is not finished is none; asked for as a plate, its archives are movies.
    assert flow("compress", raw, "-o", "out", "--well", "A1", *QUICK).code == 0
    assert "no plate yet" in flow("inspect", "out").err
    assert flow("inspect", "out", "--plate", "--json").objects[1]["frames"] == 3
