"""A synthetic crop beside a real one, enlarged: `python benchmarks/synthetic_beside_real.py REAL.tif OUT.png`."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import tifffile

from flowroi import synthetic_movie

ZOOM = 3


def main() -> None:
    real = tifffile.imread(sys.argv[1])[5]
    height, width = real.shape
    # The real crop was smoothed by an earlier lossy compression: noise 0.8 instead of the sensor's 2.
    synthetic = synthetic_movie(frames=6, seed=3, noise=0.8).frames[5][200 : 200 + height, 300 : 300 + width]
    bar = np.full((height, 4), 255, np.uint8)
    picture = cv2.resize(np.hstack([real, bar, synthetic]), None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(sys.argv[2], picture)


if __name__ == "__main__":
    main()
