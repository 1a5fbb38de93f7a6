"""Movies coded from frame to frame: size gain over plain OpenJPEG at equal PSNR on the true cells, and speed.

    python benchmarks/sequence.py synth synth_faint --frames 40
    python benchmarks/sequence.py synth --frames 120 --preset 5 6 7 8 --gop 32 64 128 --background fill plate none
    python benchmarks/sequence.py MOVIE --labels LABELS --frames 16

Packets alone, no container. Masks are automatic (`fused`). A gain is read where plain OpenJPEG is at 10, 20 and 40:1;
"-" where the qualities that were coded do not reach that PSNR. "none" is the codec as it comes: no RoI, no treatment.
Frames a second are of one thread's processor time: RoI with treatment, the encoder, both.
"""

from __future__ import annotations

import argparse
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
from flowroi.sequence.coding import chunks_of
from flowroi.sequence.encoder import SequenceFormat, open_decoder, open_encoder, picture_of, settings_for, to_samples
from flowroi.sequence.sample import Sample
from flowroi.sequence.treated import Treated, TreatedFrame
from flowroi.sequence.treatment import Background
from flowroi.sources import open_source
from movies import load

RATES = (7, 10, 14, 20, 28, 40, 56)
CRFS = {"av1": (2, 5, 9, 15, 24, 34, 44), "hevc": (6, 12, 18, 24, 30, 36)}
Frames = npt.NDArray[Any]


def treated_chunks(frames: Frames, background: Background, gop: int) -> tuple[list[list[TreatedFrame]], float]:
    """Return the chunks' frames, and the processor time that took, s."""
    source = open_source(frames)
    method = "none" if background == "none" else "fused"
    treated = Treated(source, method, RoiParams(), soft_weights=True, background=background, peak=255, gop=gop)
    started = time.process_time()
    chunks = [list(treated.frames(chunk)) for chunk in chunks_of(len(frames), gop)]
    return chunks, time.process_time() - started


def coded(chunks: list[list[TreatedFrame]], layout: SequenceFormat, crf: float) -> tuple[int, Frames, float]:
    """Return the bytes of the packets, the frames decoded, and the encoder's processor time, s."""
    interval, size, taken, out = Fraction(1), 0, 0.0, []
    for chunk in chunks:
        started = time.process_time()
        encoder = open_encoder(layout, crf, interval)
        packets = []
        for t, frame in enumerate(chunk):
            packets += encoder.encode(picture_of(frame.treated, layout, t, interval))
        packets += encoder.encode(None)
        taken += time.process_time() - started
        size += sum(packet.size for packet in packets)
        decoder = open_decoder(layout, encoder)
        pictures = [picture for packet in packets for picture in decoder.decode(packet)] + decoder.decode(None)
        out += [to_samples(picture, layout, np.dtype(np.uint8)) for picture in pictures]
    return size, np.stack(out), taken


def psnr(decoded: Frames, frames: Frames, cells: Frames) -> float:
    return float(10 * np.log10(255**2 / np.square(decoded.astype(float) - frames)[cells].mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="+", help="synth, synth_faint, ..., or a movie")
    parser.add_argument("--labels", help="true cells of a movie: TIFF, or a folder of images")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--seed", type=int, default=731)
    parser.add_argument("--codec", choices=tuple(CRFS), default="av1")
    parser.add_argument("--preset", type=int, nargs="+", default=[7])
    parser.add_argument("--gop", type=int, nargs="+", default=[64])
    parser.add_argument("--background", nargs="+", choices=get_args(Background), default=["fill"])
    parser.add_argument("--settings", nargs="+", help="of SVT-AV1, instead of our own; '' leaves it as it comes")
    args = parser.parse_args()
    for name in args.movies:
        frames, labels = load(name, args.labels, frames=args.frames, seed=args.seed)
        cells, plain = labels > 0, []
        for rate in RATES:
            streams = [openjpeg_encode(frame, rate) for frame in frames]
            plain.append((sum(map(len, streams)), psnr(np.stack([decode(s) for s in streams]), frames, cells)))
        for background, gop in product(args.background, args.gop):
            with opencv_threads(1):
                chunks, treating = treated_chunks(frames, background, gop)
            filling = Sample(chunks, len(frames), gop, whole=True).filling
            own = ["" if background == "none" else settings_for(filling)]
            for preset, settings in product(args.preset, args.settings or own):
                layout = SequenceFormat(args.codec, *frames.shape[1:], 8, preset, gop, settings)
                points, coding = [], []
                for crf in CRFS[args.codec]:
                    size, decoded, seconds = coded(chunks, layout, crf)
                    points.append((size, psnr(decoded, frames, cells)))
                    coding.append(seconds)
                gains = [size_gain(Curve.of(plain), Curve.of(points), plain[RATES.index(r)][1]) for r in (10, 20, 40)]
                mean = sum(coding) / len(coding)
                speeds = (len(frames) / seconds for seconds in (treating, mean, treating + mean))
                print(
                    f"{name} {background}, preset {preset}, gop {gop}, {settings or 'as it comes'}:",
                    " / ".join("-" if gain is None else f"{gain:.2f}" for gain in gains),
                    "fps {:.0f} {:.1f} {:.1f}".format(*speeds),
                    flush=True,
                )


if __name__ == "__main__":
    main()
