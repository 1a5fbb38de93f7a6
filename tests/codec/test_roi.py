"""The RoI does what it is for: better cells at the same size, an ordinary stream, a background still recognisable."""

import numpy as np
import pytest

from flowroi import _core, decode, encode
from flowroi.codec.codestream import read_header
from flowroi.codec.encoder import native_params
from flowroi.errors import InvalidParameterError
from flowroi.params import EncodeParams

from .decoders import ffmpeg, openjpeg, psnr_of


def roi_and_background(frame, mask, data):
    decoded = decode(data)
    return psnr_of(frame, decoded, 255, mask), psnr_of(frame, decoded, 255, ~mask)


def test_cells_gain_and_the_background_stays_recognisable(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[0], labels[0] > 0
    for rate in (10, 20, 40):
        plain = roi_and_background(frame, mask, encode(frame, rate=rate))
        with_roi = roi_and_background(frame, mask, encode(frame, mask, rate=rate))
        assert with_roi[0] > plain[0] + 1
        assert plain[1] - 4 < with_roi[1] < plain[1]


def test_larger_scaling_factors_move_quality_into_the_roi(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[0], labels[0] > 0
    curve = [roi_and_background(frame, mask, encode(frame, mask, rate=15, scaling_factor=s)) for s in (1, 2, 5, 10)]
    assert [roi for roi, _ in curve] == sorted(roi for roi, _ in curve)
    assert [other for _, other in curve] == sorted((other for _, other in curve), reverse=True)


def test_no_contrast_in_the_roi_is_plain_coding(cell_movie):
    frame = cell_movie[0][0][:200, :200]
    plain = encode(frame, rate=20, comment="")
    for roi in (np.ones(frame.shape, bool), np.zeros(frame.shape, bool), np.full(frame.shape, 0.5)):
        assert encode(frame, roi, rate=20, comment="") == plain
    mask = np.zeros(frame.shape, bool)
    mask[50:90, 50:90] = True
    assert encode(frame, mask, rate=20, scaling_factor=1, comment="") == plain


def test_float_weights_generalise_masks(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[0], labels[0] > 0
    as_mask = encode(frame, mask, rate=20)
    assert encode(frame, mask.astype(np.float32), rate=20) == as_mask
    assert encode(frame, mask.astype(np.float64) * 3, rate=20) == as_mask
    half = roi_and_background(frame, mask, encode(frame, mask * 0.2, rate=20))
    full = roi_and_background(frame, mask, as_mask)
    assert half[0] < full[0]
    assert half[1] > full[1]


def test_refinement_changes_little_at_small_scaling_factors_and_never_hurts_much(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[0], labels[0] > 0
    for s in (5.0, 30.0):
        without, refined = (
            roi_and_background(frame, mask, encode(frame, mask, rate=20, scaling_factor=s, refinement=n))[0]
            for n in (0, 3)
        )
        assert refined > without - 0.1


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3), (17, 70), (130, 65)])
def test_portable_and_simd_variants_give_the_same_bytes(shape):
    rng = np.random.default_rng(1)
    for dtype, roi_kind, kwargs in (
        (np.uint8, "mask", {"rate": 1.7}),
        (np.uint16, "weights", {"psnr": 45}),
        (np.uint8, "mask", {"lossless": "roi"}),
        (np.uint16, None, {"lossless": "all"}),
        (np.uint8, "mask", {"psnr": 30, "scaling_factor": 12.0}),
    ):
        frame = rng.integers(0, np.iinfo(dtype).max, shape).astype(dtype)
        mask = (rng.random(shape) < 0.3).astype(np.uint8) if roi_kind == "mask" else None
        weights = rng.random(shape, np.float32) if roi_kind == "weights" else None
        if "rate" in kwargs and frame.size < 1000:
            kwargs = {"psnr": 35}
        params = native_params(EncodeParams(**kwargs), frame)
        streams = []
        for simd in (_core.Simd.automatic, _core.Simd.portable):
            params.simd = simd
            streams.append(_core.encode(frame, mask, weights, params)[0])
        assert streams[0] == streams[1]


def test_portable_and_simd_agree_on_a_real_size(cell_movie):
    frames, labels = cell_movie
    mask = (labels[0] > 0).astype(np.uint8)
    params = native_params(EncodeParams(rate=30, scaling_factor=10), frames[0])
    automatic = _core.encode(frames[0], mask, None, params)[0]
    params.simd = _core.Simd.portable
    assert _core.encode(frames[0], mask, None, params)[0] == automatic


def test_max_shift_decodes_to_a_better_roi(cell_movie):
    frames, labels = cell_movie
    frame, mask = frames[0], labels[0] > 0
    data = encode(frame, mask, rate=20, roi_mode="maxshift", container="j2k")
    assert b"\xff\x5e\x00\x05\x00\x00" in data[:200]
    assert len(data) <= frame.nbytes / 20
    plain = roi_and_background(frame, mask, encode(frame, rate=20))
    shifted = roi_and_background(frame, mask, data)
    assert shifted[0] > plain[0] + 1
    assert shifted[1] < plain[1]


def test_lossless_max_shift_is_exact():
    rng = np.random.default_rng(0)
    frame = rng.integers(90, 110, (70, 60)).astype(np.uint8)
    mask = np.zeros(frame.shape, bool)
    mask[10:30, 20:40] = True
    assert np.array_equal(decode(encode(frame, mask, lossless="all", roi_mode="maxshift")), frame)


def test_max_shift_limits_are_enforced():
    frame = np.random.default_rng(0).integers(0, 65536, (64, 64)).astype(np.uint16)
    mask = np.zeros(frame.shape, bool)
    mask[:20] = True
    with pytest.raises(InvalidParameterError, match="max-shift needs a shift"):
        encode(frame, mask, lossless="all", roi_mode="maxshift")
    with pytest.raises(InvalidParameterError, match="needs a mask"):
        encode(frame, None, rate=4, roi_mode="maxshift")
    with pytest.raises(InvalidParameterError, match="exclude each other"):
        encode(frame, mask, lossless="roi", roi_mode="maxshift")


@pytest.mark.parametrize("progression", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
def test_every_organisation_of_the_stream_decodes_alike(cell_movie, progression):
    frames, labels = cell_movie
    frame, mask = frames[0][:300, :301], labels[0][:300, :301] > 0
    for layers, block in ((1, (64, 64)), (5, (32, 32)), (3, (16, 64))):
        data = encode(
            frame,
            mask,
            rate=15,
            container="j2k",
            progression=progression,
            layers=layers,
            code_block_size=block,
            tlm=True,
            plt=True,
        )
        assert data[:2] == b"\xff\x4f"
        assert b"\xff\x55\x00\x08" in data[:300]
        assert b"\xff\x58" in data[:300]
        difference = openjpeg(data).astype(int) - ffmpeg(data, frame.shape, 8)
        assert np.abs(difference).max() <= 1


def test_comment_and_containers():
    frame = np.zeros((20, 30), np.uint8)
    jp2, j2k = (encode(frame, lossless="all", container=c, comment="mark me") for c in ("jp2", "j2k"))
    assert jp2[4:12] == b"jP  \r\n\x87\n"
    assert jp2.endswith(j2k)
    assert b"mark me" in j2k
    assert b"flowroi" in encode(frame, lossless="all")
    assert read_header(jp2) == read_header(j2k)
    assert (read_header(jp2).width, read_header(jp2).height) == (30, 20)
