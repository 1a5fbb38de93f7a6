"""The whole job with the codecs of videos: a movie in, an archive out that is coded from frame to frame."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.archives.atomic import refuse_existing
from flowroi.archives.manifest import sha256
from flowroi.archives.video_file import interval_of
from flowroi.archives.video_writer import VideoWriter, format_of_video
from flowroi.codec.encoder import ROUNDING_NOISE
from flowroi.errors import InvalidParameterError
from flowroi.extras import need
from flowroi.job import Settings
from flowroi.losses import Losses
from flowroi.params import EncodeParams
from flowroi.plan import Plan, prepare
from flowroi.provenance import gaps_of, layout_of, roi_settings
from flowroi.report.compression import CompressionReport, FrameReport, roi_warnings, size_on_disk
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi.noise import NOISE_FRAMES, noise_of
from flowroi.sequence.chunk import ChunkFacts, CodedChunk, CodedFrame
from flowroi.sequence.coding import MovieCoding
from flowroi.sequence.encoder import CRF_RANGE, FINEST_PRESET, SequenceCodec, SequenceFormat
from flowroi.sequence.search import Goal
from flowroi.sequence.treated import Treated
from flowroi.sequence.work import Work
from flowroi.sources import Source
from flowroi.sources.checks import FrameChecks
from flowroi.versions import codec_versions

Frame = npt.NDArray[Any]
_METHODS = {"av1": "AV1", "hevc": "HEVC"}
_PRESETS = {"av1": FINEST_PRESET, "hevc": 4}
_GOP = 64
# Of EncodeParams, what other codecs than JPEG 2000 know.
_KNOWN = ("rate", "psnr", "noise", "significant_bits", "container")


def compress_sequence(
    opened: Source,
    target: Path,
    settings: Settings,
    progress: Callable[[int, int], None] | None,
) -> CompressionReport:
    """Do what `compress_movie` does with the codecs of videos; see there."""
    _check(target, settings)
    need("av", extra="video")
    plan, finished = prepare(opened, target, settings)
    if finished is not None:
        Work.clear_away(target)
        return finished
    with opencv_threads(1):
        run = _Run(opened, target, settings, plan, progress)
        return run.predict() if settings.job.dry_run else run.write()


def _check(target: Path, settings: Settings) -> None:
    job, encode = settings.job, settings.encode
    format_of_video(target)
    usual = EncodeParams(rate=2)
    foreign = [field.name for field in fields(EncodeParams) if field.name not in _KNOWN]
    given = [name for name in foreign if getattr(encode, name) != getattr(usual, name)]
    given += [name for name in ("keep_masks", "format") if getattr(job, name)]
    given += ["rate_control"] if job.rate_control == "frame" else []
    if given:
        raise InvalidParameterError(
            f"{', '.join(given)}: not offered by {job.codec}; leave it out, or use --codec jpeg2000"
        )


class _Kept:
    """The chunks of finished work, read one at a time, as often as they are gone through."""

    def __init__(self, work: Work, count: int) -> None:
        self._work, self._count = work, count

    def __iter__(self) -> Iterator[CodedChunk]:
        return self._work.load_all(self._count)


class _Run:
    """One movie on its way."""

    def __init__(
        self,
        source: Source,
        target: Path,
        settings: Settings,
        plan: Plan,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.source, self.target, self.settings, self.plan = source, target, settings, plan
        self.started = time.perf_counter()
        job, encode = settings.job, settings.encode
        self.codec: SequenceCodec = "hevc" if job.codec == "hevc" else "av1"
        self.bits = encode.significant_bits or source.significant_bits
        self.peak = 2**self.bits - 1
        self.raw_bytes = math.prod(source.shape) * source.dtype.itemsize
        preset = _PRESETS[self.codec] if job.preset is None else job.preset
        self.sequence = SequenceFormat(self.codec, *source.shape[1:], self.bits, preset, job.gop or _GOP)
        self.noise_sigma = None if encode.noise is None else self._noise()
        background = "none" if job.roi_method == "none" else job.background or "fill"
        self.treated = Treated(
            source, job.roi_method, settings.roi, job.soft_weights, background, self.peak, self.sequence.gop
        )
        self.workers = job.workers or available_cores()
        self.coding = MovieCoding(
            self.treated,
            self.sequence,
            interval_of(source.frame_interval_s),
            self._goal(),
            self.workers,
            progress,
        )

    def _noise(self) -> float:
        return noise_of([self.source.read(t) for t in range(min(NOISE_FRAMES, len(self.source)))])

    def _goal(self) -> Goal:
        encode = self.settings.encode
        low, high = CRF_RANGE[self.codec]
        if encode.rate is not None:
            return Goal("bytes", self.raw_bytes / encode.rate, low, high)
        if encode.psnr is not None:
            return Goal("mse", self.peak**2 / 10 ** (encode.psnr / 10), low, high)
        error = (encode.noise or 1) * max(self.noise_sigma or 0, ROUNDING_NOISE)
        return Goal("mse", error**2, low, high)

    def write(self) -> CompressionReport:
        source, job = self.source, self.settings.job
        layout = layout_of(source, self.bits)
        with Work(self.target, self._work_plan(), overwrite=job.overwrite) as work:
            # Another process may have finished it while we came to hold the work.
            refuse_existing(self.target, overwrite=job.overwrite)
            with self.coding:
                chunks = self.coding.code(work)
            frames = [frame for chunk in chunks for frame in chunk.frames]
            warnings = self._warnings(range(len(source)), frames)
            with VideoWriter(self.target, layout, self.coding.layout, overwrite=job.overwrite) as writer:
                writer.write(_Kept(work, len(chunks)))
                writer.finish(self._manifest(chunks, frames, sum(writer.sizes), warnings))
            work.finished = True
        reports = self._reports(range(len(source)), frames, writer.sizes)
        return self._report(reports, sum(writer.sizes), warnings, file_bytes=size_on_disk(self.target))

    def predict(self) -> CompressionReport:
        working = time.process_time()
        with self.coding:
            sample, found = self.coding.search()
        working = time.process_time() - working
        coded = sample.trials[found.crf]
        stored = round(sample.movie_bytes(coded))
        seen = [item.t for window in sample.windows for item in window]
        frames = [frame for chunk in coded for frame in chunk.facts.frames]
        reports = self._reports(seen, frames, [round(stored / len(self.source))] * len(seen))
        seconds = working * (1 + (not sample.whole) * len(self.source) / sample.coded_frames)
        seconds /= min(self.workers, available_cores(), len(self.coding.chunks))
        return self._report(reports, stored, self._warnings(seen, frames), file_bytes=stored, seconds=seconds)

    def _warnings(self, places: Sequence[int], frames: Sequence[CodedFrame]) -> list[str]:
        """Return what a user should know, once frames from these places have passed by."""
        checks = FrameChecks(self.bits)
        for t, frame in zip(places, frames, strict=True):
            checks.note(t, frame.facts)
        notes = [*self.source.warnings, *checks.messages(), *self.settings.notes]
        if self.treated.background != "none":
            notes.append(f"outside the RoI the background is a {self.treated.background}: no measurement")
        if self.settings.job.roi_method != "none":
            names = self.source.frame_names
            notes += roi_warnings((names[t], frame.roi) for t, frame in zip(places, frames, strict=True))
        return list(dict.fromkeys(notes))

    def _reports(self, places: Sequence[int], frames: Sequence[CodedFrame], sizes: Sequence[int]) -> list[FrameReport]:
        names = self.source.frame_names
        return [
            FrameReport(names[t], size, frame.roi.roi_share, _finite(frame.error.psnr(self.peak)), None, frame.roi)
            for t, frame, size in zip(places, frames, sizes, strict=True)
        ]

    def _work_plan(self) -> dict[str, Any]:
        """Return all that must be the same for unfinished work to be gone on with: the libraries, too."""
        return {
            "source": self.plan.source,
            "shape": list(self.source.shape),
            "settings": self.plan.settings,
            "versions": codec_versions(),
        }

    def _manifest(
        self, chunks: list[ChunkFacts], frames: list[CodedFrame], stored: int, warnings: list[str]
    ) -> dict[str, Any]:
        encode = self.settings.encode
        masks = None
        if self.settings.job.roi_method != "none":
            masks = sha256("".join(frame.mask_sha256 for frame in frames).encode())
        versions = codec_versions()
        crfs = [chunk.crf for chunk in chunks]
        asked = {
            "rate": encode.rate,
            "psnr": encode.psnr,
            "noise": encode.noise,
            "noise_sigma": None if self.noise_sigma is None else round(self.noise_sigma, 4),
        }
        return {
            "flowroi": versions.pop("flowroi"),
            "codecs": versions,
            **Losses.of(self.source).then(_METHODS[self.codec], round(self.raw_bytes / stored, 3)).manifest(),
            "source": self.plan.source,
            "settings": self.plan.settings,
            "gaps": gaps_of(self.source),
            "roi": roi_settings(self.settings.job, self.settings.roi),
            "masks_sha256": masks,
            "roi_share": float(np.mean([frame.roi.roi_share for frame in frames])),
            "background": self.treated.describe(),
            "encode": {
                **{name: value for name, value in asked.items() if value is not None},
                "crf": crfs[0] if len(set(crfs)) == 1 else crfs,
            },
            "warnings": warnings,
        }

    def _report(
        self,
        frames: list[FrameReport],
        stored: int,
        warnings: list[str],
        *,
        file_bytes: int,
        seconds: float | None = None,
    ) -> CompressionReport:
        return CompressionReport(
            source=str(self.source.path or self.source.name),
            target=str(self.target),
            format=format_of_video(self.target),
            frames=len(self.source),
            raw_bytes=self.raw_bytes,
            stored_bytes=stored,
            file_bytes=file_bytes,
            rate=self.raw_bytes / stored,
            roi_share=float(np.mean([frame.roi_share for frame in frames])),
            seconds=time.perf_counter() - self.started if seconds is None else seconds,
            dry_run=self.settings.job.dry_run,
            warnings=tuple(warnings),
            per_frame=tuple(frames),
            rate_control=None if self.settings.encode.rate is None else "movie",
            noise_sigma=self.noise_sigma,
        )


def _finite(psnr: float | None) -> float | None:
    return None if psnr is None or math.isinf(psnr) else psnr
