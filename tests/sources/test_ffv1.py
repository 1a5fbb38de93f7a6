"""Damage that FFV1's own checksums show, and FFmpeg passes over."""

import numpy as np
import pytest

from flowroi import open_source
from flowroi.errors import CorruptDataError
from tests.inputs.makers import noise, patch, write_video

pytest.importorskip("av", reason="PyAV, the extra `video`, is not installed")


@pytest.mark.parametrize("slices", ["4", "9"])
def test_every_change_is_found(tmp_path, slices):
    frames = noise(4, 64, 64)
    path = write_video(tmp_path, frames, coding={"level": "3", "slicecrc": "1", "slices": slices})
    whole = path.read_bytes()
    with open_source(path) as source:
        assert (np.stack(list(source)) == frames).all()
    # Behind the headers, before the index.
    for at in np.random.default_rng(0).integers(1000, len(whole) - 300, 40):
        patch(path, int(at), bytes([whole[at] ^ 0x10]))
        with pytest.raises(CorruptDataError):
            list(open_source(path))
        path.write_bytes(whole)


def test_without_checksums_nothing_is_said(tmp_path):
    frames = noise(4, 64, 64)
    with open_source(write_video(tmp_path, frames, coding={"level": "3", "slicecrc": "0"})) as source:
        assert (np.stack(list(source)) == frames).all()
