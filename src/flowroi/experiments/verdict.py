"""Experiments in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.evaluation.gains import Gain
from flowroi.experiments.comparison import f1_gains, psnr_gains
from flowroi.experiments.configuration import LABELS, PAPER_RATE
from flowroi.experiments.finding import Methods
from flowroi.experiments.statements import Statement
from flowroi.experiments.workbench import Workbench

_F1_SHARE = 0.95


def verdict(bench: Workbench, names: Sequence[str], methods: Methods, statements: Sequence[Statement]) -> str:
    """Say what is gained at equal quality, where it was measured, and how many of the paper's statements hold."""
    sentences = []
    if "fig2" in names:
        for method in methods:
            psnr, f1 = psnr_gains(bench, method).get(PAPER_RATE), f1_gains(bench, method).get(_F1_SHARE)
            parts = []
            if psnr is not None and psnr.gain is not None:
                parts.append(f"{_times(psnr)} at the PSNR on the cells that it has at {PAPER_RATE:g}:1")
            if f1 is not None and f1.gain is not None:
                parts.append(f"{_times(f1)} at {_F1_SHARE:.0%} of the uncompressed F1")
            if parts:
                sentences.append(f"{LABELS[method]}: plain JPEG 2000 takes {' and '.join(parts)}")
    tried = [s for s in statements if s.agrees is not None]
    if tried:
        counts = []
        for method in methods:
            own = [s for s in tried if s.method == method]
            counts.append(f"{sum(bool(s.agrees) for s in own)} of {len(own)} with {method}")
        sentences.append(f"Of the paper's statements, these agree: {', '.join(counts)}")
    return ". ".join([*sentences, ""]).strip() or "Nothing could be measured."


def _times(gain: Gain) -> str:
    sure = "" if gain.low is None else f" ({gain.low:.2f} to {gain.high:.2f})"
    return f"{gain.gain:.2f} times{sure} the bytes"
