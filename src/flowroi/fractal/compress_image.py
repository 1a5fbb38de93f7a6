"""Fractal: compresses one image into the new plate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowroi.fractal.plate_job import PlateJob


def compress_image(*, zarr_url: str, init_args: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Compress one image of a plate; run again, it leaves alone what is there.

    Parameters
    ----------
    zarr_url : str
        The image.
    init_args : dict
        From the first part of the task: the name of the image, and the job of the plate.

    Raises
    ------
    FlowRoIError
        If the image cannot be compressed; other images are not affected.
    """
    job, image = PlateJob.of(init_args["job"]), init_args["image"]
    job.run(image)
    target = Path(job.target)
    update = {
        "zarr_url": str(target / image),
        "origin": zarr_url,
        "attributes": {"plate": target.name},
        "types": {"flowroi": True},
    }
    return {"image_list_updates": [update]}


if __name__ == "__main__":
    from flowroi.extras import need

    need("fractal_task_tools.task_wrapper", extra="fractal").run_fractal_task(task_function=compress_image)
