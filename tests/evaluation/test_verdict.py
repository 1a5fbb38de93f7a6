"""An evaluation in one sentence."""

from types import SimpleNamespace

from flowroi.evaluation.gains import Gain
from flowroi.evaluation.verdict import targets_text, verdict
from flowroi.targets import parse_target

ARCHIVE = SimpleNamespace(rate=40.04, roi_psnr=38.0, f1=0.972)
RAW = SimpleNamespace(f1=0.981)


def test_gains_quality_and_what_is_missed():
    gains = [Gain("roi_psnr", 38.0, 2.31, 2.25, 2.4), Gain("f1", 0.97, 1.8)]
    assert verdict(ARCHIVE, RAW, [("JPEG 2000 (OpenJPEG)", gains)], (3, 14000)) == (
        "At 40.0:1 the archive is 2.31 times (2.25 to 2.40) smaller at equal PSNR on the cells and 1.80 times smaller "
        "at equal F1 than JPEG 2000 (OpenJPEG); the segmentation's F1 is 0.972, and 0.981 uncompressed; "
        "3 of 14,000 cells lie outside the RoI: shown below."
    )


def test_several_baselines_stand_side_by_side():
    over = [("A", [Gain("roi_psnr", 38.0, 3.0)]), ("B", [Gain("roi_psnr", 38.0, None)]), ("C", [Gain("f1", 0.9, 0.5)])]
    assert verdict(ARCHIVE, RAW, over, None).startswith(
        "At 40.0:1 the archive is 3.00 times smaller at equal PSNR on the cells than A, 2.00 times larger at equal F1 "
        "than C; "
    )


def test_a_loss_is_called_one():
    text = verdict(ARCHIVE, RAW, [("X", [Gain("roi_psnr", 38.0, 0.8, 0.5, 1.0)])], None)
    assert "1.25 times (1.00 to 2.00) larger at equal PSNR" in text


def test_without_a_gain():
    bare = SimpleNamespace(rate=10.0, roi_psnr=38.0, f1=None)
    assert verdict(bare, RAW, [("X", [Gain("f1", 1.0, None)])], (0, 5)) == (
        "The archive holds the movie at 10.0:1, with 38.0 dB on the cells; all of 5 cells touch the RoI."
    )


def test_targets():
    targets = [parse_target("roi_psnr>=37"), parse_target("f1>=0.999*raw")]
    met, rows = targets_text(targets, ARCHIVE, RAW)
    assert not met
    assert rows == [("roi_psnr>=37", "38", "yes"), ("f1>=0.999*raw", "0.972", "no")]


def test_a_segmenter_that_finds_nothing_is_not_asked():
    gains = [Gain("roi_psnr", 38.0, 2.0), Gain("f1", 0.01, 9.0)]
    text = verdict(SimpleNamespace(rate=20.0, roi_psnr=38.0, f1=0.01), SimpleNamespace(f1=0.008), [("X", gains)], None)
    assert "9.00 times" not in text
    assert "does not find these cells even uncompressed (F1 0.008)" in text
