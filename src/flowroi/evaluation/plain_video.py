"""Whole movies through plain video codecs, at qualities that spread a curve over the rates that were asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event

import numpy as np

from flowroi.archives.video_file import interval_of
from flowroi.baselines import PlainVideo
from flowroi.baselines.base import Frame
from flowroi.baselines.sequence import Packet
from flowroi.errors import CorruptDataError, InvalidParameterError
from flowroi.evaluation.subjects import FromMovie
from flowroi.resources import available_cores
from flowroi.sequence.encoder import CRF_STEP, VideoLayout
from flowroi.sources import Source
from flowroi.sources.pixels import bits_of

# What is coded to learn how sizes follow the quality: windows all over the movie, at these places in the codec's range.
_WINDOWS, _WINDOW_FRAMES = 3, 12
_TRIALS = (0.0, 0.2, 0.4, 0.7, 1.0)
# Frames that wait for an encoder: what it holds itself is far more.
_WAITING = 4
_PATIENCE_S = 0.2


def code_movie(
    codec: PlainVideo,
    source: Source,
    significant_bits: int,
    rates: Sequence[float],
    frames: Sequence[int],
    folder: Path,
    *,
    workers: int | None = None,
    step: Callable[[int], None] | None = None,
) -> list[FromMovie]:
    """Code a whole movie at several qualities, and keep some of its frames as they come out.

    Parameters
    ----------
    codec : PlainVideo
    source : Source
        Read from beginning to end, once for as many qualities as there are workers; never held as a whole.
    significant_bits : int
        As far as known.
    rates : sequence of float > 1
        Compression rates to come near to; where the codec cannot, it goes as far as it can.
    frames : sequence of int
        Those to keep.
    folder : Path
        For the decoded frames; there must be room for `len(frames)` raw ones a rate.
    workers : int, optional
        Qualities coded at a time; all cores by default. They do not change the results.
    step : callable, optional
        Called with the number of frames coded since the last call, `len(rates) * len(source)` in all.

    Returns
    -------
    list of FromMovie
        The finest quality first; fewer than rates where two rates come to one quality.

    Raises
    ------
    InvalidParameterError
        For a rate that is not above 1.
    UnsupportedFormatError
        If the codec does not take samples so deep.
    CorruptDataError
        If the movie cannot be read, or the codec does not give back what it was given.
    """
    for rate in rates:
        if not (math.isfinite(rate) and rate > 1):
            raise InvalidParameterError(f"rate is {rate!r}; expected a number above 1: raw bytes over encoded bytes")
    if source.dtype.itemsize > 1:
        # The codec is given every frame, whatever frames are measured.
        significant_bits = max(significant_bits, bits_of(source.read(t) for t in range(len(source))))
    layout = codec.layout(source.shape[1:], significant_bits)
    report = step or (lambda _: None)
    at_once = workers or available_cores()
    raw = math.prod(source.shape) * source.dtype.itemsize
    found = []
    with ThreadPoolExecutor(at_once, thread_name_prefix="flowroi") as pool:
        crfs = _ladder(codec, layout, source, rates, pool)
        report((len(rates) - len(crfs)) * len(source))
        for start in range(0, len(crfs), at_once):
            batch = crfs[start : start + at_once]
            places = [folder / f"{codec.key}-{crf:g}" for crf in batch]
            sizes = _coded_together(codec, layout, source, batch, set(frames), places, pool, report)
            found += [
                FromMovie(codec.key, codec.name, crf, raw, size, len(source), place)
                for crf, size, place in zip(batch, sizes, places, strict=True)
            ]
    return found


def _ladder(
    codec: PlainVideo, layout: VideoLayout, source: Source, rates: Sequence[float], pool: ThreadPoolExecutor
) -> list[float]:
    """Return quality factors that come near to the rates: logarithms of sizes interpolated between a few trials."""
    low, high = codec.crf_range
    trials = [_on_grid(low + place * (high - low)) for place in _TRIALS]
    total = len(source)
    size = min(total, codec.gop, _WINDOW_FRAMES)
    starts = sorted({int(start) for start in np.linspace(0, total - size, _WINDOWS)})
    windows = [[source.read(t) for t in range(start, start + size)] for start in starts]
    sizes = list(pool.map(lambda crf: _frame_bytes(codec, layout, windows, crf), trials))
    falling = np.minimum.accumulate(np.log(sizes))
    raw = math.prod(source.shape[1:]) * source.dtype.itemsize
    wanted = [math.log(raw / rate) for rate in rates]
    return sorted({_on_grid(float(crf)) for crf in np.interp(wanted, falling[::-1], trials[::-1])})


def _frame_bytes(codec: PlainVideo, layout: VideoLayout, windows: Sequence[Sequence[Frame]], crf: float) -> float:
    """Return about how many bytes a frame takes, each group of pictures having one key frame."""
    keys, others = [], []
    for window in windows:
        sizes = [len(packet.data) for packet in codec.encode(layout, window, crf)]
        keys.append(sizes[0])
        others += sizes[1:]
    between = float(np.mean(others)) if others else 0.0
    return (float(np.mean(keys)) + (codec.gop - 1) * between) / codec.gop if others else float(np.mean(keys))


def _on_grid(crf: float) -> float:
    return round(crf / CRF_STEP) * CRF_STEP


def _coded_together(
    codec: PlainVideo,
    layout: VideoLayout,
    source: Source,
    crfs: Sequence[float],
    kept: set[int],
    places: Sequence[Path],
    pool: ThreadPoolExecutor,
    report: Callable[[int], None],
) -> list[int]:
    """Read the movie once for several encoders; returns the bytes of each one's packets."""
    stop = Event()
    interval = interval_of(source.frame_interval_s)
    queues: list[Queue[Frame | None]] = [Queue(_WAITING) for _ in crfs]
    tasks = []
    for crf, place, queue in zip(crfs, places, queues, strict=True):
        place.mkdir()
        frames = _taken(queue, stop)
        tasks.append(pool.submit(_coded, codec, layout, frames, crf, interval, kept, place, source))
    try:
        for t in range(len(source) + 1):
            frame = source.read(t) if t < len(source) else None
            for queue, task in zip(queues, tasks, strict=True):
                _give(queue, frame, task)
            if frame is not None:
                report(len(crfs))
        return [task.result() for task in tasks]
    finally:
        stop.set()


