"""Reads what is known of each frame of a movie, and of its archives, in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from flowroi.archives import Archive
from flowroi.evaluation.archive_masks import archive_masks
from flowroi.evaluation.labels import LabelSource
from flowroi.evaluation.subjects import Material, View, even_share
from flowroi.sources import Source


def materials(
    source: Source,
    frames: Sequence[int],
    labels: LabelSource | None,
    clean: npt.NDArray[np.float32] | None,
    archives: Sequence[Archive],
) -> Iterator[Material]:
    """Yield what is known of each frame, with the RoI of every archive: as it was kept, or found once more.

    Parameters
    ----------
    source : Source
    frames : sequence of int
        Yielded in rising order, so that every group of pictures is decoded once.
    labels : LabelSource or None
    clean : ndarray, shape (T, Y, X), or None
        The movie before noise.
    archives : sequence of Archive
        The n-th has the key "archive:n". Where frames depend on each other, each counts its share of all bytes: single
        packets mean nothing, and key frames are many times larger than the others.
    """
    wanted = set(frames)
    found = [archive_masks(archive, source) for archive in archives]
    stored = [stored_bytes(archive) for archive in archives]
    for t in range(max(wanted) + 1):
        masks = {f"archive:{n}": mask for n, of in enumerate(found) if (mask := next(of)) is not None}
        if t in wanted:
            yield Material(
                t,
                source.read(t),
                None if labels is None else labels.read(t),
                None if clean is None else clean[t],
                masks,
                {f"archive:{n}": a.codestream(t) for n, a in enumerate(archives) if a.independent_frames},
                {
                    f"archive:{n}": View(a[t], even_share(stored[n], len(a), t))
                    for n, a in enumerate(archives)
                    if not a.independent_frames
                },
            )


def stored_bytes(archive: Archive) -> int:
    """Return the bytes of all encoded frames."""
    return sum(int(record["size_bytes"]) for record in archive.manifest["frames"])


def raw_bytes(archive: Archive) -> int:
    """Return the bytes of all frames before they were encoded."""
    return math.prod(archive.shape) * int(archive.dtype.itemsize)


def coded_text(archive: Archive) -> str:
    """Say in a few words how an archive was coded."""
    manifest = archive.manifest
    if archive.independent_frames:
        return "JPEG 2000, each frame alone"
    background = background_of(archive)
    return f"{manifest['lossy_method'][-1]} from frame to frame, background: {background or 'as recorded'}"


def background_of(archive: Archive) -> str | None:
    """Return what took the place of the background outside the RoI; None where it was coded as recorded."""
    known = archive.manifest.get("background")
    if isinstance(known, dict):
        known = known.get("name", known.get("treatment"))
    return None if known in (None, "none") else str(known)
