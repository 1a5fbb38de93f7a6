"""`flowroi evaluate` on a plate: the figures of each position, pooled ones, the page, and what is left out."""

import csv
import json
import math
import shutil

import numpy as np
import pytest

import flowroi
from flowroi.archives.plate import open_plate_archive
from flowroi.cli.app import run
from flowroi.report.blocks import Link
from flowroi.report.plate_map import plate_map_figure
from tests.cli.conftest import flow  # noqa: F401
from tests.plates.labelled import break_well, write_labelled_plate

QUICK = ("--baseline", "none", "--segmenter", "none", "--workers", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plate of three wells, its labels, and two plates of archives."""
    folder = tmp_path_factory.mktemp("plate")
    movies = write_labelled_plate(folder)
    flowroi.compress(folder / "raw", folder / "good.ome.zarr", rate=6, workers=1)
    flowroi.compress(folder / "raw", folder / "small", rate=20, workers=1)
    return folder, movies


@pytest.fixture
def plate(made, tmp_path, monkeypatch):
    """A copy of it to work on."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    return made[1]


def evaluate(flow, *more):  # noqa: F811
    return flow("evaluate", "raw", "good.ome.zarr", "small", "-o", "out", "--json", *QUICK, *more)


def error_on_cells(archive, movies, wells):
    total = pixels = 0
    with open_plate_archive(archive) as opened:
        for position in opened:
            if position.well in wells:
                movie = movies[position.well]
                with opened.open(position) as one:
                    error = (one[:].astype(float) - movie.frames)[movie.labels > 0]
                total, pixels = total + np.square(error).sum(), pixels + error.size
    return 10 * math.log10(255**2 * pixels / total)


def test_each_position_and_the_plate(flow, plate, tmp_path):  # noqa: F811
    result = evaluate(flow, "--labels", "labels")
    assert result.code == 0, result.err
    *positions, last = result.objects
    assert [(p["type"], p["well"], p["field"]) for p in positions] == [
        ("evaluation", well, 0) for well in ("A1", "A2", "B1")
    ]
    assert last["type"] == "plate-evaluation"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "A1_f0", "A2_f0", "B1_f0", "report.html", "positions.csv", "evaluation.json",
    }  # fmt: skip
    assert (tmp_path / "out/A2_f0/report.html").exists()
    # Squared errors are added up over the plate before the logarithm.
    for archive in last["archives"]:
        wanted = error_on_cells(tmp_path / archive["name"], plate, ("A1", "A2", "B1"))
        assert archive["roi_psnr"] == pytest.approx(wanted)
        assert (archive["positions"], archive["frames"]) == (3, 9)
    with (tmp_path / "out/positions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["well"], row["archive"]) for row in rows] == [
        (well, name) for well in ("A1", "A2", "B1") for name in ("good.ome.zarr", "small")
    ]
    own = [error_on_cells(tmp_path / "small", plate, (well,)) for well in ("A1", "A2", "B1")]
    assert [float(row["roi_psnr"]) for row in rows[1::2]] == pytest.approx(own)
    assert json.loads((tmp_path / "out/evaluation.json").read_text())["archives"] == last["archives"]
    page = (tmp_path / "out/report.html").read_text()
    order = sorted(("A1", "A2", "B1"), key=lambda well: error_on_cells(tmp_path / "good.ome.zarr", plate, (well,)))
    places = [page.index(f'href="{well}_f0/report.html"') for well in order]
    assert places == sorted(places)
    assert "the PSNR&#39;s logarithm comes last" in page


