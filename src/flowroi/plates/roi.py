"""The masks of a plate as files: a folder of masks for each position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowroi.extraction import RoiReport, save_roi_of
from flowroi.params import RoiMethod, RoiParams
from flowroi.plates.base import Plate, Position
from flowroi.plates.batch import Batch, into_folder
from flowroi.plates.selection import chosen_positions


def save_plate_roi(
    plate: Plate,
    target: Path,
    params: RoiParams,
    *,
    method: RoiMethod = "fused",
    workers: int | None = None,
    overlays: bool = True,
    wells: tuple[str, ...] = (),
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Batch[RoiReport]:
    """Write the masks of every position into `target/A1_f0` and so on; see `save_roi`.

    What `compress` takes as the masks of the same plate.

    Raises
    ------
    FlowRoIError
        Bad parameters or output; what is wrong with one position is in the result.
    """

    def save(position: Position, folder: Path) -> RoiReport:
        with plate.open(position) as movie:
            return save_roi_of(
                movie,
                folder,
                params,
                method=method,
                workers=workers,
                overlays=overlays,
                overwrite=overwrite,
                progress=progress,
            )

    return into_folder(
        chosen_positions(plate.positions, wells),
        target,
        inputs=[plate.path],
        name_of=str,
        overwrite=overwrite,
        work=save,
    )
