"""A whole sweep: sampled frames, a search over options, the best of them, and its confirmation on other frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.evaluation.labels import open_labels
from flowroi.evaluation.measure import Yardstick
from flowroi.evaluation.results import Summary
from flowroi.job import parse_options
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import check_integer
from flowroi.segmenters import Segmenter
from flowroi.sources import open_source
from flowroi.stores import AnyPath
from flowroi.sweep.cache import Cache
from flowroi.sweep.goal import Candidate, Goal, front, make_goal
from flowroi.sweep.options import Options, Value, check_names, grid
from flowroi.sweep.runner import Progress, Runner
from flowroi.sweep.samples import Places, Sample, frames_of, held_out_of, movies_with_cells, sample_of, whole
from flowroi.sweep.search import search
from flowroi.targets import Target

ROUNDS = 3
SAMPLE_FRAMES = 24
# Of the front of the PSNR, how many are also looked at with the segmenter.
_FRONT_POINTS = 6


@dataclass(frozen=True, slots=True)
class SampledMovie:
    """What was found on a position of a plate.

    Attributes
    ----------
    name : str
        Of the position.
    sample_frames, held_out_frames : tuple of int
    raw : Summary
        The uncompressed sample.
    best, confirmed : Candidate or None
        The winner of the whole plate here, on the sample and on the frames held out.
    """

    name: str
    sample_frames: tuple[int, ...]
    held_out_frames: tuple[int, ...]
    raw: Summary
    best: Candidate
    confirmed: Candidate | None


@dataclass(frozen=True, slots=True)
class SampledPlate:
    """Which positions of a plate were looked at.

    Attributes
    ----------
    positions : int
        How many were asked for.
    movies : tuple of SampledMovie
        In plate order.
    left_out : tuple of (str, str)
        Positions that were to be looked at and could not be, and why.
    """

    positions: int
    movies: tuple[SampledMovie, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A finished sweep.

    Attributes
    ----------
    name : str
        Of the movie, or the plate.
    path : Path, StorePath or None
    shape : (int, int, int)
        (T, Y, X); of a plate, those of the first movie sampled.
    dtype : str
    raw_bytes : int
        Of the whole movie, or of all positions that were asked for, if the others are like those sampled.
    truth : str
        What the true cells are.
    segmenter : dict or None
        See `Segmenter.describe`.
    goal : Goal
    fixed : mapping
        Options that were held constant.
    raw : Summary
        The uncompressed sample.
    candidates : tuple of Candidate
        In the order in which they were looked at.
    best : Candidate
        The winner; where no candidate meets the targets, the one that is nearest to.
    confirmed : Candidate or None
        The best, measured on the frames held out; None where none were.
    sample_frames, held_out_frames : tuple of int
    measured, cached : int
        Windows of frames that were encoded and measured, and that were found in the cache.
    plate : SampledPlate or None
        Of which positions the sample is, if it is one of a plate.
    """

    name: str
    path: AnyPath | None
    shape: tuple[int, int, int]
    dtype: str
    raw_bytes: int
    truth: str
    segmenter: dict[str, Any] | None
    goal: Goal
    fixed: Options
    raw: Summary
    candidates: tuple[Candidate, ...]
    best: Candidate
    confirmed: Candidate | None
    sample_frames: tuple[int, ...]
    held_out_frames: tuple[int, ...]
    measured: int
    cached: int
    plate: SampledPlate | None = None

    @property
    def met(self) -> bool:
        """Whether a candidate meets all targets on the sample."""
        return self.best.feasible

    @property
    def predicted_bytes(self) -> int | None:
        """Encoded bytes of the whole movie, if it takes as many a pixel as the sample does."""
        return None if self.best.summary is None else round(self.raw_bytes / self.best.summary.rate)

    def front(self, figure: str) -> list[Candidate]:
        """Return the candidates that no smaller one equals in a figure of quality."""
        return front(self.candidates, figure)


