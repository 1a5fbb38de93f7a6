"""A sweep as sections of a report."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowroi.evaluation.results import Summary
from flowroi.params import TARGETS
from flowroi.report.blocks import Block, Figure, Section, Table, Text
from flowroi.report.figures import Effect, Front, effects_figure, front_figure
from flowroi.sweep.goal import Candidate
from flowroi.sweep.options import SWEEPABLE, identity, value_text
from flowroi.sweep.run import SampledPlate, Sweep

_FIGURES = (("roi_psnr", "PSNR on the cells (dB)"), ("f1", "F1"))
_COLUMNS = ("rate", "bits/px", "PSNR, cells (dB)", "PSNR, elsewhere (dB)", "F1", "covered", "targets")
GUIDANCE = (
    "The rate sets the size. Everything else only moves bits between the cells and the rest: first settle what the RoI "
    "holds, then the scaling factor, then the rate.",
    "RoI method: fused learns the background and finds cells that rest for a while; flow is the paper's, from motion "
    "alone. Denoise stabilises flow, and does nothing to fused.",
    "RoI threshold: too low a share leaves parts of cells outside, and both PSNR and segmentation fall; too high a one "
    "spreads the bits over background, and the PSNR falls while the segmentation hardly notices. With auto, fused "
    "calibrates itself.",
    "Adjacent factor: unites the masks of neighbouring frames. It helps where the RoI misses parts of cells (a low "
    "threshold), and costs where it does not. A margin of a few px does the same for outlines that cut into cells.",
    "Scaling factor: the higher, the better the cells at the same size, at the background's expense; from 10 on the "
    "background becomes smooth. Beyond what segmentation needs, more of it gains PSNR only.",
)


def verdict(sweep: Sweep) -> str:
    """Say in a sentence what was found, and how it did on the frames held out."""
    best, goal = sweep.best, sweep.goal
    asked = " and ".join(map(str, goal.targets)) or "no target"
    if best.summary is None or not best.feasible:
        return (
            f"None of {len(sweep.candidates)} candidates meets {asked}; the nearest, {best.text}, misses: "
            f"{'; '.join(best.misses)}.{_where(sweep)}"
        )
    what = {"size": "the smallest", "roi_psnr": "the best PSNR on the cells", "f1": "the best F1"}[goal.best]
    met = f" that meet {asked}" if goal.targets else ""
    text = f"{best.text}: {what} of {len(sweep.candidates)} candidates{met}, with {figures_text(best.summary)}"
    if sweep.confirmed is None:
        return f"{text}; no frames were held out to confirm it.{_where(sweep)}"
    if sweep.confirmed.summary is None:
        return f"{text}; the {len(sweep.held_out_frames)} frames held out {sweep.confirmed.misses[0]}.{_where(sweep)}"
    again = "" if sweep.confirmed.feasible else f", which misses: {'; '.join(sweep.confirmed.misses)}"
    held = f"on {len(sweep.held_out_frames)} frames held out {figures_text(sweep.confirmed.summary)}"
    return f"{text}; {held}{again}.{_where(sweep)}"


def _where(sweep: Sweep) -> str:
    """Say of which positions of a plate the sample is."""
    of = sweep.plate
    if of is None:
        return ""
    return f" Sampled: {', '.join(movie.name for movie in of.movies)}, of {of.positions} positions."


def figures_text(summary: Summary) -> str:
    """Return the main figures in words."""
    parts = [f"{summary.rate:.1f}:1"]
    if summary.roi_psnr is not None:
        exact = math.isinf(summary.roi_psnr)
        parts.append("exact cells" if exact else f"{summary.roi_psnr:.2f} dB on the cells")
    if summary.f1 is not None:
        parts.append(f"F1 {summary.f1:.3f}")
    return ", ".join(parts)


def front_png(sweep: Sweep) -> bytes:
    """Draw size against each quality that is known."""
    panels = []
    for figure, label in _FIGURES:
        values = [None if c.summary is None else getattr(c.summary, figure) for c in sweep.candidates]
        if figure != "roi_psnr" and all(value is None for value in values):
            continue
        marks = {str(t): limit for t in sweep.goal.targets if t.metric == figure and (limit := t.limit(sweep.raw))}
        if figure == "f1" and sweep.raw.f1 is not None:
            marks["uncompressed"] = sweep.raw.f1
        confirmed = None if sweep.confirmed is None else sweep.confirmed.summary
        places = {id(c): n for n, c in enumerate(sweep.candidates)}
        pixel_bits = 8 * np.dtype(sweep.dtype).itemsize
        panels.append(
            Front(
                x=[None if c.summary is None else c.summary.rate_bpp for c in sweep.candidates],
                y=values,
                front=[places[id(c)] for c in sweep.front(figure)],
                chosen=places[id(sweep.best)],
                again=None if confirmed is None else (confirmed.rate_bpp, getattr(confirmed, figure)),
                x_label="encoded size (bits/px)",
                y_label=label,
                marks=marks,
                vertical_marks={str(t): pixel_bits / t.value for t in sweep.goal.targets if t.metric == "rate"},
            )
        )
    return front_figure(panels)


def sections(sweep: Sweep, png: bytes, command: str, prediction: Sequence[str]) -> list[Section]:
    """Return all of a report but its verdict."""
    found = [
        Section("What to run", (Text((command, *prediction)),)),
        Section("Chosen", (_confirmation(sweep),)),
        *([] if sweep.plate is None else [Section("Sampled positions", _by_position(sweep, sweep.plate))]),
        Section(
            "Front",
            (
                Figure(
                    "Size against quality of every candidate on the sampled frames. The front holds those that no "
                    "smaller candidate equals; dashed lines are targets.",
                    "Scatter of encoded size against quality, with the front and the chosen candidate",
                    png,
                ),
                _front_table(sweep),
            ),
        ),
    ]
    shown = _effects(sweep)
    if shown:
        found.append(Section("What each parameter does", tuple(shown)))
    return [*found, Section("Choosing parameters", (Text(GUIDANCE),))]


def _confirmation(sweep: Sweep) -> Table:
    rows: list[tuple[Any, ...]] = [("uncompressed", len(sweep.sample_frames), *_figures(sweep.raw), None)]
    rows.append(("chosen, on the sample", len(sweep.sample_frames), *_row(sweep.best)))
    if sweep.confirmed is not None:
        rows.append(("chosen, on frames held out", len(sweep.held_out_frames), *_row(sweep.confirmed)))
    return Table(
        f"The chosen candidate ({sweep.best.text}) on the frames that it was chosen on, and on others",
        ("what", "frames", *_COLUMNS),
        tuple(rows),
        note=f"Cells are those of {sweep.truth}. The best of many is a little too good on the frames that chose it: "
        "believe those held out. The search sees short runs of frames, so the RoI of the whole movie differs a little.",
    )


def _by_position(sweep: Sweep, of: SampledPlate) -> tuple[Block, ...]:
    """Return what was chosen for the whole plate on each of the positions that stand for it."""
    rows: list[tuple[Any, ...]] = []
    for movie in of.movies:
        rows.append((movie.name, "sample", len(movie.sample_frames), *_row(movie.best)))
        if movie.confirmed is not None:
            rows.append((movie.name, "held out", len(movie.held_out_frames), *_row(movie.confirmed)))
    blocks: list[Block] = [
        Table(
            f"The chosen candidate ({sweep.best.text}) on each sampled position",
            ("position", "frames of", "frames", *_COLUMNS),
            tuple(rows),
            note=f"{len(of.movies)} of {of.positions} positions, spread evenly over the plate, stand for all of it. A "
            "candidate meets a target where it meets it at each of them; sizes and figures elsewhere on this page are "
            "those of all together, squared errors added up before the logarithm. A well unlike these may fare worse: "
            "name it with --well, or sample more frames to have more wells.",
        )
    ]
    if of.left_out:
        blocks.append(Table("Positions that could not be looked at", ("position", "why"), of.left_out))
    return tuple(blocks)


def _row(candidate: Candidate) -> tuple[Any, ...]:
    met = "met" if candidate.feasible else "; ".join(candidate.misses)
    if candidate.summary is None:
        return (*(None,) * 6, met)
    return (*_figures(candidate.summary), met)


def _figures(s: Summary) -> tuple[Any, ...]:
    covered = None if s.cells_covered is None else f"{s.cells_covered:.1%}"
    return (s.rate, s.rate_bpp, _decibel(s.roi_psnr), _decibel(s.background_psnr), s.f1, covered)


def _decibel(value: float | None) -> float | str | None:
    return "exact" if value is not None and math.isinf(value) else value


def _front_table(sweep: Sweep) -> Table:
    on = {id(c) for figure, _ in _FIGURES for c in sweep.front(figure)} | {id(sweep.best)}
    ordered = sorted(
        (c for c in sweep.candidates if id(c) in on and c.summary is not None),
        key=lambda c: c.summary.rate if c.summary else 0.0,
    )
    rows = [(("★ " if c is sweep.best else "") + c.text, *_row(c)) for c in ordered]
    return Table(
        f"Candidates on a front, of {len(sweep.candidates)}; all of them are in sweep.csv",
        ("options", *_COLUMNS),
        tuple(rows),
        note="Options not named are at their defaults. F1 is measured on some of the front only where no target asks "
        "for it, as looking for cells takes longer than everything else.",
    )


def _effects(sweep: Sweep) -> list[Block]:
    """Return, for every parameter, what it does with the others at the best."""
    found: list[Block] = []
    for figure, label in _FIGURES:
        effects = []
        for name in SWEEPABLE:
            along = _along(sweep, name)
            values = [None if c.summary is None else getattr(c.summary, figure) for _, c in along]
            if len(along) > 1 and sum(value is not None for value in values) > 1:
                chosen = next((n for n, (_, c) in enumerate(along) if c is sweep.best), None)
                effects.append(Effect(name, [text for text, _ in along], values, chosen, own_range=name in TARGETS))
        if effects:
            found.append(
                Figure(
                    f"{label} over each parameter, the others as chosen (star). All panels "
                    "but that of the rate have one range.",
                    f"{label} over the values of {', '.join(e.name for e in effects)}",
                    effects_figure(effects, y_label=label),
                )
            )
    return found


def _along(sweep: Sweep, name: str) -> list[tuple[str, Candidate]]:
    """Return the candidates that differ from the best in one option only, in the order of its values."""
    best = json.loads(identity(sweep.best.options))
    found: dict[Any, Candidate] = {}
    for candidate in (sweep.best, *sweep.candidates):
        own = json.loads(identity(candidate.options))
        shared = own.keys() & best.keys() - {name}
        if name not in own or name not in best or any(own[other] != best[other] for other in shared):
            continue
        # Another method looks at other options; another option may not come along with this one.
        if name != "roi_method" and own.keys() != best.keys():
            continue
        if name in TARGETS and own[name] is None:
            continue
        found.setdefault(own[name], candidate)
    ordered = sorted(found.items(), key=lambda item: (isinstance(item[0], str), str(item[0]), 0))
    if all(isinstance(value, int | float) for value in found):
        ordered = sorted(found.items())
    elif any(isinstance(value, int | float) for value in found):
        ordered = sorted(found.items(), key=lambda item: -math.inf if isinstance(item[0], str) else item[0])
    return [(value_text(value), candidate) for value, candidate in ordered]
