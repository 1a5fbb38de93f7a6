"""Codes a movie chunk by chunk until it meets its goal: a sample tells the quality factor, then all are coded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from flowroi.errors import FlowRoIError, QualityTargetError
from flowroi.sequence.chunk import ChunkFacts, CodedChunk, code_chunk
from flowroi.sequence.encoder import FINEST_PRESET, SequenceFormat, settings_for
from flowroi.sequence.sample import WINDOW_FRAMES, Sample
from flowroi.sequence.search import Found, Goal, adjusted, find_crf
from flowroi.sequence.treated import Treated, TreatedFrame
from flowroi.sequence.work import Work

CHUNK_FRAMES = 128
_START = {"av1": 30.0, "hevc": 26.0}
# How fast the logarithms of the bytes and of the squared errors change with the crf, about.
_SLOPE = 0.04
# How near a part of the sample is to come to the goal, in proportion.
_ROUGH = 0.1
# What a sample is kept below the limit by, in proportion, because the movie will differ.
_MARGIN = 0.02
_MOST_ROUNDS = 10


class MovieCoding:
    """One movie, its chunks, and the threads that code them.

    Parameters
    ----------
    treated : Treated
    layout : SequenceFormat
    interval_s : Fraction
        Time from frame to frame.
    goal : Goal
        Of the whole movie.
    workers : int
        Threads; they do not change a byte.
    progress : callable, optional
        Called with (frames done, frames in all).
    """

    def __init__(
        self,
        treated: Treated,
        layout: SequenceFormat,
        interval_s: Fraction,
        goal: Goal,
        workers: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.treated, self.layout, self.interval_s, self.goal = treated, layout, interval_s, goal
        self.total = len(treated.source)
        self.chunks = chunks_of(self.total, layout.gop)
        self.progress = progress
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="flowroi")

    def __enter__(self) -> MovieCoding:
        return self

    def __exit__(self, *_: object) -> None:
        # Chunks take long: those under way are told to stop.
        self.treated.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def search(self) -> tuple[Sample, Found]:
        """Find the crf at which a sample of the movie meets the goal.

        Raises
        ------
        QualityTargetError
            If none does.
        """
        sample = Sample.of(self.treated, self.chunks, self._pool)
        self.layout = replace(self.layout, settings=settings_for(sample.filling))
        goal = self.goal if sample.whole else self.goal.nearer(_MARGIN)

        def measure(crf: float) -> float:
            return self._figure(sample, sample.coded(crf, self._code, self._pool))

        start, slope = _START[self.layout.codec], _SLOPE
        part = sample.windows[0][:WINDOW_FRAMES]
        if 2 * len(part) < sum(map(len, sample.windows)):
            # The way there is shown by a part of the sample.
            rough = find_crf(lambda crf: self._figure(sample, [self._code(part, crf)]), goal, start, slope, near=_ROUGH)
            start, slope = (goal.safe, slope) if rough is None else (rough.crf, rough.slope)
        found = find_crf(measure, goal, start, slope)
        if found is None:
            raise self._out_of_reach(measure(goal.safe))
        sample.coded(found.crf, self._code, self._pool)
        return sample, found

    def _figure(self, sample: Sample, coded: list[CodedChunk]) -> float:
        if self.goal.kind == "bytes":
            return sample.movie_bytes(coded)
        return sum(figures_of(self.goal, [chunk.facts for chunk in coded]))

    def code(self, work: Work) -> list[ChunkFacts]:
        """Code the movie into a work folder, going on where an earlier run was cut off.

        Raises
        ------
        QualityTargetError
            If the goal is out of reach.
        """
        plan = work.remembered("crfs") or self._first_plan(work)
        self.layout = replace(self.layout, settings=plan["settings"])
        for _ in range(_MOST_ROUNDS):
            facts = self._round(work, plan["crfs"])
            figures = figures_of(self.goal, facts)
            if sum(figures) <= self.goal.limit:
                return facts
            crfs = adjusted(plan["crfs"], figures, self.goal, plan["slope"])
            if crfs is None:
                break
            # Before anything is coded anew: a run that goes on must come to the same end. If that is not enough, the
            # figures move less than was thought.
            plan = {**plan, "crfs": crfs, "slope": plan["slope"] / 2}
            work.remember("crfs", plan)
        raise self._out_of_reach(sum(figures))

    def _first_plan(self, work: Work) -> dict[str, Any]:
        sample, found = self.search()
        if sample.whole:
            for n, chunk in enumerate(sample.trials[found.crf]):
                work.keep(n, chunk)
        plan = {"crfs": [found.crf] * len(self.chunks), "slope": found.slope, "settings": self.layout.settings}
        work.remember("crfs", plan)
        return plan

    def _round(self, work: Work, crfs: list[float]) -> list[ChunkFacts]:
        """Code the chunks that are not there at their crf yet."""
        facts: dict[int, ChunkFacts] = {}
        for n, crf in enumerate(crfs):
            chunk = work.load(n)
            if chunk is not None and chunk.facts.crf == crf:
                facts[n] = chunk.facts
        self._tell(facts)
        missing = [n for n in range(len(crfs)) if n not in facts]
        coded = {self._pool.submit(self._keep, work, n, crfs[n]): n for n in missing}
        for future in as_completed(coded):
            facts[coded[future]] = future.result()
            self._tell(facts)
        return [facts[n] for n in range(len(crfs))]

    def _tell(self, facts: dict[int, ChunkFacts]) -> None:
        if self.progress is not None:
            self.progress(sum(len(chunk.frames) for chunk in facts.values()), self.total)

    def _keep(self, work: Work, n: int, crf: float) -> ChunkFacts:
        chunk = self._code(self.treated.frames(self.chunks[n]), crf)
        work.keep(n, chunk)
        return chunk.facts

    def _code(self, frames: Iterable[TreatedFrame], crf: float) -> CodedChunk:
        source = self.treated.source
        try:
            return code_chunk(self._until_stopped(frames), self.layout, crf, self.interval_s, source.dtype)
        except FlowRoIError as error:
            if error.path is not None:
                raise
            raise type(error)(error.message, path=source.path, frame=error.frame) from error

    def _until_stopped(self, frames: Iterable[TreatedFrame]) -> Iterator[TreatedFrame]:
        for frame in frames:
            self.treated.check()
            yield frame

    def _out_of_reach(self, figure: float) -> QualityTargetError:
        finest = f"{self.layout.codec} at its {'coarsest' if self.goal.kind == 'bytes' else 'finest'}"
        peak = 2**self.layout.significant_bits - 1
        if self.goal.kind == "bytes":
            text = f"takes {round(figure)} bytes with {finest}; the rate leaves {int(self.goal.limit)}"
        else:
            reached, asked = (20 * np.log10(peak) - 10 * np.log10(max(x, 1e-9)) for x in (figure, self.goal.limit))
            text = f"reaches {reached:.1f} dB in its RoI with {finest}; {asked:.1f} dB were asked for"
        advice = "ask for less"
        if self.goal.kind == "mse" and self.layout.codec == "av1" and self.layout.preset > FINEST_PRESET:
            advice += f", or choose preset {FINEST_PRESET} or below: faster ones do not reach high qualities"
        return QualityTargetError(f"the movie {text}; nothing was written: {advice}", path=self.treated.source.path)


def chunks_of(total: int, gop: int) -> list[range]:
    """Cut a movie into chunks of whole groups of pictures.

    Examples
    --------
    >>> chunks_of(300, 64)
    [range(0, 128), range(128, 256), range(256, 300)]
    """
    length = max(CHUNK_FRAMES // gop, 1) * gop
    return [range(at, min(at + length, total)) for at in range(0, total, length)]


def figures_of(goal: Goal, chunks: Sequence[ChunkFacts]) -> list[float]:
    """Return what each chunk adds to the figure that a goal limits."""
    if goal.kind == "bytes":
        return [chunk.size_bytes for chunk in chunks]
    errors = [chunk.error for chunk in chunks]
    pixels = max(sum(error.pixels for error in errors), 1)
    return [error.total / pixels for error in errors]
