"""All experiments on a tiny movie: their files, their figures against figures computed here, and what is made again."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import tifffile

import flowroi
from flowroi.archives.atomic import hold
from flowroi.baselines.openjpeg import OpenJpeg
from flowroi.errors import InvalidParameterError, OutputExistsError
from flowroi.experiments import run, workbench
from flowroi.experiments.configuration import usual
from flowroi.experiments.movie import default_movie, given_movie
from flowroi.experiments.registry import EXPERIMENTS
from flowroi.experiments.run import run_experiments
from flowroi.experiments.workbench import Workbench
from flowroi.metrics.matching import Matches, match_cells
from flowroi.png import png_size
from flowroi.segmenters import open_segmenter

from .conftest import TINY


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def movie_of(folder):
    (made,) = (folder / "cache").glob("synthetic-*")
    return made


def psnr(decoded, original, where):
    return 10 * np.log10(255**2 / np.mean((decoded.astype(float) - original)[where] ** 2))


def test_every_experiment_leaves_its_files(everything):
    folder, result = everything
    assert sorted(p.name for p in folder.iterdir()) == sorted([*result.files, "cache"])
    assert result.names == tuple(EXPERIMENTS)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for name in EXPERIMENTS:
        assert (folder / f"{name}.csv").stat().st_size > 0
        assert f'id="{name}"' in page
    for path in folder.glob("*.png"):
        width, height = png_size(path.read_bytes())
        assert width > 900
        assert height > 200
    assert result.verdict in page.replace("&#39;", "'")
    stored = json.loads((folder / "experiments.json").read_text())
    assert stored["verdict"] == result.verdict
    assert len(stored["statements"]) == len(rows_of(folder / "statements.csv")) == len(result.statements)


def test_every_statement_is_tried_with_its_method(everything):
    tried = {(s.experiment, s.method) for s in everything[1].statements}
    both = ("fig2", "fig3", "fig5", "fig7", "fig8", "fig9", "table2", "runtime")
    assert tried == {(name, method) for name in both for method in ("fused", "flow")} | {
        ("fig4", "flow"),
        ("fig6", "flow"),
    }


def test_figures_of_an_archive_are_those_of_its_pixels(everything, tmp_path):
    folder, _ = everything
    made = movie_of(folder)
    frames, labels = tifffile.imread(made / "movie.tif"), tifffile.imread(made / "labels.tif")
    flowroi.compress(
        made / "movie.tif",
        tmp_path / "a.ome.tif",
        roi_method="flow",
        rate=40,
        roi_threshold=0.3,
        adjacent_factor=0,
        denoise=True,
        scaling_factor=5,
        keep_masks=True,
    )
    with flowroi.open_archive(tmp_path / "a.ome.tif") as archive:
        decoded = archive[:]
        area = sum(int(archive.roi(t).sum()) for t in range(len(archive)))
        sizes = sum(record["size_bytes"] for record in archive.manifest["frames"])
    (row,) = [
        r
        for r in rows_of(folder / "fig7.csv")
        if r["codec"].startswith("FlowRoI, flow") and r["roi_threshold"] == "0.3"
    ]
    found = open_segmenter("classical")
    matches = sum((match_cells(*pair) for pair in zip(labels, map(found.segment, decoded), strict=True)), Matches())
    assert int(row["size_bytes"]) == sizes
    assert float(row["rate"]) == pytest.approx(frames.nbytes / sizes)
    assert float(row["roi_psnr"]) == pytest.approx(psnr(decoded, frames, labels > 0))
    assert float(row["clean_psnr"]) == pytest.approx(psnr(decoded, np.load(made / "clean.npy"), labels > 0))
    assert float(row["f1"]) == pytest.approx(matches.f1())
    assert float(row["roi_area"]) == pytest.approx(area / (labels > 0).sum())


def test_figures_of_plain_jpeg_2000(everything):
    folder, _ = everything
    made, codec = movie_of(folder), OpenJpeg()
    frames, labels = tifffile.imread(made / "movie.tif"), tifffile.imread(made / "labels.tif")
    streams = [codec.encode(frame, 40) for frame in frames]
    decoded = np.stack([codec.decode(stream) for stream in streams])
    for name in ("fig7", "fig8", "fig9"):
        row = next(r for r in rows_of(folder / f"{name}.csv") if r["codec"] == "JPEG 2000, 40:1")
        assert float(row["roi_psnr"]) == pytest.approx(psnr(decoded, frames, labels > 0))
        assert int(row["size_bytes"]) == sum(map(len, streams))


def test_gain_is_read_off_the_curves(everything):
    folder, _ = everything
    points = rows_of(folder / "fig2.csv")
    ours = sorted(
        (float(r["roi_psnr"]), np.log(float(r["size_bytes"])))
        for r in points
        if r["codec"] == "FlowRoI, fused" and r["roi_psnr"]
    )
    plain = next(r for r in points if r["codec"].startswith("JPEG 2000") and float(r["asked"]) == 40)
    size = np.exp(np.interp(float(plain["roi_psnr"]), *zip(*ours, strict=True)))
    gains = rows_of(folder / "fig2_gains.csv")
    (row,) = [r for r in gains if r["codec"] == "FlowRoI, fused" and r["where"] == "JPEG 2000 at 40:1"]
    assert float(row["gain"]) == pytest.approx(float(plain["size_bytes"]) / size, rel=1e-6)
    assert float(row["low"]) <= float(row["gain"]) <= float(row["high"])
    assert float(row["cap"]) > 1


def test_same_configuration_has_the_same_figures_everywhere(everything):
    folder, _ = everything
    flow = "FlowRoI, flow"
    usual_rows = [
        next(r for r in rows_of(folder / "fig2.csv") if r["codec"] == flow and float(r["asked"]) == 40),
        next(r for r in rows_of(folder / "fig6.csv") if r["denoise"] == "on"),
        next(r for r in rows_of(folder / "fig7.csv") if r["codec"] == flow and r["roi_threshold"] == "0.2"),
        next(
            r
            for r in rows_of(folder / "fig8.csv")
            if r["codec"] == "flow, threshold 0.2" and r["adjacent_factor"] == "0.0"
        ),
        next(r for r in rows_of(folder / "fig9.csv") if r["codec"] == flow and r["scaling_factor"] == "5.0"),
    ]
    assert len({(r["size_bytes"], r["roi_psnr"], r["f1"]) for r in usual_rows}) == 1


def test_missed_cells_are_counted_on_all_frames(everything):
    folder, _ = everything
    made = movie_of(folder)
    labels = tifffile.imread(made / "labels.tif")
    masks = flowroi.extract_roi(tifffile.imread(made / "movie.tif"), method="flow", roi_threshold=0.2)
    shares = [
        mask[truth == cell].mean() for mask, truth in zip(masks, labels, strict=True) for cell in set(truth[truth > 0])
    ]
    row = next(r for r in rows_of(folder / "fig5_counts.csv") if r["method"] == "flow")
    assert int(row["cells"]) == len(shares)
    assert int(row["missed"]) == sum(share < 0.1 for share in shares)
    cells = [float(r["covered"]) for r in rows_of(folder / "fig5.csv") if r["method"] == "flow"]
    assert cells == sorted(cells)


def test_fused_takes_no_notice_of_denoising(everything):
    frames = tifffile.imread(movie_of(everything[0]) / "movie.tif")
    assert np.array_equal(flowroi.extract_roi(frames, denoise=True), flowroi.extract_roi(frames, denoise=False))
    page = (everything[0] / "report.html").read_text(encoding="utf-8")
    assert "fused has no denoising stage" in page


def test_another_run_compresses_nothing_again(everything, tmp_path, tiny, compressions):
    folder, first = everything
    shutil.copytree(folder / "cache", tmp_path / "again" / "cache")
    again = run_experiments(["fig7", "fig6"], tmp_path / "again", **tiny)
    assert compressions == []
    for name in ("fig6.csv", "fig7.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert again.names == ("fig6", "fig7")
    assert set(again.statements) <= set(first.statements)


def test_a_run_that_was_stopped_goes_on(tmp_path, tiny, compressions, monkeypatch):
    stopped = workbench.compress_as_movie

    def stops(source, target, **options):
        if len(compressions) == 1:
            raise KeyboardInterrupt
        return stopped(source, target, **options)

    monkeypatch.setattr(workbench, "compress_as_movie", stops)
    with pytest.raises(KeyboardInterrupt):
        run_experiments(["fig6"], tmp_path / "e", **tiny)
    assert [p.name for p in (tmp_path / "e").iterdir()] == ["cache"]
    assert not [p for p in tmp_path.rglob("*") if "flowroi-part" in p.name or p.name.startswith(".")]
    monkeypatch.setattr(workbench, "compress_as_movie", stopped)
    run_experiments(["fig6"], tmp_path / "e", **tiny)
    assert len(compressions) == len(set(compressions)) == 2, "the first of two was kept"


def test_what_a_killed_run_left_unfinished_goes(tmp_path, tiny):
    movie = default_movie(tmp_path, **TINY)
    (tmp_path / "archives").mkdir()
    dead, alive = ".b.ome.tif.flowroi-part", ".a.ome.tif.flowroi-part"
    (tmp_path / "archives" / dead).touch()
    held = hold(tmp_path / "archives" / alive, folder=False)
    Workbench(movie, tmp_path, None)
    assert [p.name for p in (tmp_path / "archives").iterdir()] == [alive]
    os.close(held)


def test_a_failure_while_writing_leaves_the_earlier_results(tmp_path, tiny, monkeypatch):
    folder = tmp_path / "e"
    run_experiments(["fig6"], folder, **tiny)
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}

    def fails(report):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "render", fails)
    with pytest.raises(OSError, match="No space"):
        run_experiments(["fig6"], folder, overwrite=True, **tiny)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before
    assert not list((folder / "cache").glob(".*"))


def test_results_are_replaced_only_when_asked(tmp_path, tiny):
    folder = tmp_path / "e"
    run_experiments(["fig6"], folder, **tiny)
    with pytest.raises(OutputExistsError):
        run_experiments(["fig6"], folder, **tiny)
    run_experiments(["fig4"], folder, overwrite=True, **tiny)
    assert not (folder / "fig6.csv").exists(), "results of other experiments would be taken for these"
    (folder / "mine.txt").touch()
    with pytest.raises(OutputExistsError, match=r"mine\.txt"):
        run_experiments(["fig4"], folder, overwrite=True, **tiny)


def test_a_rate_out_of_reach_is_left_out_and_told(everything):
    folder, _ = everything
    row = next(r for r in rows_of(folder / "fig2.csv") if r["codec"] == "FlowRoI, fused" and float(r["asked"]) == 320)
    assert row["roi_psnr"] == ""
    assert "Left out, because so few bytes do not do" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_given_movie_without_labels_or_segmenter(tmp_path, everything, tiny):
    made = movie_of(everything[0])
    options = {"segmenter": tiny["segmenter"], "workers": 1}
    run_experiments(["fig6"], tmp_path / "found", source=made / "movie.tif", methods=("flow",), **options)
    truth = json.loads((tmp_path / "found" / "experiments.json").read_text())
    assert truth["movie"] == "movie"
    labels = {"source": made / "movie.tif", "labels": made / "labels.tif"}
    run_experiments(["fig6", "fig9"], tmp_path / "e", methods=("flow",), segmenter=None, workers=1, **labels)
    rows = rows_of(tmp_path / "e" / "fig6.csv")
    assert rows[0]["f1"] == ""
    expected = next(r for r in rows_of(everything[0] / "fig6.csv") if r["denoise"] == "off")
    assert rows[0]["roi_psnr"] == expected["roi_psnr"]
    assert not (tmp_path / "e" / "fig6_segmentation.png").exists()
    with pytest.raises(InvalidParameterError, match="neither labels nor a segmenter"):
        run_experiments(["fig6"], tmp_path / "x", source=made / "movie.tif")
    with pytest.raises(InvalidParameterError, match="without a movie"):
        run_experiments(["fig6"], tmp_path / "x", labels=made / "labels.tif")
    assert not (tmp_path / "x").exists()


def test_other_cells_or_another_segmenter_are_other_figures(everything, tmp_path):
    made = movie_of(everything[0])
    movies = [given_movie(made / "movie.tif", labels) for labels in (made / "labels.tif", None)]
    keys = {
        Workbench(movie, tmp_path, segmenter)._figure(usual("fused")).name
        for movie in movies
        for segmenter in (None, open_segmenter("classical"), open_segmenter("classical", diameter_px=15))
    }
    assert len(keys) == 6


def test_progress_reaches_its_end(tmp_path, tiny):
    steps = []
    run_experiments(["fig6"], tmp_path / "e", progress=lambda done, total: steps.append((done, total)), **tiny)
    done = [step for step, _ in steps]
    assert done == sorted(done)
    assert steps[-1][0] == steps[-1][1]
