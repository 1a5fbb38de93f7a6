"""Does the lab's neutrophil network find the synthetic cells? F1 at IoU 0.5 on uncompressed frames.

The network (`Neutrophil_granulocytes`, Cellpose 3 architecture) is part of the PyPI wheel mmv-h4tracks 1.3.0.
Cellpose 3 wants an environment of its own:

    python3 -m venv cellpose-env
    cellpose-env/bin/pip install torch==2.13.0
    cellpose-env/bin/pip install cellpose==3.1.1.3
    pip download --no-deps mmv-h4tracks==1.3.0 && unzip mmv_h4tracks-*.whl 'mmv_h4tracks/models/*'

Save a frame and its labels with this project's Python, then score them with the other:

    python benchmarks/synthetic_cellpose.py make frame.npz --seed 731
    cellpose-env/bin/python benchmarks/synthetic_cellpose.py score frame.npz \
        mmv_h4tracks/models/Neutrophil_granulocytes --at-least 0.9
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

DIAMETER_PX = 15.35  # of the lab's training cells


def make(args: argparse.Namespace) -> int:
    from flowroi import synthetic_movie

    movie = synthetic_movie(frames=4, seed=args.seed, noise=args.noise, contrast=args.contrast)
    np.savez_compressed(args.file, frames=movie.frames[3:], labels=movie.labels[3:])
    return 0


def score(args: argparse.Namespace) -> int:
    from cellpose import models

    if args.file.endswith(".npz"):
        data = np.load(args.file)
        frames, labels = data["frames"], data["labels"]
    else:
        import tifffile

        frames, labels = tifffile.imread(args.file), tifffile.imread(args.labels)
    network = models.CellposeModel(gpu=False, pretrained_model=args.network)
    hits = found = true = 0
    for frame, truth in zip(frames, labels, strict=True):
        masks = network.eval(frame, diameter=DIAMETER_PX, channels=[0, 0])[0]
        overlap = np.zeros((truth.max() + 1, masks.max() + 1))
        np.add.at(overlap, (truth.ravel(), masks.ravel()), 1)
        union = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
        # Two masks cannot both overlap a cell by more than half of the union, so the matching is one to one.
        hits += int(((overlap / union)[1:, 1:] > 0.5).sum())
        found += len(np.unique(masks)) - 1
        true += len(np.unique(truth)) - 1
    f1 = 2 * hits / (found + true)
    print(f"{hits} of {true} cells found, {found - hits} false: F1 {f1:.3f} at IoU 0.5 (want {args.at_least})")
    return int(f1 < args.at_least)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("make")
    verb.add_argument("file")
    verb.add_argument("--seed", type=int, default=731)
    verb.add_argument("--noise", type=float, default=2.0)
    verb.add_argument("--contrast", type=float, default=1.0)
    verb.set_defaults(run=make)
    verb = verbs.add_parser("score")
    verb.add_argument("file", help=".npz of `make`, or a TIFF movie with --labels")
    verb.add_argument("network")
    verb.add_argument("--labels")
    verb.add_argument("--at-least", type=float, default=0.9)
    verb.set_defaults(run=score)
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
