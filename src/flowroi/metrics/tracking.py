"""From labels to the tracks of cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.extras import need
from flowroi.params import check_integer

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# A cell that is sampled well moves about its own diameter from frame to frame, at most. On synthetic movies that lack 0
# to 20 % of their cells, less loses the fastest cells, and more links cells to the neighbours of missing ones.
_DEFAULT_DIAMETERS = 1.25
# Label ids are counted in a table as long as the largest, up to this many entries; rarer ones are sorted.
_MOST_COUNTED = 2**22


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The tracks of a movie's cells: one row a cell and frame, sorted by track, then by frame.

    Attributes
    ----------
    track : ndarray, shape (N,), int64
        Track id.
    frame : ndarray, shape (N,), int64
        From 0; a track may miss frames.
    y_px, x_px : ndarray, shape (N,), float64
        Centroids.
    label : ndarray, shape (N,), int64
        The cell's id in the labels of its frame.
    frames : int
        Frames of the movie, those without cells too.
    cell_diameter_px : float
        Median diameter of a disc of a cell's area; NaN without cells.
    """

    track: Integers
    frame: Integers
    y_px: Floats
    x_px: Floats
    label: Integers
    frames: int
    cell_diameter_px: float

    def __len__(self) -> int:
        """Return the number of tracks."""
        return len(np.unique(self.track))


@dataclass(frozen=True, slots=True)
class FrameCells:
    """The cells of one frame, (N,) each, by label.

    Attributes
    ----------
    label : ndarray, int64
    y_px, x_px : ndarray, float64
        Centroids.
    area_px : ndarray, int64
    """

    label: Integers
    y_px: Floats
    x_px: Floats
    area_px: Integers


def link_cells(
    labels: Iterable[npt.NDArray[Any]], *, max_distance_px: float | None = None, max_gap_frames: int = 1
) -> Tracks:
    """Link the cells of a movie's frames to tracks, whatever their ids.

    Parameters
    ----------
    labels : iterable of ndarray, shape (Y, X), integer
        In order of time; 0 is background, every other value is one cell. Taken one at a time: only centroids are kept.
    max_distance_px : float > 0, optional
        A centroid moves at most this far from one frame to the next that shows the cell, gaps included. By default
        1.25 times the median diameter of the movie's cells; cells that move farther between frames want more.
    max_gap_frames : int >= 0, default 1
        Frames in a row in which a cell may be missing without the end of its track.

    Returns
    -------
    Tracks
        Ids from 1, in order of first appearance. A cell that is seen once is a track of one row; splitting and merging
        cells end and begin tracks.

    Raises
    ------
    InvalidParameterError
        If labels are not integer (Y, X) of one shape, have negative values, or a parameter is outside its range.
    MissingDependencyError
        If laptrack is not installed.

    References
    ----------
    Jaqaman et al., "Robust single-particle tracking in live-cell time-lapse sequences", 2008,
    doi:10.1038/nmeth.1237: linear assignment between frames, then between the ends of segments. Done by laptrack,
    doi:10.1093/bioinformatics/btac799.

    Examples
    --------
    >>> labels = np.zeros((3, 20, 20), int)
    >>> for t, name in enumerate((5, 9, 2)):
    ...     labels[t, 4:8, 4 + 2 * t : 8 + 2 * t] = name
    >>> tracks = link_cells(labels)
    >>> tracks.track.tolist(), tracks.x_px.tolist(), tracks.label.tolist()
    ([1, 1, 1], [5.5, 7.5, 9.5], [5, 9, 2])
    """
    return link_frames(_all_cells(labels), max_distance_px=max_distance_px, max_gap_frames=max_gap_frames)


def link_frames(
    cells: Sequence[FrameCells], *, max_distance_px: float | None = None, max_gap_frames: int = 1
) -> Tracks:
    """Link the cells of a movie's frames, in order of time, to tracks; see `link_cells`."""
    check_integer("max_gap_frames", max_gap_frames, low=0)
    check_distance("max_distance_px", max_distance_px)
    diameter = _diameter(cells)
    if not any(len(frame.label) for frame in cells):
        return _tracks(cells, [np.zeros(0, np.int64) for _ in cells], diameter)
    limit = _DEFAULT_DIAMETERS * diameter if max_distance_px is None else float(max_distance_px)
    return _tracks(cells, _linked(cells, limit, max_gap_frames), diameter)


def truth_tracks(labels: Iterable[npt.NDArray[Any]]) -> Tracks:
    """Return the tracks of labels whose ids are the same for a cell in every frame.

    Parameters
    ----------
    labels : iterable of ndarray, shape (Y, X), integer
        As for `link_cells`. The ids must be consistent over time, as those of `synthetic_movie` and of tracking
        ground truth; a segmentation's are not.

    Returns
    -------
    Tracks
        A track's id is its cell's.

    Raises
    ------
    InvalidParameterError
        If labels are not integer (Y, X) of one shape, or have negative values.

    Examples
    --------
    >>> labels = np.zeros((2, 8, 8), int)
    >>> labels[:, 2:4, 2:4] = 7
    >>> truth_tracks(labels).track.tolist()
    [7, 7]
    """
    cells = _all_cells(labels)
    return _tracks(cells, [frame.label for frame in cells], _diameter(cells))


