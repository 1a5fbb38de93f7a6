"""A movie to an archive that is coded from frame to frame: RoI, treatment of the background, encoder, container."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from flowroi.archives.base import ArchiveLayout
from flowroi.archives.video import MUXERS, VideoWriter, interval_of
from flowroi.errors import InvalidParameterError, QualityTargetError
from flowroi.extras import need
from flowroi.job import Settings
from flowroi.masks import frames_with_masks
from flowroi.metrics.image import PooledError
from flowroi.output import check_target
from flowroi.report.compression import CompressionReport, FrameReport, roi_warnings, size_on_disk
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi.frame_roi import WHOLE_FRAME, RoiDiagnostics
from flowroi.sequence.encoder import CRF_RANGE, CRF_STEP, SequenceCodec, SequenceFormat, add_stream, packets, to_samples
from flowroi.sequence.search import largest_crf
from flowroi.sequence.treatment import open_treatment
from flowroi.sources import Source, open_source
from flowroi.versions import codec_versions

Frame = npt.NDArray[Any]
_METHODS = {"av1": "AV1", "hevc": "HEVC"}
_PRESETS = {"av1": 4, "hevc": 4}
_START = {"av1": 35.0, "hevc": 28.0}
# Groups of pictures that the quality is searched on, and frames of such a group at most.
_WINDOWS = 3
_WINDOW_FRAMES = 32
_MOST_PASSES = 6
# Added to a PSNR that is measured on a sample.
_PSNR_MARGIN_DB = 0.1


@dataclass(frozen=True, slots=True)
class _Sampled:
    """A frame of the sample: as it was, as it is coded, and where it counts."""

    raw: Frame
    treated: Frame
    inside: npt.NDArray[np.bool_]


def compress_sequence(
    source: str | PathLike[str] | Frame,
    target: Path,
    settings: Settings,
    progress: Callable[[int, int], None] | None,
) -> CompressionReport:
    """Do what `compress` does with the codecs of videos; see there."""
    _check(target, settings)
    need("av", extra="video")
    job = settings.job
    with open_source(source, pattern=job.pattern, channel=job.channel) as opened:
        masks = None if job.roi_method in ("fused", "flow", "none") else Path(job.roi_method)
        check_target(target, inputs=[opened.path, masks], overwrite=job.overwrite)
        with opencv_threads(1):
            return _Run(opened, target, settings, progress).write()


def _check(target: Path, settings: Settings) -> None:
    job, encode = settings.job, settings.encode
    if target.suffix.lower() not in MUXERS:
        raise InvalidParameterError(f"the output is {target.name!r}; expected NAME.mkv or NAME.mp4 with {job.codec}")
    if (encode.rate is None and encode.psnr is None) or encode.lossless:
        raise InvalidParameterError(
            f"{job.codec} aims at a rate or a psnr; it keeps nothing exactly, nor within the camera's noise: give "
            "--rate or --psnr, or use --codec jpeg2000"
        )
    for name in ("keep_masks", "dry_run", "format"):
        if getattr(job, name):
            raise InvalidParameterError(f"{name} is not offered by {job.codec}: leave it out, or use --codec jpeg2000")


class _Run:
    """One movie on its way."""

    def __init__(
        self, source: Source, target: Path, settings: Settings, progress: Callable[[int, int], None] | None
    ) -> None:
        self.source, self.target, self.settings, self.progress = source, target, settings, progress
        self.started = time.perf_counter()
        job = settings.job
        self.codec: SequenceCodec = "hevc" if job.codec == "hevc" else "av1"
        self.bits = settings.encode.significant_bits or source.significant_bits
        _, height, width = source.shape
        preset = _PRESETS[self.codec] if job.preset is None else job.preset
        self.sequence = SequenceFormat(self.codec, height, width, self.bits, preset, job.gop)
        self.background = "none" if job.roi_method == "none" else job.background
        self.rois: list[RoiDiagnostics] = []
        self.treatment: dict[str, Any] = {}
        self.sample_psnr: float | None = None

    def write(self) -> CompressionReport:
        source, encode = self.source, self.settings.encode
        layout = ArchiveLayout(
            shape=source.shape,
            dtype="uint8" if source.dtype == np.uint8 else "uint16",
            significant_bits=self.bits,
            name=source.name,
            frame_names=source.frame_names,
            pixel_size_um=source.pixel_size_um,
            frame_interval_s=source.frame_interval_s,
        )
        raw = math.prod(source.shape) * source.dtype.itemsize
        budget = math.inf if encode.rate is None else math.floor(raw / encode.rate)
        with VideoWriter(self.target, layout, self.sequence, overwrite=self.settings.job.overwrite) as writer:
            crf = self._search()
            for _ in range(_MOST_PASSES):
                stored = writer.write(self._treated(), crf)
                if stored <= budget:
                    break
                coarser = crf + max(CRF_STEP, math.ceil(math.log(stored / budget) / 0.08 / CRF_STEP) * CRF_STEP)
                if crf >= CRF_RANGE[self.codec][1]:
                    self._out_of_reach(f"takes {stored} bytes at its coarsest; the rate leaves {budget}")
                crf = min(coarser, CRF_RANGE[self.codec][1])
            else:
                self._out_of_reach(f"takes {stored} bytes after {_MOST_PASSES} passes; the rate leaves {budget}")
            warnings = [
                *source.warnings,
                *self._notes(),
                *roi_warnings(zip(source.frame_names, self.rois, strict=True)),
            ]
            writer.finish(self._manifest(crf, raw / stored, warnings))
            sizes = writer.sizes
        reports = tuple(
            FrameReport(name, size, known.roi_share, None, None, known)
            for name, size, known in zip(source.frame_names, sizes, self.rois, strict=True)
        )
        return CompressionReport(
            source=str(source.path or source.name),
            target=str(self.target),
            format=self.target.suffix.lower()[1:],
            frames=len(source),
            raw_bytes=raw,
            stored_bytes=stored,
            file_bytes=size_on_disk(self.target),
            rate=raw / stored,
            roi_share=float(np.mean([known.roi_share for known in self.rois])),
            seconds=time.perf_counter() - self.started,
            dry_run=False,
            warnings=tuple(warnings),
            per_frame=reports,
            rate_control=None if encode.rate is None else "movie",
        )

    def _out_of_reach(self, text: str) -> NoReturn:
        raise QualityTargetError(f"the movie {text}; nothing was written: ask for less", path=self.source.path)

    def _treated(self) -> Iterator[Frame]:
        """Yield all frames as they are to be coded, and note their RoI."""
        self.rois = []
        job, count = self.settings.job, self.settings.job.workers or available_cores()
        treatment = open_treatment(self.background, peak=2**self.bits - 1)
        with ThreadPoolExecutor(count, thread_name_prefix="flowroi") as pool:
            every = range(len(self.source))
            pairs = frames_with_masks(self.source, every, job.roi_method, self.settings.roi, pool, 2 * count)
            try:
                for frame, roi in pairs:
                    self.rois.append(WHOLE_FRAME if roi is None else roi.diagnostics)
                    yield treatment.apply(frame, roi)
                    if self.progress is not None:
                        self.progress(len(self.rois), len(self.source))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        self.treatment = treatment.describe()

    def _search(self) -> float:
        encode = self.settings.encode
        low, high = CRF_RANGE[self.codec]
        sample = self._sample()
        if encode.rate is not None:
            raw = sum(item.raw.nbytes for window in sample for item in window)
            aim = math.log(raw / encode.rate)
            # The finest that fits: the coarsest that is too large, and one step on.
            large = largest_crf(
                lambda crf: math.log(sum(map(len, self._coded(sample, crf)))),
                aim,
                low,
                high,
                _START[self.codec],
            )
            return low if large is None else min(large + CRF_STEP, high)
        aim = (encode.psnr or 0) + _PSNR_MARGIN_DB
        found = largest_crf(lambda crf: self._psnr(sample, crf), aim, low, high, _START[self.codec])
        if found is None:
            self._out_of_reach(f"does not reach {encode.psnr:g} dB in its RoI with {self.codec} at its finest")
        psnr = self._psnr(sample, found)
        self.sample_psnr = round(psnr, 3) if math.isfinite(psnr) else None
        return found

    def _sample(self) -> list[list[_Sampled]]:
        """Return whole groups of pictures from all over the movie."""
        total, job = len(self.source), self.settings.job
        size = min(total, max(job.gop, 1), _WINDOW_FRAMES)
        windows = [range(total)]
        if _WINDOWS * size < total:
            starts = np.linspace(0, total - size, _WINDOWS).astype(int).tolist()
            windows = [range(start, start + size) for start in starts]
        found = []
        for frames in windows:
            treatment = open_treatment(self.background, peak=2**self.bits - 1)
            window = []
            pairs = frames_with_masks(self.source, frames, job.roi_method, self.settings.roi, None, 0)
            for frame, roi in pairs:
                inside = np.ones(frame.shape, np.bool_) if roi is None else roi.mask
                window.append(_Sampled(frame, treatment.apply(frame, roi), inside))
            found.append(window)
        return found

    def _coded(self, sample: list[list[_Sampled]], crf: float) -> Iterator[bytes]:
        av = need("av", extra="video")
        interval = interval_of(None)
        for window in sample:
            with av.open(io.BytesIO(), "w", format="null") as container:
                stream = add_stream(container, self.sequence, crf, interval)
                for packet in packets(stream, self.sequence, (item.treated for item in window), interval):
                    yield bytes(packet)

    def _psnr(self, sample: list[list[_Sampled]], crf: float) -> float:
        """Return the PSNR in the RoI of the sample, dB, pooled."""
        av = need("av", extra="video")
        pooled = PooledError()
        for window in sample:
            decoder = av.CodecContext.create("libdav1d" if self.codec == "av1" else "hevc", "r")
            decoder.thread_count = 1
            pictures = [
                picture for data in self._coded([window], crf) for picture in decoder.decode(av.Packet(data))
            ] + decoder.decode(None)
            for item, picture in zip(window, pictures, strict=True):
                decoded = to_samples(picture, self.sequence, self.source.dtype)
                pooled += PooledError.between(item.raw, decoded, item.inside)
        psnr = pooled.psnr(2**self.bits - 1)
        return math.inf if psnr is None else psnr

    def _notes(self) -> list[str]:
        from flowroi.pipeline import earlier_losses

        notes = list(self.settings.notes)
        if earlier_losses(self.source.path):
            notes.append("the input is itself a lossy archive: its losses stay, and are recorded in the new one")
        if self.background != "none":
            notes.append(f"the background outside the RoI was replaced ({self.background}): it is no measurement")
        return notes

    def _manifest(self, crf: float, rate: float, warnings: list[str]) -> dict[str, Any]:
        from flowroi.pipeline import earlier_losses

        job, encode = self.settings.job, self.settings.encode
        versions = codec_versions()
        asked = {"rate": encode.rate, "psnr": encode.psnr, "sample_roi_psnr": self.sample_psnr}
        method = job.roi_method
        roi: dict[str, Any] = {"method": method if method == "none" else f"masks from {Path(method).name}"}
        if method in ("fused", "flow"):
            roi = {"method": method, **asdict(self.settings.roi)}
        return {
            "flowroi": versions.pop("flowroi"),
            "codecs": versions,
            "lossy": True,
            "lossy_method": _METHODS[self.codec],
            "lossy_ratio": [*earlier_losses(self.source.path), round(rate, 3)],
            "source": {"name": self.source.name, "files": self.source.provenance()},
            "roi": roi,
            "background": self.treatment,
            "encode": {"crf": crf, **{k: v for k, v in asked.items() if v is not None}},
            "warnings": warnings,
        }
