"""Background treatments before SVT-AV1: size gain over plain OpenJPEG at equal pooled PSNR on the true cells.

    python benchmarks/video_background.py synth synth_faint --frames 24
    python benchmarks/video_background.py MOVIE --labels LABELS --frames 16

Masks are automatic (`fused`, default parameters). A gain is read where plain OpenJPEG is at 10, 20 and 40:1; "-" where
the quantisers do not reach that PSNR. 8-bit movies; odd last rows and columns are left out.
"""

from __future__ import annotations

import argparse
import io
import os
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.codec.decoder import decode
from flowroi.metrics.curves import Curve, size_gain
from flowroi.params import RoiParams
from flowroi.roi import iter_roi
from flowroi.sequence.treatment import open_treatment
from movies import load

RATES = (6, 8, 10, 14, 20, 28, 40, 56, 80, 112)
Frames = npt.NDArray[Any]


def coded(frames: Frames, crf: int, preset: int, settings: str) -> tuple[int, Frames]:
    """Return the bytes of the packets, and the frames decoded: 10 bit, one thread, a key frame at the start only."""
    import av

    stored, size = io.BytesIO(), 0
    height, width = frames.shape[1:]
    with av.open(stored, "w", format="matroska") as container:
        params = ":".join(filter(None, ("lp=1", settings)))
        options = {"crf": str(crf), "preset": str(preset), "svtav1-params": params}
        stream = container.add_stream("libsvtav1", rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
        stream.codec_context.gop_size = 9999
        for t in range(len(frames) + 1):
            picture = picture_of(frames[t], t) if t < len(frames) else None
            for packet in stream.encode(picture):
                size += packet.size
                container.mux(packet)
    stored.seek(0)
    with av.open(stored) as container:
        deep = [luma(picture.planes[0])[:, :width].astype(np.int32) for picture in container.decode(video=0)]
    return size, np.clip((np.stack(deep) + 2) >> 2, 0, 255)


def picture_of(frame: Frames, t: int) -> Any:
    import av

    picture = av.VideoFrame(frame.shape[1], frame.shape[0], "yuv420p10le")
    luma(picture.planes[0])[:, : frame.shape[1]] = frame.astype(np.uint16) << 2
    for plane in picture.planes[1:]:
        luma(plane)[:] = 512
    picture.pts, picture.time_base = t, Fraction(1, 10)
    return picture


def luma(plane: Any) -> Frames:
    return np.ndarray((plane.height, plane.line_size // 2), np.uint16, buffer=plane)


def psnr(decoded: Frames, frames: Frames, cells: Frames) -> float:
    return float(10 * np.log10(255**2 / np.square(decoded.astype(float) - frames)[cells].mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="+", help="synth, synth_faint, ..., or a movie")
    parser.add_argument("--labels", help="true cells of a movie: TIFF, or a folder of images")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--crf", type=int, nargs="+", default=[2, 5, 9, 14, 20, 28, 36, 44])
    parser.add_argument("--preset", type=int, default=6, help="above 6, low CRF damages cells (10 bit)")
    parser.add_argument("--settings", default="", help="more of svtav1-params, joined by colons")
    args = parser.parse_args()
    os.environ.setdefault("SVT_LOG", "-1")
    for name in args.movies:
        frames, labels = load(name, args.labels, frames=args.frames)
        rows, columns = (n // 2 * 2 for n in frames.shape[1:])
        frames, cells = np.ascontiguousarray(frames[:, :rows, :columns]), labels[:, :rows, :columns] > 0
        plain = []
        for rate in RATES:
            streams = [openjpeg_encode(frame, rate) for frame in frames]
            plain.append((sum(map(len, streams)), psnr(np.stack([decode(s) for s in streams]), frames, cells)))
        rois = [roi for _, roi in iter_roi(iter(frames), RoiParams())]
        for background in ("none", "fill", "plate"):
            treatment = open_treatment(background, peak=255)
            treated = np.stack([treatment.apply(frame, roi) for frame, roi in zip(frames, rois, strict=True)])
            points = []
            for crf in args.crf:
                size, decoded = coded(treated, crf, args.preset, args.settings)
                points.append((size, psnr(decoded, frames, cells)))
            gains = [size_gain(Curve.of(plain), Curve.of(points), plain[RATES.index(r)][1]) for r in (10, 20, 40)]
            print(name, background, " / ".join("-" if gain is None else f"{gain:.2f}" for gain in gains), flush=True)


if __name__ == "__main__":
    main()
