"""Compression of whatever is given: a movie, or a plate of movies."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.job import parse_options
from flowroi.pipeline import Progress, compress_movie
from flowroi.report.compression import CompressionReport
from flowroi.sources import open_source

if TYPE_CHECKING:
    from flowroi.plates.report import PlateReport


def compress(
    source: str | PathLike[str] | npt.NDArray[Any],
    target: str | PathLike[str],
    *,
    progress: Progress | None = None,
    **options: Any,
) -> CompressionReport | PlateReport:
    """Compress a movie into an archive, or a plate into a plate of archives.

    Parameters
    ----------
    source : path or ndarray
        A movie that `open_source` reads, or a plate that `open_plate` reads.
    target : path
        As of `flowroi.pipeline.compress`. For a plate: `NAME.ome.zarr`, or a folder for an archive each well and field.
    progress : callable, optional
        Called with (frames done, frames in all).
    **options
        As of `flowroi.pipeline.compress`; for plates also `wells` (only these: `("A1", "B/3", "A/1/0")`, right into the
        target; a later call without it finishes the plate) and `skip_failed` (finish a plate without the positions that
        cannot be compressed).

    Returns
    -------
    CompressionReport or PlateReport
        The latter for a plate; it says what failed.

    Raises
    ------
    FlowRoIError
        As `flowroi.pipeline.compress`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from flowroi.synthetic import write_synthetic_plate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_synthetic_plate(f"{folder}/raw", wells=["A1", "A2"], frames=2, height=32, width=32, cells=1)
    ...     report = compress(f"{folder}/raw", f"{folder}/small", lossless="all", roi_method="none")
    ...     sorted(path.name for path in Path(folder, "small").iterdir())
    ['A1_f0.ome.tif', 'A2_f0.ome.tif', 'COMPLETE', 'plate.json']
    """
    settings = parse_options(options)
    job = settings.job
    if not isinstance(source, np.ndarray):
        from flowroi.plates import is_plate, open_plate

        if is_plate(source, job.pattern):
            from flowroi.plates.compression import compress_plate

            plate = open_plate(source, pattern=job.pattern, channel=job.channel, max_pixels=job.max_pixels)
            return compress_plate(plate, Path(target), settings, progress)
    if job.wells or job.skip_failed:
        raise InvalidParameterError(
            f"the input is a movie, or not surely a plate: {'wells' if job.wells else 'skip_failed'} has no meaning; "
            "give a pattern that tells the wells"
        )
    with open_source(source, pattern=job.pattern, channel=job.channel, max_pixels=job.max_pixels) as opened:
        return compress_movie(opened, Path(target), settings, progress)
