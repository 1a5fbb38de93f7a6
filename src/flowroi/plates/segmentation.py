"""The cells of a plate as label images: a folder for each position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowroi.plates.base import Plate, Position
from flowroi.plates.batch import Batch, into_folder
from flowroi.plates.selection import chosen_positions
from flowroi.segmentation import SegmentationReport, save_labels_of
from flowroi.segmenters import Segmenter


def save_plate_labels(
    plate: Plate,
    target: Path,
    segmenter: Segmenter,
    *,
    for_training: bool = False,
    wells: tuple[str, ...] = (),
    overwrite: bool = False,
    told: Callable[[Position, SegmentationReport], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Batch[tuple[str, ...]]:
    """Write the cells of every position into `target/A1_f0` and so on; see `save_labels`.

    What `evaluate` and `sweep` take as the labels of the same plate.

    Parameters
    ----------
    plate : Plate
    target, segmenter, for_training, overwrite, progress
        See `save_labels`.
    wells : tuple of str
        Only these; all by default.
    told : callable, optional
        Called with each position and its report as soon as it is done.

    Returns
    -------
    Batch of tuple of str
        The warnings of each position.

    Raises
    ------
    FlowRoIError
        Bad output, or a segmenter that cannot work; what is wrong with one position is in the result.
    """

    def save(position: Position, folder: Path) -> tuple[str, ...]:
        with plate.open(position) as movie:
            report = save_labels_of(
                movie, folder, segmenter, for_training=for_training, overwrite=overwrite, progress=progress
            )
        if told is not None:
            told(position, report)
        return report.warnings

    return into_folder(
        chosen_positions(plate.positions, wells),
        target,
        inputs=[plate.path],
        name_of=str,
        overwrite=overwrite,
        work=save,
    )
