"""Experiments in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence

from flowroi.evaluation.gains import Gain
from flowroi.experiments.comparison import f1_gains, psnr_gains
from flowroi.experiments.configuration import PAPER_RATE
from flowroi.experiments.finding import Methods
from flowroi.experiments.statements import Statement
from flowroi.experiments.workbench import Workbench

_F1_SHARE = 0.95


def verdict(bench: Workbench, names: Sequence[str], methods: Methods, statements: Sequence[Statement]) -> str:
    """Say what is gained at equal quality, where it was measured, and how many of the paper's statements hold."""
    sentences = []
    if "fig2" in names:
        psnr = {method: psnr_gains(bench, method).get(PAPER_RATE) for method in methods}
        f1 = {method: f1_gains(bench, method).get(_F1_SHARE) for method in methods}
        for gains, where in (
            (psnr, f"At the PSNR that plain JPEG 2000 has on the cells at {PAPER_RATE:g}:1"),
            (f1, f"At {_F1_SHARE:.0%} of the uncompressed F1"),
        ):
            known = [
                _times(gain, method) for method, gain in gains.items() if gain is not None and gain.gain is not None
            ]
            if known:
                sentences.append(f"{where}, it takes {' and '.join(known)}")
    tried = [s for s in statements if s.agrees is not None]
    if tried:
        counts = []
        for method in methods:
            own = [s for s in tried if s.method == method]
            counts.append(f"{sum(bool(s.agrees) for s in own)} of {len(own)} with {method}")
        sentences.append(f"Of the paper's statements that can be told, these agree: {', '.join(counts)}")
    return ". ".join([*sentences, ""]).strip() or "Nothing could be measured."


def _times(gain: Gain, method: str) -> str:
    sure = "" if gain.low is None else f" ({gain.low:.2f} to {gain.high:.2f})"
    return f"{gain.gain:.2f} times{sure} the bytes of {method}"
