"""Opens the movie at a position when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flowroi.plates.base import Position
from flowroi.sources.base import Source
from flowroi.stores import AnyPath


def movie_opener(
    path: AnyPath, position: Position, *, channel: int | None, max_pixels: int, pattern: str | None = None
) -> Callable[[], Source]:
    """Return what opens a file or folder as the movie at a position; options as in `open_source`."""
    return partial(_open, path, position, channel, max_pixels, pattern)


def _open(path: AnyPath, position: Position, channel: int | None, max_pixels: int, pattern: str | None) -> Source:
    from flowroi.sources.open import open_source

    source = open_source(path, pattern=pattern, channel=channel, max_pixels=max_pixels)
    source.name = str(position)
    return source
