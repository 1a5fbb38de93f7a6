from flowroi.plates.tally import Tally


def test_what_was_begun_anew_does_not_make_progress_fall():
    seen = []
    tally = Tally(3, lambda *at: seen.append(at))
    tally.put(0, 8, 10)
    tally.tell()
    tally.forget(0)
    tally.put(1, 1, 10)
    tally.tell()
    tally.put(0, 9, 10)
    tally.tell()
    assert seen == [(8, 30), (10, 30)]


def test_a_position_that_failed_counts_for_nothing():
    seen = []
    tally = Tally(2, lambda *at: seen.append(at))
    tally.put(0, 4, 4)
    tally.note(1, None)
    assert seen == [(4, 4)]
    tally.tell()
    assert seen == [(4, 4)]


def test_nobody_is_told():
    tally = Tally(2)
    tally.note(0, None)
    tally.tell()
