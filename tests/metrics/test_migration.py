"""Migration on tracks whose measures are known, against trackpy, and the comparison of two movies."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import trackpy

from flowroi import synthetic_movie
from flowroi.errors import InvalidParameterError, MissingDependencyError
from flowroi.metrics.migration import measure_migration
from flowroi.metrics.migration_comparison import bland_altman, compare_migration
from flowroi.metrics.tracking import Tracks, truth_tracks


def tracks_of(*cells, frames=None, diameter=16.0):
    """Tracks from (frames, places (N, 2)) of every cell."""
    track = np.concatenate([np.full(len(t), i) for i, (t, _) in enumerate(cells, 1)]).astype(np.int64)
    frame = np.concatenate([np.asarray(t, np.int64) for t, _ in cells])
    place = np.concatenate([np.asarray(p, float) for _, p in cells])
    return Tracks(track, frame, place[:, 0], place[:, 1], track, frames or int(frame.max()) + 1, diameter)


def walks(count, frames, diffusion, seed=0):
    """Random walks, (count, frames, 2); `diffusion` in px² a frame."""
    steps = np.sqrt(2 * diffusion) * np.random.default_rng(seed).standard_normal((count, frames, 2))
    return np.cumsum(steps, axis=1)


def line(frames, step=(3.0, 4.0)):
    return np.arange(frames), np.arange(frames)[:, None] * np.array(step)


def test_a_straight_line():
    found = measure_migration(tracks_of(line(10)), max_lag_frames=9)
    assert (found.length_unit, found.time_unit) == ("px", "frame")
    assert found.points.tolist() == [10]
    assert found.duration.tolist() == [9]
    assert found.path_length == pytest.approx([45])
    assert found.net_displacement == pytest.approx([45])
    assert found.mean_speed == pytest.approx([5])
    assert found.directness == pytest.approx([1])
    assert found.msd.value == pytest.approx([25 * lag**2 for lag in range(1, 10)])
    assert found.msd.pairs.tolist() == list(range(9, 0, -1))


def test_units_of_microscopy():
    found = measure_migration(tracks_of(line(13)), pixel_size_um=0.5, frame_interval_s=10.0, max_lag_frames=1)
    assert (found.length_unit, found.time_unit) == ("um", "min")
    assert found.mean_speed == pytest.approx([5 * 0.5 * 6])
    assert found.duration == pytest.approx([2])
    assert found.msd.value == pytest.approx([6.25])
    for one in ({"pixel_size_um": 0.5}, {"frame_interval_s": 10.0}):
        found = measure_migration(tracks_of(line(13)), **one)
        assert (found.length_unit, found.time_unit, found.mean_speed.tolist()) == ("px", "frame", [5.0])


def test_a_circle_comes_back():
    angle = np.linspace(0, 2 * np.pi, 37)
    found = measure_migration(tracks_of((np.arange(37), 20 * np.column_stack([np.sin(angle), np.cos(angle)]))))
    chord = 2 * 20 * np.sin(np.pi / 36)
    assert found.path_length == pytest.approx([36 * chord])
    assert found.net_displacement == pytest.approx([0], abs=1e-12)
    assert found.directness == pytest.approx([0], abs=1e-12)
    assert found.msd.value == pytest.approx([(40 * np.sin(np.pi * lag / 36)) ** 2 for lag in range(1, 10)])


def test_random_walks_show_their_diffusion():
    cells = [(np.arange(200), walk) for walk in walks(200, 200, diffusion=1.5)]
    found = measure_migration(tracks_of(*cells), max_lag_frames=10)
    assert found.msd.value == pytest.approx(4 * 1.5 * np.arange(1, 11), rel=0.03)
    # The length of a step is Rayleigh distributed.
    assert found.mean_speed.mean() == pytest.approx(np.sqrt(np.pi * 1.5), rel=0.01)


def test_a_cell_that_stands_still_has_no_direction():
    found = measure_migration(tracks_of(line(8), (np.arange(8), np.full((8, 2), 1e4 / 3)), line(8)))
    assert found.path_length[1] == 0
    assert found.mean_speed[1] == 0
    assert np.isnan(found.directness[1])


def test_gaps_are_crossed_straight_and_count_as_time():
    cell = [0, 1, 4, 5, 6], [(0, 0), (0, 2), (0, 8), (0, 10), (0, 12)]
    found = measure_migration(tracks_of(cell), max_lag_frames=6)
    assert found.path_length.tolist() == [12]
    assert found.duration.tolist() == [6]
    assert found.mean_speed.tolist() == [2]
    assert found.msd.pairs.tolist() == [3, 1, 1, 2, 2, 1]
    assert found.msd.value == pytest.approx([4 * lag**2 for lag in range(1, 7)])


def test_short_tracks_and_places_that_are_not_known_are_left_out():
    places = line(6)[1].copy()
    places[2] = np.nan
    tracks = tracks_of(line(4), (np.arange(6), places), line(9))
    found = measure_migration(tracks)
    assert found.track.tolist() == [2, 3]
    assert found.points.tolist() == [5, 9]
    assert found.mean_speed == pytest.approx([5, 5])
    assert measure_migration(tracks, min_points=6).track.tolist() == [3]
    single = measure_migration(tracks_of(([0], [(1, 1)]), line(5)), min_points=1)
    assert np.isnan(single.mean_speed[0])
    assert single.mean_speed[1] == pytest.approx(5)


def test_nothing_is_measured_of_nothing():
    found = measure_migration(truth_tracks(np.zeros((4, 8, 8), int)))
    assert found.track.size == found.mean_speed.size == 0
    assert np.isnan(found.msd.value).all()


def table(tracks):
    return pd.DataFrame({"particle": tracks.track, "frame": tracks.frame, "y": tracks.y_px, "x": tracks.x_px})


def test_the_msd_is_trackpys_on_whole_tracks():
    tracks = tracks_of(*((np.arange(40), walk) for walk in walks(25, 40, 2.0, seed=1)))
    found = measure_migration(tracks, pixel_size_um=0.641, frame_interval_s=60.0, max_lag_frames=15)
    theirs = trackpy.emsd(table(tracks), mpp=0.641, fps=1, max_lagtime=15)
    assert found.msd.value == pytest.approx(theirs.to_numpy(), rel=1e-9)


# trackpy calls pandas in ways that pandas 4 will not take.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_msd_is_trackpys_on_tracks_of_any_length_with_gaps():
    # trackpy weighs tracks by their independent pairs; its single tracks, weighed by all pairs, are ours.
    rng = np.random.default_rng(4)
    cells = []
    for walk in walks(12, 40, 2.0, seed=2):
        seen = np.flatnonzero(rng.random(40) < 0.8)[: rng.integers(10, 40)]
        cells.append((seen, walk[seen]))
    tracks = tracks_of(*cells, frames=40)
    found = measure_migration(tracks, max_lag_frames=8)
    single = trackpy.imsd(table(tracks), mpp=1, fps=1, max_lagtime=8).to_numpy()
    pairs = np.array([[np.isin(seen + lag, seen).sum() for seen, _ in cells] for lag in range(1, 9)])
    assert found.msd.pairs.tolist() == pairs.sum(axis=1).tolist()
    assert found.msd.value == pytest.approx(np.nansum(single * pairs, axis=1) / pairs.sum(axis=1), rel=1e-9)


@pytest.mark.parametrize(
    "options", [{"min_points": 0}, {"pixel_size_um": 0}, {"frame_interval_s": float("nan")}, {"max_lag_frames": 0}]
)
def test_bad_parameters_are_refused(options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        measure_migration(tracks_of(line(5)), **options)


def test_bland_altman_by_hand():
    # Differences 1, -1, 3, 1: mean 1, squares around it 0, 4, 4, 0, sum 8, sd sqrt(8/3).
    found = bland_altman([10, 12, 9, 20], [11, 11, 12, 21])
    assert found.n == 4
    assert found.mean_difference == pytest.approx(1)
    assert found.sd == pytest.approx(1.632993162)
    assert found.lower_limit == pytest.approx(-2.200666597)
    assert found.upper_limit == pytest.approx(4.200666597)


def test_bland_altman_of_few():
    assert bland_altman([], []).mean_difference is None
    one = bland_altman([1.0, np.nan], [3.0, 1.0])
    assert (one.n, one.mean_difference, one.sd, one.upper_limit) == (1, 2.0, None, None)


def moved(tracks, by=0.0, stretch=1.0, keep=None, ids=0):
    keep = np.ones(len(tracks.track), bool) if keep is None else keep
    columns = (tracks.track + ids, tracks.frame, tracks.y_px * stretch + by, tracks.x_px * stretch, tracks.label)
    return Tracks(*(column[keep] for column in columns), tracks.frames, tracks.cell_diameter_px)


@pytest.fixture(scope="module")
def truth():
    return truth_tracks(synthetic_movie(frames=16, height=300, width=400, cells=40, seed=6).labels)


def test_a_movie_compared_with_itself(truth):
    found = compare_migration(truth, moved(truth, ids=1000), pixel_size_um=0.641, frame_interval_s=8.0)
    assert found.matched == tuple((i, i + 1000) for i in range(1, 41))
    assert found.matched_share == 1
    assert found.only_in_reference == found.only_in_other == ()
    assert found.speed.n == 40
    assert found.speed.mean_difference == found.speed.sd == 0
    assert set(found.relative_difference.values()) == {0}
    assert found.msd_ratio == (1,) * 4
    assert found.msd_max_deviation == 0


def test_known_differences_are_found(truth):
    """Places stretched by 1 %: speeds and MSD grow by as much and its square, directness stays."""
    found = compare_migration(truth, moved(truth, stretch=1.01), max_lag_frames=3)
    assert found.matched_share == 1
    speeds = measure_migration(truth).mean_speed
    assert found.speed.mean_difference == pytest.approx(0.01 * speeds.mean())
    assert found.speed.sd == pytest.approx(0.01 * speeds.std(ddof=1))
    assert found.relative_difference["mean_speed"] == pytest.approx(0.01)
    assert found.relative_difference["net_displacement"] == pytest.approx(0.01)
    assert found.relative_difference["directness"] == pytest.approx(0, abs=1e-12)
    assert found.msd_lag_frames == (1, 2, 3)
    assert found.msd_ratio == pytest.approx([1.0201] * 3)
    assert found.msd_max_deviation == pytest.approx(0.0201)


def test_lost_new_and_broken_tracks_have_no_partner(truth):
    """Track 3 is lost, 7 seen half the time, and 5 broken in two, neither of which is half of it."""
    gone = (truth.track == 3) | ((truth.track == 7) & (truth.frame >= 9)) | ((truth.track == 5) & (truth.frame == 7))
    other = moved(truth, keep=~gone)
    other.track[(other.track == 5) & (other.frame > 7)] = 100
    other = moved(other, keep=~((other.track == 100) & (other.frame == 8)))
    found = compare_migration(truth, other)
    assert found.only_in_reference == (3, 5)
    assert found.only_in_other == (5, 100)
    assert dict(found.matched)[7] == 7
    assert found.matched_share == 38 / 40


def test_neighbours_are_told_apart_by_their_whole_tracks():
    def row(y):
        return np.arange(10), np.column_stack([np.full(10, float(y)), np.arange(10.0)])

    # Every other cell is near both; nearest first would leave one alone.
    found = compare_migration(tracks_of(row(0), row(5)), tracks_of(row(4), row(9)), max_distance_px=6)
    assert found.matched == ((1, 1), (2, 2))


def test_nothing_to_compare_is_none_and_goes_into_json(truth):
    empty = truth_tracks(np.zeros((16, 8, 8), int))
    for reference, other in ((truth, empty), (empty, truth), (empty, empty)):
        found = compare_migration(reference, other)
        assert found.matched == ()
        assert found.speed.n == 0
        assert found.msd_max_deviation is None
        json.dumps(found.as_dict(), allow_nan=False)
    assert compare_migration(truth, empty).matched_share == 0
    assert compare_migration(empty, truth).matched_share is None


def test_movies_of_other_lengths_are_not_compared(truth):
    with pytest.raises(InvalidParameterError, match="16 and 3 frames"):
        compare_migration(truth, truth_tracks(np.zeros((3, 8, 8), int)))


def test_a_diameter_that_is_not_known_must_be_given():
    tracks = tracks_of(line(6), diameter=np.nan)
    with pytest.raises(InvalidParameterError, match="max_distance_px"):
        compare_migration(tracks, tracks)
    assert compare_migration(tracks, tracks, max_distance_px=2).matched_share == 1


def test_without_scipy_the_extra_is_named(truth, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'flowroi\[evaluation\]'"):
        compare_migration(truth, truth)
