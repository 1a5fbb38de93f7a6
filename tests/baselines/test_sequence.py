"""Plain video codecs: every frame in its place, its size and its grey scale, and frank about depth and settings."""

import contextlib
import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from flowroi import compress, open_archive, synthetic_movie
from flowroi.baselines import SEQUENCE_BASELINES, PlainVideo
from flowroi.errors import CorruptDataError, InvalidParameterError, MissingDependencyError, UnsupportedFormatError
from flowroi.sequence.encoder import SequenceFormat

every = pytest.mark.parametrize("key", SEQUENCE_BASELINES)


def numbered(frames=20, height=96, width=128, bits=8):
    """Frames that tell their number by the brightness of their left half, with a texture beside it."""
    y, x = np.mgrid[:height, :width]
    movie = np.repeat((100 + 40 * np.sin(x / 7) * np.cos(y / 5))[None], frames, axis=0)
    movie[:, :, : width // 2] = (40 + 8 * np.arange(frames))[:, None, None]
    return (movie * 2.0 ** (bits - 8)).astype(np.uint8 if bits == 8 else np.uint16)


def numbers(frames, bits=8):
    frames = np.asarray(frames, float)
    _, height, width = frames.shape
    patch = frames[:, height // 4 : height // 2, width // 8 : width // 4].mean((1, 2))
    return np.rint((patch / 2.0 ** (bits - 8) - 40) / 8).astype(int).tolist()


def coded(codec, movie, bits=8, crf=20):
    layout = codec.layout(movie.shape[1:], bits)
    return layout, list(codec.encode(layout, iter(movie), crf))


@pytest.mark.parametrize(
    ("key", "bits"),
    [*((key, bits) for key in SEQUENCE_BASELINES for bits in (8, 10)), ("x265", 12), ("svt-av1", 9), ("x264", 9)],
)
@pytest.mark.parametrize("frames", [1, 3, 20])
def test_frames_come_back_in_order_and_in_their_grey_scale(key, bits, frames):
    movie, codec = numbered(frames, bits=bits), PlainVideo(key, gop=8)
    layout, stored = coded(codec, movie, bits)
    assert sorted(packet.t for packet in stored) == list(range(frames))
    back = list(codec.decode(layout, stored, movie.dtype))
    assert [t for t, _ in back] == list(range(frames))
    assert numbers([frame for _, frame in back], bits) == list(range(frames))
    assert {(frame.shape, frame.dtype) for _, frame in back} == {((96, 128), movie.dtype)}


@every
@pytest.mark.parametrize("size", [(33, 47), (5, 9), (64, 65)])
def test_any_size_comes_back(key, size):
    y, x = np.mgrid[: size[0], : size[1]]
    movie = np.stack([(60 + y + x // 2 + t) % 250 for t in range(5)]).astype(np.uint8)
    codec = PlainVideo(key)
    layout, stored = coded(codec, movie, crf=12)
    back = np.stack([frame for _, frame in codec.decode(layout, stored, np.uint8)])
    assert back.shape == movie.shape
    assert np.square(back.astype(float) - movie).mean() < 4


@every
def test_groups_of_pictures_decode_alone(key):
    movie, codec = numbered(), PlainVideo(key, gop=8)
    layout, stored = coded(codec, movie)
    whole = dict(codec.decode(layout, stored, np.uint8))
    part = dict(codec.decode(layout, [p for p in stored if p.t // 8 != 1], np.uint8))
    assert list(part) == [*range(8), *range(16, 20)]
    assert all((part[t] == whole[t]).all() for t in part)


@every
@pytest.mark.parametrize("width", [96, 272])
def test_the_same_bytes_every_time_and_whoever_codes_beside_it(key, width):
    movie = synthetic_movie(frames=10, height=80, width=width, cells=4, seed=2).frames
    codec = PlainVideo(key, gop=4)
    alone = coded(pickle.loads(pickle.dumps(codec)), movie, crf=25)
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(lambda crf: coded(codec, movie, crf=crf), (25, 18, 25, 35, 25, 25)))
    assert all(beside[n] == alone for n in (0, 2, 4, 5))


@every
def test_a_coarser_quality_is_smaller_and_worse(key):
    movie = synthetic_movie(frames=10, height=80, width=96, cells=4, seed=2).frames
    codec, sizes, errors = PlainVideo(key), [], []
    for crf in (10, 25, 40):
        layout, stored = coded(codec, movie, crf=crf)
        sizes.append(sum(len(packet.data) for packet in stored))
        back = np.stack([frame for _, frame in codec.decode(layout, stored, np.uint8)])
        errors.append(np.square(back.astype(float) - movie).mean())
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)


@pytest.mark.parametrize(("key", "codec", "preset"), [("svt-av1", "av1", 5), ("x265", "hevc", 4)])
def test_it_is_what_an_archive_without_roi_or_treatment_holds(key, codec, preset, tmp_path):
    movie = synthetic_movie(frames=10, height=80, width=96, cells=4, seed=2).frames
    compress(movie, tmp_path / "a.mkv", codec=codec, preset=preset, gop=4, rate=30, roi_method="none")
    with open_archive(tmp_path / "a.mkv") as archive:
        crf, frames = archive.manifest["encode"]["crf"], archive[:]
    plain = PlainVideo(key, gop=4)
    # An archive's settings are part of its treatment; all else is the same.
    layout = SequenceFormat(codec, 80, 96, 8, preset, gop=4)
    stored = list(plain.encode(layout, movie, crf))
    back = np.stack([frame for _, frame in plain.decode(layout, stored, np.uint8)])
    assert (back == frames).all()


@pytest.mark.parametrize(("key", "bits"), [("svt-av1", 12), ("x264", 12), ("x265", 16)])
def test_depth_is_not_cut(key, bits):
    with pytest.raises(UnsupportedFormatError, match=f"use {bits} bits; .* takes at most"):
        PlainVideo(key).layout((64, 64), bits)


@every
def test_a_sample_beyond_the_depth_is_an_error(key):
    codec = PlainVideo(key)
    with pytest.raises(UnsupportedFormatError, match="taken to use 9 bits"):
        coded(codec, numbered(bits=10), bits=9)


@every
def test_the_description_says_which_library_and_goes_into_json(key):
    described = PlainVideo(key, gop=16).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["key"] == key
    assert "libavcodec" in described["library"]
    assert described["settings"]["gop"] == 16
    assert described["settings"]["preset"] == (7 if key == "svt-av1" else "medium")


@pytest.mark.parametrize("options", [{"key": "mpeg2"}, {"key": "x265", "preset": 9}, {"key": "x264", "gop": 0}])
def test_bad_settings_are_refused(options):
    with pytest.raises(InvalidParameterError):
        PlainVideo(**options)


@every
def test_a_quality_out_of_range_is_refused(key):
    with pytest.raises(InvalidParameterError, match="crf is 0"):
        coded(PlainVideo(key), numbered(3), crf=0)


@every
def test_damaged_packets_give_an_error_or_no_frames(key):
    codec = PlainVideo(key)
    layout, stored = coded(codec, numbered(4))
    junk = [packet._replace(data=b"\x12\x00no video at all") for packet in stored]
    with contextlib.suppress(CorruptDataError):
        assert not list(codec.decode(layout, junk, np.uint8))


def test_a_build_without_the_codec_is_named(monkeypatch):
    import av

    def refuse(name, mode):
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr(av.codec, "Codec", refuse)
    with pytest.raises(MissingDependencyError, match="without libx264"):
        PlainVideo("x264")


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"flowroi\[video\]"):
        PlainVideo("svt-av1")
