"""Small lossy archives whose frames carry their own number, to be exported."""

import numpy as np
import pytest

import flowroi

PIXEL_SIZE_UM, INTERVAL_S = 0.641, 8.0


def movie(dtype, frames=5):
    """Blobs on noise, 12 significant bits where there is room, and one frame of zeros."""
    rng = np.random.default_rng(1)
    made = rng.integers(20, 60, (frames, 40, 56)).astype(dtype)
    for t in range(frames):
        made[t, 5 + 5 * t : 15 + 5 * t, 10:30] += 100
    if dtype == np.uint16:
        made *= 16
    made[3] = 0
    return made


@pytest.fixture(scope="session", params=["uint8", "uint16"])
def archive_path(request, tmp_path_factory):
    """A lossy OME-TIFF archive with pixel size and time increment, made of a TIFF file."""
    import tifffile

    folder = tmp_path_factory.mktemp("exports")
    tifffile.imwrite(
        folder / "raw.ome.tif",
        movie(np.dtype(request.param)),
        photometric="minisblack",
        metadata={
            "axes": "TYX",
            "PhysicalSizeX": PIXEL_SIZE_UM,
            "PhysicalSizeY": PIXEL_SIZE_UM,
            "TimeIncrement": INTERVAL_S,
            "SignificantBits": 8 if request.param == "uint8" else 12,
        },
    )
    flowroi.compress(folder / "raw.ome.tif", folder / "a.ome.tif", rate=6, roi_method="none", workers=1)
    return folder / "a.ome.tif"


@pytest.fixture
def archive(archive_path):
    with flowroi.open_archive(archive_path) as opened:
        yield opened


@pytest.fixture
def decoded(archive):
    return archive[:]
