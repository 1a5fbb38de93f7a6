"""Archives of a plate against the raw plate: each position as a movie by itself, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowroi.archives.plate import PlateArchive, open_plate_archive
from flowroi.errors import InvalidParameterError, MissingInputError, OutputExistsError
from flowroi.evaluation.gains import Gain
from flowroi.evaluation.pool import runs_alone
from flowroi.evaluation.save import SavedEvaluation, save_evaluation_of
from flowroi.evaluation.verdict import targets_text
from flowroi.params import check_integer
from flowroi.plates.base import Plate, Position
from flowroi.plates.batch import into_folder
from flowroi.plates.evaluation_report import FILES, write_plate_report
from flowroi.plates.evaluation_results import PlateEvaluation, PositionResult
from flowroi.plates.selection import chosen_positions
from flowroi.processes import process_pool
from flowroi.resources import available_cores
from flowroi.segmenters import Segmenter
from flowroi.sources.names import text_name
from flowroi.targets import Target


@dataclass(frozen=True, slots=True)
class _Work:
    """What is measured at which position: the archives that have it, by their numbers; or why it is not."""

    archives: dict[Position, dict[int, PlateArchive]]
    missing: tuple[tuple[Position, str], ...]
    unlabelled: tuple[Position, ...]
    warnings: tuple[str, ...]


def save_plate_evaluation(
    plate: Plate,
    archives: Sequence[Path],
    target: Path,
    *,
    segmenter: Segmenter | None,
    labels: Path | None = None,
    targets: Sequence[Target] = (),
    workers: int | None = None,
    wells: tuple[str, ...] = (),
    frames_of: Callable[[int], range] = range,
    overwrite: bool = False,
    command: Sequence[str] = (),
    told: Callable[[Position, SavedEvaluation], None] | None = None,
    **options: Any,
) -> PlateEvaluation:
    """Evaluate every position into `target/A1_f0` and so on, then write a page and tables of them all.

    Parameters
    ----------
    plate : Plate
        The raw plate.
    archives : sequence of path
        Plates that FlowRoI made of it.
    target : Path
        Folder for the folders of the positions, see `save_evaluation`, and for `FILES`.
    labels : path, optional
        The true cells, those of a position in the folder `A1_f0` within; positions without one are left out. By
        default what the segmenter finds on the raw frames.
    segmenter, workers, **options
        See `run_evaluation`.
    targets : sequence of Target
        What the first archive should reach, at every position.
    wells : tuple of str
        Only these; all by default.
    frames_of : callable
        From the number of a movie's frames to those that are measured; all by default.
    overwrite : bool, default False
        Replace an earlier evaluation.
    command : sequence of str
        The command line, for the reports.
    told : callable, optional
        Called with each position and its evaluation as soon as it is done.

    Returns
    -------
    PlateEvaluation
        A position that fails does not stop the others; where none could be measured, nothing is written.

    Raises
    ------
    OutputExistsError
        If anything is there already, before anything is done.
    FlowRoIError
        For what is wrong with all positions.
    """
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    opened = [open_plate_archive(path) for path in archives]
    names = _names(archives)
    work = _work(plate, opened, names, labels, chosen_positions(plate.positions, wells))
    there = next((name for name in FILES if (target / name).exists()), None)
    if there is not None and not overwrite:
        raise OutputExistsError(
            "the output exists; nothing was written: choose another folder, or overwrite", path=target / there
        )

    def evaluate(position: Position, folder: Path) -> PositionResult:
        used = work.archives[position]
        with plate.open(position) as movie:
            try:
                frames = frames_of(len(movie))
            except InvalidParameterError as error:
                # A movie that is too short is a fault of this position.
                raise InvalidParameterError(error.message, path=movie.path) from error
            for archive in used.values():
                # That it is the archive which belongs to the plate.
                archive.open(position).close()
            found = save_evaluation_of(
                movie,
                [archive.place(position) for archive in used.values()],
                folder,
                names=[names[n] for n in used],
                labels=None if labels is None else labels / str(position),
                targets=targets if 0 in used else (),
                frames=frames,
                overwrite=overwrite,
                command=command,
                segmenter=segmenter,
                workers=workers,
                pool=pool,
                **options,
            )
        if told is not None:
            told(position, found)
        return _condensed(position, found, tuple(used), targets)

    inputs = [plate.path, *(archive.path for archive in opened), *([] if labels is None else [labels])]
    count = workers or available_cores()
    # The same processes for all positions: a new one takes longer to begin than a small movie to be measured.
    with nullcontext() if runs_alone(segmenter, count) else process_pool(count) as pool:
        batch = into_folder(work.archives, target, inputs=inputs, name_of=str, overwrite=overwrite, work=evaluate)
    found = PlateEvaluation(
        name=plate.name,
        path=str(plate.path),
        archives=tuple(names),
        positions=tuple(result for _, result in batch.done),
        failed=batch.failed,
        missing=work.missing,
        unlabelled=work.unlabelled,
        targets=tuple(targets),
        warnings=(*plate.warnings, *work.warnings),
    )
    if found.positions:
        digests = {name: archive.record["digest"] for name, archive in zip(names, opened, strict=True)}
        write_plate_report(found, target, digests=digests, command=command)
    return found


def _work(
    plate: Plate,
    archives: Sequence[PlateArchive],
    names: Sequence[str],
    labels: Path | None,
    chosen: Iterable[Position],
) -> _Work:
    if labels is not None and not labels.is_dir():
        raise MissingInputError("there is no such folder; expected one with a folder of labels a position", path=labels)
    stored = [frozenset(archive.positions) for archive in archives]
    work: dict[Position, dict[int, PlateArchive]] = {}
    missing: list[tuple[Position, str]] = []
    unlabelled: list[Position] = []
    for position in chosen:
        if labels is not None and not (labels / str(position)).is_dir():
            unlabelled.append(position)
            continue
        having = {n: archive for n, archive in enumerate(archives) if position in stored[n]}
        missing += [(position, name) for n, name in enumerate(names) if n not in having]
        if having:
            work[position] = having
    if labels is not None and not work and not missing:
        raise InvalidParameterError(
            "no position of the plate has labels there; expected folders named as positions, such as A1_f0", path=labels
        )
    if not work:
        raise InvalidParameterError(
            f"no position that is asked for is in {' or '.join(names)}; expected archives of this plate",
            path=plate.path,
        )
    strangers = [
        f"{name} has positions that the raw plate has not: {', '.join(map(str, sorted(extra)[:8]))}"
        for name, of in zip(names, stored, strict=True)
        if (extra := of - frozenset(plate.positions))
    ]
    return _Work(work, tuple(missing), tuple(unlabelled), tuple(strangers))


def _condensed(
    position: Position, found: SavedEvaluation, numbers: Sequence[int], targets: Sequence[Target]
) -> PositionResult:
    of = found.evaluation
    raw, archives = of.subjects[0], of.of_kind("archive")
    missed: tuple[str, ...] = ()
    if 0 in numbers:
        _, rows = targets_text(targets, archives[0].summary(), raw.summary())
        missed = tuple(f"{target}: {reached}" for target, reached, met in rows if met == "no")
    gains = next(iter(found.gains.values()), {})
    return PositionResult(
        position=position,
        frames=len(raw.frames),
        dtype=of.dtype,
        raw=raw.condensed(),
        archives={n: s.condensed() for n, s in zip(numbers, archives, strict=True)},
        gains={n: _psnr_gain(gains.get(s.key, ())) for n, s in zip(numbers, archives, strict=True)},
        codec=of.codecs[0]["name"] if of.codecs else None,
        truth=of.truth,
        segmenter=of.segmenter,
        missed_targets=missed,
        verdict=found.verdict,
        warnings=of.warnings,
    )


def _psnr_gain(gains: Iterable[Gain]) -> float | None:
    return next((gain.gain for gain in gains if gain.quality == "roi_psnr"), None)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each archive, longer where folder names alone are not unique."""
    short = [text_name(path.name) for path in paths]
    return [name if short.count(name) == 1 else text_name(str(path)) for name, path in zip(short, paths, strict=True)]