def _give(queue: Queue[Frame | None], frame: Frame | None, task: Future[int]) -> None:
    while True:
        if task.done():
            # It ends before its movie only where it failed, and says so.
            task.result()
            return
        try:
            queue.put(frame, timeout=_PATIENCE_S)
        except Full:
            continue
        return


def _taken(queue: Queue[Frame | None], stop: Event) -> Iterator[Frame]:
    while True:
        try:
            frame = queue.get(timeout=_PATIENCE_S)
        except Empty:
            if stop.is_set():
                return
            continue
        if frame is None or stop.is_set():
            return
        yield frame


def _coded(
    codec: PlainVideo,
    layout: VideoLayout,
    frames: Iterator[Frame],
    crf: float,
    interval_s: Fraction,
    kept: set[int],
    place: Path,
    source: Source,
) -> int:
    """Encode a movie, and decode those of its groups of pictures from which frames are kept."""
    groups = {t // codec.gop for t in kept}
    sizes = []

    def wanted() -> Iterator[Packet]:
        for packet in codec.encode(layout, frames, crf, interval_s):
            sizes.append(len(packet.data))
            if packet.t // codec.gop in groups:
                yield packet

    missing = set(kept)
    for t, frame in codec.decode(layout, wanted(), source.dtype):
        if t in missing:
            np.save(place / f"{t}.npy", frame)
            missing.remove(t)
    if len(sizes) != len(source) or missing:
        raise CorruptDataError(
            f"{codec.name} gave {len(sizes)} packets for {len(source)} frames, and lost {len(missing)} of "
            f"{len(kept)}: leave this baseline out"
        )
    return sum(sizes)
