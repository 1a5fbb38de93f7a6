"""The runtime: one thread and all of them, against OpenJPEG, side by side in one run on this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.bench import BenchResult, run_bench
from flowroi.codec import encode_frame
from flowroi.compression import compress_as_movie
from flowroi.experiments.configuration import LABELS, PAPER_RATE, PAPER_THRESHOLD, Subject
from flowroi.experiments.finding import Experiment, Finding, Methods
from flowroi.experiments.statements import Statement
from flowroi.experiments.workbench import Workbench
from flowroi.params import EncodeParams, RoiParams
from flowroi.report.blocks import Section, Table, Text
from flowroi.resources import available_cores, opencv_threads
from flowroi.roi import extract_roi
from flowroi.sources import open_source

NAME = "runtime"
_TITLE = "Runtime"
_FRAMES, _REPEATS = 12, 3
_PAPER_S, _PAPER_JPEG_S, _PAPER_FRAMES_PER_S = 0.14, 0.09, 30.0


def _needs(methods: Methods) -> Sequence[Subject]:  # noqa: ARG001 - takes times, and nothing from the cache
    return []


def _conclude(bench: Workbench, methods: Methods) -> Finding:
    frames = min(_FRAMES, bench.movie.shape[0])
    rows: list[dict[str, Any]] = [
        _paper("JPEG 2000", _PAPER_JPEG_S, None),
        _paper("FlowRoI", _PAPER_S, _PAPER_FRAMES_PER_S),
    ]
    statements = []
    for method in methods:
        if method == "fused":
            timed = _of_bench(run_bench(bench.movie.path, frames=frames, repeats=_REPEATS, workers=bench.workers))
        else:
            timed = _of_flow(bench, frames)
        rows.append({"what": LABELS[method], "source": "measured", **timed})
        statements += _statements(method, timed)
    keys = list(rows[-1])
    rows = [{key: one.get(key) for key in keys} for one in rows]
    columns = (
        "what",
        "source",
        "one thread, ms a frame",
        "of it RoI",
        "OpenJPEG in the same run, ms",
        "time over OpenJPEG's",
        "frames/s, all threads",
        "threads",
    )
    cores = bench.workers or available_cores()
    text = (
        f"On {frames} frames of {bench.movie.shape[1]}×{bench.movie.shape[2]}, at {PAPER_RATE:g}:1; medians of "
        f"{_REPEATS} rounds in which everything takes its turn, {cores} threads where all are used. One thread: RoI "
        "and encoding; all threads: the whole of compress, with reading, checksums and the archive.",
        "The paper's figures are of an Intel i7-1255U and of its own images: only ratios within one run compare.",
    )
    table = Table("Runtime", columns, tuple(tuple(one.values()) for one in rows))
    return Finding(Section(_TITLE, (Text(text), table), NAME), {"runtime.csv": rows}, {}, tuple(statements))


def _paper(what: str, seconds: float, frames_per_s: float | None) -> dict[str, Any]:
    ratio = seconds / _PAPER_JPEG_S if frames_per_s is not None else None
    return {
        "what": f"{what} (the paper)",
        "source": "reported",
        "ms": 1e3 * seconds,
        "over_openjpeg": ratio,
        "frames_per_s": frames_per_s,
    }


def _of_bench(result: BenchResult) -> dict[str, Any]:
    megapixels = result.height * result.width / 1e6
    roi, encode, theirs = (
        ms * megapixels for ms in (result.roi_ms_per_mp, result.encode_ms_per_mp, result.openjpeg_ms_per_mp)
    )
    return _figures(roi, encode, theirs, result.compress_frames_per_s[1], result.workers)


def _of_flow(bench: Workbench, frames: int) -> dict[str, Any]:
    """Time the paper's method as `run_bench` times ours."""
    with open_source(bench.movie.path) as source:
        stack = np.stack([source.read(t) for t in range(frames)])
    params, workers = RoiParams(roi_threshold=PAPER_THRESHOLD), bench.workers or available_cores()
    encode_params = EncodeParams(rate=PAPER_RATE, container="j2k")
    options: dict[str, Any] = {"rate": PAPER_RATE, "roi_method": "flow", "roi_threshold": PAPER_THRESHOLD}
    times: dict[str, list[float]] = {"roi": [], "encode": [], "openjpeg": [], "compress": []}
    with tempfile.TemporaryDirectory(prefix="flowroi-runtime-") as folder, opencv_threads(1):
        archive = Path(folder) / "runtime.ome.tif"
        masks = extract_roi(stack, params, method="flow")
        for _ in range(_REPEATS):
            for frame, mask in zip(stack, masks, strict=True):
                times["openjpeg"].append(_seconds(partial(openjpeg_encode, frame, PAPER_RATE)))
                times["encode"].append(_seconds(partial(encode_frame, frame, mask, encode_params)))
            times["roi"].append(_seconds(partial(extract_roi, stack, params, method="flow")) / frames)
            whole = partial(compress_as_movie, stack, archive, workers=workers, overwrite=True, **options)
            times["compress"].append(_seconds(whole) / frames)
    roi, encode, theirs, whole_s = (float(np.median(seconds)) for seconds in times.values())
    return _figures(1e3 * roi, 1e3 * encode, 1e3 * theirs, 1 / whole_s, workers)


def _figures(roi_ms: float, encode_ms: float, openjpeg_ms: float, frames_per_s: float, workers: int) -> dict[str, Any]:
    ms = roi_ms + encode_ms
    return {
        "ms": ms,
        "roi_ms": roi_ms,
        "openjpeg_ms": openjpeg_ms,
        "over_openjpeg": ms / openjpeg_ms,
        "frames_per_s": frames_per_s,
        "threads": workers,
    }


def _statements(method: str, timed: dict[str, Any]) -> list[Statement]:
    paper = _PAPER_S / _PAPER_JPEG_S
    return [
        Statement(
            NAME,
            method,
            f"one thread: {_PAPER_S:g} s a frame, {_PAPER_JPEG_S:g} s for JPEG 2000: {paper:.2f} times as long",
            f"{timed['ms']:.1f} ms, {timed['openjpeg_ms']:.1f} ms for OpenJPEG: {timed['over_openjpeg']:.2f} times",
            timed["over_openjpeg"] <= paper,
        ),
        Statement(
            NAME,
            method,
            f"about {_PAPER_FRAMES_PER_S:g} frames/s with all threads (i7-1255U)",
            f"{timed['frames_per_s']:.1f} frames/s with {timed['threads']} threads of this machine",
            timed["frames_per_s"] >= _PAPER_FRAMES_PER_S,
        ),
    ]


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


EXPERIMENT = Experiment(NAME, _TITLE, _needs, _conclude)
