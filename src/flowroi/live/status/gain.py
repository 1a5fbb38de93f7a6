"""How many times smaller than plain JPEG 2000 a run's frames are, measured now and then on one of them."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from flowroi.errors import FlowRoIError
from flowroi.live.journal import Record
from flowroi.live.records import found_of
from flowroi.live.status.newest import Newest, decoded
from flowroi.roi.frame_roi import Mask
from flowroi.sources.image_file import read_image
from flowroi.sources.pixels import Frame

if TYPE_CHECKING:
    from flowroi.job import Job

EVERY_S = 30.0
# Of one core: where a measurement takes long, the next one waits for longer.
MOST_SHARE = 0.015
_MOST_SAMPLES = 200
# OpenJPEG is asked for a PSNR of the whole frame; so many trials put that of the RoI between two that are so near. It
# comes in steps, and a little more is asked for each time, to be beyond it.
_MOST_TRIALS = 6
_NEAR_DB = 1.0
_BEYOND_DB = 0.25
_RESOLUTIONS = 6
_LOWEST_PRIORITY = 19
_LAST_FRAME_S = 5.0

# Quality in dB, and bytes.
_Trial = tuple[float, int]


@dataclass(frozen=True, slots=True)
class GainsSoFar:
    """What was measured by now.

    Attributes
    ----------
    mean : float or None
        Bytes of plain JPEG 2000 over ours, of all samples together; None where there is none.
    samples : int
        Frames that were measured.
    cpu_s : float
        What that took, of one core.
    share : float
        The same, as a share of the time since it began.
    by_position : dict of str to float
        Of the latest frame that was measured.
    """

    mean: float | None
    samples: int
    cpu_s: float
    share: float
    by_position: Mapping[str, float]


class Gains:
    """Samples, the last ones of which are told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: deque[tuple[int, int]] = deque(maxlen=_MOST_SAMPLES)
        self._by_position: dict[str, float] = {}
        self._count, self._cpu_s = 0, 0.0
        self._began = time.monotonic()

    def add(self, position: str, plain_bytes: int, coded_bytes: int, cpu_s: float) -> None:
        """Take in a frame."""
        with self._lock:
            self._sizes.append((plain_bytes, coded_bytes))
            self._by_position[position] = round(plain_bytes / coded_bytes, 3)
            self._count += 1
            self._cpu_s += cpu_s

    def so_far(self) -> GainsSoFar:
        """Return what is known by now."""
        with self._lock:
            plain, coded = (sum(sizes) for sizes in zip(*self._sizes, strict=True)) if self._sizes else (0, 0)
            return GainsSoFar(
                mean=round(plain / coded, 3) if coded else None,
                samples=self._count,
                cpu_s=round(self._cpu_s, 3),
                share=round(self._cpu_s / max(1.0, time.monotonic() - self._began), 5),
                by_position=dict(self._by_position),
            )