def run_sweep(
    source: str | PathLike[str] | npt.NDArray[Any],
    cache: Path,
    targets: Sequence[Target],
    *,
    labels: str | PathLike[str] | npt.NDArray[Any] | None = None,
    segmenter: Segmenter | None = None,
    axes: Mapping[str, Sequence[Value]] | None = None,
    fixed: Options | None = None,
    best: str | None = None,
    sample_frames: int = SAMPLE_FRAMES,
    rounds: int = ROUNDS,
    confirm: bool = True,
    workers: int | None = None,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    progress: Progress | None = None,
) -> Sweep:
    """Look for the options of `compress` that meet targets best.

    Parameters
    ----------
    source : path or ndarray
        The movie; see `open_source`.
    cache : Path
        Folder in which every measure is kept; made if it is not there. Its own folder must exist.
    targets : sequence of Target
    labels : path or ndarray, optional
        The true cells; see `open_labels`. By default what the segmenter finds on the raw frames.
    segmenter : Segmenter, optional
        Looks for the cells on every measured frame.
    axes : mapping of str to sequence, optional
        A grid: all combinations are measured, and nothing else. By default the usual options are searched.
    fixed : mapping, optional
        Options held constant.
    best : "size", "roi_psnr" or "f1", optional
        See `make_goal`.
    sample_frames : int >= 1, default 24
        About so many frames are measured.
    rounds : int, 0 to 8, default 3
        Rounds of refinement, without a grid.
    confirm : bool, default True
        Measure the best once more, on other frames.
    workers : int, optional
        Processes; all cores by default. They do not change the figures.
    pattern, channel, max_pixels
        See `open_source`.
    progress : callable, optional
        Called with (measures done, measures asked for until now).

    Raises
    ------
    InvalidParameterError
        If an option, a target or the labels do not fit.
    OutputExistsError
        If the cache is a folder of something else.
    MissingInputError, UnsupportedFormatError, CorruptDataError
        If anything cannot be read.

    Notes
    -----
    Workers are new processes: a script that calls this needs the usual `if __name__ == "__main__":`.
    """
    check_sweep(sample_frames, labels is not None, segmenter)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, pattern=pattern, channel=channel, max_pixels=max_pixels))
        truth = None if labels is None else stack.enter_context(open_labels(labels, opened))
        sample = sample_of(opened, truth, sample_frames, confirm=confirm)
    return run_sweep_on(
        [sample],
        cache,
        targets,
        labelled=labels is not None,
        segmenter=segmenter,
        axes=axes,
        fixed=fixed,
        best=best,
        rounds=rounds,
        workers=workers,
        progress=progress,
    )


def check_sweep(sample_frames: int, labelled: bool, segmenter: Segmenter | None) -> None:
    """Raise InvalidParameterError if there is nothing to measure by, or no frame to measure on."""
    check_integer("sample_frames", sample_frames, low=1)
    if not labelled and segmenter is None:
        raise InvalidParameterError("there are neither labels nor a segmenter to tell where the cells are; give one")


