"""The evaluation of a plate in words, maps and tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from flowroi.evaluation.results import Summary
from flowroi.evaluation.verdict import USEFUL_F1
from flowroi.plates.base import Position, row_number, some_positions
from flowroi.plates.evaluation_results import PlateEvaluation, PositionResult
from flowroi.report.blocks import Block, Cell, Figure, Link, Section, Table, Text
from flowroi.report.plate_map import plate_map_figure

_POOLED = (
    "Over the plate, squared errors, bytes and cells of all positions are added up first, then divided; the PSNR's "
    "logarithm comes last, so that bad positions weigh more than in a mean of decibels."
)
# What is drawn of each well: of a Summary, label, digits, and what the caption says of it.
_MAPS: tuple[tuple[str, str, int], ...] = (
    ("roi_psnr", "PSNR on the cells (dB)", 1),
    ("rate", "Compression rate", 1),
    ("f1", "F1", 2),
)


def plate_verdict(found: PlateEvaluation) -> str:
    """Say in a sentence what the first archive keeps and gains over the plate, and where it is worst."""
    count = sum(0 in result.archives for result in found.positions)
    pooled, raw = found.pooled(0), found.pooled_raw()
    if pooled is None or raw is None:
        return f"No position was measured in {found.archives[0]}; see the other archives."
    parts = [f"{count} position{'' if count == 1 else 's'} at {pooled.rate:.1f}:1"]
    if pooled.roi_psnr is None:
        parts[0] += ", without any cells to say something of"
    else:
        parts[0] += f", {_decibels(pooled.roi_psnr)} on the cells"
        worst = found.worst_first(0)[0]
        least = worst.summary(0)
        if count > 1 and least is not None and least.roi_psnr is not None and math.isfinite(least.roi_psnr):
            parts.append(f"{worst.position} is worst with {_decibels(least.roi_psnr)}")
    gain = found.median_gain(0)
    if gain is not None:
        known = found.gains(0)
        factor, word = (gain, "smaller") if gain >= 1 else (1 / gain, "larger")
        reach = f" ({known[0]:.2f} to {known[-1]:.2f})" if len(known) > 1 and gain >= 1 else ""
        parts.append(f"the median position is {factor:.2f} times{reach} {word} than {_codec(found)} at equal PSNR")
    if pooled.f1 is not None and raw.f1 is not None:
        if raw.f1 >= USEFUL_F1:
            parts.append(f"the segmentation's F1 is {pooled.f1:.3f}, and {raw.f1:.3f} uncompressed")
        else:
            parts.append(f"the segmenter does not find these cells even uncompressed (F1 {raw.f1:.3f}): choose another")
    missing = sum(bool(result.missed_targets) for result in found.positions)
    if missing:
        parts.append(f"{missing} of {count} positions do not meet every target")
    if found.failed:
        parts.append(f"{len(found.failed)} could not be measured: {_some(p for p, _ in found.failed)}")
    return "; ".join(parts) + "."


def plate_sections(found: PlateEvaluation) -> Iterator[Section]:
    """Yield all of the page but its verdict."""
    if found.targets:
        yield _targets(found)
    if found.failed or found.missing or found.unlabelled:
        yield _not_measured(found)
    yield Section("The plate", (_archives(found), *_maps(found)))
    yield Section("Positions, the worst first", tuple(_positions(found, n) for n in range(len(found.archives))))
    warnings = _warnings(found)
    if warnings:
        yield Section("Warnings", (Text(tuple(warnings)),))


def _targets(found: PlateEvaluation) -> Section:
    missing = [result for result in found.positions if result.missed_targets]
    measured = sum(0 in result.archives for result in found.positions)
    rows = tuple((Link(str(r.position), r.page), "; ".join(r.missed_targets)) for r in missing)
    text = (
        f"Asked of {found.archives[0]} at every position: {' and '.join(map(str, found.targets))}. "
        f"{measured - len(missing)} of {measured} positions meet it."
    )
    blocks: list[Block] = [Text((text,))]
    if rows:
        blocks.append(Table("Positions that miss a target, and what they reach", ("position", "missed"), rows))
    return Section("Targets", tuple(blocks))


def _not_measured(found: PlateEvaluation) -> Section:
    rows: list[tuple[Cell, ...]] = [(str(position), "failed", str(error)) for position, error in found.failed]
    rows += [(str(position), "not in an archive", f"{name} has no such position") for position, name in found.missing]
    rows += [(str(position), "no labels", "left out") for position in found.unlabelled]
    return Section(
        "Not measured", (Table("Positions that were asked for and are not among the figures", _WHY, tuple(rows)),)
    )


_WHY = ("position", "what", "why")


def _archives(found: PlateEvaluation) -> Table:
    rows: list[tuple[Cell, ...]] = []
    raw = found.pooled_raw()
    if raw is not None:
        rows.append(("uncompressed", len(found.positions), raw.rate, None, None, None, None, raw.f1, None))
    for n, name in enumerate(found.archives):
        pooled = found.pooled(n)
        if pooled is None:
            continue
        order = found.worst_first(n)
        worst = order[0].summary(n)
        rows.append(
            (
                name,
                len(order),
                pooled.rate,
                found.median_gain(n),
                _exact(pooled.roi_psnr),
                _exact(None if worst is None else worst.roi_psnr),
                _exact(pooled.background_psnr),
                pooled.f1,
                _share(pooled.cells_covered),
            )
        )
    peak = f"The PSNR's peak is {found.peaks[-1]}. " if len(found.peaks) == 1 else ""
    return Table(
        f"Archives of {found.name}, over all positions measured",
        (
            "what",
            "positions",
            "rate",
            "gain, median",
            "PSNR, cells (dB)",
            "worst (dB)",
            "PSNR, elsewhere (dB)",
            "F1",
            "covered",
        ),
        tuple(rows),
        f"{_POOLED} {peak}Cells are {found.positions[0].truth}. "
        f"The gain is {_codec(found)}'s bytes over the archive's at the archive's own PSNR on the cells. "
        "Covered are the cells of which the RoI holds 90 % at least.",
    ).without_empty_columns()


def _maps(found: PlateEvaluation) -> Iterator[Figure]:
    """Yield maps of the first archive that has anything."""
    n = next(n for n in range(len(found.archives)) if found.pooled(n) is not None)
    wells = found.wells(n)
    failed = {_place(p) for p, _ in found.failed if p.well not in wells}
    crossed = " Crossed out: could not be measured." if failed else ""
    fields = " The fields of a well are pooled." if len(wells) < len(found.worst_first(n)) else ""
    for field, label, digits in _MAPS:
        values = {_place(Position(well)): getattr(summary, field) for well, summary in wells.items()}
        if all(value is None for value in values.values()):
            continue
        yield Figure(
            f"{label} of {found.archives[n]}, by well.{fields}{crossed}",
            f"Map of the plate: {label} of {len(values)} wells",
            plate_map_figure(values, label, failed=failed, digits=digits),
        )


def _positions(found: PlateEvaluation, n: int) -> Table:
    columns: tuple[tuple[str, Callable[[PositionResult, Summary], Cell]], ...] = (
        ("position", lambda r, _: Link(str(r.position), r.page)),
        ("frames", lambda _, s: s.frames),
        ("rate", lambda _, s: s.rate),
        ("PSNR, cells (dB)", lambda _, s: _exact(s.roi_psnr)),
        ("gain", lambda r, _: r.gains.get(n)),
        ("F1", lambda _, s: s.f1),
        ("F1, raw", lambda r, _: r.raw.summary().f1),
        ("covered", lambda _, s: _share(s.cells_covered)),
        ("missed", lambda _, s: _share(s.cells_missed)),
        ("targets", lambda r, _: _met(r) if n == 0 and found.targets else None),
    )
    rows = [
        tuple(value(result, summary) for _, value in columns)
        for result in found.worst_first(n)
        if (summary := result.summary(n)) is not None
    ]
    return Table(
        f"{found.archives[n]}, position by position",
        tuple(name for name, _ in columns),
        tuple(rows),
        "The least PSNR on the cells first; a click on a header sorts by its column. Each name leads to the report of "
        "that position: curves, worst frames and worst cells to look at. Covered: cells "
        "that the RoI holds to 90 % at least; missed: to less than 10 %.",
    ).without_empty_columns()


def _warnings(found: PlateEvaluation) -> list[str]:
    """Return what was warned of, what many positions say only once."""
    saying: dict[str, list[Position]] = {}
    for result in found.positions:
        for warning in result.warnings:
            saying.setdefault(warning, []).append(result.position)
    lines = [*found.warnings]
    if len(found.peaks) > 1:
        lines.append(
            f"The positions have different significant bits (peaks {', '.join(map(str, found.peaks))}): each has its "
            f"own peak, and the plate the largest"
        )
    return lines + [f"{some_positions(tuple(positions))}: {text}" for text, positions in saying.items()]


def _place(position: Position) -> tuple[int, int]:
    return row_number(position.row), int(position.column)


def _codec(found: PlateEvaluation) -> str:
    return next((result.codec for result in found.positions if result.codec is not None), "no codec")


def _met(result: PositionResult) -> str:
    return "missed" if result.missed_targets else "met"


def _decibels(value: float) -> str:
    return "no error" if math.isinf(value) else f"{value:.1f} dB"


def _exact(value: float | None) -> Any:
    return "exact" if value is not None and math.isinf(value) else value


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _some(positions: Iterator[Position]) -> str:
    return some_positions(tuple(positions))
