"""Archives coded from frame to frame, and plain video codecs beside them, against what is computed here."""

import sys
import tempfile
from itertools import pairwise

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.baselines import PlainVideo, open_baseline
from flowroi.errors import InvalidParameterError, MissingDependencyError
from flowroi.evaluation.gains import archive_gains
from flowroi.evaluation.run import run_evaluation
from flowroi.evaluation.save import save_evaluation
from flowroi.segmenters import open_segmenter

RATES = (6, 12, 24, 48)
GOP = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve frames, their cells, an archive coded from frame to frame and one of single frames."""
    folder = tmp_path_factory.mktemp("sequence")
    made = flowroi.synthetic_movie(frames=12, height=128, width=160, cells=8, seed=6)
    tifffile.imwrite(folder / "movie.tif", made.frames, photometric="minisblack", metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "labels.tif", made.labels.astype(np.uint16), photometric="minisblack")
    flowroi.compress(folder / "movie.tif", folder / "a.mkv", codec="av1", rate=40, gop=GOP)
    flowroi.compress(folder / "movie.tif", folder / "b.ome.tif", rate=20)
    return folder


@pytest.fixture(scope="module")
def movie(folder):
    return tifffile.imread(folder / "movie.tif")


@pytest.fixture(scope="module")
def labels(folder):
    return tifffile.imread(folder / "labels.tif")


@pytest.fixture(scope="module")
def found(folder):
    return run_evaluation(
        folder / "movie.tif",
        [folder / "a.mkv", folder / "b.ome.tif"],
        labels=folder / "labels.tif",
        baselines=("openjpeg", "cap", "svt-av1"),
        rates=RATES,
        curve_frames=4,
        workers=1,
    )


def psnr_on_cells(frames, decoded, labels):
    error = (frames.astype(float) - decoded)[labels > 0]
    return 10 * np.log10(255**2 / np.square(error).mean())


def bytes_at(points, quality):
    """Bytes at a quality on the straight line, in dB and log bytes, between the points around it."""
    for (a, low), (b, high) in pairwise(sorted(points)):
        if low <= quality <= high:
            return np.exp(np.interp(quality, [low, high], np.log([a, b])))
    raise AssertionError(f"{quality} is not on the curve {points}")


def test_every_frame_counts_its_share_of_the_whole(folder, found):
    archive = found.of_kind("archive")[0]
    with flowroi.open_archive(folder / "a.mkv") as opened:
        packets = [len(opened.codestream(t)) for t in range(12)]
    assert max(packets) > 50 * min(packets)
    assert archive.summary().size_bytes == sum(packets)
    assert all(abs(frame.size_bytes - np.mean(packets)) < 1 for frame in archive.frames)
    assert archive.summary({0}).rate == pytest.approx(archive.summary({7}).rate, rel=0.02)


def test_the_gain_over_openjpeg_is_that_of_the_whole_size(folder, movie, labels, found):
    chosen = list(found.curve_frames)
    with flowroi.open_archive(folder / "a.mkv") as opened:
        stored, decoded = sum(len(opened.codestream(t)) for t in range(12)), opened[:]
    own = psnr_on_cells(movie[chosen], decoded[chosen], labels[chosen])
    codec, points = open_baseline("openjpeg"), []
    for rate in RATES:
        streams = [codec.encode(movie[t], rate) for t in chosen]
        back = np.stack([codec.decode(stream) for stream in streams])
        points.append((sum(map(len, streams)), psnr_on_cells(movie[chosen], back, labels[chosen])))
    (gain,) = archive_gains(found, found.of_kind("archive")[0], "openjpeg")
    assert gain.at == pytest.approx(own)
    # Whole bytes a frame: within one of the mean each.
    assert gain.gain == pytest.approx(bytes_at(points, own) / (stored * len(chosen) / 12), rel=0.01)


def test_points_of_a_plain_codec_are_those_of_the_whole_movie(movie, labels, found):
    chosen, codec = list(found.curve_frames), PlainVideo("svt-av1", gop=GOP)
    layout = codec.layout(movie.shape[1:], 8)
    points = []
    for result in found.curve("svt-av1"):
        crf = float(result.key.removeprefix("svt-av1:crf"))
        stored = list(codec.encode(layout, movie, crf))
        size = sum(len(packet.data) for packet in stored)
        assert result.rate == pytest.approx(movie.nbytes / size)
        assert result.coded == f"from frame to frame, CRF {crf:g}"
        back = np.stack([frame for _, frame in codec.decode(layout, stored, np.uint8)])
        s = result.summary()
        assert [frame.t for frame in result.frames] == chosen
        assert s.roi_psnr == pytest.approx(psnr_on_cells(movie[chosen], back[chosen], labels[chosen]))
        assert abs(s.size_bytes - size * len(chosen) / 12) < len(chosen)
        points.append((size, s.roi_psnr))
    assert len(points) == len(RATES)
    archive = found.of_kind("archive")[0]
    (gain,) = archive_gains(found, archive, "svt-av1")
    assert gain.gain == pytest.approx(bytes_at(points, gain.at) / archive.summary().size_bytes, rel=0.02)
    # The cap is one of JPEG 2000.
    assert gain.cap is None
    assert archive_gains(found, archive, "openjpeg")[0].cap > 1


@pytest.mark.parametrize("key", ["svt-av1", "x265", "x264"])
def test_the_curve_spans_the_rates(key, folder, movie):
    found = run_evaluation(
        folder / "movie.tif", [], labels=folder / "labels.tif", baselines=(key,), rates=RATES, workers=2
    )
    reached = [result.rate for result in found.curve(key)]
    assert reached == sorted(reached)
    assert len(reached) == len(RATES)
    assert reached[0] < 1.5 * RATES[0]
    assert reached[-1] > 0.67 * RATES[-1]
    quality = [result.summary().roi_psnr for result in found.curve(key)]
    assert quality == sorted(quality, reverse=True)


def test_workers_change_nothing_and_progress_arrives(folder):
    seen, results = [], []
    for workers in (1, 2):
        steps = []
        results.append(
            run_evaluation(
                folder / "movie.tif",
                [folder / "a.mkv"],
                labels=folder / "labels.tif",
                baselines=("x264", "svt-av1"),
                rates=(10, 20, 40),
                curve_frames=3,
                frames=range(2, 11),
                workers=workers,
                progress=lambda done, total, to=steps: to.append((done, total)),
            )
        )
        seen.append(steps)
    one, two = results
    assert [s.key for s in one.subjects] == [s.key for s in two.subjects]
    for a, b in zip(one.subjects, two.subjects, strict=True):
        assert a.summary() == b.summary()
    for steps in seen:
        # Two codecs, three rates, the whole movie each, and the frames that are measured.
        assert steps[-1] == (2 * 3 * 12 + 9, 2 * 3 * 12 + 9)
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {s.frames[0].t for s in one.of_kind("baseline")} == {2}


def test_a_codec_too_shallow_is_left_out_and_named(movie, labels):
    deep = movie.astype(np.uint16) * 16 + 7
    found = run_evaluation(
        deep,
        [],
        labels=labels,
        baselines=("openjpeg", "svt-av1", "x265", "x264"),
        rates=(10, 30),
        curve_frames=2,
        workers=1,
    )
    assert found.peak == 4095
    assert [len(found.curve(key)) for key in ("openjpeg", "svt-av1", "x265", "x264")] == [2, 0, 2, 0]
    for name in ("AV1 (SVT-AV1)", "AVC (x264)"):
        assert any(f"{name} is left out: the samples use 12 bits" in warning for warning in found.warnings)
    assert found.curve("x265")[0].summary().roi_psnr > 30
    sixteen = run_evaluation(deep * 16, [], labels=labels, baselines=("x265",), rates=(10, 30), workers=1)
    assert sixteen.of_kind("baseline") == ()
    assert any("takes at most 12" in warning for warning in sixteen.warnings)


def test_depth_is_that_of_the_whole_movie(movie, labels):
    """A bright frame that is coded, and not measured."""
    deep = movie.astype(np.uint16)
    deep[9, 3, 3] = 900
    found = run_evaluation(deep, [], labels=labels, baselines=("x264",), rates=(10, 30), frames=range(3), workers=1)
    assert len(found.curve("x264")) == 2
    assert found.curve("x264")[0].summary().size_bytes > 0


def test_what_is_compared_by_default(folder):
    def keys(*archives):
        found = run_evaluation(
            folder / "movie.tif",
            [folder / name for name in archives],
            labels=folder / "labels.tif",
            rates=(10, 30),
            curve_frames=1,
            workers=1,
        )
        return list(dict.fromkeys(s.key.split(":")[0] for s in found.of_kind("baseline")))

    assert keys("b.ome.tif") == ["openjpeg", "cap"]
    assert keys("b.ome.tif", "a.mkv") == ["openjpeg", "cap", "svt-av1"]


def test_masks_are_found_again(folder, movie, labels, found):
    masks = flowroi.extract_roi(movie)
    s = found.of_kind("archive")[0].summary()
    assert s.roi_area == pytest.approx(masks.sum() / (labels > 0).sum())


def test_a_replaced_background_is_doubted_and_one_as_recorded_is_not(folder, found, tmp_path):
    assert [s.coded for s in found.of_kind("archive")] == [
        "AV1 from frame to frame, background: fill",
        "JPEG 2000, each frame alone",
    ]
    doubts = [warning for warning in found.warnings if "is no measurement" in warning]
    assert len(doubts) == 1
    assert "a.mkv outside its RoI was replaced (fill)" in doubts[0]
    flowroi.compress(folder / "movie.tif", tmp_path / "n.mkv", codec="hevc", rate=20, background="none")
    kept = run_evaluation(
        folder / "movie.tif", [tmp_path / "n.mkv"], labels=folder / "labels.tif", baselines=(), workers=1
    )
    assert kept.of_kind("archive")[0].coded == "HEVC from frame to frame, background: as recorded"
    assert not any("is no measurement" in warning for warning in kept.warnings)


def test_the_report_tells_codec_background_and_both_gains(folder, tmp_path):
    saved = save_evaluation(
        folder / "movie.tif",
        [folder / "a.mkv", folder / "b.ome.tif"],
        tmp_path / "r",
        labels=folder / "labels.tif",
        segmenter=open_segmenter("classical"),
        rates=RATES,
        curve_frames=3,
        workers=1,
    )
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "AV1 from frame to frame, background: fill" in page
    assert "Bytes of JPEG 2000 (OpenJPEG) over the archive&#39;s" in page
    assert "Bytes of AV1 (SVT-AV1) over the archive&#39;s" in page
    assert "what stands there is no measurement" in page
    assert "Outside it the archive shows no measurement (background: fill)." in page
    assert "than JPEG 2000 (OpenJPEG), " in saved.verdict
    assert "than AV1 (SVT-AV1)" in saved.verdict
    content = saved.as_dict()
    assert list(content["gains_over"]) == ["openjpeg", "svt-av1"]
    assert content["gains"] == content["gains_over"]["openjpeg"]
    assert {m.subject.key for m in saved.migrations} == {"raw", "repeat", "archive:0", "archive:1"}
    assert saved.migrations[2].comparison is not None


def test_an_interruption_leaves_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def stop(done, total):
        if done > 10:
            assert list(tmp_path.iterdir())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_evaluation(
            folder / "movie.tif",
            [],
            labels=folder / "labels.tif",
            baselines=("x264",),
            rates=RATES,
            workers=2,
            progress=stop,
        )
    assert not list(tmp_path.iterdir())


def test_a_codec_that_fails_is_told_at_once(folder, monkeypatch):
    def fail(self, layout, frames, crf, interval_s=None):
        next(iter(frames))
        raise InvalidParameterError("no more memory")
        yield

    taken = iter([False] * 5)
    encode = PlainVideo.encode

    def fails_later(self, *arguments):
        return fail(self, *arguments) if next(taken, True) else encode(self, *arguments)

    monkeypatch.setattr(PlainVideo, "encode", fails_later)
    with pytest.raises(InvalidParameterError, match="no more memory"):
        run_evaluation(
            folder / "movie.tif", [], labels=folder / "labels.tif", baselines=("x264",), rates=RATES, workers=2
        )


def test_what_cannot_be_compared_is_refused(folder, monkeypatch):
    options = {"labels": folder / "labels.tif", "workers": 1}
    with pytest.raises(InvalidParameterError, match=r"'gif'; expected one of openjpeg, .*svt-av1, x265, x264, cap"):
        run_evaluation(folder / "movie.tif", [], baselines=("gif",), **options)
    with pytest.raises(InvalidParameterError, match="above 1"):
        run_evaluation(folder / "movie.tif", [], baselines=("x264",), rates=(1, 10), **options)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"flowroi\[video\]"):
        run_evaluation(folder / "movie.tif", [], baselines=("svt-av1",), **options)
