"""What was measured on a subject, as a file: numbers only, exact, so that a later run need not measure again."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.archives.atomic import replacing
from flowroi.errors import CorruptDataError
from flowroi.evaluation.measure import CellMeasures, FrameMeasure
from flowroi.metrics.coverage import Coverage
from flowroi.metrics.image import PooledError, PooledMean
from flowroi.metrics.matching import Matches

_CELLS = ("ids", "pixels", "centres", "mse", "covered")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all; it replaces another."""
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(content, allow_nan=False), encoding="ascii")


def read_json(path: Path) -> Any:
    """Read a JSON file; raises CorruptDataError if it is none."""
    try:
        return json.loads(path.read_text(encoding="ascii"))
    except ValueError as error:
        raise CorruptDataError(
            f"not what an experiment stored ({error}): delete the file, and it is measured anew", path=path
        ) from error


def frame_as_json(frame: FrameMeasure) -> dict[str, Any]:
    """Return a frame's figures ready for JSON; where the segmenter found cells is left out."""
    return {
        "t": frame.t,
        "raw_bytes": frame.raw_bytes,
        "size_bytes": frame.size_bytes,
        "cells": asdict(frame.cells),
        "background": asdict(frame.background),
        "clean": asdict(frame.clean),
        "ssim": asdict(frame.ssim),
        "matches": None if frame.matches is None else asdict(frame.matches),
        "coverage": None if frame.coverage is None else asdict(frame.coverage),
        "per_cell": None if frame.per_cell is None else _cells_as_json(frame.per_cell),
    }


def frame_of_json(content: dict[str, Any]) -> FrameMeasure:
    """Return the figures that `frame_as_json` wrote."""
    matches, cover, cells = content["matches"], content["coverage"], content["per_cell"]
    return FrameMeasure(
        t=content["t"],
        raw_bytes=content["raw_bytes"],
        size_bytes=content["size_bytes"],
        cells=PooledError(**content["cells"]),
        background=PooledError(**content["background"]),
        clean=PooledError(**content["clean"]),
        ssim=PooledMean(**content["ssim"]),
        matches=None
        if matches is None
        else Matches(matches["truth"], matches["found"], tuple(matches["true_positives"])),
        coverage=None if cover is None else Coverage(**cover),
        per_cell=None if cells is None else _cells_of_json(cells),
        found=None,
    )


def _cells_as_json(cells: CellMeasures) -> dict[str, Any]:
    content = {name: getattr(cells, name).tolist() for name in _CELLS}
    content["covered"] = [None if math.isnan(share) else share for share in content["covered"]]
    return {**content, "found": [int(found) for found in cells.found]}


def _cells_of_json(content: dict[str, Any]) -> CellMeasures:
    return CellMeasures(
        ids=np.array(content["ids"], np.int64),
        pixels=np.array(content["pixels"], np.int64),
        centres=np.array(content["centres"], np.float64).reshape(-1, 2),
        mse=np.array(content["mse"], np.float64),
        # None, which no share is, becomes NaN.
        covered=np.array(content["covered"], np.float64),
        found=np.array(content["found"], np.bool_),
    )
