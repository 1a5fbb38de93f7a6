"""The tasks, run as fractal-server runs them: a process each, arguments and results in JSON files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import flowroi
from flowroi import compress, synthetic_movie
from flowroi.fractal.compress_image import compress_image
from flowroi.fractal.compress_init import compress_init
from flowroi.fractal.finish_plate import finish_plate
from tests.inputs.makers import write_zarr
from tests.plates.test_ome_zarr import write_plate
from tests.recipes.conftest import content_of

pytest.importorskip("fractal_task_tools", reason="fractal-task-tools, the extra `fractal`, is not installed")
PACKAGE = Path(flowroi.__file__).parent
MANIFEST = json.loads((PACKAGE / "__FRACTAL_MANIFEST__.json").read_text())
COMPRESS, FINISH = MANIFEST["task_list"]
OPTIONS = {"lossless": "roi", "roi_method": "none"}


@pytest.fixture
def raw(tmp_path):
    """A plate of four images as Fractal's converters write it: axes tczyx, in `zarr_dir`."""
    plate = write_plate(tmp_path / "zarr_dir" / "screen.zarr", wells=("A/01", "B/02"), images=("0", "1"), version="0.4")
    for number, image in enumerate(images_of(plate)):
        movie = synthetic_movie(frames=3, height=48, width=56, cells=2, seed=number).frames
        write_zarr(tmp_path, movie[:, None, None], axes="tczyx", version="0.4").rename(image)
    return plate


def images_of(plate):
    return [plate / well / field for well in ("A/01", "B/02") for field in ("0", "1")]


@pytest.fixture
def task(tmp_path):
    """Run an executable of the manifest; returns its exit code, what it returned, and what it printed."""
    count = iter(range(1000))

    def run(executable, **arguments):
        number = next(count)
        given, returned = tmp_path / f"args{number}.json", tmp_path / f"out{number}.json"
        given.write_text(json.dumps(arguments))
        command = [sys.executable, PACKAGE / executable, "--args-json", given, "--out-json", returned]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        return done.returncode, json.loads(returned.read_text()) if returned.exists() else None, done.stderr

    return run


@pytest.fixture
def compress_task(task, raw):
    """Run both parts of the task on images, as the server does: the first shares out what the second does."""

    def run(images, **options):
        urls = [str(image) for image in images]
        code, shared, told = task(
            COMPRESS["executable_non_parallel"], zarr_urls=urls, zarr_dir=str(raw.parent), **{**OPTIONS, **options}
        )
        assert code == 0, told
        updates = []
        for unit in shared["parallelization_list"]:
            code, returned, told = task(COMPRESS["executable_parallel"], **unit)
            assert code == 0, told
            updates += returned["image_list_updates"]
        return updates

    return run


def test_a_plate_becomes_a_whole_plate(task, compress_task, raw, tmp_path):
    before = content_of(raw)
    updates = compress_task(images_of(raw))
    target = raw.parent / "screen_flowroi.zarr"
    assert updates == [
        {
            "zarr_url": f"{target}/{new}",
            "origin": str(origin),
            "attributes": {"plate": "screen_flowroi.zarr"},
            "types": {"flowroi": True},
        }
        for new, origin in zip(["A/1/0", "A/1/1", "B/2/0", "B/2/1"], images_of(raw), strict=True)
    ]
    urls = [update["zarr_url"] for update in updates]
    for _ in range(2):
        # The second time there is nothing to finish: it is verified again.
        code, returned, told = task(FINISH["executable_non_parallel"], zarr_urls=urls, zarr_dir=str(raw.parent))
        assert (code, returned) == (0, {"image_list_updates": []}), told
    compress(raw, tmp_path / "one.zarr", format="ome-zarr", **OPTIONS)
    assert content_of(target) == content_of(tmp_path / "one.zarr")
    assert content_of(raw) == before
    # All of it again is nothing to do, and other settings are refused.
    where = {"zarr_urls": [str(image) for image in images_of(raw)], "zarr_dir": str(raw.parent)}
    units = compress_init(**where, **OPTIONS)["parallelization_list"]
    assert [compress_image(**unit)["image_list_updates"][0] for unit in units] == updates
    (unit, *_) = compress_init(**where, rate=20)["parallelization_list"]
    with pytest.raises(flowroi.FlowRoIError, match="made otherwise"):
        compress_image(**unit)
    assert content_of(target) == content_of(tmp_path / "one.zarr")


def test_some_images_and_a_bad_frame(task, compress_task, raw):
    images = images_of(raw)[1:3]
    urls = [update["zarr_url"] for update in compress_task(images, suffix="_some")]
    target = raw.parent / "screen_some.zarr"
    where = {"zarr_urls": urls, "zarr_dir": str(raw.parent)}
    code, _, told = task(
        COMPRESS["executable_non_parallel"], **{**where, "zarr_urls": [str(images[0])]}, suffix="_some"
    )
    assert code != 0
    assert "the plate was begun otherwise" in told
    code, _, told = task(FINISH["executable_non_parallel"], **where)
    assert code == 0, told
    record = json.loads((target / "plate.json").read_text())
    assert [entry["path"] for entry in record["positions"]] == ["A/1/1", "B/2/0"]
    shard = next((target / "A/1/1/0/c").rglob("0"))
    while shard.is_dir():
        shard /= "0"
    data = bytearray(shard.read_bytes())
    data[99] ^= 1
    shard.write_bytes(data)
    code, _, told = task(FINISH["executable_non_parallel"], **where)
    assert code != 0
    assert "VerificationError" in told
    assert "A1_f1" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"suffix": ""}, "is the input itself"),
        ({"suffix": "/x"}, "expected a part of a name"),
        ({"rate": 0.5}, "rate is 0.5"),
        ({"zarr_urls": ["screen.zarr"]}, "expected an image of a plate"),
    ],
)
def test_what_is_refused_before_anything_is_written(raw, arguments, message):
    before = content_of(raw.parent)
    given = {"zarr_urls": [str(image) for image in images_of(raw)], "zarr_dir": str(raw.parent), **arguments}
    with pytest.raises(flowroi.FlowRoIError, match=message):
        compress_init(**given)
    assert content_of(raw.parent) == before


def test_a_foreign_plate_of_that_name_is_left_alone(raw):
    other = write_plate(raw.parent / "screen_flowroi.zarr", version="0.4")
    (other / "notes.txt").write_text("mine")
    before = content_of(raw.parent)
    where = {"zarr_urls": [str(image) for image in images_of(raw)], "zarr_dir": str(raw.parent)}
    with pytest.raises(flowroi.FlowRoIError, match="not of this plate"):
        compress_init(**where)
    with pytest.raises(flowroi.FlowRoIError, match="no plate that FlowRoI compress began"):
        finish_plate(**where)
    assert content_of(raw.parent) == before


def test_the_manifest_is_up_to_date(monkeypatch):
    from fractal_task_tools._cli import main

    options = ["--package", "flowroi", "--task-list-path", "fractal.task_list"]
    monkeypatch.setattr(sys, "argv", ["fractal-manifest", "check", *options])
    main()
    for task in MANIFEST["task_list"]:
        for part in ("executable_non_parallel", "executable_parallel"):
            assert part not in task or (PACKAGE / task[part]).is_file()
