"""Where only the RoI is to be exact, the rest of a frame is looked at, too."""

from dataclasses import replace

import numpy as np
import pytest

import flowroi
from flowroi.codec import encode_frame
from flowroi.codec.proof import prove
from flowroi.errors import VerificationError
from flowroi.params import EncodeParams

EXACT_ROI = EncodeParams(lossless="roi", significant_bits=8)


@pytest.mark.parametrize(("rows", "measure"), [(24, True), (0, False)])
def test_another_background_is_noticed(rows, measure):
    frame = flowroi.synthetic_movie(frames=1, height=64, width=64, cells=3, seed=1).frames[0]
    mask = np.zeros(frame.shape, np.bool_)
    mask[:rows] = True
    right = encode_frame(frame, mask, EXACT_ROI, measure=measure)
    prove(frame, right, EXACT_ROI, mask, None)
    # As a faulty encoder would: its own checksum fits what it wrote.
    wrong = encode_frame(np.where(mask, frame, 255 - frame), mask, EXACT_ROI)
    stats = replace(right.stats, crc32=wrong.stats.crc32, size_bytes=wrong.stats.size_bytes)
    with pytest.raises(VerificationError, match="squared error"):
        prove(frame, replace(wrong, stats=stats), EXACT_ROI, mask, None)
