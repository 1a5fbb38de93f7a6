"""The whole job: a movie in, an archive out. Reading, RoI, encoding and writing overlap on all cores."""

from __future__ import annotations

import hashlib
import math
import statistics
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowroi.archives import container_of, create_archive, format_of
from flowroi.archives.create import ArchiveFormat
from flowroi.archives.manifest import mask_digest
from flowroi.codec.encoder import ROUNDING_NOISE
from flowroi.codec.proof import check_unchanged
from flowroi.coding import Coded, CodedSource, Coding, Item
from flowroi.job import Job, Settings
from flowroi.losses import Losses
from flowroi.masks import frames_for_one, frames_with_masks
from flowroi.params import EncodeParams, RoiParams
from flowroi.plan import Plan, prepare
from flowroi.provenance import gaps_of, layout_of, roi_settings
from flowroi.rate_control import LAG, MovieRate, survey_places
from flowroi.report.compression import CompressionReport, FrameReport, roi_warnings, size_on_disk, some
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi.frame_roi import WHOLE_FRAME
from flowroi.roi.noise import NOISE_FRAMES, noise_of
from flowroi.sources import Source
from flowroi.stores import AnyPath, StorePath
from flowroi.versions import codec_versions

Progress = Callable[[int, int], None]
# Places of the movie that a dry run looks at.
_SAMPLES = 5
_LARGE_ROI = 0.5
# A step so many times the usual one is told: 3.5 dB.
_COARSE = 1.5


def compress_movie(
    opened: Source, target: AnyPath, settings: Settings, progress: Progress | None = None
) -> CompressionReport:
    """Do what `flowroi.compress` does, with a movie that is open already and settings that were checked."""
    job = settings.job
    if isinstance(target, StorePath):
        from flowroi.stores.compression import compress_to_store

        return compress_to_store(opened, target, settings, progress)
    if job.codec != "jpeg2000":
        from flowroi.sequence.pipeline import compress_sequence

        return compress_sequence(opened, target, settings, progress)
    archive_format = format_of(target, job.format)
    plan, finished = prepare(opened, target, settings)
    if finished is not None:
        return finished
    encode_params = replace(
        settings.encode,
        container=container_of(archive_format),
        significant_bits=settings.encode.significant_bits or opened.significant_bits,
    )
    notes = list(settings.notes)
    run = _Run(opened, target, archive_format, job, plan, encode_params, settings.roi, notes, progress)
    with opencv_threads(1):
        return run.predict() if job.dry_run else run.write()


class _Excerpt:
    """Some frames of a source, read."""

    def __init__(self, source: Source, frames: range) -> None:
        self.frames = frames
        self.frame_names = source.frame_names
        self._read = {t: source.read(t) for t in frames}
        self._length = len(source)

    def __len__(self) -> int:
        return self._length

    def read(self, t: int) -> npt.NDArray[Any]:
        return self._read[t]


