"""The evaluation of a plate on disk: a page that leads to the reports of the positions, and its figures."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowroi.archives.atomic import replacing
from flowroi.plates.evaluation_results import PlateEvaluation, PositionResult
from flowroi.plates.evaluation_sections import plate_sections, plate_verdict
from flowroi.report.blocks import Report
from flowroi.report.html import render
from flowroi.sources.names import text_name
from flowroi.versions import codec_versions

REPORT = "report.html"
TABLE = "positions.csv"
DATA = "evaluation.json"
# The page last: where it is, the others are.
FILES = (TABLE, DATA, REPORT)


def write_plate_report(
    found: PlateEvaluation, folder: Path, *, digests: Mapping[str, str], command: Sequence[str]
) -> None:
    """Write `FILES`, each whole or not at all; what stands there is replaced.

    Parameters
    ----------
    found : PlateEvaluation
        Of one position at least.
    folder : Path
        With the folders of the positions in it.
    digests : mapping of str to str
        Of the archives' records, by their names.
    command : sequence of str
        The command line, for the page.
    """
    report = Report(
        title=f"{found.name}: what compression costs, well by well",
        verdict=plate_verdict(found),
        # Where a position could not be measured, nothing is met for sure.
        verdict_good=None if found.met and not found.whole else found.met,
        sections=tuple(plate_sections(found)),
        provenance=_provenance(found, digests, command),
    )
    contents = {
        DATA: json.dumps(as_dict(found), indent=1, allow_nan=False) + "\n",
        REPORT: render(report),
    }
    for name in FILES:
        with replacing(folder / name) as unfinished:
            if name == TABLE:
                _write_table(unfinished, found)
            else:
                unfinished.write_text(contents[name], encoding="utf-8", newline="\n")


def as_dict(found: PlateEvaluation) -> dict[str, Any]:
    """Return the evaluation of a plate, ready for JSON; what is no number is None."""
    raw = found.pooled_raw()
    return {
        "plate": found.path,
        "name": found.name,
        "verdict": plate_verdict(found) if found.positions else None,
        "targets": [str(target) for target in found.targets],
        "targets_met": found.met,
        "uncompressed": None if raw is None else raw.as_dict(),
        "archives": [
            {
                "name": name,
                "positions": sum(n in result.archives for result in found.positions),
                "median_gain": found.median_gain(n),
                **(pooled.as_dict() if (pooled := found.pooled(n)) is not None else {}),
            }
            for n, name in enumerate(found.archives)
        ],
        "positions": [row for result in found.positions for row in _rows(found, result)],
        "failed": [
            {
                "well": position.well,
                "field": position.field,
                "path": None if error.path is None else text_name(error.path),
                "frame": error.frame,
                "message": error.message,
            }
            for position, error in found.failed
        ],
        "missing": [{"well": p.well, "field": p.field, "archive": name} for p, name in found.missing],
        "unlabelled": [{"well": p.well, "field": p.field} for p in found.unlabelled],
        "warnings": list(found.warnings),
    }


def _rows(found: PlateEvaluation, result: PositionResult) -> list[dict[str, Any]]:
    """Return a row for each archive of a position."""
    raw = result.raw.summary()
    rows = []
    for n, name in enumerate(found.archives):
        summary = result.summary(n)
        if summary is not None:
            figures = summary.as_dict()
            rows.append(
                {
                    "well": result.position.well,
                    "field": result.position.field,
                    "archive": name,
                    "report": result.page,
                    **figures,
                    "raw_f1": raw.f1,
                    "gain": result.gains.get(n),
                    "missed_targets": list(result.missed_targets) if n == 0 else [],
                }
            )
    return rows


def _write_table(path: Path, found: PlateEvaluation) -> None:
    rows = [row for result in found.positions for row in _rows(found, result)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        for row in rows:
            table.writerow({**row, "missed_targets": "; ".join(row["missed_targets"])})


def _provenance(found: PlateEvaluation, digests: Mapping[str, str], command: Sequence[str]) -> dict[str, Any]:
    first = found.positions[0]
    return {
        "plate": {
            "name": found.name,
            "positions measured": len(found.positions),
            "peaks of the PSNR": list(found.peaks),
            "pixels": ", ".join(sorted({result.dtype for result in found.positions})),
        },
        "cells": first.truth,
        "segmenter": first.segmenter,
        "archives": dict(digests),
        "versions": codec_versions(),
        "command": shlex.join(text_name(part) for part in command),
    }
