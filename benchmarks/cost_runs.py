"""One measured run: a command of FlowRoI in a process of its own, and what it cost there.

The process first runs the same on something tiny, so that imports and start-up, which a plate pays once, are not in the
figures. Then: processor time (user and system, with that of children), wall time, what the system counted as read and
written, flushes, peak memory; and OpenJPEG's encoder on frames of the same movie, in the same process, right after.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# What a stage is made of, as `module:name`; the time of a call within a call counts for the inner one.
STAGES: dict[str, tuple[str, ...]] = {
    "read": ("flowroi.sources.base:Source.read", "flowroi.sources.checks:FrameChecks.observe"),
    "checksum of the input": ("flowroi.sources.files:InputFile.sha256",),
    "RoI: reduce, denoise, noise": (
        "flowroi.roi.fused_extraction:reduce_frame",
        "flowroi.roi.fused_extraction:noise_within",
        "flowroi.roi.flow_extraction:reduce_frame",
        "flowroi.roi.flow_extraction:denoise",
    ),
    "RoI: stabilise": (
        "flowroi.roi.fused_extraction:pattern_of",
        "flowroi.roi.stabilise:StageTracker.add",
        "flowroi.roi.flow_extraction:pattern_of",
        "flowroi.roi.flow_extraction:shift_between",
        "flowroi.roi.flow_extraction:move",
    ),
    "RoI: background model, or optical flow": (
        "flowroi.roi.background:BackgroundModel.learn",
        "flowroi.roi.background:BackgroundModel.at",
        "flowroi.roi.flow_extraction:dense_flow",
    ),
    "RoI: appearance, saliency, mask": (
        "flowroi.roi.fused_extraction:appearance_of",
        "flowroi.roi.fused_extraction:_frame_roi",
        "flowroi.roi.flow_extraction:_mask_of_pair",
        "flowroi.roi.flow_extraction:_described",
    ),
    "encode": ("flowroi.coding:encode_frame",),
    "prove: decode, compare": ("flowroi.coding:prove",),
    "checksums of pixels and masks": ("flowroi.coding:pixels_digest", "flowroi.pipeline:mask_digest"),
    "write": ("flowroi.archives.base:ArchiveWriter.add",),
    "finish: flush, read back, rename": ("flowroi.archives.base:ArchiveWriter.finish",),
}
REST = "the rest: queues, rate control, report"
# What OpenJPEG is given: so many pixels, at least two frames.
_REFERENCE_PIXELS = 4e6


class StageClock:
    """Processor time by stage, over all threads."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._lock = threading.Lock()
        self._inner = threading.local()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Time the stages while it lasts."""
        before = []
        for stage, names in STAGES.items():
            for name in names:
                module, _, path = name.partition(":")
                *outer, last = path.split(".")
                owner: Any = functools.reduce(getattr, outer, importlib.import_module(module))
                before.append((owner, last, getattr(owner, last)))
                setattr(owner, last, self._timed(stage, getattr(owner, last)))
        try:
            yield
        finally:
            for owner, last, function in before:
                setattr(owner, last, function)

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            outside = getattr(self._inner, "seconds", 0.0)
            self._inner.seconds = 0.0
            start = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                taken = time.thread_time() - start
                with self._lock:
                    self.seconds[stage] += taken - self._inner.seconds
                self._inner.seconds = outside + taken

        return timed


class FlushCount:
    """Counts the flushes of this process, and the time waited for them."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self._flush, self._lock = os.fsync, threading.Lock()

    def __enter__(self) -> FlushCount:
        os.fsync = self._counted
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync = self._flush

    def _counted(self, handle: int) -> None:
        start = time.perf_counter()
        try:
            self._flush(handle)
        finally:
            with self._lock:
                self.count += 1
                self.seconds += time.perf_counter() - start


