"""Measures candidates on windows, on all cores; what is in the cache is not measured again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from flowroi.errors import CorruptDataError
from flowroi.evaluation.measure import FrameMeasure, Yardstick
from flowroi.evaluation.pool import runs_alone
from flowroi.evaluation.results import SubjectResult, Summary
from flowroi.processes import process_pool
from flowroi.resources import available_cores, opencv_threads
from flowroi.sweep.cache import CACHE_FORMAT, Cache
from flowroi.sweep.measure import KnownRaw, WindowMeasure, from_json, measure_window, to_json
from flowroi.sweep.options import Options, identity, masks_folder, read_masks
from flowroi.sweep.windows import Window
from flowroi.versions import codec_versions

Progress = Callable[[int, int], None]
Outcome = tuple[Summary | None, str]

# What a worker process measures with.
_HERE: dict[str, Any] = {}


class Runner:
    """Measures candidates; a context manager.

    Parameters
    ----------
    windows : sequence of Window
    by : Yardstick
    cache : Cache
    workers : int, optional
        Processes; all cores by default. They do not change the figures.
    progress : callable, optional
        Called with (measures done, measures asked for until now).

    Attributes
    ----------
    measured, cached : int
        Windows of candidates that were measured, and that were found in the cache.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        by: Yardstick,
        cache: Cache,
        *,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.windows = tuple(windows)
        self.by = by
        self.cache = cache
        self.measured = self.cached = 0
        self._progress = progress
        self._digests = [window.digest() for window in windows]
        self._known: dict[str, WindowMeasure] = {}
        self._ground = {
            "format": CACHE_FORMAT,
            "versions": codec_versions(),
            "peak": by.peak,
            "ssim": by.ssim,
        }
        self._described = None if by.segmenter is None else by.segmenter.describe()
        remembering = None if by.segmenter is None else KnownRaw(by.segmenter)
        self._inline = Yardstick(remembering, by.peak, by.ssim)
        count = workers or available_cores()
        self._stack = ExitStack()
        self._pool: ProcessPoolExecutor | None = None
        if not runs_alone(by.segmenter, count):
            self._pool = self._stack.enter_context(process_pool(count, _begin, self.windows, by))

    def measure(self, many: Sequence[Options | None], places: Sequence[int], *, segment: bool) -> list[Outcome]:
        """Measure candidates.

        Parameters
        ----------
        many : sequence of mapping or None
            Options of `compress`; None for the raw frames.
        places : sequence of int
            The windows to pool.
        segment : bool
            Whether to look for the cells on the decoded frames.

        Returns
        -------
        list of (Summary or None, str)
            One a candidate; without a summary, why it could not be coded.
        """
        keys = [[self._key(options, place, segment=segment) for place in places] for options in many]
        missing: dict[str, tuple[Options | None, int]] = {}
        for options, row in zip(many, keys, strict=True):
            for key, place in zip(row, places, strict=True):
                if key in self._known or key in missing:
                    continue
                found = self._stored(key, place)
                if found is None:
                    missing[key] = (options, place)
                else:
                    self.cached += 1
                    self._known[key] = found
        self._compute(missing, segment=segment)
        return [self._pooled([self._known[key] for key in row]) for row in keys]

    def _stored(self, key: str, place: int) -> WindowMeasure | None:
        payload = self.cache.load(key)
        if payload is None:
            return None
        try:
            return from_json(payload, self.windows[place].measured)
        except CorruptDataError:
            return None

    def _compute(self, missing: dict[str, tuple[Options | None, int]], *, segment: bool) -> None:
        self._report(len(missing))
        if self._pool is None:
            with opencv_threads(1):
                for n, (key, (options, place)) in enumerate(missing.items()):
                    self._keep(key, measure_window(self.windows[place], options, self._inline, segment=segment))
                    self._report(len(missing) - n - 1)
            return
        pending: dict[Future[WindowMeasure], str] = {
            self._pool.submit(_work, place, options, segment): key for key, (options, place) in missing.items()
        }
        for n, future in enumerate(as_completed(pending)):
            self._keep(pending[future], future.result())
            self._report(len(missing) - n - 1)

    def _keep(self, key: str, measure: WindowMeasure) -> None:
        self.cache.store(key, to_json(measure))
        self._known[key] = measure
        self.measured += 1

    def _report(self, left: int) -> None:
        if self._progress is not None:
            self._progress(len(self._known), len(self._known) + left)

    def _key(self, options: Options | None, place: int, *, segment: bool) -> str:
        told: dict[str, Any] = {**self._ground, "window": self._digests[place], "options": None, "segment": segment}
        window = self.windows[place]
        if segment or any(window.labels[n] is None for n in window.measured):
            told["segmenter"] = self._described
        if options is not None:
            told["options"] = identity(options)
            folder = masks_folder(options, window.position)
            if folder is not None:
                digest = hashlib.sha256()
                for mask in read_masks(folder, window.frame_names, window.frames.shape[1:], window.start):
                    digest.update(mask.tobytes())
                told["masks"] = digest.hexdigest()
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _pooled(self, measures: Sequence[WindowMeasure]) -> Outcome:
        for measure in measures:
            if measure.failure:
                return None, measure.failure
        rows: list[FrameMeasure] = [row for measure in measures for row in measure.frames]
        return SubjectResult("candidate", "candidate", "baseline", None, self.by.peak, tuple(rows)).summary(), ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)


def _begin(windows: tuple[Window, ...], by: Yardstick) -> None:
    """Make a new process ready."""
    segmenter = None if by.segmenter is None else KnownRaw(by.segmenter)
    _HERE.update(windows=windows, by=Yardstick(segmenter, by.peak, by.ssim))


def _work(place: int, options: Options | None, segment: bool) -> WindowMeasure:
    return measure_window(_HERE["windows"][place], options, _HERE["by"], segment=segment)
