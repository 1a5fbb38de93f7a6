"""Losses are appended from generation to generation, whatever the format, and never reset."""

import io

import numpy as np
import pytest
from PIL import Image

from flowroi import compress, open_archive, open_source
from flowroi.codec import encode
from flowroi.losses import Losses

MOVIE = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)


def test_manifests_of_both_versions():
    old = {"lossy": True, "lossy_method": "ISO_15444_1", "lossy_ratio": [20.0, 40.0]}
    new = {"lossy": True, "lossy_method": ["ISO_15444_1", "AV1"], "lossy_ratio": [20.0, None]}
    assert Losses.from_manifest(old).manifest() == {**old, "lossy_method": ["ISO_15444_1"] * 2}
    assert Losses.from_manifest(new).manifest() == new
    assert Losses.from_manifest({"lossy": True}) == Losses(("unknown",), (None,))
    assert not Losses.from_manifest({"lossy": False, "lossy_method": [], "lossy_ratio": []})


def test_nothing_is_reset():
    lost = Losses().then("AV1", 30)
    assert lost.then(None, 2) == lost
    assert lost.then("ISO_15444_1", 4).methods == ("AV1", "ISO_15444_1")
    with pytest.raises(ValueError, match="1 methods with 0 ratios"):
        Losses(("AV1",), ())


@pytest.mark.parametrize("archive_format", ["ome-tiff", "jp2", "ome-zarr", "ome-zarr-0.4"])
def test_three_generations(tmp_path, archive_format):
    """Lossy, lossy, lossless: the last archive still says that two were lossy."""
    names = {"ome-tiff": "{}.ome.tif", "jp2": "{}"}
    names = [names.get(archive_format, "{}.ome.zarr").format(generation) for generation in "abc"]
    options = {"format": archive_format, "roi_method": "none", "workers": 1}
    compress(MOVIE, tmp_path / names[0], rate=4, **options)
    report = compress(tmp_path / names[0], tmp_path / names[1], rate=8, **options)
    assert sum("lossy already" in text for text in report.warnings) == 1
    with open_archive(tmp_path / names[0]) as first, open_source(tmp_path / names[0]) as source:
        assert (np.stack(list(source)) == np.stack([first[t] for t in range(3)])).all()
    compress(tmp_path / names[1], tmp_path / names[2], lossless="all", **options)
    with open_archive(tmp_path / names[2]) as archive:
        manifest = archive.manifest
    assert manifest["lossy"]
    assert manifest["lossy_method"] == ["ISO_15444_1", "ISO_15444_1"]
    assert manifest["lossy_ratio"][0] == pytest.approx(4, rel=0.2)
    assert manifest["lossy_ratio"][1] == pytest.approx(8, rel=0.2)


def jp2(path, **options):
    file = io.BytesIO()
    Image.fromarray(MOVIE[0]).save(file, "JPEG2000", **options)
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize(
    ("options", "lossy"),
    [
        ({}, False),
        ({"tile_size": (40, 40)}, False),
        ({"num_resolutions": 1}, False),
        ({"precinct_size": (64, 64), "codeblock_size": (16, 16)}, False),
        ({"quality_mode": "rates", "quality_layers": [20, 5, 0]}, False),
        ({"progression": "RPCL", "tile_size": (48, 48)}, False),
        ({"irreversible": True, "quality_mode": "rates", "quality_layers": [5]}, True),
        ({"quality_mode": "rates", "quality_layers": [5]}, True),
        ({"quality_mode": "rates", "quality_layers": [20, 2]}, True),
        ({"quality_mode": "rates", "quality_layers": [5], "progression": "PCRL", "tile_size": (40, 40)}, True),
    ],
)
def test_streams_of_openjpeg(tmp_path, options, lossy):
    """Truncated streams of the reversible wavelet are lossy, too; complete ones are not, whatever their layout."""
    with open_source(jp2(tmp_path / "a.jp2", **options)) as source:
        assert bool(source.losses) == lossy
        assert (source.read(0) == MOVIE[0]).all() == (not lossy)


def test_own_lossless_streams_are_not_lossy(tmp_path):
    for name, options in {"a": {"lossless": "all"}, "b": {"lossless": "all", "layers": 3}}.items():
        path = tmp_path / f"{name}.jp2"
        path.write_bytes(encode(MOVIE[0], **options))
        with open_source(path) as source:
            assert not source.losses
