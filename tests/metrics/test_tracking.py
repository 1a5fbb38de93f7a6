"""Linking against known truth, and the cells that appear, disappear and hide."""

import sys

import numpy as np
import pytest

from flowroi import synthetic_movie
from flowroi.errors import InvalidParameterError, MissingDependencyError
from flowroi.metrics.tracking import link_cells, truth_tracks


def squares(*places, side=6, shape=(60, 200)):
    """Labels of one frame: a square with its upper left corner at each place."""
    labels = np.zeros(shape, np.int32)
    for name, (y, x) in enumerate(places, 1):
        labels[y : y + side, x : x + side] = name
    return labels


def permuted(labels, seed=0):
    """The same cells with other ids in every frame."""
    rng = np.random.default_rng(seed)
    shuffled = np.empty_like(labels)
    for t, frame in enumerate(labels):
        names = np.concatenate([[0], 1 + rng.permutation(int(frame.max()))])
        shuffled[t] = names[frame]
    return shuffled


def links(tracks):
    """All links of a movie, each as (frame, y, x) at its two ends."""
    rows = np.column_stack([tracks.frame, np.round(tracks.y_px, 6), np.round(tracks.x_px, 6)])
    same = tracks.track[1:] == tracks.track[:-1]
    return {(*a, *b) for a, b in zip(rows[:-1][same].tolist(), rows[1:][same].tolist(), strict=True)}


@pytest.mark.parametrize("movie", [{}, {"drift_px": 3.0, "cells": 60}, {"speed_um_per_min": 40.0, "cells": 80}])
def test_linking_finds_the_true_links_of_cells_whose_ids_are_mixed(movie):
    labels = synthetic_movie(frames=12, height=400, width=500, **({"cells": 60} | movie), seed=2).labels
    truth, found = links(truth_tracks(labels)), links(link_cells(permuted(labels)))
    assert len(truth & found) >= 0.99 * len(truth)
    assert len(truth & found) >= 0.99 * len(found)


def test_missing_cells_are_bridged_and_not_replaced_by_their_neighbours():
    labels = synthetic_movie(frames=12, height=400, width=500, cells=90, seed=8).labels.copy()
    rng = np.random.default_rng(0)
    for frame in labels:
        names = np.unique(frame)[1:]
        frame[np.isin(frame, names[rng.random(len(names)) < 0.1])] = 0
    # Longer gaps end a track.
    truth = {link for link in links(truth_tracks(labels)) if link[3] - link[0] <= 2}
    found = links(link_cells(permuted(labels)))
    assert len(truth & found) >= 0.97 * len(truth)
    assert len(truth & found) >= 0.99 * len(found)


def test_centroids_areas_and_labels_are_those_of_the_pixels():
    labels = synthetic_movie(frames=2, height=120, width=150, cells=8, seed=1).labels
    tracks = truth_tracks(labels)
    assert tracks.frames == 2
    for name, frame, y, x in zip(tracks.label, tracks.frame, tracks.y_px, tracks.x_px, strict=True):
        place = np.argwhere(labels[frame] == name).mean(axis=0)
        assert np.allclose(place, (y, x), atol=1e-9)
    areas = [(frame == name).sum() for frame in labels for name in np.unique(frame)[1:]]
    assert tracks.cell_diameter_px == pytest.approx(2 * np.sqrt(np.median(areas) / np.pi))


def test_rows_are_sorted_by_track_then_frame():
    labels = permuted(synthetic_movie(frames=6, height=200, width=200, cells=15, seed=3).labels)
    tracks = link_cells(iter(labels))
    order = np.lexsort((tracks.frame, tracks.track))
    assert (order == np.arange(len(order))).all()
    assert len(tracks) == len(np.unique(tracks.track)) == tracks.track.max()


