"""Speed and size beside OpenJPEG on this machine: interleaved in one run, because machines are noisy."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi import _core
from flowroi.baselines.openjpeg import openjpeg_encode, openjpeg_version
from flowroi.codec import decode, encode_frame
from flowroi.compression import compress_as_movie
from flowroi.errors import InvalidParameterError
from flowroi.metrics.curves import Curve
from flowroi.metrics.image import PooledError
from flowroi.params import EncodeParams, RoiParams, check_integer
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi import extract_roi
from flowroi.sources import open_source
from flowroi.synthetic import synthetic_movie

Frame = npt.NDArray[Any]
# Rates of the curve on which sizes at equal quality are read off, relative to the rate asked for.
_CURVE = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
# Frames enough for the curve: each is coded once for each of its points.
_CURVE_FRAMES = 4


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Medians of interleaved runs. A ratio above 1 is in our favour.

    Attributes
    ----------
    name : str
    frames, height, width : int
    rate, scaling_factor : float
    roi_share : float
        Mean share of RoI pixels.
    simd : str
        Instruction set of our encoder.
    openjpeg : str
        Version.
    workers : int
        Threads of ours, processes of OpenJPEG (Pillow holds Python's lock, so threads would not help it).
    openjpeg_ms_per_mp, encode_ms_per_mp, roi_ms_per_mp : float
        One thread, in process: OpenJPEG's encoder, ours with the RoI, and RoI extraction.
    encode_speed_ratio : float
        OpenJPEG's time over our encoder's, one thread.
    openjpeg_frames_per_s, compress_frames_per_s : tuple of float
        OpenJPEG's encoder alone, and the whole of `compress` (RoI, encoding, checksums, archive): with one worker, and
        with all.
    compress_speed_ratio : tuple of float
        The second over the first: one worker, all workers.
    scaling : float
        `compress` with all workers over one.
    measured_on : str
        Which pixels the PSNR is about: "true cells" or "RoI".
    openjpeg_psnr, psnr : float
        dB on those pixels, at `rate`.
    size_ratio : float or None
        OpenJPEG's bytes at `rate` over ours at the same PSNR; None if our curve does not reach it.
    """

    name: str
    frames: int
    height: int
    width: int
    rate: float
    scaling_factor: float
    roi_share: float
    simd: str
    openjpeg: str
    workers: int
    openjpeg_ms_per_mp: float
    encode_ms_per_mp: float
    roi_ms_per_mp: float
    encode_speed_ratio: float
    openjpeg_frames_per_s: tuple[float, float]
    compress_frames_per_s: tuple[float, float]
    compress_speed_ratio: tuple[float, float]
    scaling: float
    measured_on: str
    openjpeg_psnr: float
    psnr: float
    size_ratio: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def run_bench(
    source: str | PathLike[str] | None = None,
    *,
    rate: float = 40.0,
    scaling_factor: float = 5.0,
    frames: int = 12,
    repeats: int = 3,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **movie: Any,
) -> BenchResult:
    """Measure on this machine.

    Parameters
    ----------
    source : path, optional
        A movie; by default a synthetic one.
    rate, scaling_factor : float
        See `EncodeParams`.
    frames : int >= 2, default 12
        Frames to use, from the start.
    repeats : int >= 1, default 3
        Rounds; each measures everything once.
    workers : int, optional
        All cores by default.
    progress : callable, optional
        Called with (rounds done, rounds in all).
    **movie
        Parameters of `synthetic_movie`.

    Raises
    ------
    FlowRoIError
        If the movie cannot be read, has one frame only, or a parameter is bad.
    """
    check_integer("frames", frames, low=2)
    check_integer("repeats", repeats, low=1)
    params = EncodeParams(rate=rate, scaling_factor=scaling_factor, container="j2k")
    if workers is not None:
        check_integer("workers", workers, low=1, high=1024)
    count = workers or available_cores()
    name, stack, labels, bits = _movie(source, frames, movie)
    with opencv_threads(1):
        masks = extract_roi(stack, RoiParams())
        times = _measure(stack, masks, params, count, repeats, progress)
        cells = masks if labels is None else labels > 0
        psnr, openjpeg_psnr, size_ratio = _quality(stack, masks, cells, params, 2**bits - 1)
    megapixels = stack[0].size / 1e6
    middle = {what: float(np.median(seconds)) for what, seconds in times.items()}
    openjpeg_rate = (1 / middle["openjpeg"], len(stack) / middle["openjpeg all"])
    compress_rate = (len(stack) / middle["compress one"], len(stack) / middle["compress all"])
    return BenchResult(
        name=name,
        frames=len(stack),
        height=stack.shape[1],
        width=stack.shape[2],
        rate=rate,
        scaling_factor=scaling_factor,
        roi_share=float(masks.mean()),
        simd=_core.simd_name(),
        openjpeg=openjpeg_version(),
        workers=count,
        openjpeg_ms_per_mp=1e3 * middle["openjpeg"] / megapixels,
        encode_ms_per_mp=1e3 * middle["encode"] / megapixels,
        roi_ms_per_mp=1e3 * middle["roi"] / len(stack) / megapixels,
        encode_speed_ratio=middle["openjpeg"] / middle["encode"],
        openjpeg_frames_per_s=openjpeg_rate,
        compress_frames_per_s=compress_rate,
        compress_speed_ratio=(compress_rate[0] / openjpeg_rate[0], compress_rate[1] / openjpeg_rate[1]),
        scaling=compress_rate[1] / compress_rate[0],
        measured_on="RoI" if labels is None else "true cells",
        openjpeg_psnr=openjpeg_psnr,
        psnr=psnr,
        size_ratio=size_ratio,
    )


