"""A small movie, its streams, and archives of every format."""

import numpy as np
import pytest

from flowroi.archives import ArchiveLayout, container_of, create_archive
from flowroi.archives.manifest import pixels_digest
from flowroi.codec import encode
from flowroi.versions import codec_versions

CONTENT = {
    "flowroi": "0.0",
    "codecs": {"openjpeg": codec_versions()["openjpeg"]},
    "lossy": True,
    "lossy_method": ["ISO_15444_1"],
    "lossy_ratio": [3.0],
    "source": {"name": "m", "files": []},
    "settings": {"encode": {"rate": 3}},
    "gaps": [],
    "roi": {"method": "none"},
    "roi_share": 1.0,
    "masks_sha256": None,
    "encode": {"rate": 3},
    "warnings": [],
}

NAMES = {"ome-tiff": "a.ome.tif", "ome-zarr": "a.ome.zarr", "ome-zarr-0.4": "b.ome.zarr", "jp2": "a"}
# Of a folder, where frame `t` is.
FRAME_FILES = {"ome-zarr": "0/c/0/0/0/0/0", "ome-zarr-0.4": "0/{t}/0/0/0/0", "jp2": "t{t:03d}.jp2"}


class Maker:
    """Writes archives of a movie whose frames carry their own number."""

    def __init__(self, folder):
        self.folder = folder

    def movie(self, shape=(12, 33, 47), dtype=np.uint8):
        rng = np.random.default_rng(0)
        frames = rng.integers(0, 50, shape).astype(dtype)
        for t in range(shape[0]):
            frames[t, 0, 0] = 100 + t
        return frames

    def layout(self, frames, **changes):
        values = {
            "shape": frames.shape,
            "dtype": frames.dtype.name,
            "significant_bits": 8 if frames.dtype == np.uint8 else 12,
            "name": "m",
            "frame_names": tuple(f"t{t:03d}" for t in range(len(frames))),
            "pixel_size_um": 0.641,
            "frame_interval_s": 8.0,
        }
        return ArchiveLayout(**values | changes)

    def write(self, archive_format, frames, name=None, masks=None, overwrite=False, **changes):
        target = self.folder / (name or NAMES[archive_format])
        layout = self.layout(frames, keep_masks=masks is not None, **changes)
        with create_archive(target, archive_format, layout, overwrite=overwrite) as writer:
            for t, frame in enumerate(frames):
                stream = encode(frame, lossless="all", container=container_of(archive_format))
                writer.add(stream, None if masks is None else masks[t], pixels_sha256=pixels_digest(frame))
            writer.finish(CONTENT)
        return target


def file_of_frame(path, archive_format, t):
    return path if path.is_file() else path / FRAME_FILES[archive_format].format(t=t)


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path)


@pytest.fixture(params=NAMES)
def archive_format(request):
    return request.param
