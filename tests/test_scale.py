"""`docs/scale.md`: its tables are those of the measured costs, and what measures and reckons them is right."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs" / "data" / "cost.json"
PAGE = ROOT / "docs" / "scale.md"


@pytest.fixture
def part(monkeypatch):
    """Modules of the benchmark, which import each other by their plain names."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


@pytest.fixture(scope="module")
def data():
    return json.loads(DATA.read_text())


def test_the_tables_of_the_page_are_those_of_the_measured_costs(part, data):
    page = PAGE.read_text()
    assert part("cost_tables").with_tables(page, data) == page


def test_every_run_was_a_run(data):
    for run in data["runs"]:
        assert run["cpu_s"] > 0
        assert run["frames"] > 0
        assert run["cpu_s"] == min(each[0] for each in run["rounds"])


def test_a_movies_cost_and_an_images_are_told_apart(part):
    runs = [{"series": "a", "target": "b", "x": n, "frames": n, "cpu_s": 0.5 + 0.02 * n} for n in (10, 100, 1000)]
    cost = part("cost_plan").cost_of({"runs": runs}, "a", "b")
    assert cost.fixed_s == pytest.approx(0.5)
    assert cost.image_s == pytest.approx(0.02)
    assert cost.bend == pytest.approx(25)


def test_the_slope_of_a_power_is_its_exponent(part):
    x = np.array([1.0, 10, 100])
    assert part("cost_plan").slope_of(x, 3 * x**1.5) == pytest.approx(1.5)


def test_the_plan_of_the_complexeye(part, data):
    items = {item.what: item for item in part("cost_plan").plan(data, 64, 8, 648, 864)}
    assert items["an image"].value == "559,872 bytes"
    assert items["an instrument"].value == "28,800 images an hour"
    assert items["on average"].value == "56.6 images/s"
    assert items["raw data in"].value == "31.7 MB/s (0.25 Gbit/s)"


def test_a_faster_core_needs_fewer(part, data):
    plan = part("cost_plan")
    reference = 1e3 * plan.reference_s(data, "frames", "rate 40") / 0.559872
    what = "compress, noise target"

    def cores(openjpeg):
        items = plan.plan(data, 64, 8, 648, 864, 10, openjpeg)
        return float(next(item.value for item in items if item.what == what).split()[0])

    assert cores(reference) == cores(None)
    assert cores(reference / 2) == pytest.approx(cores(reference) / 2, rel=0.02)


def test_a_run_is_measured_with_its_stages(part, tmp_path):
    movie, frames = tmp_path / "movie.tif", np.random.default_rng(1).integers(90, 110, (12, 64, 80), np.uint8)
    part("cost_movies").write(movie, frames)
    flags = ["--overwrite", "--workers", "1", "--rate", "10"]
    command = ["compress", str(movie), "-o", str(tmp_path / "a.ome.tif"), *flags]
    run = part("cost_runs").measured(command, command, movie=str(movie), stages=True)
    assert run["raw_bytes"] == frames.nbytes
    # Pixels once, and once more for their checksum.
    assert run["read_bytes"] >= 2 * frames.nbytes
    assert run["written_bytes"] >= run["file_bytes"] == (tmp_path / "a.ome.tif").stat().st_size
    # The archive before and after it is looked at, and its folder.
    assert run["flushes"] >= 2
    assert sum(run["stages"].values()) == pytest.approx(run["cpu_s"])
    assert run["stages"]["encode"] > 0
    assert run["openjpeg_cpu_s"] > 0
