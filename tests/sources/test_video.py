import builtins

import numpy as np
import pytest

from flowroi import open_source
from flowroi.errors import (
    CorruptDataError,
    FlowRoIError,
    InvalidParameterError,
    MissingDependencyError,
    UnsupportedFormatError,
)

av = pytest.importorskip("av", reason="PyAV, the extra `video`, is not installed")


def write_video(path, frames, codec, stored, given, rate=10):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = stored
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format=given)))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "rawvideo"), ("a.avi", "ffv1"), ("a.mkv", "ffv1")])
def test_lossless_grey(tmp_path, movie, name, codec):
    with open_source(write_video(tmp_path / name, movie, codec, "gray", "gray")) as source:
        assert source.shape == movie.shape
        assert source.warnings == ()
        assert source.frame_interval_s is None
        assert (np.stack(list(source)) == movie).all()
        for t in (5, 0, 3, 3, 4):
            assert (source.read(t) == movie[t]).all()


@pytest.mark.parametrize(("stored", "bits"), [("gray10le", 10), ("gray12le", 12), ("gray16le", 12)])
def test_deep_grey(tmp_path, movie12, stored, bits):
    frames = movie12 >> (12 - bits)
    with open_source(write_video(tmp_path / "a.mkv", frames, "ffv1", stored, stored)) as source:
        assert source.dtype == np.uint16
        assert source.significant_bits == bits
        assert (np.stack(list(source)) == frames).all()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_lossy_luma_is_ffmpegs(tmp_path, movie, name):
    path = write_video(tmp_path / name, movie, "mpeg4", "yuv420p", "gray")
    with av.open(str(path)) as container:
        planes = [frame.to_ndarray()[:20] for frame in container.decode(video=0)]
    with open_source(path) as source:
        assert len(source) == 6
        assert (np.stack(list(source)) == np.stack(planes)).all()
        assert any("lossy" in text for text in source.warnings)
        assert not any("colours" in text for text in source.warnings)


def test_colour(tmp_path, movie):
    equal = np.repeat(movie[..., None], 3, axis=3)
    with open_source(write_video(tmp_path / "e.avi", equal, "rawvideo", "bgr24", "rgb24")) as source:
        assert (np.stack(list(source)) == movie).all()
    colour = np.stack([movie, 255 - movie, movie], axis=3)
    path = write_video(tmp_path / "c.avi", colour, "rawvideo", "bgr24", "rgb24")
    with pytest.raises(UnsupportedFormatError, match="choose a channel"):
        open_source(path)
    with open_source(path, channel=1) as source:
        assert (np.stack(list(source)) == 255 - movie).all()
    path = write_video(tmp_path / "y.avi", colour, "ffv1", "yuv444p", "rgb24")
    with open_source(path) as source:
        assert any("colours are not kept" in text for text in source.warnings)
    with pytest.raises(InvalidParameterError, match="channel is 1"):
        open_source(path, channel=1)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "rawvideo"), ("a.avi", "ffv1"), ("a.mkv", "ffv1"), ("a.mp4", "mpeg4")]
)
def test_every_cut_is_found(tmp_path, movie, name, codec):
    frames = np.concatenate([movie] * 2)
    stored = "yuv420p" if codec == "mpeg4" else "gray"
    path = write_video(tmp_path / name, frames, codec, stored, "gray")
    with open_source(path) as source:
        truth = np.stack(list(source))
    whole = path.read_bytes()
    said = set()
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        try:
            with open_source(path) as source:
                read = np.stack(list(source))
        except FlowRoIError as error:
            said.add("not shortened silently" in str(error))
            continue
        assert read.shape == truth.shape
        assert (read == truth).all()
    assert True in said or name.endswith("mp4")


def test_limit(tmp_path, movie):
    with pytest.raises(UnsupportedFormatError, match="28x20 pixels declared, above the limit of 100"):
        open_source(write_video(tmp_path / "a.avi", movie, "ffv1", "gray", "gray"), max_pixels=100)


def test_playlist_under_a_video_name_is_not_followed(tmp_path, movie):
    write_video(tmp_path / "secret.avi", movie, "rawvideo", "gray", "gray")
    for name in ("a.mkv", "a.avi", "a.mp4"):
        (tmp_path / name).write_text("#EXTM3U\n#EXTINF:1,\nsecret.avi\n")
        with pytest.raises(CorruptDataError):
            open_source(tmp_path / name)


def test_name_that_looks_like_an_address(tmp_path, movie, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "x.avi", movie, "rawvideo", "gray", "gray").rename("concat:x.avi")
    with open_source("concat:x.avi") as source:
        assert (source.read(5) == movie[5]).all()


def test_without_pyav(tmp_path, movie, monkeypatch):
    path = write_video(tmp_path / "a.avi", movie, "rawvideo", "gray", "gray")
    real = builtins.__import__

    def without_av(name, *rest, **options):
        if name == "av" or name.startswith("av."):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(MissingDependencyError, match=r"pip install flowroi\[video\]"):
        open_source(path)
