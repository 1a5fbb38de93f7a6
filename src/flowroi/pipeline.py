"""The whole job: a movie in, an archive out. Reading, RoI, encoding and writing overlap on all cores."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.archives.base import ArchiveLayout
from flowroi.archives.create import container_of, create_archive, format_of
from flowroi.codec.encode import EncodedFrame, encode_frame
from flowroi.errors import InvalidParameterError
from flowroi.masks import check_roi_method, frames_with_masks
from flowroi.params import EncodeParams, RoiParams, check_integer
from flowroi.report import CompressionReport, FrameReport, size_on_disk
from flowroi.roi import FUSED_IS_FLOW, SINGLE_FRAME
from flowroi.sources import Source, open_source
from flowroi.versions import codec_versions

Progress = Callable[[int, int], None]
DEFAULT_RATE = 40.0
NO_TARGET = f"no target was given: compressing at rate {DEFAULT_RATE:g}"
# Frames encoded by a dry run.
_SAMPLES = 5
_LARGE_ROI = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """What `compress` was asked to do, checked."""

    target: Path
    format: str | None = None
    roi_method: str = "fused"
    workers: int | None = None
    keep_masks: bool = False
    overwrite: bool = False
    dry_run: bool = False
    measure: bool = False
    pattern: str | None = None
    channel: int | None = None


def compress(
    source: str | PathLike[str] | npt.NDArray[Any],
    target: str | PathLike[str],
    *,
    progress: Progress | None = None,
    **options: Any,
) -> CompressionReport:
    """Compress a movie into an archive.

    Parameters
    ----------
    source : path or ndarray
        What `open_source` reads.
    target : path
        `NAME.ome.tif`, or a folder for JP2 files.
    progress : callable, optional
        Called with (frames done, frames in all).
    **options
        Fields of `EncodeParams` and `RoiParams`, and: `roi_method` ("fused", "flow", "none" or a folder of masks),
        `format` ("ome-tiff" or "jp2"), `workers` (threads, all cores by default), `keep_masks`, `overwrite`,
        `dry_run` (predict size and time from a sample of frames, write nothing), `measure` (PSNR in the RoI),
        `pattern` and `channel` (see `open_source`). Without `rate`, `psnr` or `lossless` the rate is 40.

    Returns
    -------
    CompressionReport

    Raises
    ------
    FlowRoIError
        Bad parameters, input or output; whatever the error, nothing is left at `target` that was not there before.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> movie = np.zeros((2, 32, 32), np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     compress(movie, f"{folder}/a.ome.tif", lossless="all", roi_method="none").frames
    2
    """
    job, encode_params, roi_params, notes = _parse_options(Path(target), options)
    with open_source(source, pattern=job.pattern, channel=job.channel) as opened:
        _refuse_target_in_source(job.target, opened)
        archive_format = format_of(job.target, job.format)
        encode_params = replace(
            encode_params,
            container=container_of(archive_format),
            significant_bits=encode_params.significant_bits or opened.significant_bits,
        )
        if len(opened) == 1 and job.roi_method in ("fused", "flow"):
            notes.append(SINGLE_FRAME)
        run = _Run(opened, job, encode_params, roi_params, [*opened.warnings, *notes], progress)
        with _opencv_threads(1):
            return run.predict(archive_format) if job.dry_run else run.write(archive_format)


class _Run:
    """One movie on its way."""

    def __init__(
        self,
        source: Source,
        job: Job,
        encode_params: EncodeParams,
        roi_params: RoiParams,
        warnings: list[str],
        progress: Progress | None,
    ) -> None:
        self.source = source
        self.job = job
        self.encode_params = encode_params
        self.roi_params = roi_params
        self.warnings = warnings
        self.progress = progress
        self.workers = job.workers or _available_cores()
        self.started = time.perf_counter()
        self.reports: list[FrameReport] = []

    def write(self, archive_format: Any) -> CompressionReport:
        source, job = self.source, self.job
        layout = ArchiveLayout(
            shape=source.shape,
            dtype="uint8" if source.dtype == np.uint8 else "uint16",
            significant_bits=source.significant_bits,
            name=source.name,
            frame_names=source.frame_names,
            pixel_size_um=source.pixel_size_um,
            frame_interval_s=source.frame_interval_s,
            keep_masks=job.keep_masks and job.roi_method != "none",
        )
        with create_archive(job.target, archive_format, layout, overwrite=job.overwrite) as writer:
            for t, (encoded, mask) in enumerate(self._encoded(range(len(source)))):
                writer.add(encoded.data, mask)
                self._note_frame(t, encoded, mask)
            self._warn_of_roi()
            writer.finish(self._manifest())
        return self._report(archive_format, size_on_disk(job.target), len(source))

    def predict(self, archive_format: Any) -> CompressionReport:
        total = len(self.source)
        window = min(total, self.roi_params.step + self.roi_params.adjacent_factor + 1)
        starts = np.unique(np.linspace(0, total - window, _SAMPLES).astype(int))
        for start in starts:
            encoded, mask = next(self._encoded(range(start, start + window)))
            self._note_frame(int(start), encoded, mask)
        self._warn_of_roi()
        report = self._report(archive_format, 0, len(starts))
        scale = total / len(starts)
        # A sample works alone in its window; the whole movie keeps all workers busy and pairs every frame once.
        busy = min(self.workers, window) if self.job.roi_method != "none" else 1
        return replace(
            report,
            frames=total,
            raw_bytes=round(report.raw_bytes * scale),
            stored_bytes=round(report.stored_bytes * scale),
            file_bytes=round(report.stored_bytes * scale),
            seconds=report.seconds * scale * busy / self.workers / max(1, window - 1),
            per_frame=(),
        )

    def _encoded(self, frames: range) -> Iterator[tuple[EncodedFrame, npt.NDArray[np.bool_] | None]]:
        """Encode frames in order, with a few in flight for each worker."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="flowroi") as pool:
            pending: deque[tuple[Future[EncodedFrame], npt.NDArray[np.bool_] | None]] = deque()
            pairs = frames_with_masks(
                self.source, frames, self.job.roi_method, self.roi_params, pool, look_ahead=2 * self.workers
            )
            try:
                for frame, mask in pairs:
                    task = pool.submit(encode_frame, frame, mask, self.encode_params, measure=self.job.measure)
                    pending.append((task, mask))
                    if len(pending) > 2 * self.workers:
                        done, its_mask = pending.popleft()
                        yield done.result(), its_mask
                while pending:
                    done, its_mask = pending.popleft()
                    yield done.result(), its_mask
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _note_frame(self, t: int, encoded: EncodedFrame, mask: npt.NDArray[np.bool_] | None) -> None:
        stats = encoded.stats
        psnr = None
        if stats.roi_mse is not None:
            peak = 2 ** (self.encode_params.significant_bits or 8) - 1
            psnr = 10 * math.log10(peak**2 / max(stats.roi_mse, 1e-12)) if stats.roi_mse > 0 else None
        share = 1.0 if mask is None else float(mask.mean())
        self.reports.append(FrameReport(self.source.frame_names[t], len(encoded.data), share, psnr))
        if self.progress is not None:
            self.progress(len(self.reports), len(self.source))

    def _warn_of_roi(self) -> None:
        if self.job.roi_method == "none" or len(self.source) == 1:
            return
        empty = [r.name for r in self.reports if r.roi_share == 0]
        large = [r.name for r in self.reports if r.roi_share > _LARGE_ROI]
        if empty:
            self.warnings.append(f"the RoI is empty in {_some(empty)}: coded as plain JPEG 2000")
        if large:
            self.warnings.append(f"the RoI is more than half of {_some(large)}: little to gain from it there")

    def _manifest(self) -> dict[str, Any]:
        raw = math.prod(self.source.shape) * self.source.dtype.itemsize
        rate = raw / sum(r.size_bytes for r in self.reports)
        encode_settings = {k: v for k, v in asdict(self.encode_params).items() if v is not None}
        encode_settings["code_block_size"] = list(self.encode_params.code_block_size)
        lossy = self.encode_params.lossless != "all"
        versions = codec_versions()
        return {
            "flowroi": versions.pop("flowroi"),
            "codecs": versions,
            "lossy": lossy,
            "lossy_method": "ISO_15444_1" if lossy else "",
            "lossy_ratio": [round(rate, 3)] if lossy else [],
            "source": {"name": self.source.name, "files": self.source.provenance()},
            "roi": {"method": self._method_name(), **asdict(self.roi_params)},
            "encode": encode_settings,
            "warnings": list(self.warnings),
        }

    def _method_name(self) -> str:
        method = self.job.roi_method
        return method if method in ("fused", "flow", "none") else f"masks from {Path(method).name}"

    def _report(self, archive_format: str, file_bytes: int, frames: int) -> CompressionReport:
        raw = frames * math.prod(self.source.shape[1:]) * self.source.dtype.itemsize
        stored = sum(r.size_bytes for r in self.reports)
        return CompressionReport(
            source=str(self.source.path or self.source.name),
            target=str(self.job.target),
            format=archive_format,
            frames=frames,
            raw_bytes=raw,
            stored_bytes=stored,
            file_bytes=file_bytes,
            rate=raw / stored,
            roi_share=float(np.mean([r.roi_share for r in self.reports])),
            seconds=time.perf_counter() - self.started,
            dry_run=self.job.dry_run,
            warnings=tuple(self.warnings),
            per_frame=tuple(self.reports),
        )


def _parse_options(target: Path, options: dict[str, Any]) -> tuple[Job, EncodeParams, RoiParams, list[str]]:
    groups: dict[type, dict[str, Any]] = {Job: {}, EncodeParams: {}, RoiParams: {}}
    owners = {field.name: kind for kind in groups for field in fields(kind)}
    for internal in ("target", "container"):
        owners.pop(internal)
    for name, value in options.items():
        if name not in owners:
            raise InvalidParameterError(f"{name!r} is not an option; expected one of {', '.join(sorted(owners))}")
        groups[owners[name]][name] = value
    notes = []
    encode_options = groups[EncodeParams]
    if all(encode_options.get(name) is None for name in ("rate", "psnr", "lossless")):
        encode_options["rate"] = DEFAULT_RATE
        notes.append(NO_TARGET)
    job = Job(target=target, **groups[Job])
    check_roi_method(job.roi_method)
    if job.workers is not None:
        check_integer("workers", job.workers, low=1, high=1024)
    if job.roi_method == "fused":
        notes.append(FUSED_IS_FLOW)
    return job, EncodeParams(**encode_options), RoiParams(**groups[RoiParams]), notes


def _refuse_target_in_source(target: Path, source: Source) -> None:
    if source.path is None:
        return
    inside, outside = target.resolve(), source.path.resolve()
    if inside == outside or (outside.is_dir() and inside.is_relative_to(outside)):
        raise InvalidParameterError(
            "the output is the input, or lies inside it; nothing was written: choose another place", path=target
        )


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _opencv_threads(count: int) -> Iterator[None]:
    # The pool's threads are the parallelism; OpenCV's own on top of them would only get in their way.
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"frame {shown}" if len(names) == 1 else f"{len(names)} frames ({shown}{', ...' if len(names) > 3 else ''})"
