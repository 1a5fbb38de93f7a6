"""The migration of tracked cells: speed, path, directness and mean squared displacement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowroi.metrics.tracking import Floats, Integers, Tracks, check_distance
from flowroi.params import check_integer

# Tracks of fewer points say little about a cell's way.
MIN_POINTS = 5
# Longer lags have few independent pairs in them.
_LAG_SHARE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Msd:
    """Mean squared displacement, averaged over time and over tracks.

    Attributes
    ----------
    lag_frames : ndarray, shape (L,), int64
        1, 2, ...
    value : ndarray, shape (L,), float64
        Squared length unit; NaN where no track has two points so far apart in time.
    pairs : ndarray, shape (L,), int64
        Pairs of points that were averaged, all of one weight: longer tracks count more.
    """

    lag_frames: Integers
    value: Floats
    pairs: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Migration:
    """The migration of every track of at least so many points: one entry a track, by track id.

    Attributes
    ----------
    length_unit, time_unit : str
        "um" and "min", or "px" and "frame".
    track : ndarray, shape (N,), int64
    points : ndarray, shape (N,), int64
        Frames in which the cell was seen.
    duration : ndarray, shape (N,), float64
        From the first to the last sighting.
    path_length : ndarray, shape (N,), float64
        Sum of the steps; across a gap, the straight way.
    net_displacement : ndarray, shape (N,), float64
        From the first place to the last.
    mean_speed : ndarray, shape (N,), float64
        Path length over duration; NaN for a track of one point.
    directness : ndarray, shape (N,), float64
        Net displacement over path length, from 0 to 1; NaN without a path.
    msd : Msd
        Of these tracks.
    """

    length_unit: str
    time_unit: str
    track: Integers
    points: Integers
    duration: Floats
    path_length: Floats
    net_displacement: Floats
    mean_speed: Floats
    directness: Floats
    msd: Msd


def measure_migration(
    tracks: Tracks,
    *,
    pixel_size_um: float | None = None,
    frame_interval_s: float | None = None,
    min_points: int = MIN_POINTS,
    max_lag_frames: int | None = None,
) -> Migration:
    """Measure the migration of every track.

    Parameters
    ----------
    tracks : Tracks
        Rows without a place (NaN) are left out.
    pixel_size_um, frame_interval_s : float > 0, optional
        With both, lengths are in µm and times in min; otherwise in px and frames.
    min_points : int >= 1, default 5
        Tracks of fewer points are left out.
    max_lag_frames : int >= 1, optional
        Longest lag of the MSD; by default a quarter of the movie, beyond which pairs are few and depend on one another.

    Returns
    -------
    Migration

    Raises
    ------
    InvalidParameterError
        If a parameter is outside its range.

    Notes
    -----
    Centroids that jitter lengthen the path: noise of e px a coordinate adds up to sqrt(pi) e px to every step of a cell
    that stands still, and 4 e² px² to the MSD at every lag.

    Examples
    --------
    >>> columns = [1] * 5, range(5), [0.0] * 5, [0.0, 2, 4, 6, 8], [1] * 5
    >>> line = Tracks(*map(np.array, columns), 5, 9.0)
    >>> found = measure_migration(line, max_lag_frames=2)
    >>> found.mean_speed.tolist(), found.directness.tolist(), found.msd.value.tolist()
    ([2.0], [1.0], [4.0, 16.0])
    """
    check_integer("min_points", min_points, low=1)
    check_distance("pixel_size_um", pixel_size_um)
    check_distance("frame_interval_s", frame_interval_s)
    lags = _lags(tracks.frames, max_lag_frames)
    known = pixel_size_um is not None and frame_interval_s is not None
    length = float(pixel_size_um or 1) if known else 1.0
    time = float(frame_interval_s or 60) / 60 if known else 1.0
    usable = np.isfinite(tracks.y_px) & np.isfinite(tracks.x_px)
    ids, index, counts = np.unique(tracks.track[usable], return_inverse=True, return_counts=True)
    usable[usable] = counts[index] >= min_points
    track, frame = tracks.track[usable], tracks.frame[usable]
    place = length * np.column_stack([tracks.y_px[usable], tracks.x_px[usable]])
    ids, first, points = np.unique(track, return_index=True, return_counts=True)
    last = first + points - 1
    steps = np.hypot(*np.diff(place, axis=0).T) * (np.diff(track) == 0)
    path = np.add.reduceat(np.concatenate([[0.0], steps]), first)
    net = np.hypot(*(place[last] - place[first]).T)
    duration = (frame[last] - frame[first]) * time
    return Migration(
        length_unit="um" if known else "px",
        time_unit="min" if known else "frame",
        track=ids,
        points=points,
        duration=duration,
        path_length=path,
        net_displacement=net,
        mean_speed=ratio(path, duration),
        directness=np.minimum(ratio(net, path), 1.0),
        msd=_msd(track, frame, place, lags),
    )


def _lags(frames: int, max_lag_frames: int | None) -> Integers:
    if max_lag_frames is None:
        max_lag_frames = max(1, int(_LAG_SHARE * frames))
    check_integer("max_lag_frames", max_lag_frames, low=1)
    return np.arange(1, max_lag_frames + 1)


def _msd(track: Integers, frame: Integers, place: Floats, lags: Integers) -> Msd:
    value, pairs = np.full(len(lags), np.nan), np.zeros(len(lags), np.int64)
    if len(track) == 0:
        return Msd(lags, value, pairs)
    # Every row a number, such that the row of the same cell a lag later has the number that is the lag higher.
    _, index = np.unique(track, return_inverse=True)
    key = index * (int(frame.max()) + int(lags[-1]) + 1) + frame
    for i, lag in enumerate(lags):
        later = np.minimum(np.searchsorted(key, key + lag), len(key) - 1)
        found = np.flatnonzero(key[later] == key + lag)
        pairs[i] = len(found)
        if len(found):
            value[i] = np.square(place[later[found]] - place[found]).sum(axis=1).mean()
    return Msd(lags, value, pairs)


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    quotient = np.full(len(above), np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
