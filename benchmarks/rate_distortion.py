"""The encoder alone against OpenJPEG: size gain at equal PSNR on the true cells, and plain coding at equal size.

    python benchmarks/rate_distortion.py synth
    python benchmarks/rate_distortion.py MOVIE --labels LABELS -s 10
    python benchmarks/rate_distortion.py synth --automatic
    python benchmarks/rate_distortion.py synth --plain

Masks are the true cells grown by 2 px, or (`--automatic`) those of the fused method: as they are, with its soft
weights, and with a fifth of the cells cut out of them, whose PSNR is then set beside plain OpenJPEG's. Beside our
encoder stands the trivial method: the background outside the same mask replaced by a feathered local mean before
OpenJPEG. Gain: for either, a curve of (bytes, PSNR pooled over the true
cells' pixels of all frames); at plain OpenJPEG's points for 10, 20 and 40:1, its bytes over the other's bytes at the
same PSNR, log bytes interpolated linearly in dB.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi import decode, encode
from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.baselines.smooth import smoothed
from flowroi.codec import encode_frame
from flowroi.params import EncodeParams, RoiParams
from flowroi.roi import iter_roi
from movies import SYNTHETIC, load

Frame = npt.NDArray[Any]
RATES = (6, 8, 10, 14, 20, 28, 40, 56, 80, 112)
AT = (10, 20, 40)
# Share of the cells that are cut out of the masks.
MISSED = 0.2


def psnr(error: Frame) -> float:
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-9)))


def curve(
    code: Callable[[int, Frame, float], bytes], frames: Frame, cells: Frame, rates: tuple[int, ...] = RATES
) -> Frame:
    """Rows of (bytes, PSNR on the cells, PSNR elsewhere), one a rate."""
    rows = []
    for rate in rates:
        streams = [code(t, frame, rate) for t, frame in enumerate(frames)]
        error = np.square(np.stack([decode(s) for s in streams]).astype(float) - frames)
        rows.append((sum(map(len, streams)), psnr(error[cells]), psnr(error[~cells])))
    return np.array(rows)


def bytes_at(rows: Frame, quality: float) -> float:
    order = np.argsort(rows[:, 1])
    return float(np.exp(np.interp(quality, rows[order, 1], np.log(rows[order, 0]))))


def report(label: str, base: Frame, rows: Frame) -> None:
    points = [RATES.index(rate) for rate in AT]
    gains = [base[i][0] / bytes_at(rows, base[i][1]) for i in points]
    print(
        f"{label:28}",
        " / ".join(f"{g:.2f}" for g in gains),
        "at 10/20/40:1; background",
        " / ".join(f"{rows[i][2]:.1f}" for i in points),
        "dB",
    )


def gains(frames: Frame, cells: Frame, scaling_factor: float) -> None:
    square = np.ones((5, 5), np.uint8)
    masks = [cv2.dilate(c.astype(np.uint8), square) > 0 for c in cells]
    base = curve(lambda _, frame, rate: openjpeg_encode(frame, rate), frames, cells)
    report("plain OpenJPEG", base, base)
    soft = [smoothed(frame, mask) for frame, mask in zip(frames, masks, strict=True)]
    report("background smoothed, OpenJPEG", base, curve(lambda t, _, r: openjpeg_encode(soft[t], r), frames, cells))
    report(
        f"FlowRoI, s = {scaling_factor:g}",
        base,
        curve(
            lambda t, frame, rate: encode(frame, masks[t], rate=rate, scaling_factor=scaling_factor, container="j2k"),
            frames,
            cells,
        ),
    )


def automatic(frames: Frame, labels: Frame, chosen: Frame, scaling_factor: float) -> None:
    rois = [roi for _, roi in iter_roi(frames, RoiParams())]
    frames, labels, rois = frames[chosen], labels[chosen], [rois[t] for t in chosen]
    cells = labels > 0
    base = curve(lambda _, frame, rate: openjpeg_encode(frame, rate), frames, cells)
    report("plain OpenJPEG", base, base)

    def ours(masks: list[Frame], weights: list[Frame | None]) -> Callable[[int, Frame, float], bytes]:
        def code(t: int, frame: Frame, rate: float) -> bytes:
            params = EncodeParams(rate=rate, scaling_factor=scaling_factor, container="j2k")
            return encode_frame(frame, masks[t], params, weights=weights[t]).data

        return code

    masks = [roi.mask for roi in rois]
    weights = [roi.weights for roi in rois]
    report(f"fused, hard masks, s = {scaling_factor:g}", base, curve(ours(masks, [None] * len(masks)), frames, cells))
    report(f"fused, soft weights, s = {scaling_factor:g}", base, curve(ours(masks, weights), frames, cells))
    cut, cut_masks, cut_weights = [], [], []
    rng = np.random.default_rng(0)
    for truth, roi in zip(labels, rois, strict=True):
        ids = np.unique(truth)[1:]
        missed = np.isin(truth, ids[rng.random(len(ids)) < MISSED])
        around = cv2.dilate(missed.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
        cut.append(missed)
        cut_masks.append(roi.mask & ~around)
        # What a place has that just fails to be in the mask.
        half = around[::2, ::2]
        cut_weights.append(None if roi.weights is None else np.where(half, np.minimum(roi.weights, 0.2), roi.weights))
    where = np.stack(cut)
    for rate in AT:
        rows = [
            curve(code, frames, where, (rate,))[0][1]
            for code in (ours(cut_masks, [None] * len(masks)), ours(cut_masks, cut_weights))
        ]
        theirs = curve(lambda _, frame, r: openjpeg_encode(frame, r), frames, where, (rate, 2 * rate))[:, 1]
        print(
            f"missed cells at {rate}:1: hard {rows[0]:.1f}, soft {rows[1]:.1f} dB; plain OpenJPEG {theirs[0]:.1f}, at "
            f"{2 * rate}:1 {theirs[1]:.1f}"
        )


def plain(frames: Frame) -> None:
    for rate in (10, 20, 40, 80, 120):
        differences = []
        for frame in frames:
            theirs = openjpeg_encode(frame, rate)
            ours = encode(frame, rate=frame.nbytes / len(theirs), container="j2k")
            assert len(ours) <= len(theirs)
            ours_psnr, theirs_psnr = (psnr(np.square(decode(s).astype(float) - frame)) for s in (ours, theirs))
            differences.append(ours_psnr - theirs_psnr)
        print(f"{rate}:1 {np.mean(differences):+.3f} dB", end="   ")
    print("against OpenJPEG at the same size, no RoI")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", help=f"{', '.join(SYNTHETIC)}, or a movie")
    parser.add_argument("--labels", help="true cells of a movie: TIFF, or a folder of images")
    parser.add_argument("-s", "--scaling-factor", type=float, default=5.0)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--automatic", action="store_true", help="masks of the fused method, of the whole movie")
    parser.add_argument("--plain", action="store_true", help="compare plain coding instead")
    args = parser.parse_args()
    frames, labels = load(args.movie, args.labels)
    chosen = np.linspace(1, len(frames) - 2, min(args.frames, len(frames) - 2)).astype(int)
    if args.automatic:
        automatic(frames, labels, chosen, args.scaling_factor)
    elif args.plain:
        plain(frames[chosen])
    else:
        gains(frames[chosen], labels[chosen] > 0, args.scaling_factor)


if __name__ == "__main__":
    main()