def measured(
    arguments: list[str],
    warm: list[str],
    *,
    movie: str | None = None,
    rate: float | None = None,
    stages: bool = False,
    cold: str | None = None,
) -> dict[str, Any]:
    """Run `flowroi ARGUMENTS` in a process of its own, after `flowroi WARM`.

    Parameters
    ----------
    arguments, warm : list of str
        Both must succeed.
    movie, rate : optional
        A movie whose first frames OpenJPEG encodes right after, at `rate`; without a rate at the one that came out.
    stages : bool
        Whether to time stages: for `compress` of one movie only.
    cold : str, optional
        A file that the system is to forget first, so that it is read from the disk.
    """
    spec = {"arguments": arguments, "warm": warm, "movie": movie, "rate": rate, "stages": stages, "cold": cold}
    done = subprocess.run([sys.executable, __file__, json.dumps(spec)], capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"flowroi {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.decode()}")
    return dict(json.loads(done.stdout))


def _child(spec: dict[str, Any]) -> dict[str, Any]:
    _flowroi(spec["warm"])
    if spec["cold"]:
        _forget(Path(spec["cold"]))
    clock = StageClock()
    with FlushCount() as flushes, clock.running() if spec["stages"] else contextlib.nullcontext():
        before = _counters()
        start = time.perf_counter()
        told = _flowroi(spec["arguments"])
        wall_s = time.perf_counter() - start
        found = {name: value - before[name] for name, value in _counters().items()}
    found |= {
        "wall_s": wall_s,
        "peak_mb": _peak_bytes() / 2**20,
        "flushes": flushes.count,
        "flush_wait_s": flushes.seconds,
    }
    if spec["stages"]:
        found["stages"] = {**clock.seconds, REST: found["cpu_s"] - sum(clock.seconds.values())}
    report = next((one for one in told if "stored_bytes" in one), None)
    if report is not None:
        found |= {name: report[name] for name in ("stored_bytes", "file_bytes", "raw_bytes") if name in report}
    if spec["movie"]:
        rate = spec["rate"] or found["raw_bytes"] / found["stored_bytes"]
        found |= _openjpeg(Path(spec["movie"]), rate)
    return found


def _flowroi(arguments: list[str]) -> list[dict[str, Any]]:
    """Run a command line; return what it told, as JSON."""
    from flowroi.cli.app import run

    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = run([*arguments, "--json"])
    if code:
        raise SystemExit(code)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def _counters() -> dict[str, float]:
    """Return what the system has counted for this process and the children that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    lines = (line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    counted = {name: int(value) for name, value in lines}
    return {
        "cpu_s": sum(one.ru_utime + one.ru_stime for one in used),
        "system_s": sum(one.ru_stime for one in used),
        # Asked of the system, whether from its cache or the disk; and what went from and to the disk.
        "read_bytes": counted["rchar"],
        "written_bytes": counted["wchar"],
        "disk_read_bytes": counted["read_bytes"],
        "disk_written_bytes": counted["write_bytes"],
    }


def _peak_bytes() -> int:
    """Return the most memory that this process held, or one of its children.

    What `getrusage` says of the process itself is no less than what its parent held when it started it.
    """
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    own = next(int(words[1]) for words in lines if words[0] == "VmHWM:")
    return 1024 * max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _openjpeg(movie: Path, rate: float) -> dict[str, float]:
    """Return the time of OpenJPEG's encoder a frame, one thread: the median of some frames."""
    import tifffile

    from flowroi.baselines.openjpeg import openjpeg_encode

    with tifffile.TiffFile(movie) as tiff:
        series = tiff.series[0]
        frames, height, width = series.shape
        count = min(frames, max(2, int(_REFERENCE_PIXELS / (height * width))))
        stack = [series.pages[t].asarray() for t in range(min(count, 12))]
    times = []
    for frame in stack:
        start = time.process_time(), time.perf_counter()
        openjpeg_encode(frame, rate)
        times.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
    return {"openjpeg_cpu_s": cpu, "openjpeg_wall_s": wall}


def _forget(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)


if __name__ == "__main__":
    print(json.dumps(_child(json.loads(sys.argv[1]))))
