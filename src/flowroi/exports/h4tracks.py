"""The export for MMV_H4Tracks: frames, cells and tracks as its loader expects them (version 1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.archives.base import Archive
from flowroi.archives.ome_zarr_metadata import multiscale, ome_attributes
from flowroi.evaluation.labels import LabelSource
from flowroi.exports.ome_zarr import create_frames, write_ome_zarr, zarr_format
from flowroi.exports.provenance import ATTRIBUTE
from flowroi.extras import need

NO_TRACKS = (
    "tracking_data is empty, and MMV_H4Tracks 1.3 fails on loading a .zarr without tracks; "
    "name the output NAME.ome.zarr, which it loads, or give --labels with --labels-are-tracks"
)
# The program's own name for its labels, and what it looks for where there is no list of names.
_LABELS = "TrackedCells"
# The program reads OME metadata where OME-Zarr 0.4 has it.
_VERSION: Any = "0.4"


def write_h4tracks(
    target: Path,
    archive: Archive,
    frames: Iterator[npt.NDArray[Any]],
    chosen: range,
    record: dict[str, Any],
    labels: LabelSource | None,
    *,
    as_ome_zarr: bool,
    labels_are_tracks: bool,
) -> list[str]:
    """Write frames, labels and tracks, a frame at a time.

    Parameters
    ----------
    target : Path
        An empty folder.
    archive : Archive
    frames : iterator of ndarray, shape (Y, X)
        Those of `chosen`.
    chosen : range
    record : dict
        Of losses.
    labels : LabelSource, optional
        The cells; without it, and where a frame has none, the labels are empty.
    as_ome_zarr : bool
        OME-Zarr with `0` and `labels/TrackedCells/0`; else `raw_data`, `segmentation_data` and `tracking_data`.
    labels_are_tracks : bool
        Whether a cell has one number in all frames. Only then do the labels tell tracks.

    Returns
    -------
    list of str
        Warnings.
    """
    count, size = len(chosen), archive.shape[1:]
    if as_ome_zarr:
        group = write_ome_zarr(target, archive, frames, count, record, version=_VERSION, axes="tyx")
        scales = multiscale(archive.manifest, _LABELS, _VERSION, "tyx")
        # The program takes the unit from here.
        group["0"].attrs["multiscales"] = [scales]
        names = group.create_group("labels")
        names.attrs.update(ome_attributes({"labels": [_LABELS]}, _VERSION))
        place = names.create_group(_LABELS)
        metadata = {"multiscales": [scales], "image-label": {"version": _VERSION, "source": {"image": "../../"}}}
        place.attrs.update(ome_attributes(metadata, _VERSION))
        stored = create_frames(place, "0", count, size, np.int32)
    else:
        group = need("zarr", extra="zarr").open_group(target, mode="w-", zarr_format=zarr_format(_VERSION))
        group.attrs[ATTRIBUTE] = record
        raw = create_frames(group, "raw_data", count, size, archive.dtype)
        for t, frame in enumerate(frames):
            raw[t] = frame
        stored = create_frames(group, "segmentation_data", count, size, np.int32)
    points: list[npt.NDArray[np.int32]] = []
    for place_in_export, t in enumerate(chosen):
        found = None if labels is None else labels.read(t)
        stored[place_in_export] = np.zeros(size, np.int32) if found is None else found
        if found is not None and labels_are_tracks:
            points.append(_points(found, place_in_export))
    tracks = _tracks(points)
    if as_ome_zarr:
        # With it, the program takes the tracks from the labels, and fails where there are none.
        place.attrs["implied_tracks"] = bool(len(tracks))
        return []
    table = group.create_array("tracking_data", shape=tracks.shape, chunks=(1024, 4), dtype=np.dtype(np.int32))
    table[:] = tracks
    return [] if len(tracks) else [NO_TRACKS]


def _points(labels: npt.NDArray[np.int32], t: int) -> npt.NDArray[np.int32]:
    """Return (number, t, y, x) of every cell of a frame: its centre, or its pixel that is nearest to it."""
    y, x = np.nonzero(labels)
    ids, cell = np.unique(labels[y, x], return_inverse=True)
    if not len(ids):
        return np.zeros((0, 4), np.int32)
    areas = np.bincount(cell)
    centre_y, centre_x = np.bincount(cell, y) / areas, np.bincount(cell, x) / areas
    distance = (y - centre_y[cell]) ** 2 + (x - centre_x[cell]) ** 2
    # The first of each cell's pixels in this order is its nearest.
    order = np.lexsort((distance, cell))
    nearest = order[np.concatenate(([0], np.cumsum(areas)[:-1]))]
    return np.stack([ids, np.full_like(ids, t), y[nearest], x[nearest]], axis=1).astype(np.int32)


def _tracks(points: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    """Return the points of cells that are in more than one frame, by cell and time."""
    everything = np.concatenate([np.zeros((0, 4), np.int32), *points])
    ids, counts = np.unique(everything[:, 0], return_counts=True)
    kept = everything[np.isin(everything[:, 0], ids[counts > 1])]
    return kept[np.lexsort((kept[:, 1], kept[:, 0]))]
