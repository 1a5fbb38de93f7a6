"""Movies to AV1 and HEVC archives."""

import av
import cv2
import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.errors import InvalidParameterError, QualityTargetError, UnsupportedFormatError
from flowroi.params import RoiParams
from flowroi.roi import iter_roi
from flowroi.sequence.sample import Sample
from flowroi.sequence.treated import StoppedError, Treated


def numbered(frames=20, height=96, width=128, bits=8):
    """Frames that tell their number by the brightness of their left half, with a texture beside it."""
    y, x = np.mgrid[:height, :width]
    texture = 100 + 40 * np.sin(x / 7) * np.cos(y / 5)
    movie = np.repeat(texture[None], frames, axis=0)
    movie[:, :, : width // 2] = (40 + 8 * np.arange(frames))[:, None, None]
    return (movie * 2 ** (bits - 8)).astype(np.uint8 if bits == 8 else np.uint16)


def numbers(frames, bits=8):
    _, height, width = np.shape(frames)
    patch = np.asarray(frames, float)[:, height // 4 : height // 2, width // 8 : width // 4].mean((1, 2))
    return np.rint((patch / 2 ** (bits - 8) - 40) / 8).astype(int).tolist()


@pytest.mark.parametrize("codec", ["av1", "hevc"])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_as_many_frames_come_out_in_order(tmp_path, codec, suffix):
    movie, target = numbered(), tmp_path / f"a.{suffix}"
    flowroi.compress(movie, target, codec=codec, rate=20, gop=8, roi_method="none")
    with flowroi.open_archive(target) as archive:
        assert numbers(list(archive)) == list(range(20))
    with av.open(str(target)) as container:
        shown = [(frame.time, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    with av.open(str(target)) as container:
        keys = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.is_keyframe]
    assert keys == [0, 8, 16]
    assert [time for time, _ in shown] == list(range(20))
    assert numbers([frame for _, frame in shown]) == list(range(20))


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_opencv_reads_hevc_in_order(tmp_path, suffix):
    target = tmp_path / f"a.{suffix}"
    flowroi.compress(numbered(), target, codec="hevc", rate=20, gop=8, roi_method="none")
    capture, seen = cv2.VideoCapture(str(target)), []
    while (read := capture.read())[0]:
        seen.append(read[1][:, :, 0])
    assert numbers(seen) == list(range(20))


@pytest.mark.parametrize("codec", ["av1", "hevc"])
@pytest.mark.parametrize("size", [(190, 251), (64, 64), (33, 47), (5, 9)])
def test_any_size_comes_back_in_its_own_size(tmp_path, codec, size):
    y, x = np.mgrid[: size[0], : size[1]]
    movie = np.stack([(60 + y + x // 2 + t) % 250 for t in range(5)]).astype(np.uint8)
    flowroi.compress(movie, tmp_path / "a.mkv", codec=codec, psnr=38, roi_method="none")
    with flowroi.open_archive(tmp_path / "a.mkv") as archive:
        decoded = archive[:]
    assert decoded.shape == movie.shape
    mse = np.square(decoded.astype(float) - movie).mean()
    assert 10 * np.log10(255**2 / mse) >= 38


@pytest.mark.parametrize(("codec", "bits"), [("av1", 10), ("hevc", 10), ("hevc", 12)])
def test_deep_samples_keep_their_scale(tmp_path, codec, bits):
    movie = numbered(bits=bits)
    flowroi.compress(movie, tmp_path / "a.mkv", codec=codec, rate=12, roi_method="none", significant_bits=bits)
    with flowroi.open_archive(tmp_path / "a.mkv") as archive:
        decoded = archive[:]
    assert decoded.dtype == np.uint16
    assert numbers(decoded, bits) == list(range(20))


@pytest.mark.parametrize(("codec", "bits"), [("av1", 12), ("hevc", 16)])
def test_depth_is_not_cut(tmp_path, codec, bits):
    with pytest.raises(UnsupportedFormatError, match="jpeg2000"):
        flowroi.compress(numbered(bits=bits), tmp_path / "a.mkv", codec=codec, rate=12, significant_bits=bits)
    assert not list(tmp_path.iterdir())


def test_a_sample_beyond_the_declared_depth_is_told_and_nothing_is_left(tmp_path):
    movie = numbered(bits=10)
    with pytest.raises(UnsupportedFormatError, match="9 bits"):
        flowroi.compress(movie, tmp_path / "a.mkv", codec="av1", rate=12, roi_method="none", significant_bits=9)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def cells():
    return flowroi.synthetic_movie(frames=24, height=120, width=160, cells=6, seed=3).frames


@pytest.mark.parametrize("codec", ["av1", "hevc"])
@pytest.mark.parametrize("rate", [20, 80])
def test_the_rate_is_kept_and_used(tmp_path, cells, codec, rate):
    report = flowroi.compress(cells, tmp_path / "a.mkv", codec=codec, rate=rate, gop=8)
    with flowroi.open_archive(tmp_path / "a.mkv") as archive:
        stored = sum(len(archive.codestream(t)) for t in range(len(cells)))
    assert stored == report.stored_bytes
    assert 0.85 * cells.nbytes / rate <= stored <= cells.nbytes / rate


def test_a_rate_out_of_reach_is_refused(tmp_path, cells):
    with pytest.raises(QualityTargetError):
        flowroi.compress(cells, tmp_path / "a.mkv", codec="hevc", rate=50_000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("codec", ["av1", "hevc"])
def test_the_bytes_depend_on_nothing_but_the_input(tmp_path, cells, codec):
    for workers in (1, 2):
        flowroi.compress(cells, tmp_path / f"{workers}.mkv", codec=codec, rate=40, workers=workers)
    assert (tmp_path / "1.mkv").read_bytes() == (tmp_path / "2.mkv").read_bytes()


def test_the_manifest_tells_that_the_background_was_replaced(tmp_path, cells):
    report = flowroi.compress(cells, tmp_path / "a.mkv", codec="av1", rate=40)
    assert any("background" in warning for warning in report.warnings)
    with flowroi.open_archive(tmp_path / "a.mkv") as archive:
        assert archive.manifest["background"]["treatment"] == "fill"
        assert archive.manifest["lossy_method"] == ["AV1"]
        assert archive.manifest["lossy_ratio"] == [pytest.approx(report.rate, abs=0.001)]


def test_a_folder_gets_a_file_for_each_chunk(tmp_path):
    movie = numbered(frames=26)
    # A group of pictures longer than a chunk is a chunk.
    flowroi.compress(movie, tmp_path / "a", codec="hevc", rate=10, gop=129, roi_method="none")
    assert sorted(file.name for file in (tmp_path / "a").iterdir()) == ["COMPLETE", "manifest.json", "t000000.mkv"]


@pytest.fixture
def short_chunks(monkeypatch):
    """A movie of 26 frames has four chunks then, and is longer than its sample."""
    monkeypatch.setattr("flowroi.sequence.coding.CHUNK_FRAMES", 8)
    monkeypatch.setattr("flowroi.sequence.sample.WHOLE_FRAMES", 4)


@pytest.mark.parametrize("codec", ["av1", "hevc"])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a"])
@pytest.mark.usefixtures("short_chunks")
def test_chunks_join_into_one_movie(tmp_path, codec, name):
    movie = numbered(frames=26)
    flowroi.compress(movie, tmp_path / name, codec=codec, rate=10, gop=4, roi_method="none")
    with flowroi.open_archive(tmp_path / name) as archive:
        assert numbers(list(archive)) == list(range(26))
        assert [int(numbers(archive[t][None])[0]) for t in (25, 3, 8, 7, 16, 0)] == [25, 3, 8, 7, 16, 0]
    files = sorted((tmp_path / name).glob("*.mkv")) if name == "a" else [tmp_path / name]
    assert len(files) == (4 if name == "a" else 1)
    shown = []
    for file in files:
        with av.open(str(file)) as container:
            shown += [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert numbers(shown) == list(range(26))


@pytest.mark.parametrize("rate", [15, 60])
@pytest.mark.usefixtures("short_chunks")
def test_the_rate_of_a_sampled_movie_is_kept(tmp_path, cells, rate):
    report = flowroi.compress(cells, tmp_path / "a.mkv", codec="av1", rate=rate, gop=4)
    assert rate <= report.rate <= 1.3 * rate


@pytest.mark.parametrize("codec", ["av1", "hevc"])
@pytest.mark.usefixtures("short_chunks")
def test_the_psnr_in_the_roi_is_that_of_the_movie(tmp_path, cells, codec):
    report = flowroi.compress(cells, tmp_path / "a.mkv", codec=codec, psnr=38, gop=4, keep_masks=False)
    rois = [roi.mask for _, roi in iter_roi(iter(cells), RoiParams())]
    with flowroi.open_archive(tmp_path / "a.mkv") as archive:
        errors = [(archive[t].astype(float) - cells[t])[rois[t]] ** 2 for t in range(len(cells))]
    psnr = 10 * np.log10(255**2 / np.concatenate(errors).mean())
    # Masks at the beginning of a chunk are told from fewer frames.
    assert psnr == pytest.approx(38.4, abs=0.8)
    assert min(frame.roi_psnr for frame in report.per_frame) > 33


def test_without_a_target_errors_stay_within_the_noise(tmp_path, cells):
    report = flowroi.compress(cells, tmp_path / "a.mkv", codec="av1")
    error = np.sqrt(np.mean([255**2 / 10 ** (frame.roi_psnr / 10) for frame in report.per_frame]))
    assert 0.8 * report.noise_sigma < error < 1.1 * report.noise_sigma
    assert any("noise 1" in warning for warning in report.warnings)


def test_a_dry_run_foretells_the_size(tmp_path, cells, short_chunks):
    options = {"codec": "av1", "psnr": 38, "gop": 8}
    foretold = flowroi.compress(cells, tmp_path / "a.mkv", dry_run=True, **options)
    assert not list(tmp_path.iterdir())
    assert foretold.dry_run
    real = flowroi.compress(cells, tmp_path / "a.mkv", **options)
    assert foretold.stored_bytes == pytest.approx(real.stored_bytes, rel=0.3)
    assert foretold.frames == real.frames


@pytest.mark.parametrize(
    "options",
    [{"lossless": "all"}, {"rate": 9, "keep_masks": True}, {"rate": 9, "levels": 3}, {"rate": 9, "layers": 2}],
)
def test_what_video_codecs_do_not_offer_is_refused(tmp_path, cells, options):
    with pytest.raises(InvalidParameterError, match="jpeg2000"):
        flowroi.compress(cells, tmp_path / "a.mkv", codec="av1", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"gop": 8}, {"preset": 5}, {"background": "plate"}])
def test_what_only_video_codecs_have_is_refused_elsewhere(tmp_path, cells, options):
    with pytest.raises(InvalidParameterError, match="av1"):
        flowroi.compress(cells, tmp_path / "a.ome.tif", rate=9, **options)


@pytest.mark.parametrize("interval", [0.001, 1 / 30, 8.0, 600.0])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_time_stamps_are_the_frames_own(tmp_path, interval, suffix):
    movie = numbered(frames=6)
    path = tmp_path / "movie.ome.tif"
    tifffile.imwrite(path, movie, metadata={"axes": "TYX", "TimeIncrement": interval, "TimeIncrementUnit": "s"})
    flowroi.compress(path, tmp_path / f"a.{suffix}", codec="av1", rate=10, roi_method="none")
    with av.open(str(tmp_path / f"a.{suffix}")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, interval * np.arange(6), atol=5.1e-4)
    with flowroi.open_archive(tmp_path / f"a.{suffix}") as archive:
        assert archive.manifest["frame_interval_s"] == pytest.approx(interval)
        assert numbers(list(archive)) == list(range(6))


def test_one_frame_is_a_movie_too(tmp_path):
    movie = numbered(frames=1)
    flowroi.compress(movie, tmp_path / "a.mkv", codec="av1", rate=8)
    with flowroi.open_archive(tmp_path / "a.mkv") as archive:
        assert numbers(archive[:]) == [0]


@pytest.mark.parametrize("codec", ["av1", "hevc"])
def test_a_rate_beyond_the_movies_bytes_is_out_of_reach(tmp_path, codec):
    with pytest.raises(QualityTargetError, match="the rate leaves 0"):
        flowroi.compress(np.zeros((1, 2, 2), np.uint8), tmp_path / "a.mkv", codec=codec, rate=40)
    assert list(tmp_path.iterdir()) == []


def test_a_sample_of_large_frames_stays_small(tmp_path, cells, monkeypatch):
    flowroi.compress(cells, tmp_path / "a.mkv", codec="hevc", preset=8, rate=20)
    held = []
    monkeypatch.setattr("flowroi.sequence.sample._MOST_BYTES", 12 * 3 * cells[0].size)
    of = Sample.of
    monkeypatch.setattr(Sample, "of", lambda *a: held.append(of(*a)) or held[-1])
    report = flowroi.compress(cells, tmp_path / "b.mkv", codec="hevc", preset=8, rate=20)
    assert sum(map(len, held[0].windows)) <= 12 < len(cells)
    assert not held[0].whole
    assert report.rate >= 20


@pytest.mark.parametrize("first", [0, 100])
def test_frames_nobody_wants_any_more_are_not_made(first):
    source = flowroi.open_source(np.zeros((120, 32, 32), np.uint8))
    treated = Treated(source, "flow", RoiParams(), True, "fill", 255, 8)
    treated.stop.set()
    with pytest.raises(StoppedError):
        next(treated.frames(range(first, first + 9)))


def test_a_movie_unlike_its_sample_is_not_refused(tmp_path):
    rng = np.random.default_rng(0)
    movie = np.tile(flowroi.synthetic_movie(frames=40, height=64, width=64, cells=3, seed=1).frames, (12, 1, 1))
    movie[60:200] = np.clip(movie[60:200] + rng.normal(0, 30, movie[60:200].shape), 0, 255)
    movie[300:420] = rng.integers(0, 256, movie[300:420].shape)
    report = flowroi.compress(movie, tmp_path / "a.mkv", codec="av1", rate=8, roi_method="none")
    assert 8 <= report.rate < 13


def test_a_preset_that_cannot_do_it_says_which_can(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64), np.uint8)
    with pytest.raises(QualityTargetError, match="preset 7"):
        flowroi.compress(noise, tmp_path / "a.mkv", codec="av1", psnr=90, preset=9, roi_method="none")


def test_a_folder_of_somebody_elses_videos_is_no_archive(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format": "theirs"}')
    (tmp_path / "a.mkv").write_bytes(b"video")
    tifffile.imwrite(tmp_path / "t0.tif", np.zeros((32, 32), np.uint8))
    with flowroi.open_source(tmp_path) as source:
        assert len(source) == 1


def test_a_dry_run_warns_of_the_frames_that_it_saw(tmp_path):
    movie = np.random.default_rng(0).integers(90, 110, (100, 32, 48), np.uint8)
    # Within the last of the sample's windows.
    movie[95] = 7
    report = flowroi.compress(
        movie, tmp_path / "a.mkv", codec="hevc", preset=8, rate=10, roi_method="none", dry_run=True
    )
    assert any(warning.startswith("frame 95 has") for warning in report.warnings)
