"""The whole job through `flowroi.compress`: what is written, what is promised, and what is left behind on errors."""

import hashlib
import json
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

import flowroi
import flowroi.pipeline
from flowroi.codec import encode_frame
from flowroi.errors import (
    CorruptDataError,
    InvalidParameterError,
    MissingInputError,
    OutputExistsError,
    QualityTargetError,
)
from flowroi.extraction import save_roi
from flowroi.params import EncodeParams, RoiParams
from flowroi.roi import iter_roi
from flowroi.sources import open_source


@pytest.fixture(scope="module")
def movie():
    """Six small frames of moving cells, (T, Y, X)."""
    return flowroi.synthetic_movie(frames=6, height=120, width=160, cells=9, seed=3).frames


@pytest.fixture
def folder(movie, tmp_path):
    """The movie as a folder of PNG files."""
    place = tmp_path / "movie"
    place.mkdir()
    for t, frame in enumerate(movie):
        cv2.imwrite(str(place / f"img{t}.png"), frame)
    return place


def digests(path):
    """SHA-256 of a file, or of every file in a folder, by name."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def listing(path):
    """Everything below a folder: names, sizes and times of change."""
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(path.rglob("*"))}


@pytest.mark.parametrize("name", ["a.ome.tif", "a"])
def test_output_is_the_same_for_any_number_of_workers(movie, tmp_path, name):
    made = []
    for workers in (1, 2, 4):
        (tmp_path / str(workers)).mkdir()
        target = tmp_path / str(workers) / name
        flowroi.compress(movie, target, rate=12, workers=workers, keep_masks=True, adjacent_factor=1)
        made.append(digests(target))
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("name", ["a.ome.tif", "a"])
def test_report_says_what_is_in_the_archive(movie, tmp_path, name):
    target = tmp_path / name
    report = flowroi.compress(movie, target, rate=10)
    with flowroi.open_archive(target) as archive:
        sizes = [record["size_bytes"] for record in archive.manifest["frames"]]
    assert report.frames == 6
    assert report.raw_bytes == movie.nbytes
    assert report.stored_bytes == sum(sizes) == sum(frame.size_bytes for frame in report.per_frame)
    assert report.file_bytes == sum(p.stat().st_size for p in ([target] if target.is_file() else target.rglob("*")))
    assert report.rate == movie.nbytes / sum(sizes)
    assert sum(sizes) <= movie.nbytes / 10
    assert 0.05 < report.roi_share < 0.5
    assert not report.dry_run


def test_report_is_strict_json(movie, tmp_path):
    report = flowroi.compress(movie, tmp_path / "a.ome.tif", rate=10, measure=True)
    content = json.loads(report.to_json(per_frame=True), parse_constant=pytest.fail)
    assert content["type"] == "compression"
    assert content["frame_bytes"]["max"] == max(frame["size_bytes"] for frame in content["per_frame"])
    assert content["roi_psnr"]["min"] == min(frame["roi_psnr"] for frame in content["per_frame"])
    assert "per_frame" not in json.loads(report.to_json())


def test_what_the_method_fell_back_to_is_said(tmp_path):
    crowded = np.random.default_rng(0).integers(0, 2, (4, 20, 20)).repeat(6, 1).repeat(6, 2).astype(np.uint8) * 90
    report = flowroi.compress(crowded, tmp_path / "a.ome.tif", rate=10)
    assert any("plain JPEG 2000" in warning and "4 frames" in warning for warning in report.warnings)
    with flowroi.open_archive(tmp_path / "a.ome.tif") as archive:
        assert list(report.warnings) == archive.manifest["warnings"]


def test_soft_weights_are_the_default_and_can_be_switched_off(movie, tmp_path):
    for name, options in (("soft", {}), ("hard", {"soft_weights": False})):
        flowroi.compress(movie, tmp_path / name, rate=10, rate_control="frame", **options)
    pairs = list(iter_roi(movie, RoiParams()))
    for name, weighted in (("soft", True), ("hard", False)):
        with flowroi.open_archive(tmp_path / name) as archive:
            assert archive.manifest["roi"]["soft_weights"] is weighted
            for t, (frame, roi) in enumerate(pairs):
                params = EncodeParams(rate=10)
                alone = encode_frame(frame, roi.mask, params, weights=roi.weights if weighted else None)
                assert archive.codestream(t) == alone.data


def test_psnr_target_is_reached_in_every_roi(movie, tmp_path):
    report = flowroi.compress(movie, tmp_path / "a.ome.tif", psnr=38, measure=True)
    reached = [frame.roi_psnr for frame in report.per_frame]
    assert min(reached) >= 38
    assert max(reached) < 40


def test_lossless_all_gives_the_movie_back(movie, tmp_path):
    deep = movie.astype(np.uint16) * 13
    flowroi.compress(deep, tmp_path / "a", lossless="all", roi_method="none")
    with flowroi.open_archive(tmp_path / "a") as archive:
        assert np.array_equal(archive[:], deep)
        assert archive.manifest["lossy"] is False
        assert archive.manifest["lossy_ratio"] == []


def test_lossless_roi_keeps_every_roi_pixel(movie, tmp_path):
    flowroi.compress(movie, tmp_path / "a.ome.tif", lossless="roi", rate=3, keep_masks=True)
    with flowroi.open_archive(tmp_path / "a.ome.tif") as archive:
        for t, frame in enumerate(movie):
            roi = archive.roi(t)
            assert 0 < roi.mean() < 1
            assert np.array_equal(archive[t][roi], frame[roi])


def test_kept_masks_are_those_of_extract_roi(movie, tmp_path):
    options = {"roi_threshold": 0.15, "adjacent_factor": 1, "step": 2}
    flowroi.compress(movie, tmp_path / "a.ome.tif", rate=10, keep_masks=True, workers=3, **options)
    expected = flowroi.extract_roi(movie, **options)
    with flowroi.open_archive(tmp_path / "a.ome.tif") as archive:
        assert np.array_equal(np.stack([archive.roi(t) for t in range(6)]), expected)


def test_masks_from_a_folder_do_what_the_extracted_ones_do(folder, tmp_path):
    save_roi(folder, tmp_path / "masks", RoiParams(), overlays=False)
    flowroi.compress(folder, tmp_path / "direct", rate=10, soft_weights=False)
    flowroi.compress(folder, tmp_path / "given", rate=10, roi_method=tmp_path / "masks")
    streams = [
        {name: digest for name, digest in digests(tmp_path / which).items() if name.endswith(".jp2")}
        for which in ("direct", "given")
    ]
    assert len(streams[0]) == 6
    assert streams[0] == streams[1]


@pytest.mark.parametrize(("damage", "kind"), [("missing", MissingInputError), ("size", InvalidParameterError)])
def test_bad_mask_is_named_and_nothing_is_left(folder, tmp_path, damage, kind):
    masks = tmp_path / "masks"
    save_roi(folder, masks, RoiParams(), overlays=False)
    (masks / "img4_roi.png").unlink()
    if damage == "size":
        cv2.imwrite(str(masks / "img4.png"), np.zeros((10, 10), np.uint8))
    before = listing(tmp_path)
    with pytest.raises(kind, match="img4") as caught:
        flowroi.compress(folder, tmp_path / "a.ome.tif", rate=10, roi_method=str(masks))
    assert caught.value.frame == 4
    assert listing(tmp_path) == before


def test_dry_run_predicts_the_size_and_writes_nothing(tmp_path):
    movie = flowroi.synthetic_movie(frames=24, height=120, width=160, cells=9).frames
    before = listing(tmp_path)
    seen = []
    predicted = flowroi.compress(
        movie, tmp_path / "a.ome.tif", psnr=35, dry_run=True, progress=lambda n, of: seen.append((n, of))
    )
    assert listing(tmp_path) == before
    # Five windows of three frames, from which fused knows what it needs.
    assert seen == [(n, 15) for n in range(1, 16)]
    real = flowroi.compress(movie, tmp_path / "a.ome.tif", psnr=35)
    assert predicted.dry_run
    assert (predicted.frames, predicted.raw_bytes) == (real.frames, real.raw_bytes)
    assert predicted.stored_bytes == pytest.approx(real.stored_bytes, rel=0.05)
    assert 0 < predicted.seconds < 60


def test_dry_run_of_a_short_movie_is_exact(movie, tmp_path):
    predicted = flowroi.compress(movie, tmp_path / "a", psnr=35, dry_run=True)
    assert predicted.stored_bytes == flowroi.compress(movie, tmp_path / "a", psnr=35).stored_bytes


def test_progress_counts_every_frame(movie, tmp_path):
    seen = []
    flowroi.compress(movie, tmp_path / "a.ome.tif", rate=10, progress=lambda n, of: seen.append((n, of)))
    assert seen == [(n, 6) for n in range(1, 7)]


class Counting:
    """A source that counts how many frames were asked of it."""

    def __init__(self, source):
        self._source = source
        self.reads = 0

    def __getattr__(self, name):
        return getattr(self._source, name)

    def __len__(self):
        return len(self._source)

    def __iter__(self):
        for t in range(len(self)):
            self.reads += 1
            yield self._source.read(t)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._source.close()


@pytest.mark.parametrize("method", ["flow", "none"])
def test_reading_stays_a_few_frames_ahead_of_writing(monkeypatch, tmp_path, method):
    frames = np.random.default_rng(0).integers(0, 256, (80, 24, 32), np.uint8)
    source = Counting(open_source(frames))
    monkeypatch.setattr("flowroi.compression.open_source", lambda *_, **__: source)
    ahead = []
    flowroi.compress(
        frames,
        tmp_path / "a",
        rate=2,
        roi_method=method,
        workers=2,
        adjacent_factor=1,
        progress=lambda n, _: ahead.append(source.reads - n),
    )
    assert source.reads == 80
    # The last batch, two windows of two frames a worker, and the frames that a mask needs.
    assert 0 < max(ahead) <= 16 + 12


@pytest.mark.parametrize("name", ["a.ome.tif", "a"])
def test_damaged_frame_is_named_and_nothing_is_left(folder, tmp_path, name):
    bad = folder / "img3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    before = listing(tmp_path)
    with pytest.raises(CorruptDataError, match=r"img3\.png"):
        flowroi.compress(folder, tmp_path / name, rate=10)
    assert listing(tmp_path) == before


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("name", ["a.ome.tif", "a"])
def test_interruption_leaves_nothing_and_stops_the_workers(folder, tmp_path, name, stop):
    def progress(done, _):
        if done == 2:
            raise stop

    before = listing(tmp_path)
    with pytest.raises(stop):
        flowroi.compress(folder, tmp_path / name, rate=10, workers=2, keep_masks=True, progress=progress)
    assert listing(tmp_path) == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("flowroi")]


def test_failed_overwriting_keeps_the_old_archive(folder, tmp_path):
    target = tmp_path / "a.ome.tif"
    flowroi.compress(folder, target, rate=10)
    before = digests(target)
    (folder / "img3.png").write_bytes(b"broken")
    with pytest.raises(flowroi.FlowRoIError):
        flowroi.compress(folder, target, rate=10, overwrite=True)
    assert digests(target) == before


def test_impossible_rate_names_the_frame(movie, tmp_path):
    with pytest.raises(QualityTargetError) as caught:
        flowroi.compress(movie, tmp_path / "a.ome.tif", rate=5000)
    assert caught.value.frame == 0
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_left_as_it_was(folder, tmp_path):
    before = listing(folder)
    for name in ("a.ome.tif", "a"):
        flowroi.compress(folder, tmp_path / name, rate=10, keep_masks=True)
    assert listing(folder) == before


def test_existing_output_is_replaced_only_when_asked(movie, tmp_path):
    target = tmp_path / "a"
    flowroi.compress(movie, target, rate=10)
    before = digests(target)
    with pytest.raises(OutputExistsError, match="overwrite"):
        flowroi.compress(movie, target, rate=20)
    with pytest.raises(OutputExistsError):
        flowroi.compress(movie, target, rate=20, dry_run=True)
    assert digests(target) == before
    flowroi.compress(movie, target, rate=20, overwrite=True)
    assert digests(target) != before


@pytest.mark.parametrize("archive_format", ["jp2", "ome-tiff"])
def test_a_folder_that_is_no_archive_is_never_replaced(movie, tmp_path, archive_format):
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "chapter1.tex").write_text("years of work")
    with pytest.raises(OutputExistsError, match=r"chapter1\.tex"):
        flowroi.compress(movie, target, rate=10, format=archive_format, overwrite=True)
    assert (target / "chapter1.tex").read_text() == "years of work"


@pytest.mark.parametrize("overwrite", [False, True])
def test_output_may_not_overlap_the_input(folder, tmp_path, overwrite):
    before = listing(tmp_path)
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    for target in (folder, folder / "a.ome.tif", tmp_path, link / "movie" / "b", link):
        with pytest.raises(InvalidParameterError, match="nothing was written"):
            flowroi.compress(folder, target, rate=10, format="jp2", overwrite=overwrite)
    link.unlink()
    assert listing(tmp_path) == before


def test_a_movie_may_not_be_replaced_by_its_archive(movie, tmp_path):
    source = tmp_path / "a.tif"
    tifffile.imwrite(source, movie, photometric="minisblack", metadata={"axes": "TYX"})
    before = digests(source)
    with pytest.raises(InvalidParameterError, match="is the input itself"):
        flowroi.compress(source, source, rate=10, overwrite=True)
    assert digests(source) == before


def test_folder_for_the_output_must_exist(movie, tmp_path):
    with pytest.raises(MissingInputError, match="no such folder"):
        flowroi.compress(movie, tmp_path / "nowhere" / "a.ome.tif", rate=10)


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 1},
        {"rate": -3},
        {"rate": float("nan")},
        {"rate": float("inf")},
        {"rate": 10, "psnr": 40},
        {"psnr": 0},
        {"lossless": "most"},
        {"rate": 10, "lossless": "all"},
        {"rate": 10, "scaling_factor": 0.5},
        {"rate": 10, "format": "zip"},
        {"rate": 10, "rate_control": "sometimes"},
        {"rate": 10, "workers": 0},
        {"rate": 10, "workers": 1.5},
        {"rate": 10, "roi_method": "guess"},
        {"rate": 10, "roi_method": None},
        {"rate": 10, "roi_threshold": 1.5},
        {"rate": 10, "step": 0},
        {"rate": 10, "adjacent_factor": -1},
        {"rate": 10, "channel": -1},
        {"rate": 10, "overwrite": "yes"},
        {"rate": 10, "container": "j2k"},
        {"rate": 10, "quality": 90},
    ],
)
def test_bad_options_are_refused_before_anything_is_read(tmp_path, options):
    with pytest.raises(InvalidParameterError):
        flowroi.compress(tmp_path / "not there.tif", tmp_path / "a.ome.tif", **options)


def test_one_frame_is_coded_plainly_and_that_is_said(movie, tmp_path):
    report = flowroi.compress(movie[:1], tmp_path / "a.ome.tif", rate=10)
    assert any("one frame" in warning for warning in report.warnings)
    assert report.frames == 1


def test_empty_and_large_rois_are_said(tmp_path):
    movie = np.full((3, 64, 64), 90, np.uint8)
    masks = tmp_path / "masks"
    masks.mkdir()
    for t, value in enumerate((0, 255, 255)):
        mask = np.zeros((64, 64), np.uint8)
        mask[: 10 + 50 * (t == 1)] = value
        cv2.imwrite(str(masks / f"t00{t}.png"), mask)
    report = flowroi.compress(movie, tmp_path / "a", psnr=30, roi_method=str(masks))
    said = [warning for warning in report.warnings if "RoI is" in warning]
    assert len(said) == 2
    assert "empty in frame t000" in said[0]
    assert "more than half of frame t001" in said[1]


def test_losses_of_an_earlier_generation_stay_on_record(movie, tmp_path):
    flowroi.compress(movie, tmp_path / "first.ome.tif", rate=8, roi_method="none")
    flowroi.compress(tmp_path / "first.ome.tif", tmp_path / "second", rate=10, roi_method="none")
    third = flowroi.compress(tmp_path / "second", tmp_path / "third.ome.tif", lossless="all", roi_method="none")
    assert any("lossy" in warning for warning in third.warnings)
    with flowroi.open_archive(tmp_path / "third.ome.tif") as archive:
        assert archive.manifest["lossy"] is True
        assert archive.manifest["lossy_method"] == ["ISO_15444_1", "ISO_15444_1"]
        assert archive.manifest["lossy_ratio"] == pytest.approx([8, 10], rel=0.1)


def test_manifest_tells_where_the_archive_came_from(folder, tmp_path):
    flowroi.compress(folder, tmp_path / "a", rate=10, scaling_factor=8, roi_threshold=0.1)
    with flowroi.open_archive(tmp_path / "a") as archive:
        manifest = archive.manifest
    assert manifest["flowroi"] == flowroi.__version__
    assert manifest["roi"]["roi_threshold"] == 0.1
    assert manifest["encode"]["scaling_factor"] == 8
    assert manifest["lossy_ratio"] == pytest.approx([10], rel=0.05)
    files = {record["name"]: record["sha256"] for record in manifest["source"]["files"]}
    assert files == digests(folder)


def test_real_movie(shared_data, tmp_path):
    source = shared_data / "complexeye" / "example.tiff"
    report = flowroi.compress(source, tmp_path / "a.ome.tif", rate=20)
    movie = tifffile.imread(source)
    assert report.frames == len(movie)
    assert report.rate >= 20
    decoded = tifffile.imread(tmp_path / "a.ome.tif")
    with flowroi.open_archive(Path(tmp_path / "a.ome.tif")) as archive:
        assert np.array_equal(archive[:], decoded)
    assert np.abs(decoded.astype(int) - movie).mean() < 4


def test_quality_is_reported_only_where_it_was_asked_for(movie, tmp_path):
    assert flowroi.compress(movie, tmp_path / "a.ome.tif", rate=8).summary()["roi_psnr"] is None
    measured = flowroi.compress(movie, tmp_path / "b.ome.tif", rate=8, measure=True)
    assert all(frame.roi_psnr is not None for frame in measured.per_frame)
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()
