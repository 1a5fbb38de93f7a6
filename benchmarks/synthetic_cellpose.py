"""Does the lab's neutrophil network find the synthetic cells? F1 at IoU 0.5 on uncompressed frames.

The network is the segmenter `cellpose3`, which wants an environment of its own (docs/segmenters.md), like that of
`make test-cellpose3`:

    make test-cellpose3
    .venv-cellpose3/bin/python benchmarks/synthetic_cellpose.py --seed 731 --at-least 0.9

Any segmenter and any movie with labels (TIFF) will do:

    python benchmarks/synthetic_cellpose.py --segmenter classical --movie example.tiff --labels example_seg.tiff
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from flowroi.segmenters import SEGMENTERS, open_segmenter


def frames_and_labels(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    if args.movie:
        import tifffile

        return tifffile.imread(args.movie), tifffile.imread(args.labels)
    from flowroi import synthetic_movie

    movie = synthetic_movie(frames=4, seed=args.seed, noise=args.noise, contrast=args.contrast)
    return movie.frames[3:], movie.labels[3:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmenter", choices=SEGMENTERS, default="cellpose3")
    parser.add_argument("--weights", type=Path, help="of a network; cellpose3 has the neutrophil network for a default")
    parser.add_argument("--diameter-px", type=float)
    parser.add_argument("--seed", type=int, default=731)
    parser.add_argument("--noise", type=float, default=2.0)
    parser.add_argument("--contrast", type=float, default=1.0)
    parser.add_argument("--movie", help="TIFF (T, Y, X) instead of a synthetic frame, with --labels")
    parser.add_argument("--labels", help="TIFF (T, Y, X)")
    parser.add_argument("--at-least", type=float, default=0.9)
    args = parser.parse_args()
    if bool(args.movie) != bool(args.labels):
        parser.error("--movie and --labels go together")
    segmenter = open_segmenter(args.segmenter, weights=args.weights, diameter_px=args.diameter_px)
    hits = found = true = 0
    for frame, truth in zip(*frames_and_labels(args), strict=True):
        masks = segmenter.segment(frame)
        overlap = np.zeros((truth.max() + 1, masks.max() + 1))
        np.add.at(overlap, (truth.ravel(), masks.ravel()), 1)
        union = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
        # Two masks cannot both overlap a cell by more than half of the union, so the matching is one to one.
        hits += int(((overlap / np.maximum(union, 1))[1:, 1:] > 0.5).sum())
        found += len(np.unique(masks)) - 1
        true += len(np.unique(truth)) - 1
    f1 = 2 * hits / (found + true)
    print(f"{hits} of {true} cells found, {found - hits} false: F1 {f1:.3f} at IoU 0.5 (want {args.at_least})")
    return int(f1 < args.at_least)


if __name__ == "__main__":
    sys.exit(main())
