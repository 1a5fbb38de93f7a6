"""Encoders of videos leave no thread at a real-time priority, which SVT-AV1 takes where root runs it."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import flowroi
from flowroi.resources import ordinary_scheduling
from flowroi.sequence.encoder import SequenceFormat, open_encoder, picture_of

REAL_TIME = (os.SCHED_FIFO, os.SCHED_RR)


def policies():
    return {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}


@pytest.mark.parametrize("codec", ["av1", "hevc"])
def test_an_open_encoder_has_ordinary_threads(codec):
    layout = SequenceFormat(codec, 64, 64, 8, 8, 4)
    encoder = open_encoder(layout, 30.0, Fraction(1))
    encoder.encode(picture_of(np.zeros((64, 64), np.uint8), layout, 0, Fraction(1)))
    assert policies() == {os.SCHED_OTHER}
    encoder.encode(None)


def test_nothing_is_left_of_a_compression(tmp_path):
    movie = flowroi.synthetic_movie(frames=4, height=64, width=64, cells=2, seed=1).frames
    seen = set()
    flowroi.compress(movie, tmp_path / "a.mkv", codec="av1", rate=8, progress=lambda *_: seen.update(policies()))
    assert seen | policies() == {os.SCHED_OTHER}


def test_a_priority_that_was_there_before_stays():
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pytest.skip("real-time priorities are not ours to give")
    try:
        with ordinary_scheduling():
            pass
        assert os.sched_getscheduler(0) == os.SCHED_RR
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def test_what_is_taken_within_is_given_back():
    try:
        with ordinary_scheduling():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pytest.skip("real-time priorities are not ours to give")
    assert os.sched_getscheduler(0) not in REAL_TIME