def test_one_well_fails_and_the_others_are_done(flow, plate, tmp_path):  # noqa: F811
    break_well(tmp_path / "raw", "A02")
    result = evaluate(flow, "--labels", "labels")
    assert result.code == 3
    (error,) = (found for found in result.objects if found["type"] == "error")
    assert "A2_f0: " in error["message"]
    assert [(p["well"], p["field"]) for p in result.objects[-1]["failed"]] == [("A2", 0)]
    assert {p["well"] for p in result.objects[-1]["positions"]} == {"A1", "B1"}
    assert not (tmp_path / "out/A2_f0").exists()
    assert "Not measured" in (tmp_path / "out/report.html").read_text()
    for well in ("A01", "B01"):
        break_well(tmp_path / "raw", well)
    assert flow("evaluate", "raw", "small", "-o", "none", *QUICK, "--labels", "labels").code == 1
    assert not (tmp_path / "none").exists()


def test_wells_without_labels_and_positions_that_an_archive_has_not_got(flow, plate, tmp_path):  # noqa: F811
    shutil.rmtree(tmp_path / "labels/B1_f0")
    result = evaluate(flow, "--labels", "labels")
    assert result.code == 0
    assert "left out for want of labels: B1_f0" in result.err
    assert result.objects[-1]["unlabelled"] == [{"well": "B1", "field": 0}]
    assert not (tmp_path / "out/B1_f0").exists()
    break_well(tmp_path / "raw", "A02")
    flowroi.compress(tmp_path / "raw", tmp_path / "part", rate=6, workers=1, skip_failed=True)
    for path in tmp_path.glob("raw/A02_*"):
        path.unlink()
    shutil.copytree(tmp_path / "raw", tmp_path / "fewer")
    result = flow("evaluate", "fewer", "small", "part", "-o", "two", "--json", *QUICK, "--labels", "labels")
    assert result.code == 0
    assert "small has positions that the raw plate has not: A2_f0" in result.err


def test_a_position_that_was_skipped_is_missing(flow, plate, tmp_path):  # noqa: F811
    shutil.copytree(tmp_path / "raw", tmp_path / "broken")
    break_well(tmp_path / "broken", "A02")
    flowroi.compress(tmp_path / "broken", tmp_path / "part", rate=6, workers=1, skip_failed=True)
    result = flow("evaluate", "raw", "part", "small", "-o", "out", "--json", *QUICK, "--labels", "labels")
    assert result.code == 3
    assert "part has not got A2_f0" in result.err
    last = result.objects[-1]
    assert last["missing"] == [{"well": "A2", "field": 0, "archive": "part"}]
    assert [archive["positions"] for archive in last["archives"]] == [2, 3]


def test_targets_are_for_every_position(flow, plate, tmp_path):  # noqa: F811
    levels = {well: error_on_cells(tmp_path / "good.ome.zarr", plate, (well,)) for well in ("A1", "A2", "B1")}
    worst, *rest = sorted(levels, key=levels.get)
    between = (levels[worst] + levels[rest[0]]) / 2
    result = evaluate(flow, "--labels", "labels", "--target", f"roi_psnr>={between:.4f}")
    assert result.code == 5
    missed = {p["well"]: p["missed_targets"] for p in result.objects[-1]["positions"] if p["archive"] != "small"}
    assert {well for well, misses in missed.items() if misses} == {worst}
    assert result.objects[-1]["targets_met"] is False
    assert "2 of 3 positions meet it" in (tmp_path / "out/report.html").read_text()
    assert evaluate(flow, "--labels", "labels", "--target", "rate>=2", "--overwrite").code == 0


def test_what_is_there_is_replaced_only_when_asked(flow, plate, tmp_path):  # noqa: F811
    assert evaluate(flow, "--labels", "labels", "--well", "A1").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"A1_f0", "report.html"}
    before = (tmp_path / "out/report.html").read_bytes()
    refused = evaluate(flow, "--labels", "labels", "--well", "A2")
    assert refused.code == 1
    assert (tmp_path / "out/report.html").read_bytes() == before
    assert not (tmp_path / "out/A2_f0").exists()
    assert evaluate(flow, "--labels", "labels", "--overwrite").code == 0
    assert evaluate(flow, "--labels", "labels", "--well", "H12", "--overwrite").code == 2
    assert evaluate(flow, "--labels", "nowhere", "--overwrite").code == 1
    assert evaluate(flow, "--labels", "raw", "--overwrite").code == 1
    assert flow("evaluate", "raw", "raw", "-o", "more", *QUICK, "--labels", "labels").code == 1
    assert flow("evaluate", "raw", "small", "-o", "raw/in", *QUICK, "--labels", "labels").code == 2


