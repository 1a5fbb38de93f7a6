"""An evaluation in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flowroi.evaluation.gains import Gain
from flowroi.evaluation.results import Summary
from flowroi.targets import Target

# A segmenter that finds fewer of the cells on the raw movie is not fit to judge what compression does to them.
USEFUL_F1 = 0.5


def verdict(
    archive: Summary, raw: Summary, over: Sequence[tuple[str, Sequence[Gain]]], outside: tuple[int, int] | None
) -> str:
    """Say what an archive gains, what it keeps and what it misses.

    Parameters
    ----------
    archive, raw : Summary
        Of all frames.
    over : sequence of (str, sequence of Gain)
        Baselines by name, and what the archive gains over each at its own qualities.
    outside : (int, int) or None
        Cells outside the RoI, and cells.
    """
    if archive.roi_psnr is None:
        return f"The archive holds the movie at {archive.rate:.1f}:1; there are no cells to say anything of."
    finds = raw.f1 is not None and raw.f1 >= USEFUL_F1
    # Where no cell was lost, at equal F1 any codec may be smaller still: that tells nothing of this archive.
    lost = finds and archive.f1 is not None and raw.f1 is not None and archive.f1 < raw.f1
    compared = []
    for baseline, gains in over:
        parts = [part for gain in gains if (lost or gain.quality != "f1") and (part := _gain_text(gain))]
        if parts:
            compared.append(f"{' and '.join(parts)} than {baseline}")
    if compared:
        head = f"At {archive.rate:.1f}:1 the archive is {', '.join(compared)}"
    else:
        head = f"The archive holds the movie at {archive.rate:.1f}:1"
        if archive.roi_psnr is not None:
            exact = math.isinf(archive.roi_psnr)
            head += ", its cells without any error" if exact else f", with {archive.roi_psnr:.1f} dB on the cells"
    sentences = [head]
    if archive.f1 is not None and raw.f1 is not None:
        if finds:
            sentences.append(f"the segmentation's F1 is {archive.f1:.3f}, and {raw.f1:.3f} uncompressed")
        else:
            sentences.append(
                f"the segmenter does not find these cells even uncompressed (F1 {raw.f1:.3f}), so its figures tell "
                "nothing: choose another"
            )
    if outside is not None:
        missed, cells = outside
        sentences.append(
            f"all of {cells:,} cells touch the RoI"
            if missed == 0
            else f"{missed:,} of {cells:,} cells lie outside the RoI: shown below"
        )
    return "; ".join(sentences) + "."


def _gain_text(gain: Gain) -> str:
    if gain.gain is None:
        return ""
    what = "PSNR on the cells" if gain.quality == "roi_psnr" else "F1"
    factor, bounds = gain.gain, (gain.low, gain.high)
    word = "smaller"
    if factor < 1:
        factor, word = 1 / factor, "larger"
        bounds = tuple(None if bound is None else 1 / bound for bound in reversed(bounds))  # type: ignore[assignment]
    sure = "" if None in bounds else f" ({bounds[0]:.2f} to {bounds[1]:.2f})"
    return f"{factor:.2f} times{sure} {word} at equal {what}"


def targets_text(targets: Sequence[Target], archive: Summary, raw: Summary) -> tuple[bool, list[tuple[str, str, str]]]:
    """Return whether all targets are met, and a row (target, reached, met) for each."""
    rows = []
    for target in targets:
        figure = getattr(archive, target.metric)
        reached = "not measured" if figure is None else "exact" if math.isinf(figure) else f"{figure:.4g}"
        rows.append((str(target), reached, "yes" if target.met(archive, raw) else "no"))
    return all(row[2] == "yes" for row in rows), rows
