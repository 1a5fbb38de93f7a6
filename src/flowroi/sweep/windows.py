"""The frames that a sweep looks at: a few runs of neighbours, as motion needs them, all over the movie."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.evaluation.labels import Labels, LabelSource
from flowroi.sources import Source
from flowroi.stores import AnyPath

# Enough neighbours for the motion of slow cells and for what `fused` learns of the background.
WINDOW_FRAMES = 8


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive frames, in memory.

    Attributes
    ----------
    start : int
        The first frame's place in the movie.
    measured : tuple of int
        The frames that are measured, counted from `start`; the others are there for the motion.
    frames : ndarray, shape (N, Y, X)
    labels : tuple of ndarray or None
        The true cells of each frame, where they are given.
    frame_names : tuple of str
    significant_bits : int
    path : Path, StorePath or None
        The movie, for messages.
    position : str
        Of the movie on its plate; empty for one that is not of a plate.
    """

    start: int
    measured: tuple[int, ...]
    frames: npt.NDArray[Any]
    labels: tuple[Labels | None, ...]
    frame_names: tuple[str, ...]
    significant_bits: int
    path: AnyPath | None
    position: str = ""

    def digest(self) -> str:
        """Return the SHA-256 of everything that a measure depends on."""
        found = hashlib.sha256(repr((self.frames.shape, str(self.frames.dtype), self.significant_bits)).encode())
        found.update(repr(self.measured).encode())
        found.update(np.ascontiguousarray(self.frames).data)
        for labels in self.labels:
            found.update(b"none" if labels is None else np.ascontiguousarray(labels).data)
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the windows lie: (first frame, end, frames measured), for the search and held out for its confirmation."""

    sample: tuple[tuple[int, int, tuple[int, ...]], ...]
    held_out: tuple[tuple[int, int, tuple[int, ...]], ...]


def lay_out(total: int, labelled: Sequence[int], sample_frames: int, *, confirm: bool) -> Layout:
    """Spread windows over a movie.

    Parameters
    ----------
    total : int
        Frames of the movie.
    labelled : sequence of int
        Those that can be measured, in order.
    sample_frames : int >= 1
        About so many are measured in the search; at most as many are held out.
    confirm : bool
        Whether to hold frames out, at least a third of the movie if it is short. A movie of one frame has none.

    Examples
    --------
    >>> layout = lay_out(37, range(37), 24, confirm=True)
    >>> [window[:2] for window in layout.sample], [window[:2] for window in layout.held_out]
    ([(0, 8), (16, 24), (29, 37)], [(8, 16), (24, 32)])
    """
    length = min(WINDOW_FRAMES, sample_frames)
    if confirm:
        length = max(1, min(length, -(-2 * len(labelled) // 3), len(labelled) - 1))
    blocks: list[list[int]] = []
    for t in labelled:
        if blocks and t < blocks[-1][0] + length:
            blocks[-1].append(t)
        else:
            blocks.append([t])
    most = max(1, 2 * len(blocks) // 3) if confirm else len(blocks)
    count = min(most, max(1, round(sample_frames / length)))
    places = np.linspace(0, len(blocks) - 1, count) if count > 1 else np.array([(len(blocks) - 1) // 2])
    chosen = sorted({int(place) for place in places.round()})
    rest = [n for n in range(len(blocks)) if n not in chosen]
    held: list[int] = []
    if confirm and rest:
        spread = np.linspace(0, len(rest) - 1, min(count, len(rest)) + 2)[1:-1]
        held = sorted({rest[int(place)] for place in spread.round()})
    around = min(WINDOW_FRAMES, total)

    def window(n: int) -> tuple[int, int, tuple[int, ...]]:
        start = max(0, min(blocks[n][0], total - around))
        return start, start + around if len(blocks[n]) < around else blocks[n][-1] + 1, tuple(blocks[n])

    return Layout(tuple(window(n) for n in chosen), tuple(window(n) for n in held))


def read_windows(
    source: Source,
    labels: LabelSource | None,
    places: Sequence[tuple[int, int, tuple[int, ...]]],
    position: str = "",
) -> tuple[Window, ...]:
    """Read the frames of some windows, and their labels."""
    windows = []
    for start, stop, measured in places:
        frames = np.stack([source.read(t) for t in range(start, stop)])
        truth = tuple(labels.read(t) if labels is not None and t in measured else None for t in range(start, stop))
        windows.append(
            Window(
                start,
                tuple(t - start for t in measured),
                frames,
                truth,
                source.frame_names[start:stop],
                source.significant_bits,
                source.path,
                position,
            )
        )
    return tuple(windows)