def run_sweep_on(
    samples: Sequence[Sample],
    cache: Path,
    targets: Sequence[Target],
    *,
    labelled: bool,
    segmenter: Segmenter | None = None,
    axes: Mapping[str, Sequence[Value]] | None = None,
    fixed: Options | None = None,
    best: str | None = None,
    rounds: int = ROUNDS,
    workers: int | None = None,
    plate: tuple[str, AnyPath, int, Sequence[tuple[str, str]]] | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Do what `run_sweep` does, on samples that were read already.

    Parameters
    ----------
    samples : sequence of Sample
        Of one movie, or of several of a plate: then a target is met where it is in each of them.
    labelled : bool
        Whether the samples have labels.
    plate : (str, Path or StorePath, int, sequence of (str, str)), optional
        Its name, where it is, how many positions were asked for, and what was left out before, with why.
    cache, targets, segmenter, axes, fixed, best, rounds, workers, progress
        See `run_sweep`.
    """
    check_integer("rounds", rounds, low=0, high=8)
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    goal = make_goal(targets, best, segments=segmenter is not None)
    fixed = dict(fixed or {})
    check_names((*fixed, *(axes or {})))
    parse_options(fixed)
    if axes is not None:
        grid(axes, fixed)
    store = Cache(cache)
    by = Yardstick(
        segmenter, 2 ** max(s.significant_bits for s in samples) - 1, any(t.metric == "ssim" for t in targets)
    )
    windows = [window for sample in samples for window in (*sample.searched, *sample.held_out)]
    store.open()
    with Runner(windows, by, store, workers=workers, progress=progress) as runner:
        movies, empty = movies_with_cells(samples, runner, segment=segmenter is not None)
        sample = Places(movies, [movie.places for movie in movies], [movie.raw for movie in movies])
        raw = whole(runner.measure([None], sample.all, segment=segmenter is not None)[0])

        def measure(many: Sequence[Options]) -> list[Candidate]:
            return sample.judged(goal, runner, many, raw, segment=goal.segments)

        def choose(candidates: Sequence[Candidate]) -> Candidate:
            return goal.choose(candidates, raw)

        searched = axes is None
        candidates = search(goal, fixed, measure, choose, rounds) if searched else measure(grid(axes or {}, fixed))
        place = candidates.index(choose(candidates))
        if segmenter is not None and not goal.segments:
            # The search did without the segmenter; those that matter are looked at with it.
            chosen = sorted({place, *_spread([candidates.index(c) for c in front(candidates, "roi_psnr")])})
            again = sample.judged(goal, runner, [candidates[n].options for n in chosen], raw, segment=True)
            for n, candidate in zip(chosen, again, strict=True):
                candidates[n] = candidate
        winner = candidates[place]
        outside = held_out_of(movies, runner, segment=segmenter is not None)
        confirmed = None
        if outside is not None:
            raw_outside = whole(runner.measure([None], outside.all, segment=segmenter is not None)[0])
            (confirmed,) = outside.judged(goal, runner, [winner.options], raw_outside, segment=segmenter is not None)
        of_plate = None
        if plate is not None:
            segment = segmenter is not None
            each = sample.each(goal, runner, winner.options, segment=segment)
            held = {} if outside is None else outside.each(goal, runner, winner.options, segment=segment)
            of_plate = SampledPlate(
                plate[2],
                tuple(
                    SampledMovie(
                        movie.sample.name,
                        frames_of(movie.sample.searched),
                        frames_of(movie.sample.held_out),
                        movie.raw,
                        each[movie.sample.name],
                        held.get(movie.sample.name),
                    )
                    for movie in movies
                ),
                (*plate[3], *empty),
            )
        first = movies[0].sample
        total = sum(movie.sample.raw_bytes for movie in movies)
        return Sweep(
            name=first.name if plate is None else plate[0],
            path=first.path if plate is None else plate[1],
            shape=first.shape,
            dtype=str(first.dtype),
            raw_bytes=total if plate is None else round(total / len(movies) * plate[2]),
            truth="label images" if labelled else f"what {_name(segmenter)} finds on the raw frames",
            segmenter=None if segmenter is None else segmenter.describe(),
            goal=goal,
            fixed=fixed,
            raw=raw,
            candidates=tuple(candidates),
            best=winner,
            confirmed=confirmed,
            sample_frames=frames_of([window for movie in movies for window in movie.sample.searched]),
            held_out_frames=frames_of([window for movie in movies for window in movie.sample.held_out]),
            measured=runner.measured,
            cached=runner.cached,
            plate=of_plate,
        )


def _spread(places: Sequence[int]) -> list[int]:
    """Return at most a few of the places, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), _FRONT_POINTS)).round().astype(int))
    return [places[n] for n in chosen] if places else []


def _name(segmenter: Segmenter | None) -> str:
    return "nothing" if segmenter is None else segmenter.name
