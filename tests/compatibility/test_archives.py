"""Archives of every release still open, and give what the release itself decoded from them.

Each folder `v*` was written by `make_archives.py` with that release.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import flowroi
from flowroi.exports import export
from tests.compatibility.make_archives import ARCHIVES, PLATES, movie

HERE = Path(__file__).parent
KEPT = [path for folder in sorted(HERE.glob("v*")) for path in sorted(folder.iterdir()) if path.name in ARCHIVES]
NAMED = pytest.mark.parametrize("path", KEPT, ids=[f"{path.parent.name}-{path.name}" for path in KEPT])


def kept(path, what=""):
    with np.load(path.parent / "pixels.npz") as pixels:
        return pixels[path.name + what]


def near(found, expected, path):
    """Whether pixels are equal: of wavelets with losses, but for the rounding of another build of OpenJPEG."""
    slack = 0 if "lossless" in path.name or path.suffix in (".mkv", ".mp4") or path.name == "mkv" else 1
    return found.dtype == expected.dtype and int(np.abs(found.astype(int) - expected.astype(int)).max()) <= slack


def test_every_release_is_here():
    assert {path.parent.name for path in KEPT} >= {"v0.1.0"}
    assert sum(file.stat().st_size for file in HERE.glob("v*/**/*") if file.is_file()) < 300_000


@NAMED
def test_it_opens_and_gives_its_pixels(path):
    with flowroi.open_archive(path) as archive:
        assert near(archive[:], kept(path), path)
        assert archive.manifest["significant_bits"] == ARCHIVES[path.name][0]
        assert archive.manifest["frame_interval_s"] == 8.0
        if archive.manifest["masks_kept"]:
            masks = np.stack([archive.roi(t) for t in range(len(archive))])
            assert np.array_equal(masks, kept(path, ":masks"))


@NAMED
def test_it_holds_what_was_compressed(path):
    bits, options = ARCHIVES[path.name]
    difference = kept(path).astype(float) - movie(bits)
    assert np.sqrt((difference**2).mean()) < (0.001 if "lossless" in options else 2 ** (bits - 8) * 12)


@NAMED
def test_it_verifies(path):
    assert flowroi.verify(path, workers=1).faults == ()


@NAMED
def test_its_losses_are_known_to_what_is_made_of_it(path, tmp_path):
    with flowroi.open_archive(path) as archive:
        before = archive.manifest
        export(archive, tmp_path / "out.ome.tif")
    from flowroi.exports.provenance import read

    record = read(tmp_path / "out.ome.tif")
    lossless = "lossless" in ARCHIVES[path.name][1]
    assert record["lossy"] is not lossless
    assert len(record["lossy_method"]) == len(record["lossy_ratio"]) == (0 if lossless else 1)
    assert record["lossy_ratio"] == before["lossy_ratio"]
    assert record["source"]["files"][0]["sha256"] == before["source"]["files"][0]["sha256"]


@NAMED
def test_a_changed_byte_in_a_frame_is_found(path, tmp_path):
    with flowroi.open_archive(path) as archive:
        stream = archive.codestream(1) if archive.independent_frames else archive.stored(1)
    copy = tmp_path / path.name
    shutil.copytree(path, copy) if path.is_dir() else shutil.copy(path, copy)
    for file in [copy] if copy.is_file() else [file for file in copy.rglob("*") if file.is_file()]:
        content = file.read_bytes()
        if stream in content:
            at = content.index(stream) + len(stream) // 2
            file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert 1 in flowroi.verify(copy, workers=1).bad_frames


KEPT_PLATES = [folder / name for folder in sorted(HERE.glob("v*")) for name in PLATES if (folder / name).exists()]


@pytest.mark.parametrize("path", KEPT_PLATES, ids=[f"{path.parent.name}-{path.name}" for path in KEPT_PLATES])
def test_a_plate_opens_and_gives_its_pixels(path):
    with flowroi.open_plate_archive(path) as plate:
        assert [str(position) for position in plate.positions] == ["A1_f0", "B2_f0"]
        assert list(plate.faults()) == []
        for position in plate.positions:
            with plate.open(position) as archive:
                assert near(archive[:], kept(path, f":{position}"), path)
