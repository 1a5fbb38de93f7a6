"""What archives are compared with: which codecs, and at which rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from flowroi.archives import Archive
from flowroi.baselines import BASELINES, SEQUENCE_BASELINES, PlainVideo, open_baseline
from flowroi.baselines.sequence import DEFAULT_GOP
from flowroi.errors import InvalidParameterError, UnsupportedFormatError
from flowroi.evaluation.materials import raw_bytes, stored_bytes
from flowroi.evaluation.plain_video import code_movie
from flowroi.evaluation.subjects import CAP, CellsOnly, FromBaseline, Subject
from flowroi.sources import Source

Progress = Callable[[int, int], None]
# A curve's rates: from so much below the archives' to so much above.
_CURVE_SPAN = (0.15, 2.0)
_CURVE_POINTS = 7
_ENCODED_BY = {"av1": "svt-av1", "hevc": "x265"}
_USUAL = ("openjpeg", CAP)
_USUAL_FOR_SEQUENCES = (*_USUAL, "svt-av1")


def usual_baselines(archives: Sequence[Archive]) -> tuple[str, ...]:
    """Return the baselines where none are named: beside archives coded from frame to frame, a plain video codec too."""
    return _USUAL if all(archive.independent_frames for archive in archives) else _USUAL_FOR_SEQUENCES


def described(keys: Sequence[str], archives: Sequence[Archive]) -> list[dict[str, Any]]:
    """Return what the codecs among some baselines say of themselves, the cap being none.

    Raises
    ------
    InvalidParameterError
        For a key that is no baseline's.
    MissingDependencyError
        If one of the codecs is not installed.
    """
    unknown = [key for key in keys if key not in (*BASELINES, *SEQUENCE_BASELINES, CAP)]
    if unknown:
        known = ", ".join((*BASELINES, *SEQUENCE_BASELINES, CAP))
        raise InvalidParameterError(f"baseline is {unknown[0]!r}; expected one of {known}")
    return [
        (plain_video(key, archives) if key in SEQUENCE_BASELINES else open_baseline(key)).describe()
        for key in dict.fromkeys(keys)
        if key != CAP
    ]


def plain_video(key: str, archives: Sequence[Archive]) -> PlainVideo:
    """Return a plain video codec that differs from the archives in RoI, treatment and settings alone.

    It has the group of pictures of the first archive that is coded from frame to frame, and the preset of the first
    that its own codec coded.
    """
    known = [a.manifest["sequence"] for a in archives if not a.independent_frames]
    presets = [sequence["preset"] for sequence in known if _ENCODED_BY.get(sequence["codec"]) == key]
    return PlainVideo(key, preset=next(iter(presets), None), gop=known[0]["gop"] if known else DEFAULT_GOP)


def curve_rates(archives: Sequence[Archive]) -> list[float]:
    """Return rates for curves that reach from better than the best archive to worse than the worst."""
    own = [raw_bytes(archive) / stored_bytes(archive) for archive in archives]
    low = max(_CURVE_SPAN[0] * min(own, default=40.0), 2.0)
    high = max(_CURVE_SPAN[1] * max(own, default=40.0), 2 * low)
    return [float(f"{rate:.3g}") for rate in np.geomspace(low, high, _CURVE_POINTS)]


class Steps:
    """Counts what was done, and tells whoever shows progress."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self.total = total
        self._done = 0

    def done(self, count: int) -> None:
        """Count some more."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self.total)


def compared_subjects(
    stack: ExitStack,
    source: Source,
    keys: Sequence[str],
    archives: Sequence[Archive],
    rates: Sequence[float] | None,
    significant_bits: int,
    frames: Sequence[int],
    workers: int | None,
    steps: Steps,
) -> tuple[list[Subject], list[str]]:
    """Return every baseline at every rate, and what to tell of those that had to be left out.

    Video codecs code the movie here; the frames that came out lie in folders that go with `stack`.
    """
    # As keys have them, so that no two subjects share one.
    at = sorted({float(f"{rate:g}") for rate in (curve_rates(archives) if rates is None else rates)})
    found: list[Subject] = []
    warnings = []
    steps.total += sum(key in SEQUENCE_BASELINES for key in keys) * len(at) * len(source)
    for key in keys:
        if key not in SEQUENCE_BASELINES:
            found += [CellsOnly(rate) if key == CAP else FromBaseline(key, rate) for rate in at]
            continue
        codec = plain_video(key, archives)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="flowroi-")))
        try:
            found += code_movie(codec, source, significant_bits, at, frames, folder, workers=workers, step=steps.done)
        except UnsupportedFormatError as error:
            warnings.append(f"{codec.name} is left out: {error.message}")
            steps.total -= len(at) * len(source)
    return found, warnings
