"""A whole sweep: sampled frames, a search over options, the best of them, and its confirmation on other frames."""

from __future__ import annotations

import math
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
from flowroi.sweep.runner import Outcome, Progress, Runner
from flowroi.sweep.search import search
from flowroi.sweep.windows import Window, lay_out, read_windows
from flowroi.targets import Target

ROUNDS = 3
SAMPLE_FRAMES = 24
# Of the front of the PSNR, how many are also looked at with the segmenter.
_FRONT_POINTS = 6


@dataclass(frozen=True, slots=True)
class Sweep:
    """A finished sweep.

    Attributes
    ----------
    name : str
        Of the movie.
    path : Path, StorePath or None
    shape : (int, int, int)
        (T, Y, X).
    dtype : str
    raw_bytes : int
        Of the whole movie.
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
    check_integer("sample_frames", sample_frames, low=1)
    check_integer("rounds", rounds, low=0, high=8)
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    if labels is None and segmenter is None:
        raise InvalidParameterError("there are neither labels nor a segmenter to tell where the cells are; give one")
    goal = make_goal(targets, best, segments=segmenter is not None)
    fixed = dict(fixed or {})
    check_names((*fixed, *(axes or {})))
    parse_options(fixed)
    if axes is not None:
        grid(axes, fixed)
    store = Cache(cache)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, pattern=pattern, channel=channel, max_pixels=max_pixels))
        truth = None if labels is None else stack.enter_context(open_labels(labels, opened))
        labelled = range(len(opened)) if truth is None else truth.frames
        if not labelled:
            raise InvalidParameterError("none of the frames has labels", path=opened.path)
        layout = lay_out(len(opened), labelled, sample_frames, confirm=confirm)
        windows = read_windows(opened, truth, (*layout.sample, *layout.held_out))
        by = Yardstick(segmenter, 2**opened.significant_bits - 1, any(t.metric == "ssim" for t in targets))
        places = range(len(layout.sample))
        store.open()
        runner = stack.enter_context(Runner(windows, by, store, workers=workers, progress=progress))
        raw = _whole(runner.measure([None], places, segment=segmenter is not None)[0])
        if raw.roi_psnr is None:
            raise InvalidParameterError(
                "there are no cells on the frames of the sample, and so nothing to aim at; expected labels, or a "
                "segmenter, that find some",
                path=opened.path,
            )

        def measure(many: Sequence[Options]) -> list[Candidate]:
            outcomes = runner.measure(many, places, segment=goal.segments)
            return [goal.judge(options, *outcome, raw) for options, outcome in zip(many, outcomes, strict=True)]

        def choose(candidates: Sequence[Candidate]) -> Candidate:
            return goal.choose(candidates, raw)

        searched = axes is None
        candidates = search(goal, fixed, measure, choose, rounds) if searched else measure(grid(axes or {}, fixed))
        place = candidates.index(choose(candidates))
        if segmenter is not None and not goal.segments:
            # The search did without the segmenter; those that matter are looked at with it.
            chosen = sorted({place, *_spread([candidates.index(c) for c in front(candidates, "roi_psnr")])})
            outcomes = runner.measure([candidates[n].options for n in chosen], places, segment=True)
            for n, outcome in zip(chosen, outcomes, strict=True):
                candidates[n] = goal.judge(candidates[n].options, *outcome, raw)
        winner = candidates[place]
        confirmed = None
        if layout.held_out:
            outside = range(len(places), len(windows))
            raw_outside, outcome = runner.measure([None, winner.options], outside, segment=segmenter is not None)
            confirmed = goal.judge(winner.options, *outcome, _whole(raw_outside))
        return Sweep(
            name=opened.name,
            path=opened.path,
            shape=opened.shape,
            dtype=str(opened.dtype),
            raw_bytes=math.prod(opened.shape) * np.dtype(opened.dtype).itemsize,
            truth="label images" if truth is not None else f"what {_name(segmenter)} finds on the raw frames",
            segmenter=None if segmenter is None else segmenter.describe(),
            goal=goal,
            fixed=fixed,
            raw=raw,
            candidates=tuple(candidates),
            best=winner,
            confirmed=confirmed,
            sample_frames=_frames(windows[: len(places)]),
            held_out_frames=_frames(windows[len(places) :]),
            measured=runner.measured,
            cached=runner.cached,
        )


def _whole(outcome: Outcome) -> Summary:
    summary = outcome[0]
    assert summary is not None
    return summary


def _spread(places: Sequence[int]) -> list[int]:
    """Return at most a few of the places, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), _FRONT_POINTS)).round().astype(int))
    return [places[n] for n in chosen] if places else []


def _name(segmenter: Segmenter | None) -> str:
    return "nothing" if segmenter is None else segmenter.name


def _frames(windows: Sequence[Window]) -> tuple[int, ...]:
    return tuple(window.start + n for window in windows for n in window.measured)
