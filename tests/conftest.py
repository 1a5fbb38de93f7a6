"""What all tests share."""

import os
from pathlib import Path

import pytest

from tests.browser import browser  # noqa: F401

# Here, because options are wanted before any test is looked for.
from tests.trust.table import pytest_addoption, pytest_terminal_summary  # noqa: F401


@pytest.fixture(autouse=True)
def ordinary_priority():
    """No test leaves this process at a real-time priority: a browser that it starts later would halt the machine."""
    before = os.sched_getscheduler(0)
    yield
    after = os.sched_getscheduler(0)
    if after != before:
        os.sched_setscheduler(0, before, os.sched_param(0))
    assert after == before, "a library took another scheduling policy and kept it: open it in ordinary_scheduling()"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real sequences that may lie beside the project; tests that need it skip without it."""
    folder = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real sequences beside the project (../shared/data)")
    return folder.resolve()


@pytest.fixture(scope="session")
def cell_movie():
    """Three frames of a synthetic movie and their labels, (T, Y, X) each."""
    from flowroi import synthetic_movie

    movie = synthetic_movie(frames=3, seed=5)
    return movie.frames, movie.labels
