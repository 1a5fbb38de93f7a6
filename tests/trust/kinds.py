"""The kinds of archives that the promises are tried on, each with the options that make it small and quick."""

from dataclasses import dataclass, field

import numpy as np

from flowroi.archives import FORMATS

# As short as a movie of a few frames needs for more than one: chunks of a video, shards of an OME-Zarr.
_SHORT = {
    "flowroi.sequence.coding.CHUNK_FRAMES": 4,
    "flowroi.sequence.sample.WHOLE_FRAMES": 4,
    "flowroi.archives.shard.MOST_CHUNKS": 2,
}


@dataclass(frozen=True)
class Kind:
    """A format of archives: the name of the archive, and the options of its compression."""

    format: str
    target: str
    options: dict = field(default_factory=dict, hash=False)

    @property
    def is_plate(self):
        return self.format.startswith("plate")

    @property
    def is_video(self):
        return self.format in ("mkv", "mp4", "mkv-folder")

    @property
    def is_folder(self):
        return "." not in self.target or self.target.endswith(".zarr")

    def __str__(self):
        return self.format

    def arguments(self, source, folder, *more, masks=None, **changes):
        """Return the command line that makes the archive in a folder."""
        options = {**self.options, **changes}
        if masks is not None and not self.is_video:
            options["roi_method"] = masks
        words = ["compress", source, "-o", folder / self.target, *more]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value]
        if masks is not None and not self.is_video:
            words.append("--keep-masks")
        return words


_STILL = {"rate": 6, "roi_method": "none", "workers": 1}
_VIDEO = {"rate": 8, "roi_method": "none", "workers": 1, "gop": 2}
KINDS = [
    Kind("ome-tiff", "a.ome.tif", _STILL),
    Kind("jp2", "jp2", _STILL),
    *(Kind(name, f"{name}.ome.zarr", {**_STILL, "format": name}) for name in FORMATS if "zarr" in name),
    Kind("mkv", "a.mkv", {**_VIDEO, "codec": "av1", "preset": 13}),
    Kind("mp4", "a.mp4", {**_VIDEO, "codec": "hevc", "preset": 8}),
    Kind("mkv-folder", "mkv", {**_VIDEO, "codec": "hevc", "preset": 8}),
]
# Several movies that appear together.
PLATES = [
    Kind("plate of ome-tiff", "plate", {"lossless": "all", "roi_method": "none", "workers": 1}),
    Kind("plate of ome-zarr", "plate.ome.zarr", {"lossless": "all", "roi_method": "none", "workers": 1}),
]


def short_pieces(patch):
    """Let small movies have several pieces of everything, until the patch is undone."""
    for name, value in _SHORT.items():
        patch.setattr(name, value)


def movie_of(frames, height=40, width=48, seed=1):
    """Return a movie (T, Y, X) uint8 of smooth ground, noise and moving spots, no frame like another."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    ground = 90 + 40 * np.sin(x / 9) * np.cos(y / 7)
    movie = np.empty((frames, height, width), np.uint8)
    for t in range(frames):
        spot = 90 * np.exp(-((y - 12 - t) ** 2 + (x - 10 - 1.5 * t) ** 2) / 18)
        movie[t] = np.clip(ground + spot + rng.normal(0, 3, (height, width)), 0, 255)
    return movie


def masks_of(movie):
    """Return a mask for every frame: where its spot is."""
    return movie > 150
