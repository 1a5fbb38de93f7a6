"""Background treatments before SVT-AV1: size gain over plain OpenJPEG at equal pooled PSNR on the true cells.

    python benchmarks/video_background.py synth synth_faint --frames 40
    python benchmarks/video_background.py synth --frames 120 --preset 5 6 --gop 32 64 128 --seed 7
    python benchmarks/video_background.py MOVIE --labels LABELS --frames 16 --background fill

Masks are automatic (`fused`, default parameters). Chunks of 128 frames are treated by themselves, after up to 32 frames
before them (the first: its own). A gain is read where plain OpenJPEG is at 10, 20 and 40:1; "-" where the quantisers do
not reach that PSNR. Then the encoder's frames a second of one thread's time, and the treatment's seconds a megapixel.
8-bit movies; odd last rows and columns are left out.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from fractions import Fraction
from itertools import product
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from flowroi.baselines.openjpeg import openjpeg_encode
from flowroi.codec.decoder import decode
from flowroi.metrics.curves import Curve, size_gain
from flowroi.params import RoiParams
from flowroi.resources import opencv_threads
from flowroi.roi import iter_roi
from flowroi.roi.frame_roi import FrameRoi
from flowroi.sequence.treatment import Background, open_treatment
from movies import load

RATES = (7, 10, 14, 20, 28, 40, 56)
CHUNK, LEAD_IN = 128, 32
SETTINGS = "enable-tf=0:scm=1:qp-scale-compress-strength=1:enable-cdef=0"
Frames = npt.NDArray[Any]


def treated(background: Background, frames: Frames, rois: list[FrameRoi], gop: int) -> Frames:
    """Return the frames as they are coded."""
    out = []
    for start in range(0, len(frames), CHUNK):
        treatment = open_treatment(background, peak=255, gop=gop)
        lead_in = range(start - LEAD_IN, start) if start else range(min(LEAD_IN, len(frames)))
        for t in lead_in:
            treatment.learn(frames[t], rois[t])
        out += [treatment.apply(frames[t], rois[t]) for t in range(start, min(start + CHUNK, len(frames)))]
    return np.stack(out)


def coded(frames: Frames, crf: int, preset: int, gop: int, settings: str) -> tuple[int, Frames]:
    """Return the bytes of the packets, and the frames decoded: 10 bit, one thread, closed groups of pictures."""
    import av

    stored, size = io.BytesIO(), 0
    height, width = frames.shape[1:]
    with av.open(stored, "w", format="matroska") as container:
        params = ":".join(filter(None, ("lp=1:scd=0", settings)))
        options = {"crf": str(crf), "preset": str(preset), "g": str(gop), "svtav1-params": params}
        stream = container.add_stream("libsvtav1", rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
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
    parser.add_argument("--seed", type=int, default=731, help="of synthetic movies")
    parser.add_argument("--background", nargs="+", choices=get_args(Background), default=["none", "fill", "plate"])
    parser.add_argument("--crf", type=int, nargs="+", default=[4, 9, 15, 20, 26, 32, 39, 46])
    parser.add_argument("--preset", type=int, nargs="+", default=[6], help="above 6, cells suffer (10 bit)")
    parser.add_argument("--gop", type=int, nargs="+", default=[64], help="frames from key frame to key frame")
    parser.add_argument("--settings", default=SETTINGS, help="more of svtav1-params, joined by colons")
    args = parser.parse_args()
    os.environ.setdefault("SVT_LOG", "-1")
    with opencv_threads(1):
        measure(args)


def measure(args: argparse.Namespace) -> None:
    for name in args.movies:
        frames, labels = load(name, args.labels, frames=args.frames, seed=args.seed)
        rows, columns = (n // 2 * 2 for n in frames.shape[1:])
        frames, cells = np.ascontiguousarray(frames[:, :rows, :columns]), labels[:, :rows, :columns] > 0
        plain = []
        for rate in RATES:
            streams = [openjpeg_encode(frame, rate) for frame in frames]
            plain.append((sum(map(len, streams)), psnr(np.stack([decode(s) for s in streams]), frames, cells)))
        rois = [roi for _, roi in iter_roi(iter(frames), RoiParams())]
        for background, gop, preset in product(args.background, args.gop, args.preset):
            started = time.process_time()
            shown = treated(background, frames, rois, gop)
            treating = (time.process_time() - started) / (len(frames) + min(LEAD_IN, len(frames)))
            points, coding = [], 0.0
            for crf in args.crf:
                started = time.process_time()
                size, decoded = coded(shown, crf, preset, gop, args.settings)
                coding += time.process_time() - started
                points.append((size, psnr(decoded, frames, cells)))
            gains = [size_gain(Curve.of(plain), Curve.of(points), plain[RATES.index(r)][1]) for r in (10, 20, 40)]
            told = " / ".join("-" if gain is None else f"{gain:.2f}" for gain in gains)
            speed = f"{len(args.crf) * len(frames) / coding:.1f} fps, {treating / frames[0].size * 1e6:.3f} s/MP"
            print(f"{name} {background} preset {preset} gop {gop}: {told}, {speed}", flush=True)


if __name__ == "__main__":
    main()
