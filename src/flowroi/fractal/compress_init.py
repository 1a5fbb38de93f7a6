"""Fractal: begins a compressed plate beside each raw one, and shares its images out."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from flowroi.errors import InvalidParameterError, MissingInputError
from flowroi.fractal.plate_job import PlateJob, image_names
from flowroi.job import parse_options
from flowroi.plates.record import is_marked_complete


def compress_init(
    *,
    zarr_urls: list[str],
    zarr_dir: str,
    noise: float | None = None,
    psnr: float | None = None,
    rate: float | None = None,
    lossless: str | None = None,
    scaling_factor: float = 5.0,
    roi_method: Literal["fused", "flow", "none"] = "fused",
    keep_masks: bool = False,
    channel: int | None = None,
    suffix: str = "_flowroi",
) -> dict[str, list[dict[str, Any]]]:
    """Compress plates of movies, so that their moving cells keep their quality.

    Each plate becomes a new one beside the others, JPEG 2000 in OME-Zarr. The raw plate stays as it is. "FlowRoI finish
    plate" is to follow. Give one target; without one, errors in the cells stay within the camera's noise.

    Parameters
    ----------
    zarr_urls : list of str
        Images of OME-Zarr plates.
    zarr_dir : str
        Where the new plates are to be.
    noise : float, optional
        RMS error in the cells, at most so many times the camera's noise.
    psnr : float, optional
        PSNR in the cells to reach, dB.
    rate : float, optional
        Compression rate of each movie, above 1.
    lossless : str, optional
        What is kept exactly: all or roi.
    scaling_factor : float
        How much more the cells matter than the background, from 1.
    roi_method : str
        How the moving cells are found; with none, all of a frame counts the same.
    keep_masks : bool
        Store the masks of the cells as an OME-Zarr label image.
    channel : int, optional
        The channel to take where there are several, from 0.
    suffix : str
        Put behind the name of the raw plate.

    Raises
    ------
    InvalidParameterError
        For options out of range, or an image that is of no plate.
    OutputExistsError
        If the new plate was begun otherwise.
    """
    targets = {"noise": noise, "psnr": psnr, "rate": rate, "lossless": lossless}
    options: dict[str, Any] = {name: value for name, value in targets.items() if value is not None}
    options |= {"scaling_factor": scaling_factor, "roi_method": roi_method, "keep_masks": keep_masks}
    options |= {"channel": channel, "format": "ome-zarr"}
    parse_options(options)
    if "/" in suffix:
        raise InvalidParameterError(f"suffix is {suffix!r}; expected a part of a name")
    units: list[dict[str, Any]] = []
    for raw, urls in groupby(sorted(zarr_urls), key=_plate_of):
        names = image_names(raw, channel)
        chosen = {url: _name(names, url) for url in urls}
        target = Path(zarr_dir) / f"{raw.name.removesuffix('.zarr').removesuffix('.ome')}{suffix}.zarr"
        images = None if len(chosen) == len(names) else tuple(sorted(chosen.values()))
        job = PlateJob(str(raw), str(target), images, options)
        if not is_marked_complete(target):
            job.begin()
        units += [{"zarr_url": url, "init_args": {"image": name, "job": job.data()}} for url, name in chosen.items()]
    return {"parallelization_list": units}


def _plate_of(url: str) -> Path:
    parts = Path(url).parts
    if len(parts) < 4:
        raise InvalidParameterError(f"zarr_url is {url!r}; expected an image of a plate, PLATE.zarr/A/1/0")
    return Path(*parts[:-3])


def _name(names: dict[str, str], url: str) -> str:
    if str(Path(url)) not in names:
        raise MissingInputError("the plate lists no such image; nothing was done", path=Path(url))
    return names[str(Path(url))]


if __name__ == "__main__":
    from flowroi.extras import need

    need("fractal_task_tools.task_wrapper", extra="fractal").run_fractal_task(task_function=compress_init)
