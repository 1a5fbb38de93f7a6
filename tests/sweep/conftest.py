"""A small movie with labels, and a sweep of it that takes a moment."""

import pytest

from flowroi import synthetic_movie
from flowroi.sweep import run_sweep
from flowroi.targets import parse_target


@pytest.fixture(scope="session")
def small():
    """Six small frames and their labels, (T, Y, X) each."""
    movie = synthetic_movie(frames=6, height=80, width=96, cells=4, seed=3)
    return movie.frames, movie.labels


@pytest.fixture
def sweep_of(small, tmp_path):
    """Run a sweep of the small movie."""

    def call(*targets, cache=tmp_path / "cache", labels=small[1], sample_frames=4, workers=1, **options):
        return run_sweep(
            small[0],
            cache,
            [parse_target(target) for target in targets],
            labels=labels,
            sample_frames=sample_frames,
            workers=workers,
            **options,
        )

    return call
