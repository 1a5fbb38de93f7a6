"""Frames of a video in any order, and from several threads, are those of decoding it once from beginning to end."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from flowroi import open_source
from flowroi.errors import CorruptDataError
from flowroi.resources import ordinary_scheduling
from flowroi.sources import video_decoder, video_index

av = pytest.importorskip("av", reason="PyAV, the extra `video`, is not installed")

FRAMES = 38
H265 = "log-level=none:pools=none:frame-threads=1:"
# Codec, stored layout, options, B-frames.
CODECS = {
    "x264": ("libx264", "yuv420p", {"preset": "veryfast"}, 3),
    "x264-lossless-grey": ("libx264", "gray", {"qp": "0", "preset": "ultrafast"}, 0),
    "x264-open": ("libx264", "yuv420p", {"x264-params": "open-gop=1:b-pyramid=normal:ref=4"}, 3),
    "x264-refresh": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1"}, 0),
    "x265": ("libx265", "yuv420p", {"x265-params": H265 + "open-gop=0", "preset": "fast"}, 3),
    "x265-open": ("libx265", "gray", {"x265-params": H265 + "open-gop=1:radl=0", "preset": "fast"}, 4),
    "av1": ("libsvtav1", "yuv420p", {"preset": "12", "svtav1-params": "lp=1"}, None),
    "av1-open": ("libsvtav1", "yuv420p", {"preset": "12", "svtav1-params": "lp=1:irefresh-type=1"}, None),
    "vp9": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1"}, None),
    "mpeg4": ("mpeg4", "yuv420p", {"sc_threshold": "1000000000"}, 0),
    "mpeg4-b": ("mpeg4", "yuv420p", {"sc_threshold": "1000000000"}, 2),
    "mpeg2": ("mpeg2video", "yuv420p", {"sc_threshold": "1000000000"}, 2),
    "mjpeg": ("mjpeg", "yuvj420p", {}, None),
    "ffv1": ("ffv1", "gray", {"level": "3", "context": "1", "slicecrc": "1"}, None),
    "ffv1-old": ("ffv1", "gray", {"level": "1"}, None),
    "rawvideo": ("rawvideo", "gray", {}, None),
    "huffyuv": ("huffyuv", "yuv422p", {}, None),
}
ALL_KEYS = ("mjpeg", "rawvideo", "huffyuv")
MP4 = [codec for codec in CODECS if codec not in ("rawvideo", "huffyuv")]


def scene(count=FRAMES, height=48, width=64):
    """A textured background that moves, with noise: no two frames alike, and each well predicted by the last."""
    rng = np.random.default_rng(11)
    texture = rng.integers(40, 200, (height + count, width + 2 * count))
    moved = [texture[t : t + height, 2 * t : 2 * t + width] for t in range(count)]
    return (np.array(moved) + rng.integers(0, 6, (count, height, width))).astype(np.uint8)


def write(path, codec, frames, gop=5, times=None, **container_options):
    encoder, layout, options, b_frames = CODECS[codec]
    with av.open(str(path), "w", **container_options) as container:
        stream = container.add_stream(encoder, rate=10, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = layout
        stream.gop_size = gop
        stream.thread_count = 1
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        with ordinary_scheduling():
            container.start_encoding()
        for t, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="gray")
            picture.pts = t if times is None else times[t]
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def luma(path):
    """The luma of every frame, decoded from beginning to end."""
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            frames.append(rows[: frame.height, : frame.width].copy())
    return frames


def check(path):
    truth = luma(path)
    order = np.random.default_rng(0).permutation(len(truth))
    with open_source(path) as source:
        assert len(source) == len(truth)
        for t in (*order, *range(len(truth)), *range(len(truth) - 1, -1, -1)):
            assert (source.read(int(t)) == truth[t]).all(), t
    return truth


def cases():
    return [
        pytest.param(name, codec, gop, id=f"{codec}-{name[2:]}-{gop}")
        for codec in CODECS
        for name in ("a.mp4", "a.mkv", "a.avi")
        if (name != "a.mp4" or codec in MP4)
        if (name != "a.avi" or not codec.startswith("x265"))
        if (name != "a.mkv" or codec != "huffyuv")
        for gop in ((1,) if codec in ALL_KEYS else (1, 5, 12, 250))
    ]


@pytest.fixture
def steps(monkeypatch):
    """One entry for every frame that is decoded."""
    calls = []
    following = video_decoder.Decoder._following

    def counted(decoder):
        calls.append(decoder)
        return following(decoder)

    monkeypatch.setattr(video_decoder.Decoder, "_following", counted)
    return calls


@pytest.mark.parametrize(("name", "codec", "gop"), cases())
def test_any_order_is_the_order_of_decoding(tmp_path, name, codec, gop):
    assert len(check(write(tmp_path / name, codec, scene(), gop))) == FRAMES


@pytest.mark.parametrize("codec", ["x264", "x265", "x265-open", "av1", "vp9", "mpeg4", "ffv1"])
def test_a_frame_costs_its_group_of_pictures(tmp_path, steps, codec):
    with open_source(write(tmp_path / "a.mkv", codec, scene(), 5)) as source:
        steps.clear()
        for t in (37, 20, 3, 33):
            source.read(t)
        # At most five frames of the group, as many leading pictures and the look behind the last frame.
        assert len(steps) <= 4 * 10 + 1
        source.read(10)
        steps.clear()
        for t in range(11, 30):
            source.read(t)
        assert len(steps) == 19


def test_parts_read_in_turn_are_decoded_once(tmp_path, steps):
    path = write(tmp_path / "a.mkv", "x264", scene(), 250)
    with open_source(path) as source:
        truth = luma(path)
        for start in (30, 20, 10, 0):
            source.read(start)
        steps.clear()
        for step in range(1, 8):
            for start in (0, 10, 20, 30):
                assert (source.read(start + step) == truth[start + step]).all()
        assert len(steps) == 4 * 7 + 1


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "x264"), ("a.avi", "x264"), ("a.mkv", "ffv1")])
@pytest.mark.parametrize("threads", [3, 7])
def test_threads(tmp_path, name, codec, threads):
    path = write(tmp_path / name, codec, scene(), 12)
    truth = luma(path)
    with open_source(path) as source, ThreadPoolExecutor(threads) as pool:

        def part(number):
            order = range(number, FRAMES) if number % 2 else np.random.default_rng(number).permutation(FRAMES)
            return all((source.read(int(t)) == truth[t]).all() for t in order)

        assert all(pool.map(part, range(threads)))
        assert len(source._pool._idle) <= max(4, threads)


@pytest.mark.parametrize("codec", ["x264", "mpeg4-b", "mjpeg", "ffv1"])
def test_avi_without_its_index(tmp_path, codec):
    path = write(tmp_path / "a.avi", codec, scene())
    content = path.read_bytes()
    assert b"idx1" in content
    path.write_bytes(content.replace(b"idx1", b"JUNK"))
    check(path)


@pytest.mark.parametrize("codec", ["x264", "x265-open", "ffv1", "rawvideo", "av1"])
def test_matroska_without_cues(tmp_path, codec):
    path = write(tmp_path / "a.mkv", codec, scene(), options={"live": "1"})
    assert bytes.fromhex("1c53bb6b") not in path.read_bytes()
    check(path)


@pytest.mark.parametrize("codec", ["x264", "x264-open", "x265-open", "mpeg4-b", "av1"])
def test_fragments(tmp_path, codec):
    check(write(tmp_path / "a.mp4", codec, scene(), options={"movflags": "frag_keyframe+empty_moov"}))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "x264"), ("a.mkv", "x265-open"), ("a.mkv", "mpeg4")])
def test_uneven_times(tmp_path, name, codec):
    times = np.cumsum(np.random.default_rng(2).integers(1, 9, FRAMES)).tolist()
    check(write(tmp_path / name, codec, scene(), times=times))


@pytest.mark.parametrize("codec", ["x264", "mjpeg", "ffv1"])
def test_negative_times(tmp_path, codec):
    options = {"avoid_negative_ts": "disabled", "output_ts_offset": "-1.5"}
    check(write(tmp_path / "a.mkv", codec, scene(), options=options))


def test_frames_cut_off_by_an_edit_list_are_missed(tmp_path):
    path = write(tmp_path / "a.mp4", "x264", scene(), 12)
    content = bytearray(path.read_bytes())
    start = content.find(b"elst") + 16
    begin = int.from_bytes(content[start : start + 4], "big")
    content[start : start + 4] = (begin + 4 * 1024).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match="34 of 38 frames are there"):
        open_source(path)


@pytest.mark.parametrize("codec", ["x264-lossless-grey", "mpeg4", "mjpeg"])
def test_damage_fails_the_frames_that_need_it(tmp_path, codec):
    path = write(tmp_path / "a.mkv", codec, scene(), 5)
    truth = luma(path)
    with av.open(str(path)) as container:
        packet = bytes(next(packet for packet in container.demux(video=0) if packet.pts == 1700))
    content = path.read_bytes()
    assert content.count(packet) == 1
    place = content.find(packet) + len(packet) // 3
    damaged = bytes(255 - value for value in content[place : place + 40])
    path.write_bytes(content[:place] + damaged + content[place + 40 :])
    need_it = (17,) if codec == "mjpeg" else (17, 18, 19)
    with open_source(path) as source:
        for t in (30, 17, 20, 18, 16, 17, 5, 19, 37, 2, 22, 17):
            if t in need_it:
                with pytest.raises(CorruptDataError, match="nothing was filled in: copy the file again"):
                    source.read(t)
            else:
                assert (source.read(t) == truth[t]).all()
    with open_source(path) as source:
        read = []
        with pytest.raises(CorruptDataError, match="frame 17: cannot be decoded"):
            read.extend(source)


def test_change_while_reading(tmp_path):
    path = write(tmp_path / "a.mkv", "ffv1", scene(), 5)
    with open_source(path) as source:
        source.read(3)
        path.write_bytes(path.read_bytes() + b"more")
        with pytest.raises(CorruptDataError, match="changed while it was being read"):
            source.read(30)


def test_wrong_packets_and_times_are_not_believed(tmp_path, monkeypatch):
    """Access points that are none: the frames are right all the same."""
    monkeypatch.setattr(video_index.AccessPoints, "is_access", lambda *_, key: True)
    for codec in ("x264", "ffv1"):
        check(write(tmp_path / "a.mkv", codec, scene(), 12))


def test_frames_that_the_decoder_leaves_out_are_counted(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mkv", "rawvideo", scene())
    decoded = video_decoder.Decoder._decoded

    def without_one(decoder, container, stream, *, seek):
        return (frame for frame in decoded(decoder, container, stream, seek=seek) if frame.pts != 1000)

    monkeypatch.setattr(video_decoder.Decoder, "_decoded", without_one)
    with open_source(path) as source:
        assert source.read(30).shape == (48, 64)
        with pytest.raises(CorruptDataError, match="37 of 38 frames could be decoded"):
            source.read(10)
        with pytest.raises(CorruptDataError, match="37 of 38 frames could be decoded"):
            source.read(37)
