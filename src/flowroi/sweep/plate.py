"""A sweep of a plate: a few wells, spread over it, stand for all; what is chosen holds in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.errors import FlowRoIError, InvalidParameterError, MissingInputError
from flowroi.evaluation.labels import open_labels
from flowroi.plates.base import Plate, Position
from flowroi.plates.batch import concerns_all
from flowroi.plates.selection import chosen_positions
from flowroi.segmenters import Segmenter
from flowroi.sweep.run import SAMPLE_FRAMES, Sweep, check_sweep, run_sweep_on
from flowroi.sweep.samples import Sample, sample_of
from flowroi.sweep.windows import WINDOW_FRAMES
from flowroi.targets import Target


def run_plate_sweep(
    plate: Plate,
    cache: Path,
    targets: Sequence[Target],
    *,
    labels: Path | None = None,
    segmenter: Segmenter | None = None,
    wells: tuple[str, ...] = (),
    sample_frames: int = SAMPLE_FRAMES,
    confirm: bool = True,
    **options: Any,
) -> Sweep:
    """Look for the options of `compress` that meet targets in every well of a sample.

    Parameters
    ----------
    plate : Plate
    cache, targets, segmenter, confirm, **options
        See `run_sweep`.
    labels : path, optional
        The true cells, those of a position in the folder `A1_f0` within; positions without one are not looked at.
    wells : tuple of str
        Only these are sampled, and stand for these; all by default.
    sample_frames : int >= 1, default 24
        About so many frames are measured, of all wells together: 8 neighbours of each, so that 24 are of 3 wells.

    Returns
    -------
    Sweep
        Its `plate` says which positions were looked at, and which could not be.

    Raises
    ------
    FlowRoIError
        As `run_sweep`; the error of a position only if none could be looked at.
    """
    check_sweep(sample_frames, labels is not None, segmenter)
    positions = chosen_positions(plate.positions, wells)
    samples: list[Sample] = []
    failed: list[FlowRoIError] = []
    left_out: list[tuple[str, str]] = []
    chosen = sampled_positions(_labelled(positions, labels), sample_frames)
    for position in chosen:
        try:
            samples.append(_sample(plate, position, labels, max(1, sample_frames // len(chosen)), confirm=confirm))
        except FlowRoIError as error:
            if concerns_all(error):
                raise
            failed.append(error)
            left_out.append((str(position), str(error)))
    if not samples:
        raise failed[0]
    return run_sweep_on(
        samples,
        cache,
        targets,
        labelled=labels is not None,
        segmenter=segmenter,
        plate=(plate.name, plate.path, len(positions), left_out),
        **options,
    )


def sampled_positions(positions: Sequence[Position], sample_frames: int) -> tuple[Position, ...]:
    """Return the positions that stand for all: spread evenly over them in plate order, always the same.

    Examples
    --------
    >>> row = [Position(f"A{column}") for column in range(1, 13)]
    >>> [str(position) for position in sampled_positions(row, 24)]
    ['A1_f0', 'A7_f0', 'A12_f0']
    """
    count = min(len(positions), max(1, round(sample_frames / WINDOW_FRAMES)))
    places = np.linspace(0, len(positions) - 1, count) if count > 1 else np.array([(len(positions) - 1) / 2])
    return tuple(positions[place] for place in np.unique(places.round().astype(int)))


def _labelled(positions: Sequence[Position], labels: Path | None) -> Sequence[Position]:
    if labels is None:
        return positions
    if not labels.is_dir():
        raise MissingInputError("there is no such folder; expected one with a folder of labels a position", path=labels)
    found = [position for position in positions if (labels / str(position)).is_dir()]
    if not found:
        raise InvalidParameterError(
            "no position of the plate has labels there; expected folders named as positions, such as A1_f0", path=labels
        )
    return found


def _sample(plate: Plate, position: Position, labels: Path | None, sample_frames: int, *, confirm: bool) -> Sample:
    with ExitStack() as stack:
        movie = stack.enter_context(plate.open(position))
        truth = None if labels is None else stack.enter_context(open_labels(labels / str(position), movie))
        return sample_of(movie, truth, sample_frames, confirm=confirm, position=str(position))
