"""Segmentation against the compression rate, OpenJPEG and FlowRoI, and the size gain at equal F1 with its interval.

    python benchmarks/segmentation_curves.py synth --movies 8 --segmenter cellpose3
    python benchmarks/segmentation_curves.py MOVIE --labels LABELS --segmenter cellpose3

Of a synthetic movie (each with a seed of its own, fields of 324x432 with 40 cells, 5 frames), the frame in the middle
is looked at; of a real one, every frame. FlowRoI: `compress` with its own masks, the rate of the movie, s = 5, streams
in an OME-TIFF. Sizes are those of the streams. Gain: OpenJPEG's bytes over FlowRoI's at equal F1 (IoU 0.5), log bytes
interpolated linearly in F1; the 95 % interval draws frames (of synthetic movies: movies) anew, 400 times.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from flowroi import compress, synthetic_movie
from flowroi.errors import QualityTargetError
from flowroi.evaluation.gains import gain_at
from flowroi.evaluation.results import SubjectResult
from flowroi.evaluation.run import Evaluation, run_evaluation
from flowroi.segmenters import Segmenter, open_segmenter

FIELD: dict[str, Any] = {"height": 324, "width": 432, "cells": 40}
FRAMES = 5
LEVELS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5)


def measured(movie: Any, labels: Any, rates: list[float], segmenter: Segmenter, frames: range | None) -> Evaluation:
    """Compress at every rate and measure all archives and OpenJPEG at once."""
    with tempfile.TemporaryDirectory() as folder:
        archives = []
        for rate in rates:
            path = Path(folder) / f"{rate:g}.ome.tif"
            try:
                compress(movie, path, rate=rate, keep_masks=True)
            except QualityTargetError as error:
                print(f"FlowRoI at {rate:g}:1: {error}")
                continue
            archives.append(path)
        return run_evaluation(
            movie,
            archives,
            labels=labels,
            segmenter=segmenter,
            baselines=("openjpeg",),
            rates=rates,
            curve_frames=1000,
            frames=frames,
            repeat=False,
            ssim=False,
        )


def pooled(evaluations: list[Evaluation]) -> list[SubjectResult]:
    """Join the same subject of several movies, with the movies' numbers for frames."""
    joined = []
    for same in zip(*(e.subjects for e in evaluations), strict=True):
        rows = [frame for subject in same for frame in subject.frames]
        frames = tuple(replace(frame, t=n) for n, frame in enumerate(rows))
        joined.append(replace(same[0], frames=frames))
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", help="synth, or a movie")
    parser.add_argument("--labels")
    parser.add_argument("--segmenter", default="classical")
    parser.add_argument("--movies", type=int, default=8, help="synthetic ones")
    parser.add_argument("--noise", type=float, default=2.0, help="of the synthetic ones")
    parser.add_argument("--contrast", type=float, default=1.0, help="of the synthetic ones")
    parser.add_argument("--rates", default="10,20,40,80,120,160,240,320")
    args = parser.parse_args()
    rates = [float(rate) for rate in args.rates.split(",")]
    segmenter = open_segmenter(args.segmenter)
    if args.movie == "synth":
        made = (
            synthetic_movie(frames=FRAMES, seed=100 + n, noise=args.noise, contrast=args.contrast, **FIELD)
            for n in range(args.movies)
        )
        middle = range(FRAMES // 2, FRAMES // 2 + 1)
        subjects = pooled([measured(m.frames, m.labels, rates, segmenter, middle) for m in made])
    else:
        subjects = pooled([measured(args.movie, args.labels, rates, segmenter, None)])
    raw = subjects[0].summary()
    cells = sum(frame.matches.truth for frame in subjects[0].frames if frame.matches)
    print(f"{args.movie}, {args.segmenter}: {cells} cells in {raw.frames} frames")
    print(f"{'':22} {'rate':>7} {'PSNR, cells':>12} {'precision':>10} {'recall':>7} {'F1':>6}")
    for subject in subjects:
        s = subject.summary()
        name = "FlowRoI" if subject.kind == "archive" else subject.name
        figures = [f"{value or 0:.3f}" for value in (s.precision, s.recall, s.f1)]
        psnr = "exact" if np.isinf(s.roi_psnr or 0) else f"{s.roi_psnr:.2f} dB"
        print(f"{name:22} {s.rate:>6.1f}:1 {psnr:>12} {figures[0]:>10} {figures[1]:>7} {figures[2]:>6}")
    plain = [s for s in subjects if s.kind == "baseline"]
    ours = [s for s in subjects if s.kind == "archive"]
    frames = range(raw.frames)
    for level in LEVELS:
        gain = gain_at(ours, plain, frames, "f1", level)
        value = "not reached by both curves" if gain.gain is None else f"{gain.gain:.2f}"
        between = "" if gain.low is None else f" ({gain.low:.2f} to {gain.high:.2f})"
        print(f"gain at F1 {level:g}: {value}{between}")


if __name__ == "__main__":
    main()