class Sampler:
    """A thread at the lowest priority that measures a frame now and then.

    Parameters
    ----------
    gains : Gains
        Takes what is measured.
    newest : Newest
    roots : list of Path
        The incoming folders.
    job : Job
        How a file is read.
    journals : callable
        Returns name and journal of every position; none while there is no time for it.
    every_s : float
        From one frame to the next, at least.
    """

    def __init__(
        self,
        gains: Gains,
        newest: Newest,
        roots: list[Path],
        job: Job,
        journals: Callable[[], list[tuple[str, Path]]],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._gains, self._newest, self._roots, self._job = gains, newest, roots, job
        self._journals, self._every_s = journals, every_s
        self._measured: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="flowroi-gain", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the frame in hand is measured; one that hangs, as its disk may, is left alone."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_FRAME_S)

    def _work(self) -> None:
        with suppress(OSError):
            # On Linux a thread has a priority of its own.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        pause = self._every_s
        for turn in count():
            if self._stop.wait(pause):
                return
            before = time.thread_time()
            try:
                self._measure_one(turn, before)
            except (FlowRoIError, OSError, imagecodecs.Jpeg2kError):
                # Its file is gone, or the run is over: there are others.
                continue
            finally:
                pause = max(self._every_s, (time.thread_time() - before) / MOST_SHARE)

    def _measure_one(self, turn: int, before: float) -> None:
        for name, journal in _turned(self._journals(), turn):
            record = self._newest.record(journal)
            if record is None or self._measured.get(name) == record[0]["t"]:
                continue
            self._measured[name] = record[0]["t"]
            sizes = self._sizes(record)
            if sizes is not None:
                self._gains.add(name, *sizes, time.thread_time() - before)
            return

    def _sizes(self, record: Record) -> tuple[int, int] | None:
        header, _ = record
        file = found_of(header["file"], self._roots).file
        now = file.path.stat()
        if (now.st_size, now.st_mtime_ns) != (file.size_bytes, file.modified_ns):
            return None
        frame = read_image(file, channel=self._job.channel, max_pixels=self._job.max_pixels)
        ours, mask = decoded(record)
        plain = plain_bytes(frame, ours, mask)
        return None if plain is None else (plain, header["data_bytes"])


def plain_bytes(frame: Frame, ours: Frame, mask: Mask | None) -> int | None:
    """Return the bytes that plain JPEG 2000 (OpenJPEG) needs for the PSNR that a frame has inside its RoI.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
    ours : ndarray, shape (Y, X)
        As it was decoded.
    mask : ndarray, shape (Y, X), bool, or None
        The RoI; None is the whole frame.

    Returns
    -------
    int or None
        By interpolation between a trial below and one above; of a lossless stream where ours has no error. None where
        the RoI is empty, or there are no two such trials.
    """
    if mask is not None and not mask.any():
        return None
    aim = _quality_db(frame, ours, mask)
    if math.isinf(aim):
        return len(_plain(frame, None))
    below: _Trial | None = None
    above: _Trial | None = None
    level = aim
    for _ in range(_MOST_TRIALS):
        data = _plain(frame, level)
        reached = _quality_db(frame, np.asarray(imagecodecs.jpeg2k_decode(data, numthreads=1)), mask)
        if math.isinf(reached):
            return None
        # Of several on a side, the one that is nearer.
        if reached < aim:
            below = max(below or (reached, 0), (reached, len(data)))
        else:
            above = min(above or (math.inf, 0), (reached, len(data)))
        if below and above and above[0] - below[0] <= _NEAR_DB:
            break
        level += aim - reached + math.copysign(_BEYOND_DB, aim - reached)
    return _size_between(below, above, aim) if below and above else None


def _size_between(below: _Trial, above: _Trial, aim: float) -> int:
    """Return the size at a quality between those of two trials; its logarithm is about linear in dB."""
    share = (aim - below[0]) / (above[0] - below[0])
    return round(math.exp((1 - share) * math.log(below[1]) + share * math.log(above[1])))


def _plain(frame: Frame, level_db: float | None) -> bytes:
    """Encode as `baselines.openjpeg` does, at a PSNR; through imagecodecs, which lets other threads run meanwhile."""
    resolutions = min(_RESOLUTIONS, min(frame.shape).bit_length())
    return bytes(
        imagecodecs.jpeg2k_encode(
            frame,
            # A whole number, says its stub.
            level=level_db or 0,  # type: ignore[arg-type]
            codecformat="j2k",
            reversible=level_db is None,
            resolutions=resolutions,
            numthreads=1,
        )
    )


def _quality_db(frame: Frame, other: Frame, mask: Mask | None) -> float:
    """Return the PSNR inside a mask, dB of the largest value that the samples' type holds."""
    error = np.subtract(frame, other, dtype=np.float32)
    if mask is not None:
        error = error[mask]
    mse = float(np.mean(np.square(error), dtype=np.float64))
    return math.inf if mse == 0 else 10 * math.log10(float(np.iinfo(frame.dtype).max) ** 2 / mse)


def _turned(entries: list[tuple[str, Path]], turn: int) -> Iterator[tuple[str, Path]]:
    """Yield entries from another one on every time, so that all have their turn."""
    for n in range(len(entries)):
        yield entries[(turn + n) % len(entries)]