def _movie(source: Any, frames: int, movie: dict[str, Any]) -> tuple[str, Frame, Frame | None, int]:
    """Return name, frames, true labels where there are any, and significant bits."""
    if source is None:
        made = synthetic_movie(frames=frames, **movie)
        return "synthetic movie", made.frames, made.labels, 8
    with open_source(source) as opened:
        if len(opened) < 2:
            raise InvalidParameterError("one frame only; expected at least 2: no motion can be seen", path=opened.path)
        stack = np.stack([opened.read(t) for t in range(min(frames, len(opened)))])
        return opened.name, stack, None, opened.significant_bits


def _measure(
    stack: Frame,
    masks: Frame,
    params: EncodeParams,
    workers: int,
    repeats: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, list[float]]:
    """Time everything in turns: `openjpeg` and `encode` for each frame, the rest for the whole stack."""
    assert params.rate is not None
    times: dict[str, list[float]] = {
        what: [] for what in ("openjpeg", "encode", "roi", "openjpeg all", "compress one", "compress all")
    }
    theirs = partial(openjpeg_encode, rate=params.rate)
    options: dict[str, Any] = {"rate": params.rate, "scaling_factor": params.scaling_factor, "overwrite": True}
    with (
        tempfile.TemporaryDirectory(prefix="flowroi-bench-") as folder,
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        target = Path(folder) / "bench.ome.tif"
        list(pool.map(theirs, stack))  # starts the processes
        for done in range(repeats):
            for frame, mask in zip(stack, masks, strict=True):
                times["openjpeg"].append(_seconds(partial(theirs, frame)))
                times["encode"].append(_seconds(partial(encode_frame, frame, mask, params)))
            times["roi"].append(_seconds(partial(extract_roi, stack, RoiParams())))
            times["compress one"].append(_seconds(partial(compress_as_movie, stack, target, workers=1, **options)))
            times["openjpeg all"].append(_seconds(lambda: list(pool.map(theirs, stack))))
            times["compress all"].append(
                _seconds(partial(compress_as_movie, stack, target, workers=workers, **options))
            )
            if progress is not None:
                progress(done + 1, repeats)
    return times


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _quality(
    stack: Frame, masks: Frame, cells: Frame, params: EncodeParams, peak: int
) -> tuple[float, float, float | None]:
    """Return our PSNR and OpenJPEG's on `cells` at the rate, and the ratio of their sizes at OpenJPEG's PSNR."""
    chosen = np.unique(np.linspace(0, len(stack) - 1, _CURVE_FRAMES).astype(int))
    rate = float(params.rate or 0)

    def point(encode: Callable[[int], bytes]) -> tuple[int, float]:
        size, error = 0, PooledError()
        for t in chosen:
            data = encode(t)
            size += len(data)
            error += PooledError.between(stack[t], decode(data), cells[t])
        return size, _finite(error.psnr(peak))

    def ours(t: int, at: float) -> bytes:
        options = EncodeParams(rate=at, scaling_factor=params.scaling_factor, container="j2k")
        return encode_frame(stack[t], masks[t], options).data

    their_size, their_psnr = point(lambda t: openjpeg_encode(stack[t], rate))
    curve = [point(partial(ours, at=max(rate * factor, 1.01))) for factor in _CURVE]
    own = point(partial(ours, at=rate))[1]
    size = Curve.of(curve).size_at(their_psnr)
    return own, their_psnr, None if size is None else their_size / size


def _finite(psnr: float | None) -> float:
    return 0.0 if psnr is None else min(psnr, 200.0)