class _Run:
    """One movie on its way."""

    def __init__(
        self,
        source: Source,
        target: Path,
        archive_format: ArchiveFormat,
        job: Job,
        plan: Plan,
        encode_params: EncodeParams,
        roi_params: RoiParams,
        notes: list[str],
        progress: Progress | None,
    ) -> None:
        self.source = source
        self.target = target
        self.format = archive_format
        self.job = job
        self.plan = plan
        self.encode_params = encode_params
        self.roi_params = roi_params
        self.notes = notes
        self.progress = progress
        self.workers = job.workers or available_cores()
        self.started = time.perf_counter()
        self.reports: list[FrameReport] = []
        self.limited: list[str] = []
        self.masks = hashlib.sha256()
        self.noise_sigma: float | None = None
        self.rate_control = None if encode_params.rate is None else job.rate_control
        if encode_params.lossless or encode_params.roi_mode == "maxshift":
            # The step steers neither.
            self.rate_control = self.rate_control and "frame"

    def write(self) -> CompressionReport:
        source, job = self.source, self.job
        layout = layout_of(source, source.significant_bits, keep_masks=job.keep_masks and job.roi_method != "none")
        with create_archive(self.target, self.format, layout, overwrite=job.overwrite) as writer:
            for coded in self._coded(range(len(source))):
                mask = None if coded.roi is None else coded.roi.mask
                check_unchanged(coded.encoded)
                writer.add(coded.encoded.data, mask, pixels_sha256=coded.pixels_sha256)
                if mask is not None:
                    self.masks.update(mask_digest(mask).encode())
                self._note(coded, len(source))
            writer.finish(self._manifest())
        return self._report(len(source), file_bytes=size_on_disk(self.target))

    def predict(self) -> CompressionReport:
        total = len(self.source)
        window = min(total, frames_for_one(self.job.roi_method, self.roi_params))
        windows = [range(total)]
        if _SAMPLES * window < total:
            starts = np.linspace(0, total - window, _SAMPLES).astype(int).tolist()
            windows = [range(start, start + window) for start in starts]
        sampled = sum(map(len, windows))
        working = time.process_time()
        for frames in windows:
            for coded in self._coded(frames):
                self._note(coded, sampled)
        working = time.process_time() - working
        report = self._report(sampled, file_bytes=0)
        scale = total / sampled
        stored = round(report.stored_bytes * scale)
        return replace(
            report,
            frames=total,
            raw_bytes=round(report.raw_bytes * scale),
            stored_bytes=stored,
            file_bytes=stored,
            # Short windows leave workers idle, so processor time is the better measure.
            seconds=working * scale / min(self.workers, available_cores(), total),
        )

    def _coded(self, frames: range) -> Generator[Coded]:
        """Encode frames in order, with a few in flight for each worker; those that are coded already pass by."""
        if isinstance(self.source, CodedSource):
            self.noise_sigma = self.source.noise_sigma
            yield from self.source.coded()
            return
        window = 4 * self.workers
        with ThreadPoolExecutor(self.workers, thread_name_prefix="flowroi") as pool:
            items = self._items(frames, pool, window)
            try:
                if self.rate_control == "movie":
                    raw = len(frames) * math.prod(self.source.shape[1:]) * self.source.dtype.itemsize
                    budget = math.floor(raw / (self.encode_params.rate or math.inf))
                    movie: MovieRate[Item, Coded] = MovieRate(len(frames), budget, self._code, pool, window)
                    yield from movie.run(items, self._survey(frames, pool))
                else:
                    yield from self._each(items, pool, window)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _items(self, frames: range, pool: Executor, look_ahead: int) -> Iterator[Item]:
        pairs = frames_with_masks(self.source, frames, self.job.roi_method, self.roi_params, pool, look_ahead)
        for t, (frame, roi) in zip(frames, pairs, strict=True):
            yield Item(t, frame, roi)

    def _survey(self, frames: range, pool: Executor) -> list[Item]:
        """Return a few frames from all over the movie, before it is read in order."""
        span = frames_for_one(self.job.roi_method, self.roi_params)
        starts = (frames[place] for place in survey_places(len(frames)))
        # Read here, one after the other; only the masks are made by the workers.
        excerpts = (_Excerpt(self.source, range(t, min(t + span, frames.stop))) for t in starts)
        return list(pool.map(self._first_of, excerpts))

    def _first_of(self, excerpt: _Excerpt) -> Item:
        t = excerpt.frames[0]
        source = cast("Source", excerpt)
        return next(
            Item(t, frame, roi)
            for frame, roi in frames_with_masks(
                source, excerpt.frames, self.job.roi_method, self.roi_params, executor=None, look_ahead=0
            )
        )

    def _each(self, items: Iterator[Item], pool: Executor, window: int) -> Generator[Coded]:
        """Encode every frame by itself, towards its own target."""
        searches = self.coding.searches
        window = min(window, LAG - 1) if searches else window
        if self.encode_params.noise is not None and self.noise_sigma is None:
            first = list(islice(items, NOISE_FRAMES))
            self.noise_sigma = noise_of([item.frame for item in first])
            items = chain(first, items)
        pending: deque[Future[Coded]] = deque()
        steps: list[float] = []

        def collect() -> Coded:
            coded = pending.popleft().result()
            steps.append(coded.step)
            return coded

        for n, item in enumerate(items):
            # A search begins where that of an earlier frame ended: one at a fixed distance, whatever the workers do.
            start = steps[n - LAG] if searches and n >= LAG else 0
            pending.append(pool.submit(self._code, item, step=start or None))
            if len(pending) > window:
                yield collect()
        while pending:
            yield collect()

    @property
    def coding(self) -> Coding:
        """How frames are coded, by what is known of the movie's noise until now."""
        return Coding(self.encode_params, self.job.soft_weights, self.job.measure, self.noise_sigma)

    def _code(self, item: Item, /, *, step: float | None = None, budget_bytes: int | None = None) -> Coded:
        return self.coding.coded(item, step=step, budget_bytes=budget_bytes, path=self.source.path)

    def _note(self, coded: Coded, total: int) -> None:
        # Frames measured for their proof alone are too few to speak for the movie.
        roi_mse = coded.encoded.stats.roi_mse if self.job.measure else None
        psnr = 10 * math.log10(self.coding.peak**2 / roi_mse) if roi_mse else None
        known = WHOLE_FRAME if coded.roi is None else coded.roi.diagnostics
        name = self.source.frame_names[coded.t]
        self.reports.append(FrameReport(name, coded.size_bytes, known.roi_share, psnr, coded.step or None, known))
        if coded.limited:
            self.limited.append(name)
        if self.progress is not None:
            self.progress(len(self.reports), total)

    def _warnings(self) -> list[str]:
        """Return what a user should know, once all frames have passed by."""
        found = [*self.source.warnings, *self.notes, *self._quality_warnings()]
        if self.job.roi_method == "none":
            return found
        found += roi_warnings([(r.name, r.roi) for r in self.reports])
        if len(self.source) == 1:
            return found
        empty = [r.name for r in self.reports if r.roi_share == 0]
        large = [r.name for r in self.reports if r.roi_share > _LARGE_ROI and not r.roi.warning]
        if empty:
            found.append(f"the RoI is empty in {some(empty)}: coded as plain JPEG 2000")
        if large:
            found.append(f"the RoI is more than half of {some(large)}: little to gain from it there")
        return found

    def _quality_warnings(self) -> list[str]:
        found = []
        steps = [r.step for r in self.reports if r.step is not None]
        if self.rate_control == "movie" and len(self.reports) > 1:
            usual = statistics.median(steps)
            names = [r.name for r in self.reports if r.step is not None and r.step > _COARSE * usual]
            names += [name for name in self.limited if name not in names]
            if names:
                found.append(f"the rate left less for {some(names)}: coarser there than in the rest of the movie")
        if self.encode_params.noise is not None and self.noise_sigma is not None:
            exact = [r.name for r in self.reports if r.step is None]
            if self.noise_sigma < ROUNDING_NOISE:
                found.append("hardly any camera noise was found: the noise target counts that of rounding instead")
            if exact:
                found.append(f"the noise target is beyond lossy coding in {some(exact)}: the RoI is exact there")
        return found

    def _manifest(self) -> dict[str, Any]:
        raw = math.prod(self.source.shape) * self.source.dtype.itemsize
        rate = raw / sum(r.size_bytes for r in self.reports)
        encode_settings = {k: v for k, v in asdict(self.encode_params).items() if v is not None}
        encode_settings["code_block_size"] = list(self.encode_params.code_block_size)
        if self.rate_control is not None:
            encode_settings["rate_control"] = self.rate_control
        if self.noise_sigma is not None:
            encode_settings["noise_sigma"] = round(self.noise_sigma, 4)
        method = None if self.encode_params.lossless == "all" else "ISO_15444_1"
        versions = codec_versions()
        return {
            "flowroi": versions.pop("flowroi"),
            "codecs": versions,
            **Losses.of(self.source).then(method, round(rate, 3)).manifest(),
            "source": self.plan.source,
            "settings": self.plan.settings,
            "gaps": gaps_of(self.source),
            "roi": roi_settings(self.job, self.roi_params),
            "masks_sha256": None if self.job.roi_method == "none" else self.masks.hexdigest(),
            "roi_share": self._roi_share(),
            "encode": encode_settings,
            "warnings": self._warnings(),
        }

    def _roi_share(self) -> float:
        return float(np.mean([r.roi_share for r in self.reports]))

    def _report(self, frames: int, *, file_bytes: int) -> CompressionReport:
        raw = frames * math.prod(self.source.shape[1:]) * self.source.dtype.itemsize
        stored = sum(r.size_bytes for r in self.reports)
        return CompressionReport(
            source=str(self.source.path or self.source.name),
            target=str(self.target),
            format=self.format,
            frames=frames,
            raw_bytes=raw,
            stored_bytes=stored,
            file_bytes=file_bytes,
            rate=raw / stored,
            roi_share=self._roi_share(),
            seconds=time.perf_counter() - self.started,
            dry_run=self.job.dry_run,
            warnings=tuple(self._warnings()),
            per_frame=tuple(self.reports),
            rate_control=self.rate_control,
            noise_sigma=self.noise_sigma,
        )
