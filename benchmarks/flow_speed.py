"""The paper's method, `flow`, against the plain OpenCV chain at full resolution: time, coverage, area and overlap.

    python benchmarks/flow_speed.py synth
    python benchmarks/flow_speed.py MOVIE --labels LABELS

The plain chain is the same steps as library calls, each on whole frames; it, too, denoises every frame once only. Both
run on one thread, in turn; the ratio is the median over the repeats. "Covered" counts the cells (one a frame) of which
the mask holds at least 90 %; IoU is that of the two masks, frame by frame.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi import RoiParams, extract_roi
from flowroi.resources import opencv_threads
from flowroi.roi.grey import GreyMapping
from movies import SYNTHETIC, covering, load

Array = npt.NDArray[Any]
LONGEST_SHIFT_PX = 16.0
WEAKEST_RESPONSE = 0.7


def plain_masks(frames: Array, share: float) -> Array:
    mapping = GreyMapping.of_first(frames[0])
    greys = [mapping(frame) for frame in frames]
    smooth = [cv2.bilateralFilter(cv2.medianBlur(grey, 3), 5, 25, 2) for grey in greys]
    masks = []
    for t in range(len(frames)):
        other = t + 1 if t + 1 < len(frames) else t - 1
        aligned = plain_stabilised(greys[t], greys[other], smooth[other])
        flow = cv2.calcOpticalFlowFarneback(
            smooth[t], aligned, None, 0.5, 3, 11, 5, 5, 1.2, cv2.OPTFLOW_FARNEBACK_GAUSSIAN
        )
        masks.append(plain_mask(flow, share))
    return np.stack(masks)


def plain_stabilised(first: Array, second: Array, smooth: Array) -> Array:
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    (dx, dy), response = cv2.phaseCorrelate(first.astype(np.float32), second.astype(np.float32), window)
    believed = response >= WEAKEST_RESPONSE and abs(dx) + abs(dy) > 0.25 and max(abs(dx), abs(dy)) <= LONGEST_SHIFT_PX
    if not believed:
        return smooth
    matrix = np.array([[1, 0, -dx], [0, 1, -dy]])
    return cv2.warpAffine(smooth, matrix, first.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def plain_mask(flow: Array, share: float) -> Array:
    magnitude = cv2.magnitude(flow[..., 0], flow[..., 1])
    gradient = cv2.magnitude(cv2.Scharr(magnitude, cv2.CV_32F, 1, 0), cv2.Scharr(magnitude, cv2.CV_32F, 0, 1))
    saliency = 0.7 * magnitude / max(magnitude.max(), 1e-9) + 0.3 * gradient / max(gradient.max(), 1e-9)
    saliency /= max(saliency.max(), 1e-9)
    mask = (saliency > max(np.quantile(saliency, 1 - share), 1 / 4096)).astype(np.uint8)
    mask = without_small(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), 40)
    return without_small(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), 200) > 0


def without_small(mask: Array, area_px: int) -> Array:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    keep = stats[:, cv2.CC_STAT_AREA] >= area_px
    keep[0] = False
    return keep[labels].astype(np.uint8)


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", help=f"a movie, or one of {', '.join(SYNTHETIC)}")
    parser.add_argument("--labels")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.2, help="roi_threshold")
    args = parser.parse_args()
    frames, labels = load(args.movie, args.labels, frames=args.frames)
    params = RoiParams(roi_threshold=args.share)
    with opencv_threads(1):
        ours, plain = extract_roi(frames, params, method="flow"), plain_masks(frames, args.share)
        times = [
            (
                seconds(lambda: plain_masks(frames, args.share)),
                seconds(lambda: extract_roi(frames, params, method="flow")),
            )
            for _ in range(args.repeats)
        ]
    megapixels = frames.size / 1e6
    for name, masks, spent in (("plain", plain, [p for p, _ in times]), ("flow", ours, [o for _, o in times])):
        found = covering(masks, labels)
        print(
            f"{name:6} {1e3 * statistics.median(spent) / megapixels:6.1f} ms/MP, "
            f"{found.covered_share:6.1%} of the cells covered, "
            f"{found.area_ratio:.2f} x their area, {masks.mean():.1%} of the frame"
        )
    overlaps = (ours & plain).sum(axis=(1, 2)) / np.maximum((ours | plain).sum(axis=(1, 2)), 1)
    ratios = [p / o for p, o in times]
    print(
        f"flow is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"IoU of the masks: mean {overlaps.mean():.3f}, least {overlaps.min():.3f}"
    )


if __name__ == "__main__":
    main()
