"""The sample of a sweep: windows of one movie, or of several, measured all together and judged movie by movie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowroi.errors import InvalidParameterError
from flowroi.evaluation.labels import LabelSource
from flowroi.evaluation.results import Summary
from flowroi.sources import Source
from flowroi.stores import AnyPath
from flowroi.sweep.goal import Candidate, Goal
from flowroi.sweep.options import Options
from flowroi.sweep.runner import Outcome, Runner
from flowroi.sweep.windows import Window, lay_out, read_windows


@dataclass(frozen=True, slots=True)
class Sample:
    """The frames of one movie that a sweep looks at.

    Attributes
    ----------
    name : str
    path : Path, StorePath or None
    shape : (int, int, int)
        (T, Y, X) of the movie.
    dtype : dtype
    significant_bits : int
    searched, held_out : tuple of Window
        For the search, and for the confirmation of its best.
    """

    name: str
    path: AnyPath | None
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    significant_bits: int
    searched: tuple[Window, ...]
    held_out: tuple[Window, ...]

    @property
    def raw_bytes(self) -> int:
        """Of the movie."""
        return math.prod(self.shape) * self.dtype.itemsize


def sample_of(
    opened: Source, truth: LabelSource | None, sample_frames: int, *, confirm: bool, position: str = ""
) -> Sample:
    """Read the frames of a movie that a sweep looks at; see `lay_out`.

    Raises
    ------
    InvalidParameterError
        If none of the frames has labels.
    """
    labelled = range(len(opened)) if truth is None else truth.frames
    if not labelled:
        raise InvalidParameterError("none of the frames has labels", path=opened.path)
    layout = lay_out(len(opened), labelled, sample_frames, confirm=confirm)
    return Sample(
        position or opened.name,
        opened.path,
        opened.shape,
        np.dtype(opened.dtype),
        opened.significant_bits,
        read_windows(opened, truth, layout.sample, position),
        read_windows(opened, truth, layout.held_out, position),
    )


@dataclass(frozen=True, slots=True)
class Movie:
    """A sample, where its windows lie among all of them, and its uncompressed figures."""

    sample: Sample
    places: range
    held_out: range
    raw: Summary


@dataclass(frozen=True, slots=True)
class Places:
    """Windows of each movie, which are measured all together and judged movie by movie."""

    movies: Sequence[Movie]
    places: Sequence[range]
    raw: Sequence[Summary]

    @property
    def all(self) -> list[int]:
        """The windows of all movies."""
        return [place for places in self.places for place in places]

    def judged(
        self, goal: Goal, runner: Runner, many: Sequence[Options], raw: Summary, *, segment: bool
    ) -> list[Candidate]:
        """Return candidates: their figures those of all movies together, their targets asked for in each."""
        together = runner.measure(many, self.all, segment=segment)
        if len(self.movies) == 1:
            return [goal.judge(options, *outcome, raw) for options, outcome in zip(many, together, strict=True)]
        each = [runner.measure(many, places, segment=segment) for places in self.places]
        return [
            goal.judge_each(
                options,
                together[n][0],
                [
                    (movie.sample.name, *outcomes[n], own)
                    for movie, outcomes, own in zip(self.movies, each, self.raw, strict=True)
                ],
            )
            for n, options in enumerate(many)
        ]

    def each(self, goal: Goal, runner: Runner, options: Options, *, segment: bool) -> dict[str, Candidate]:
        """Return what one choice of options comes to on each movie, by its name."""
        return {
            movie.sample.name: goal.judge(options, *runner.measure([options], places, segment=segment)[0], own)
            for movie, places, own in zip(self.movies, self.places, self.raw, strict=True)
        }


def movies_with_cells(
    samples: Sequence[Sample], runner: Runner, *, segment: bool
) -> tuple[list[Movie], list[tuple[str, str]]]:
    """Return the movies that have cells on their sample, and the others with why not."""
    places, start = [], 0
    for sample in samples:
        middle, end = start + len(sample.searched), start + len(sample.searched) + len(sample.held_out)
        places.append((range(start, middle), range(middle, end)))
        start = end
    # All at once, so that no core waits.
    runner.measure([None], [place for searched, _ in places for place in searched], segment=segment)
    found, empty = [], []
    for sample, (searched, held_out) in zip(samples, places, strict=True):
        raw = whole(runner.measure([None], searched, segment=segment)[0])
        if raw.roi_psnr is None:
            empty.append((sample.name, "there are no cells on the frames of the sample"))
        else:
            found.append(Movie(sample, searched, held_out, raw))
    if not found:
        raise InvalidParameterError(
            "there are no cells on the frames of the sample, and so nothing to aim at; expected labels, or a "
            "segmenter, that find some",
            path=samples[0].path,
        )
    return found, empty


def held_out_of(movies: Sequence[Movie], runner: Runner, *, segment: bool) -> Places | None:
    """Return the windows that were held out; None where none were."""
    having = [movie for movie in movies if movie.held_out]
    if not having:
        return None
    runner.measure([None], [place for movie in having for place in movie.held_out], segment=segment)
    raws = [whole(runner.measure([None], movie.held_out, segment=segment)[0]) for movie in having]
    return Places(having, [movie.held_out for movie in having], raws)


def whole(outcome: Outcome) -> Summary:
    """Return the figures of what was measured for sure: uncompressed frames."""
    summary = outcome[0]
    assert summary is not None
    return summary


def frames_of(windows: Sequence[Window]) -> tuple[int, ...]:
    """Return the frames that are measured in some windows."""
    return tuple(window.start + n for window in windows for n in window.measured)
