"""Each file in its turn: any order of arrival gives the order of time, or a gap and a late file that is told."""

import random

from flowroi.live.order import Order
from flowroi.live.scan import Found


def file(name):
    return Found((0, str(name)), None, 1)


def taken(order, now, **how):
    found = []
    while (candidate := order.take(now, **how)) is not None:
        found.append(candidate.time[0])
    return found


def test_any_order_of_arrival():
    rng = random.Random(0)
    for _ in range(50):
        times = list(range(30))
        rng.shuffle(times)
        order = Order(step=1, patience_s=10, hold_s=1)
        out = []
        for now, t in enumerate(times):
            assert order.offer((t,), file(t), now / 10) == "waiting"
            out += taken(order, now / 10)
        assert out == list(range(30))


def test_a_missing_frame_is_waited_for():
    order = Order(step=1, patience_s=10, hold_s=1)
    for t in (0, 2, 3):
        order.offer((t,), file(t), 5.0)
    assert taken(order, 14.9) == [0]
    assert order.next_at(14.9) is None
    assert taken(order, 15.0) == [2, 3]
    assert order.offer((1,), file(1), 16.0) == "late"
    assert order.offer((2,), file("again"), 16.0) == "duplicate"


def test_nothing_is_waited_for_at_the_end():
    order = Order(step=1, patience_s=10, hold_s=1)
    for t in (7, 5):
        order.offer((t,), file(t), 0.0)
    assert taken(order, 0.0) == []
    assert taken(order, 0.0, ending=True) == [5, 7]


def test_steps_of_a_clock():
    order = Order(step=8, patience_s=10, hold_s=1)
    for t in (0, 8, 17, 24, 40):
        order.offer((t,), file(t), 0.0)
    assert taken(order, 1.0) == [0, 8]
    assert taken(order, 10.0) == [17, 24, 40]


def test_times_in_parts_are_held_back():
    """Days, hours, minutes: nothing tells what is missing, so an earlier one may come for a while."""
    order = Order(step=1, patience_s=10, hold_s=2)
    order.offer((0, 1, 0), file("b"), 0.0)
    assert order.take(1.9) is None
    order.offer((0, 0, 30), file("a"), 1.9)
    assert order.take(3.9).time == (0, 0, 30)
    assert order.take(3.9).time == (0, 1, 0)


def test_patience_follows_the_frames():
    order = Order(step=1, patience_s=None, hold_s=1)
    assert order.patience_s == 10
    for t in range(9):
        order.offer((t,), file(t), 8.0 * t)
    assert order.patience_s == 40


def test_put_back_and_withdrawn():
    order = Order(step=1, patience_s=10, hold_s=1)
    for t in range(3):
        order.offer((t,), file(t), 0.0)
    first = order.take(0.0)
    order.put_back(first, not_before=2.0)
    assert order.take(1.0) is None
    assert order.take(2.0) is first
    assert order.waits((0, "1"))
    order.withdraw((0, "1"))
    assert order.take(2.0) is None
    order.offer((1,), file("1b"), 3.0)
    assert taken(order, 3.0) == [1, 2]


def test_turns_are_told_by_what_was_there():
    """The lag counts from a frame's turn, not from when a busy machine came to it."""
    order = Order(step=1, patience_s=10, hold_s=1)
    order.offer((1,), file(1), 1.0)
    order.offer((0,), file(0), 3.0)
    assert [order.take(50.0).turn_at, order.take(60.0).turn_at] == [3.0, 3.0]


def test_a_run_that_goes_on():
    order = Order(step=1, patience_s=10, hold_s=1, taken=[(0,), (1,), (4,)])
    assert order.offer((4,), file(4), 0.0) == "duplicate"
    assert order.offer((3,), file(3), 0.0) == "late"
    order.offer((5,), file(5), 0.0)
    assert taken(order, 0.0) == [5]


def test_what_was_given_up_is_waited_for_again():
    """Also where times are in parts, and for as long as it could not come, too."""
    for times in ([(0,), (1,), (2,)], [(0, 0), (0, 30), (1, 0)]):
        order = Order(step=1, patience_s=10, hold_s=1)
        for time in times:
            order.offer(time, file(time), 0.0)
        assert order.take(1.0).time == times[0]
        order.give_up(order.take(1.0))
        assert order.take(9.9) is None
        order.wait_from(60.0)
        assert order.take(69.9) is None
        assert order.offer(times[1], file("again"), 69.9) == "waiting"
        assert [order.take(71.0).time for _ in range(2)] == times[1:]
        order = Order(step=1, patience_s=10, hold_s=1)
        for time in times:
            order.offer(time, file(time), 0.0)
        order.take(1.0)
        order.give_up(order.take(1.0))
        assert order.take(10.0).time == times[2]
