"""How the migration in one movie differs from that in another of the same cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.extras import need
from flowroi.metrics.migration import MIN_POINTS, Migration, measure_migration, ratio
from flowroi.metrics.tracking import Floats, Integers, Tracks, check_distance

# Half-width of 95 % of a normal distribution, in standard deviations.
_LIMITS = 1.96
# Two points are the same cell where they are nearer than this many cell diameters.
_NEAR_DIAMETERS = 0.5
# Two tracks are the same cell's where so large a share of the longer one's points lies near the other's.
_SAME_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Agreement of two measurements of the same things; differences are other minus reference.

    `mean_difference` is None without pairs; `sd` (n - 1 in the denominator) and the limits of agreement, the mean
    difference ± 1.96 `sd`, are None for fewer than two.

    References
    ----------
    Bland and Altman, "Statistical methods for assessing agreement between two methods of clinical measurement", 1986,
    doi:10.1016/S0140-6736(86)90837-8.
    """

    n: int
    mean_difference: float | None
    sd: float | None
    lower_limit: float | None
    upper_limit: float | None


@dataclass(frozen=True, slots=True)
class MigrationComparison:
    """How the migration in one movie differs from that in a reference; `as_dict` is ready for JSON.

    Attributes
    ----------
    length_unit, time_unit : str
        As in `Migration`.
    reference_tracks, other_tracks : int
        Tracks of at least the least number of points.
    matched : tuple of (int, int)
        Ids of the tracks of the same cell, (reference, other).
    matched_share : float or None
        Of the reference's tracks.
    only_in_reference, only_in_other : tuple of int
        Ids of the tracks without a partner.
    speed, directness : BlandAltman
        Over the matched tracks, each as long as it is.
    relative_difference : dict of str to float or None
        (other - reference) / reference, of the means over all tracks, matched or not: mean_speed, directness,
        path_length, net_displacement.
    msd_lag_frames : tuple of int
    msd_ratio : tuple of float or None
        Other over reference, by lag; all tracks.
    msd_max_deviation : float or None
        Largest |ratio - 1| over these lags.
    """

    length_unit: str
    time_unit: str
    reference_tracks: int
    other_tracks: int
    matched: tuple[tuple[int, int], ...]
    matched_share: float | None
    only_in_reference: tuple[int, ...]
    only_in_other: tuple[int, ...]
    speed: BlandAltman
    directness: BlandAltman
    relative_difference: dict[str, float | None]
    msd_lag_frames: tuple[int, ...]
    msd_ratio: tuple[float | None, ...]
    msd_max_deviation: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name."""
        return asdict(self)


def compare_migration(
    reference: Tracks,
    other: Tracks,
    *,
    pixel_size_um: float | None = None,
    frame_interval_s: float | None = None,
    min_points: int = MIN_POINTS,
    max_lag_frames: int | None = None,
    max_distance_px: float | None = None,
) -> MigrationComparison:
    """Compare the migration in two movies of the same cells, say original and decoded.

    Parameters
    ----------
    reference, other : Tracks
        Of movies with the same frames.
    pixel_size_um, frame_interval_s, min_points, max_lag_frames
        See `measure_migration`.
    max_distance_px : float > 0, optional
        Centroids nearer than this, in the same frame, may be of the same cell; by default half of the reference's cell
        diameter.

    Returns
    -------
    MigrationComparison
        Two tracks are matched where at least half of the longer one's points lie near the other's, each track with one
        partner at most, such that the tracks as a whole lie as near as possible.

    Raises
    ------
    InvalidParameterError
        If the movies differ in length, or a parameter is outside its range.
    MissingDependencyError
        If SciPy is not installed.

    Examples
    --------
    >>> columns = [1] * 6 + [2] * 6, [*range(6)] * 2, [0.0] * 6 + [50.0] * 6, [0.0, 2, 4, 6, 8, 10] * 2, [1] * 12
    >>> tracks = Tracks(*map(np.array, columns), 6, 9.0)
    >>> same = compare_migration(tracks, tracks)
    >>> same.matched, same.matched_share, same.speed.mean_difference, same.msd_max_deviation
    (((1, 1), (2, 2)), 1.0, 0.0, 0.0)
    """
    if reference.frames != other.frames:
        raise InvalidParameterError(
            f"the movies have {reference.frames} and {other.frames} frames; expected the same frames in both"
        )
    check_distance("max_distance_px", max_distance_px)
    options: dict[str, Any] = {
        "pixel_size_um": pixel_size_um,
        "frame_interval_s": frame_interval_s,
        "min_points": min_points,
        "max_lag_frames": max_lag_frames,
    }
    ours, theirs = measure_migration(reference, **options), measure_migration(other, **options)
    distance = max_distance_px or _NEAR_DIAMETERS * reference.cell_diameter_px
    pairs = _matched(reference, ours, other, theirs, distance)
    one, two = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
    ratios = ratio(theirs.msd.value, ours.msd.value)
    deviations = np.abs(ratios - 1)[np.isfinite(ratios)]
    measures = ("mean_speed", "directness", "path_length", "net_displacement")
    return MigrationComparison(
        length_unit=ours.length_unit,
        time_unit=ours.time_unit,
        reference_tracks=len(ours.track),
        other_tracks=len(theirs.track),
        matched=tuple((int(ours.track[a]), int(theirs.track[b])) for a, b in pairs),
        matched_share=len(pairs) / len(ours.track) if len(ours.track) else None,
        only_in_reference=tuple(np.delete(ours.track, one).tolist()),
        only_in_other=tuple(np.delete(theirs.track, two).tolist()),
        speed=bland_altman(ours.mean_speed[one], theirs.mean_speed[two]),
        directness=bland_altman(ours.directness[one], theirs.directness[two]),
        relative_difference={name: _relative(getattr(ours, name), getattr(theirs, name)) for name in measures},
        msd_lag_frames=tuple(ours.msd.lag_frames.tolist()),
        msd_ratio=tuple(_number(one) for one in ratios),
        msd_max_deviation=float(deviations.max()) if deviations.size else None,
    )


def bland_altman(reference: npt.ArrayLike, other: npt.ArrayLike) -> BlandAltman:
    """Return the agreement of paired measurements; pairs with a NaN are left out.

    Examples
    --------
    >>> bland_altman([1.0, 2.0, 3.0], [1.0, 3.0, 5.0])
    BlandAltman(n=3, mean_difference=1.0, sd=1.0, lower_limit=-0.96, upper_limit=2.96)
    """
    differences = np.asarray(other, np.float64) - np.asarray(reference, np.float64)
    differences = differences[np.isfinite(differences)]
    n = len(differences)
    if n == 0:
        return BlandAltman(0, None, None, None, None)
    mean = float(differences.mean())
    if n == 1:
        return BlandAltman(1, mean, None, None, None)
    sd = float(differences.std(ddof=1))
    return BlandAltman(n, mean, sd, mean - _LIMITS * sd, mean + _LIMITS * sd)


def _matched(
    reference: Tracks, ours: Migration, other: Tracks, theirs: Migration, max_distance_px: float
) -> list[tuple[int, int]]:
    """Return the indices of the tracks of the same cells."""
    if len(ours.track) == 0 or len(theirs.track) == 0:
        return []
    if not math.isfinite(max_distance_px):
        raise InvalidParameterError("the cell diameter of the reference is not known: give max_distance_px")
    coo_array = need("scipy.sparse", extra="evaluation").coo_array
    connected_components = need("scipy.sparse.csgraph", extra="evaluation").connected_components
    linear_sum_assignment = need("scipy.optimize", extra="evaluation").linear_sum_assignment
    tree = need("scipy.spatial", extra="evaluation").cKDTree
    row, a = _points(reference, ours, max_distance_px)
    column, b = _points(other, theirs, max_distance_px)
    near = tree(a).sparse_distance_matrix(tree(b), max_distance_px, output_type="coo_matrix")
    one, two = row[near.row], column[near.col]
    shape = len(ours.track), len(theirs.track)
    together = coo_array((np.ones(len(one)), (one, two)), shape).tocsr()
    closeness = coo_array((1 - np.square(near.data / max_distance_px), (one, two)), shape).tocsr().tocoo()
    counts = together[closeness.row, closeness.col]
    least = _SAME_SHARE * np.maximum(ours.points[closeness.row], theirs.points[closeness.col])
    same = counts >= least
    first, second, score = closeness.row[same], closeness.col[same], closeness.data[same]
    # Tracks that compete with one another, directly or not, are few: each such group is settled by itself.
    total = sum(shape)
    graph = coo_array((np.ones(len(first)), (first, second + shape[0])), (total, total))
    _, group = connected_components(graph, directed=False)
    pairs: list[tuple[int, int]] = []
    order = np.argsort(group[first], kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[first][order])) + 1):
        rows, i = np.unique(first[members], return_inverse=True)
        columns, j = np.unique(second[members], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[i, j] = score[members]
        chosen = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
        pairs += [(int(rows[p]), int(columns[q])) for p, q in chosen if gain[p, q] > 0]
    return sorted(pairs)


def _points(tracks: Tracks, measured: Migration, max_distance_px: float) -> tuple[Integers, Floats]:
    """Return the index of the measured track of every point, and places in which frames lie too far apart to mix."""
    usable = np.isin(tracks.track, measured.track) & np.isfinite(tracks.y_px) & np.isfinite(tracks.x_px)
    apart = 2 * max_distance_px * tracks.frame[usable]
    place = np.column_stack([apart, tracks.y_px[usable], tracks.x_px[usable]])
    return np.searchsorted(measured.track, tracks.track[usable]), place


def _relative(reference: Floats, other: Floats) -> float | None:
    means: Sequence[float] = [
        float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else math.nan
        for values in (reference, other)
    ]
    return _number((means[1] - means[0]) / means[0]) if means[0] > 0 else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
