"""Automatic masks against the true cells: how many are covered, and how much more than their area is marked.

    python benchmarks/roi_coverage.py synth --seeds 731 7 8
    python benchmarks/roi_coverage.py MOVIE --labels LABELS [--method flow]

Of every cell in every frame: covered if at least 90 % of its pixels are in the mask, missed if less than 10 % are.
Area: marked pixels over true cell pixels. The time is that of one thread, the first frames included.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from flowroi.params import RoiParams
from flowroi.roi import iter_roi
from movies import SYNTHETIC, covering, load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", help=f"{', '.join(SYNTHETIC)}, or a movie")
    parser.add_argument("--labels", help="true cells of a movie: TIFF, or a folder of images")
    parser.add_argument("--method", choices=("fused", "flow"), default="fused")
    parser.add_argument("--look-ahead", type=int, default=RoiParams().look_ahead)
    parser.add_argument("--seeds", type=int, nargs="+", default=[731], help="of a synthetic movie")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for seed in args.seeds:
        frames, labels = load(args.movie, args.labels, seed=seed)
        start = time.perf_counter()
        rois = [roi for _, roi in iter_roi(frames, RoiParams(look_ahead=args.look_ahead), method=args.method)]
        ms = 1e9 * (time.perf_counter() - start) / frames.size
        masks = np.stack([roi.mask for roi in rois])
        found = covering(masks, labels)
        warnings = sorted({roi.diagnostics.warning for roi in rois} - {""})
        print(
            f"{args.movie} seed {seed}, {args.method}: {found.covered_share:.2%} of {found.cells} cells covered, "
            f"{found.missed / found.cells:.2%} missed, area x{found.area_ratio:.2f}, {ms:.0f} ms/MP",
            *warnings,
        )


if __name__ == "__main__":
    main()