def check_distance(name: str, value: float | None) -> None:
    """Raise InvalidParameterError unless `value` is None or a finite number above 0."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise InvalidParameterError(f"{name} is {value!r}; expected a number above 0")


def _all_cells(labels: Iterable[npt.NDArray[Any]]) -> list[FrameCells]:
    cells: list[FrameCells] = []
    shape: tuple[int, ...] | None = None
    for t, frame in enumerate(labels):
        frame = np.asarray(frame)
        if frame.ndim != 2 or not np.issubdtype(frame.dtype, np.integer):
            raise InvalidParameterError(
                f"the labels have shape {frame.shape} and dtype {frame.dtype}; expected integers (Y, X)", frame=t
            )
        if shape is not None and frame.shape != shape:
            raise InvalidParameterError(f"the labels have shape {frame.shape}; expected {shape} as before", frame=t)
        shape = frame.shape
        cells.append(frame_cells(frame, t))
    return cells


def frame_cells(labels: npt.NDArray[Any], t: int = 0) -> FrameCells:
    """Return the cells of a frame.

    Parameters
    ----------
    labels : ndarray, shape (Y, X), integer >= 0
        0 is background.
    t : int, default 0
        The frame's number, for messages.

    Raises
    ------
    InvalidParameterError
        For negative labels.

    Examples
    --------
    >>> frame_cells(np.array([[0, 4, 4]])).x_px.tolist()
    [1.5]
    """
    places = np.flatnonzero(labels)
    values = labels.ravel()[places].astype(np.int64)
    if values.size and values.min() < 0:
        raise InvalidParameterError(f"the labels have negative values, {values.min()} one of them", frame=t)
    y, x = np.divmod(places, labels.shape[1])
    if values.size and values.max() >= _MOST_COUNTED:
        names, values = np.unique(values, return_inverse=True)
    else:
        names = np.arange(values.max() + 1 if values.size else 0)
    area = np.bincount(values, minlength=len(names))
    seen = area > 0
    area = area[seen]
    centre_y, centre_x = (np.bincount(values, weights=place, minlength=len(names))[seen] / area for place in (y, x))
    return FrameCells(names[seen], centre_y, centre_x, area)


def _diameter(cells: Sequence[FrameCells]) -> float:
    areas = np.concatenate([np.zeros(0), *(frame.area_px for frame in cells)])
    return float(2 * np.sqrt(np.median(areas) / np.pi)) if areas.size else math.nan


def _linked(cells: Sequence[FrameCells], max_distance_px: float, max_gap_frames: int) -> list[Integers]:
    """Return the track of every cell, a row of tracks for every frame."""
    lap_track = need("laptrack", extra="evaluation").LapTrack
    cutoff = max_distance_px**2
    settings: dict[str, Any] = {
        "metric": "sqeuclidean",
        "cutoff": cutoff,
        "gap_closing_cutoff": cutoff if max_gap_frames else False,
        # It counts frames from one sighting to the next.
        "gap_closing_max_frame_count": max_gap_frames + 1,
        "splitting_cutoff": False,
        "merging_cutoff": False,
    }
    links = lap_track(**settings).predict([np.column_stack([frame.y_px, frame.x_px]) for frame in cells]).edges
    earlier: dict[tuple[int, int], tuple[int, int]] = {}
    for first, second in links:
        earlier[max(first, second)] = min(first, second)
    tracks: list[Integers] = []
    count = 0
    for t, frame in enumerate(cells):
        row = np.empty(len(frame.label), np.int64)
        for i in range(len(row)):
            before = earlier.get((t, i))
            if before is None:
                count += 1
                row[i] = count
            else:
                row[i] = tracks[before[0]][before[1]]
        tracks.append(row)
    return tracks


def _tracks(cells: Sequence[FrameCells], tracks: Sequence[Integers], diameter: float) -> Tracks:
    def joined(parts: Iterable[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
        return np.concatenate([np.zeros(0, dtype), *parts])

    track = joined(tracks, np.int64)
    frame = np.repeat(np.arange(len(cells)), [len(part.label) for part in cells])
    order = np.lexsort((frame, track))
    return Tracks(
        track[order],
        frame[order],
        joined((part.y_px for part in cells), np.float64)[order],
        joined((part.x_px for part in cells), np.float64)[order],
        joined((part.label for part in cells), np.int64)[order],
        len(cells),
        diameter,
    )
