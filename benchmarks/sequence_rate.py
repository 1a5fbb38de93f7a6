"""A rate for the whole movie beside one for every frame, and the noise target: quality on the true cells, size, time.

    python benchmarks/sequence_rate.py rising
    python benchmarks/sequence_rate.py MOVIE --labels LABELS

Masks are the true cells grown by 2 px. PSNR is over the true cells' pixels: pooled over all frames, and its spread from
frame to frame. `rising` is a synthetic movie whose cells come in one after the other; `synth` has all of them
throughout.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi import compress, open_archive, synthetic_movie
from movies import SYNTHETIC, load

Frame = npt.NDArray[Any]


def rising() -> tuple[Frame, Frame]:
    options: dict[str, Any] = {"frames": 60, "seed": 731}
    full = synthetic_movie(**options)
    empty = synthetic_movie(cells=0, **options)
    shown = np.linspace(26, 156, 60)[:, None, None]
    labels = np.where(full.labels <= shown, full.labels, 0)
    near = grown(labels, 15)
    return np.where(near, full.frames, empty.frames), labels


def grown(labels: Frame, side: int) -> Frame:
    return np.stack([cv2.dilate((frame > 0).astype(np.uint8), np.ones((side, side), np.uint8)) > 0 for frame in labels])


def measure(frames: Frame, cells: Frame, folder: Path, **options: Any) -> str:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        report = compress(frames, folder / "a", roi_method=folder / "masks", overwrite=True, **options)
        seconds.append(time.perf_counter() - start)
    with open_archive(folder / "a") as archive:
        errors = [np.square(archive[t].astype(float) - frames[t])[cells[t]] for t in range(len(frames))]
    peak = 2.0 ** (8 * frames.itemsize) - 1
    each = 10 * np.log10(peak**2 / np.array([error.mean() for error in errors]))
    pooled = 10 * np.log10(peak**2 / np.concatenate(errors).mean())
    noise = "" if report.noise_sigma is None else f", noise {report.noise_sigma:.2f} grey levels"
    return (
        f"{report.rate:6.2f}:1  cells {pooled:.2f} dB, frames {each.min():.2f} to {each.max():.2f} dB "
        f"(s.d. {each.std():.2f}), {1e3 * np.median(seconds) / len(frames):.1f} ms a frame{noise}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movie", help=f"rising, {', '.join(SYNTHETIC)}, or a movie")
    parser.add_argument("--labels", help="true cells of a movie: TIFF, or a folder of images")
    args = parser.parse_args()
    if args.movie == "rising":
        frames, labels = rising()
    else:
        frames, labels = load(args.movie, args.labels, frames=60 if args.movie in SYNTHETIC else None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "masks").mkdir()
        for t, mask in enumerate(grown(labels, 5)):
            cv2.imwrite(str(folder / "masks" / f"t{t:03d}.png"), mask.astype(np.uint8))
        for rate in (10, 20, 40):
            for control in ("frame", "movie"):
                found = measure(frames, labels > 0, folder, rate=rate, rate_control=control)
                print(f"{rate}:1, {control:5}  {found}")
        for factor in (0.5, 1, 2):
            print(f"noise {factor:3}   {measure(frames, labels > 0, folder, noise=factor)}")


if __name__ == "__main__":
    main()
