"""`flowroi compress` into OME-Zarr, and what the other verbs make of it."""

import numpy as np
import pytest
import tifffile

import flowroi

FILE = {"ome-zarr": "0/c/0/0/0/0/0", "ome-zarr-0.4": "0/2/0/0/0/0"}


@pytest.mark.parametrize("archive_format", FILE)
def test_there_and_back(flow, movie, tmp_path, archive_format):
    done = flow("compress", movie, "-o", "a.ome.zarr", "--format", archive_format, "--lossless", "all", "--keep-masks")
    assert done.code == 0
    assert flow("verify", "a.ome.zarr").code == 0
    assert archive_format in flow("inspect", "a.ome.zarr").out
    assert flow("decompress", "a.ome.zarr", "-o", "out.tif").code == 0
    assert np.array_equal(tifffile.imread("out.tif"), tifffile.imread(movie))
    again = flow("compress", "a.ome.zarr", "-o", "again.ome.tif", "--lossless", "all", "--roi-method", "none")
    assert again.code == 0
    with flowroi.open_archive("again.ome.tif") as archive:
        assert np.array_equal(archive[:], tifffile.imread(movie))
    file = tmp_path / "a.ome.zarr" / FILE[archive_format]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert flow("verify", "a.ome.zarr").code == 4


def test_the_name_tells_the_format(flow, movie, tmp_path):
    for name in ("a.zarr", "b.ome.zarr"):
        assert flow("compress", movie, "-o", name, "--rate", 10, "--roi-method", "none").code == 0
        with flowroi.open_archive(name) as archive:
            assert archive.format == "ome-zarr"
    assert flow("compress", movie, "-o", "c.zarr", "--format", "ome-zarr-0.3", "--rate", 10).code == 2
    assert not (tmp_path / "c.zarr").exists()


def test_losses_of_two_generations_are_kept(flow, movie):
    assert flow("compress", movie, "-o", "a.zarr", "--rate", 10, "--roi-method", "none").code == 0
    command = ("compress", "a.zarr", "-o", "b.zarr", "--format", "ome-zarr-0.4", "--rate", 20, "--roi-method", "none")
    assert flow(*command).code == 0
    with flowroi.open_archive("b.zarr") as archive:
        assert archive.manifest["lossy_method"] == ["ISO_15444_1"] * 2
        assert archive.manifest["lossy_ratio"] == pytest.approx([10, 20], rel=0.1)
