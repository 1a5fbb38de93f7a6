"""Which candidate is best, by hand."""

import math

import pytest

from flowroi.evaluation.results import Summary
from flowroi.sweep.goal import Goal, front, make_goal
from flowroi.targets import parse_target


def summary(bits, psnr, f1=None):
    values = dict.fromkeys(Summary.__dataclass_fields__)
    rate = 8 / bits
    return Summary(
        **{
            **values,
            "frames": 1,
            "size_bytes": round(1e6 * bits),
            "rate": rate,
            "rate_bpp": bits,
            "roi_psnr": psnr,
            "f1": f1,
        }
    )


RAW = summary(8.0, math.inf, 0.9)


def judged(goal, *figures):
    return [goal.judge({"rate": 8 / f[0], **(f[3] if len(f) > 3 else {})}, summary(*f[:3]), "", RAW) for f in figures]


@pytest.mark.parametrize(
    ("targets", "best", "figures", "chosen"),
    [
        (["roi_psnr>=40"], "size", [(0.4, 45.0), (0.2, 41.0), (0.1, 39.0)], 1),
        # 1 % larger, 1 dB better: counts as equally small.
        (["roi_psnr>=40"], "size", [(0.2, 40.2), (0.202, 41.2)], 1),
        # As much to spare, but for next to nothing: the usual options win.
        (["roi_psnr>=40"], "size", [(0.2, 40.25, None, {"margin": 2}), (0.202, 40.2)], 1),
        (["rate>=20"], "roi_psnr", [(0.2, 41.0), (0.39, 45.0), (0.41, 46.0)], 1),
        (["rate>=20"], "roi_psnr", [(0.39, 45.03), (0.3, 45.0)], 1),
        (["f1>=0.95*raw"], "size", [(0.4, 45.0, 0.9), (0.2, 41.0, 0.86), (0.1, 50.0, 0.85)], 1),
        # Nobody meets both: 0.5 dB is nearer than 20 % of the rate.
        (["roi_psnr>=40", "rate>=40"], "roi_psnr", [(0.2, 39.5), (0.25, 40.1)], 0),
        (["roi_psnr>=40"], "size", [(0.2, math.inf), (0.2, None)], 0),
    ],
)
def test_choice(targets, best, figures, chosen):
    goal = Goal(tuple(map(parse_target, targets)), best)
    candidates = judged(goal, *figures)
    assert candidates.index(goal.choose(candidates, RAW)) == chosen


def test_misses_say_by_how_much():
    goal = make_goal([parse_target("f1>=0.95*raw"), parse_target("roi_psnr>=40")], None, segments=True)
    (candidate,) = judged(goal, (0.2, 39.25, 0.8))
    assert candidate.misses == ("f1 is 0.8, 0.055 below 0.855", "roi_psnr is 39.25 dB, 0.75 dB below 40 dB")
    assert candidate.shortfall == pytest.approx(5.5 + 0.75)
    assert goal.best == "size"


def test_front():
    goal = Goal((), "roi_psnr")
    candidates = judged(goal, (0.4, 45.0), (0.1, 39.0), (0.2, 38.0), (0.2, 41.0), (0.5, 45.0))
    assert [candidates.index(c) for c in front(candidates, "roi_psnr")] == [1, 3, 0]
    assert front(candidates, "f1") == []