def test_ids_may_be_far_apart():
    labels = squares((10, 10), (10, 40)).astype(np.int64) * 2**40
    assert truth_tracks([labels]).label.tolist() == [2**40, 2**41]
    assert truth_tracks([labels]).y_px.tolist() == [12.5, 12.5]


def test_a_cell_that_is_missing_for_a_frame_stays_one_track():
    seen, hidden = [(10, 10), (40, 100)], [(10, 10)]
    stack = [squares(*seen), squares(*hidden), squares(*seen)]
    assert len(link_cells(stack)) == 2
    assert len(link_cells(stack, max_gap_frames=0)) == 3
    longer = [stack[0], stack[1], stack[1], stack[2]]
    assert len(link_cells(longer)) == 3
    assert len(link_cells(longer, max_gap_frames=2)) == 2
    tracks = link_cells(stack)
    assert tracks.frame[tracks.track == 2].tolist() == [0, 2]


def test_cells_appear_and_disappear():
    always, early, late = [(10, 10)], [(40, 100)], [(10, 150)]
    stack = [squares(*always, *(early if t < 3 else []), *(late if t > 1 else [])) for t in range(6)]
    tracks = link_cells(stack)
    lives = {track: tracks.frame[tracks.track == track].tolist() for track in np.unique(tracks.track)}
    assert lives == {1: [0, 1, 2, 3, 4, 5], 2: [0, 1, 2], 3: [2, 3, 4, 5]}


def test_the_distance_limits_links():
    stack = [squares((10, 10)), squares((10, 20))]
    assert len(link_cells(stack)) == 2  # farther than 1.25 diameters, 8.5 px
    assert len(link_cells(stack, max_distance_px=11)) == 1
    assert len(link_cells([squares((10, 10)), squares((10, 18))])) == 1


def test_two_cells_that_pass_are_not_swapped_for_the_nearest():
    # The upper cell moves onto the place beside the lower one's; only together are the links right.
    stack = [squares((10, 10), (10, 20)), squares((10, 18), (10, 28))]
    tracks = link_cells(stack, max_distance_px=12)
    assert tracks.x_px.tolist() == [12.5, 20.5, 22.5, 30.5]


@pytest.mark.parametrize("stack", [[], [squares()], [squares()] * 3])
def test_movies_without_cells_have_no_tracks(stack):
    for tracks in (link_cells(stack), truth_tracks(stack)):
        assert len(tracks) == 0
        assert tracks.frames == len(stack)
        assert np.isnan(tracks.cell_diameter_px)


def test_one_frame_is_a_track_for_every_cell():
    tracks = link_cells([squares((10, 10), (40, 100))])
    assert tracks.track.tolist() == [1, 2]
    assert tracks.frame.tolist() == [0, 0]


def test_empty_frames_between_end_the_tracks_only_beyond_the_gap():
    cell, empty = squares((10, 10)), squares()
    assert len(link_cells([empty, cell, empty, cell, empty])) == 1
    assert len(link_cells([cell, empty, empty, cell])) == 2


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((1, 4, 4)), "dtype float64; expected integers"),
        (np.zeros((1, 4, 4), bool), "dtype bool; expected integers"),
        (np.zeros((1, 4), int), r"shape \(4,\)"),
        (np.full((1, 4, 4), -3), "negative values, -3"),
        ([np.zeros((4, 4), int), np.zeros((4, 5), int)], r"frame 1: .* expected \(4, 4\)"),
    ],
)
def test_bad_labels_are_refused(labels, message):
    for follow in (link_cells, truth_tracks):
        with pytest.raises(InvalidParameterError, match=message):
            follow(labels)


@pytest.mark.parametrize("options", [{"max_distance_px": 0}, {"max_distance_px": np.inf}, {"max_gap_frames": -1}])
def test_bad_parameters_are_refused(options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        link_cells([squares((1, 1))], **options)


def test_without_laptrack_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "laptrack", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'flowroi\[evaluation\]'"):
        link_cells([squares((1, 1))])
