"""Fractal: finishes compressed plates and verifies them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowroi.errors import UnsupportedFormatError, VerificationError
from flowroi.fractal.plate_job import PlateJob
from flowroi.plates.record import is_marked_complete


def finish_plate(*, zarr_urls: list[str], zarr_dir: str) -> dict[str, list[dict[str, Any]]]:  # noqa: ARG001
    """Write the metadata of compressed plates, and read and decode every frame of them.

    Images that are missing are compressed now. Until then the images of a plate are whole, each by itself, and the
    plate is none. A plate that is finished is verified again.

    Parameters
    ----------
    zarr_urls : list of str
        Images of plates that "FlowRoI compress" made.
    zarr_dir : str
        Of Fractal; not used.

    Raises
    ------
    UnsupportedFormatError
        If an image is of no plate that "FlowRoI compress" began.
    VerificationError
        If any frame, or anything around the frames, is not what was written.
    """
    from flowroi.plates.verification import verify_plate

    for target in sorted({Path(url).parents[2] for url in zarr_urls}):
        job = PlateJob.begun(target)
        if job is None and not is_marked_complete(target):
            raise UnsupportedFormatError("no plate that FlowRoI compress began; nothing was done", path=target)
        if job is not None:
            job.run()
        found = verify_plate(target)
        if not found.is_intact:
            names = [str(position) for position, one in found.positions if one.faults]
            names += [name for name, _ in found.faults]
            raise VerificationError(
                f"not what was written: {', '.join(names)}; flowroi verify tells more. Keep the raw data", path=target
            )
    return {"image_list_updates": []}


if __name__ == "__main__":
    from flowroi.extras import need

    need("fractal_task_tools.task_wrapper", extra="fractal").run_fractal_task(task_function=finish_plate)
