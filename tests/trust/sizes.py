"""How much each row of the table of promises injects: a little in every run of the tests, much when asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """One form of the table; counts are of each archive format unless their name says otherwise."""

    # Frames of the movie whose writing is disturbed.
    frames: int
    # Encoder output corrupted in memory.
    corrupted_outputs: int
    # Verify names every bad frame.
    damage_runs: int
    # Archives against raw data.
    comparisons: int
    # Every one-byte change, every truncation: None for all of them.
    flips: int | None
    cuts: int | None
    random_flips: int
    # kill -9: at a moment, and at a call.
    kills_at_a_moment: int
    kills_at_a_call: int
    # Every I/O error: None for every call with every error.
    errors: int | None
    # A disk that is full after so many bytes.
    disk_sizes: int
    # Two writers at once.
    races: int


QUICK = Sizes(
    frames=6,
    corrupted_outputs=50,
    damage_runs=20,
    comparisons=20,
    flips=400,
    cuts=100,
    random_flips=0,
    kills_at_a_moment=1,
    kills_at_a_call=2,
    errors=7,
    disk_sizes=6,
    races=1,
)
LONG = Sizes(
    frames=20,
    corrupted_outputs=1_500,
    damage_runs=1_000,
    comparisons=500,
    flips=None,
    cuts=None,
    random_flips=100_000,
    kills_at_a_moment=40,
    kills_at_a_call=40,
    errors=None,
    disk_sizes=50,
    races=10,
)
FORMS = {"quick": QUICK, "long": LONG}
