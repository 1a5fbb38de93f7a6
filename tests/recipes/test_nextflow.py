"""The Nextflow recipe: its grammar, and the commands of its processes, run one after the other without Nextflow."""

import json
import re
import subprocess

import pytest

from flowroi import compress
from tests.recipes.conftest import RECIPES, SETTINGS, content_of

MAIN = RECIPES / "nextflow" / "main.nf"


@pytest.fixture
def process(tmp_path, plates, environment):
    """Run the script of a process for a plate in a folder of its own, which it returns."""

    def run(name, well="", skip_failed=False):
        target = tmp_path / "my out" / "p1.ome.zarr"
        known = {
            "raw": plates[0],
            "plate": "p1",
            "well": well,
            "target(plate)": target,
            "file(target(plate)).parent": target.parent,
            "params.reading": "",
            "params.settings": SETTINGS,
            "task.cpus": 1,
            "tolerate": "|| [[ $? == [13] ]]" if skip_failed else "",
            "skip": "--skip-failed" if skip_failed else "",
        }
        body = re.search(rf'^process {name} {{.*?^    """\n(.*?)^    """', MAIN.read_text(), re.MULTILINE | re.DOTALL)[
            1
        ]
        script = re.sub(r"\$\{(.*?)\}", lambda match: str(known[match[1]]), body).replace("\\\\", "\\")
        folder = tmp_path / f"work {name} {well}"
        folder.mkdir()
        subprocess.run(["bash", "-ue", "-c", script], cwd=folder, env=environment, check=True, timeout=120)
        return folder

    return run


@pytest.mark.slow
def test_the_commands_make_a_plate(process, plates, tmp_path):
    broken = plates[0] / "A02_f00_t0001_c0.png"
    broken.write_bytes(broken.read_bytes()[:-20])
    listed = (process("WELLS") / "wells.json").read_text().splitlines()
    wells = json.loads(listed[0])["wells"]
    assert wells == ["A1", "A2", "B1", "B2"]
    with pytest.raises(subprocess.CalledProcessError):
        process("WELL", "A2")
    for well in ("A1", "B1"):
        assert (process("WELL", well) / f"{well}.json").stat().st_size
    with pytest.raises(subprocess.CalledProcessError):
        process("PLATE")
    tolerant = tmp_path / "work WELL A2"
    tolerant.rename(tmp_path / "before")
    process("WELL", "A2", skip_failed=True)
    (tmp_path / "work PLATE ").rename(tmp_path / "before too")
    report = json.loads((process("PLATE", skip_failed=True) / "compressed.json").read_text().splitlines()[-1])
    assert report["finished"]
    assert json.loads((process("VERIFY") / "verified.json").read_text())["intact"]
    options = {"lossless": "roi", "roi_method": "none", "skip_failed": True}
    compress(plates[0], tmp_path / "p1.ome.zarr", **options)
    assert content_of(tmp_path / "p1.ome.zarr") == content_of(tmp_path / "my out" / "p1.ome.zarr")


@pytest.mark.recipes
def test_the_grammar_is_that_of_nextflow():
    module = pytest.importorskip("reftrace", reason="reftrace is not installed: make test-recipes").Module
    assert [process.name for process in module.from_file(str(MAIN)).processes] == ["WELLS", "WELL", "PLATE", "VERIFY"]


def test_every_parameter_has_a_value_in_the_configuration():
    used = set(re.findall(r"params\.(\w+)", MAIN.read_text()))
    given = re.search(r"^params \{\n(.*?)^\}", (RECIPES / "nextflow" / "nextflow.config").read_text(), re.M | re.S)[1]
    assert set(re.findall(r"^    (\w+) =", given, re.MULTILINE)) == used