def test_frames_and_a_movie_that_is_too_short_for_them(flow, plate, tmp_path):  # noqa: F811
    for path in tmp_path.glob("raw/B01_*_t0002_*"):
        path.unlink()
    result = flow("evaluate", "raw", "small", "-o", "out", "--json", *QUICK, "--labels", "labels", "--frames", "2:")
    assert result.code == 3
    assert {p["well"]: p["frames"] for p in result.objects[-1]["positions"]} == {"A1": 1, "A2": 1}
    assert flow("evaluate", "raw", "small", "-o", "more", *QUICK, "--frames", "some").code == 2


def test_with_processes_codecs_and_a_segmenter(made, tmp_path, capfd):
    folder, _ = made
    command = ["evaluate", str(folder / "raw"), str(folder / "good.ome.zarr"), "-o", str(tmp_path / "out")]
    quick = ["--rates", "2,4,8,12", "--curve-frames", "2", "--workers", "2", "--baseline", "openjpeg"]
    assert run([*command, *quick, "--labels", str(folder / "labels")]) == 0
    text = capfd.readouterr().out
    assert "the median position is" in text
    assert "than JPEG 2000 (OpenJPEG) at equal PSNR" in text
    assert "A1_f0: At " in text
    found = json.loads((tmp_path / "out/evaluation.json").read_text())
    gains = [row["gain"] for row in found["positions"]]
    assert found["archives"][0]["median_gain"] == sorted(gains)[1]


def test_the_page_opens_from_disk_and_leads_to_the_reports(flow, plate, tmp_path, browser):  # noqa: F811
    hostile = "<img src=x onerror=alert(1)>"
    (tmp_path / "raw").rename(tmp_path / hostile)
    (tmp_path / "small").rename(tmp_path / "<b>small")
    assert flow("evaluate", hostile, "<b>small", "-o", "out", *QUICK, "--labels", "labels").code == 0
    context = browser.new_context(offline=True)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto((tmp_path / "out/report.html").as_uri())
    assert said == []
    assert "_img src=x onerror=alert(1)_" in page.locator("h1").inner_text()
    assert page.locator("img[src='x'], b:has-text('small')").count() == 0
    assert "<b>small" in page.locator("main").inner_text()
    page.get_by_role("link", name="A2_f0").first.click()
    page.wait_for_url("**/A2_f0/report.html")
    assert "A2_f0" in page.title()
    context.close()


def test_a_movie_has_no_wells(flow, plate, tmp_path):  # noqa: F811
    np.save(tmp_path / "movie.npy", plate["A1"].frames)
    flowroi.compress(tmp_path / "movie.npy", tmp_path / "m.ome.tif", rate=6)
    result = flow("evaluate", "movie.npy", "m.ome.tif", "-o", "out", *QUICK, "--well", "A1")
    assert result.code == 2
    assert "a movie, or not surely a plate" in result.err


@pytest.mark.parametrize("page", ["javascript:alert(1)", "https://a", "//a", "/a", "../a", "a/../b", "a?b", ""])
def test_links_lead_nowhere_else(page):
    with pytest.raises(flowroi.errors.InvalidParameterError):
        Link("text", page)


def test_a_map_takes_what_is_not_known():
    png = plate_map_figure({(1, 1): None, (8, 12): math.inf, (2, 2): 3.0}, "a $label$", failed=[(3, 3)])
    assert png.startswith(b"\x89PNG")
    assert plate_map_figure({(32, 48): None}, "label")
    for places in ({}, {(0, 1): 1.0}, {(33, 1): 1.0}):
        with pytest.raises(flowroi.errors.InvalidParameterError):
            plate_map_figure(places, "label")
