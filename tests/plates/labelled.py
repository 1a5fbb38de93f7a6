"""A small plate whose cells are known: raw images, label images, and plates made of them."""

import numpy as np
import tifffile

import flowroi
from flowroi.png import write_png


def write_labelled_plate(folder, wells=("A1", "A2", "B1"), *, frames=3, shape=(64, 80), cells=3):
    """Write `raw/` and `labels/A1_f0/`; returns the movies by well."""
    (folder / "raw").mkdir(parents=True)
    made = {}
    for seed, well in enumerate(wells, start=3):
        movie = flowroi.synthetic_movie(frames=frames, height=shape[0], width=shape[1], cells=cells, seed=seed)
        made[well] = movie
        (folder / "labels" / f"{well}_f0").mkdir(parents=True)
        for t in range(frames):
            name = f"{well[0]}{int(well[1:]):02}_f00_t{t:04}_c0"
            write_png(folder / "raw" / f"{name}.png", movie.frames[t])
            labels = movie.labels[t].astype(np.uint16)
            tifffile.imwrite(folder / "labels" / f"{well}_f0" / f"{name}.tif", labels, photometric="minisblack")
    return made


def break_well(raw, name):
    """Cut the images of a well short."""
    for path in raw.glob(f"{name}_*"):
        path.write_bytes(path.read_bytes()[:-9])
