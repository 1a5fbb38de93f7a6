"""Where the windows lie."""

import pytest

from flowroi.sweep.windows import lay_out


@pytest.mark.parametrize("total", [1, 2, 3, 4, 7, 8, 9, 11, 16, 24, 37, 100, 438])
@pytest.mark.parametrize("sample", [1, 4, 24])
@pytest.mark.parametrize("confirm", [True, False])
def test_windows_are_disjoint_and_inside(total, sample, confirm):
    layout = lay_out(total, range(total), sample, confirm=confirm)
    measured = [t for _, _, frames in (*layout.sample, *layout.held_out) for t in frames]
    assert len(set(measured)) == len(measured)
    for start, stop, frames in (*layout.sample, *layout.held_out):
        assert 0 <= start < stop <= total
        assert all(start <= t < stop for t in frames)
    chosen = sum(len(frames) for _, _, frames in layout.sample)
    assert 1 <= chosen <= max(sample, 8)
    assert bool(layout.held_out) == (confirm and total > 1)
    if not confirm and total >= sample:
        assert chosen >= 0.6 * sample


def test_a_long_movie_is_looked_at_all_over():
    layout = lay_out(438, range(438), 24, confirm=True)
    starts = [start for start, _, _ in layout.sample]
    assert starts[0] == 0
    assert starts[-1] > 420
    assert len(starts) == 3
    assert all(stop - start == 8 for start, stop, _ in layout.sample[:-1])
