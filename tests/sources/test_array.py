import hashlib

import numpy as np
import pytest

from flowroi import open_source
from flowroi.errors import (
    CorruptDataError,
    FlowRoIError,
    InvalidParameterError,
    MissingInputError,
    UnsupportedFormatError,
)


def test_array(movie):
    with open_source(movie) as source:
        assert (source.name, source.path, source.shape, source.significant_bits) == ("array", None, movie.shape, 8)
        frame = source.read(2)
        assert (frame == movie[2]).all()
        assert not frame.flags.writeable
        assert frame.flags.c_contiguous
        assert source.provenance()[0]["sha256"] == hashlib.sha256(movie.tobytes()).hexdigest()
    with pytest.raises(InvalidParameterError, match="closed"):
        source.read(0)


def test_views_and_byte_orders(movie12):
    for array in (movie12.astype(">u2"), np.asfortranarray(movie12), movie12[:, ::-1, ::2], movie12[::-1]):
        with open_source(array) as source:
            assert source.dtype.isnative
            read = np.stack(list(source))
        assert (read == array).all()


def test_single_frame(movie):
    with open_source(movie[0]) as source:
        assert source.shape == (1, 20, 28)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3, 4, 5), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((0, 4, 4), np.uint8),
        np.zeros((4, 0, 4), np.uint8),
        np.zeros((2, 4, 4), np.int16),
        np.zeros((2, 4, 4), np.uint32),
        np.full((2, 4, 4), np.nan),
        np.zeros((2, 4, 4), bool),
        np.zeros((2, 4, 4), complex),
        np.array([["a", "b"]]),
        np.array([[None, None]]),
    ],
)
def test_wrong_arrays(array):
    with pytest.raises(UnsupportedFormatError):
        open_source(array)


def test_indices_and_parameters(movie, tmp_path):
    with open_source(movie) as source:
        for t in (-1, 6):
            with pytest.raises(InvalidParameterError, match=f"frame is {t}; expected 0 to 5"):
                source.read(t)
    for options in ({"channel": -1}, {"channel": 1}, {"channel": "a"}, {"max_pixels": 0}, {"pattern": r"(?P<t>\d)"}):
        with pytest.raises(InvalidParameterError):
            open_source(movie, **options)
    with pytest.raises(InvalidParameterError, match="list"):
        open_source([1, 2])
    with pytest.raises(UnsupportedFormatError, match="above the limit of 100"):
        open_source(movie, max_pixels=100)
    with pytest.raises(MissingInputError):
        open_source(tmp_path / "nothing.npy")
    with pytest.raises(MissingInputError):
        open_source("a\0b.tif")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UnsupportedFormatError, match=r"suffix is '\.txt'"):
        open_source(tmp_path / "a.txt")


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, movie12, order):
    path = tmp_path / "a.npy"
    np.save(path, np.asarray(movie12, order=order))
    with open_source(path) as source:
        assert (source.shape, source.significant_bits, source.name) == (movie12.shape, 12, "a")
        read = list(source)
        assert source.provenance()[0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    # The frames outlive the map.
    assert (np.stack(read) == movie12).all()


def test_every_cut_of_an_npy_is_found(tmp_path, movie):
    path = tmp_path / "a.npy"
    np.save(path, movie)
    whole = path.read_bytes()
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptDataError):
            open_source(path)
    path.write_bytes(whole[: 128 + 4 * 560 + 7])
    with pytest.raises(CorruptDataError, match=r"4 of 6 frames.*not shortened silently"):
        open_source(path)


def test_pickles_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(UnsupportedFormatError, match="Python objects"):
        open_source(tmp_path / "a.npy")


def test_damaged_npy_headers(tmp_path, movie):
    path = tmp_path / "a.npy"
    np.save(path, movie)
    whole = path.read_bytes()
    for i in range(128):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x15]) + whole[i + 1 :])
        try:
            with open_source(path) as source:
                source.read(0)
        except FlowRoIError:
            continue


def test_frames_that_are_accepted_with_a_warning():
    frames = np.random.default_rng(2).integers(1, 255, (8, 40, 40), dtype=np.uint8)
    frames[1] = 0
    frames[2] = 0
    frames[4, :20] = 255
    frames[6, 30:] = 0
    with open_source(frames) as source:
        assert source.warnings == ()
        for _ in source:
            pass
        text = " | ".join(source.warnings)
    assert "frames 1-2 have one value" in text
    assert "frame 2 has the same pixels as the frame before" in text
    assert "frame 4 has more than 25 % of the pixels saturated" in text
    assert "frame 6 has only zeros in the last rows" in text


def test_clean_frames_and_dark_backgrounds_give_no_warning(movie):
    dark = movie.copy()
    dark[:, :, 14:] = 0
    dark[3, 15:] = 0
    for frames in (movie, dark):
        with open_source(frames) as source:
            assert len(list(source)) == 6
            assert source.warnings == ()


def test_sample_above_the_sampled_bits_is_said():
    frames = np.full((200, 8, 8), 900, np.uint16) + np.arange(200, dtype=np.uint16)[:, None, None] % 7
    frames[77, 3, 3] = 5000
    with open_source(frames) as source:
        assert source.significant_bits == 10
        list(source)
        assert any("5000, which needs 13 bits" in text for text in source.warnings)
