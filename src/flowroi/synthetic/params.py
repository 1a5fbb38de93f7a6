"""The parameters of a synthetic movie, checked; defaults after a real ComplexEye crop."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real

from flowroi.errors import InvalidParameterError


@dataclass(frozen=True, slots=True)
class SyntheticParams:
    """What a synthetic movie shows.

    Parameters
    ----------
    height, width : int, px
        Frame size.
    cells : int
        Number of cells. All stay in view, unless the stage drifts: then cells leave on one side and new ones come in on
        the other, each with an id of its own, and a tenth fewer are in view.
    seed : int
        Same seed, same movie; a longer movie begins with the same frames.
    noise : float, grey levels
        Standard deviation of the sensor noise.
    contrast : float
        Of the cells; 1 is that of the real crop.
    cell_area_px : float
        Median area.
    speed_um_per_min : float
        Mean speed of the cells that move.
    still_fraction : float in [0, 1]
        Share of cells that stay where they are.
    drift_px : float
        Movement of the stage in a frame.
    flicker : float
        Relative standard deviation of the frames' brightness.
    illumination : float
        Relative difference between the brightest and the darkest place of the lighting.
    debris : int
        Pieces of static dirt.
    texture : float, grey levels
        Standard deviation of the static unevenness of the background.
    background : float, grey levels
    pixel_size_um, frame_interval_s : float

    Raises
    ------
    InvalidParameterError
        If a value is outside its range, or the cells do not fit.
    """

    height: int = 648
    width: int = 864
    cells: int = 156
    seed: int = 0
    noise: float = 2.0
    contrast: float = 1.0
    cell_area_px: float = 205.0
    speed_um_per_min: float = 23.5
    still_fraction: float = 0.05
    drift_px: float = 0.0
    flicker: float = 0.0
    illumination: float = 0.03
    debris: int = 8
    texture: float = 1.0
    background: float = 96.0
    pixel_size_um: float = 0.641
    frame_interval_s: float = 8.0

    def __post_init__(self) -> None:
        ranges = {
            "height": (1, 32768),
            "width": (1, 32768),
            "cells": (0, 100_000),
            "seed": (0, 2**63),
            "noise": (0, 255),
            "contrast": (0, 2.5),
            "cell_area_px": (12, 10_000),
            "speed_um_per_min": (0, 1000),
            "still_fraction": (0, 1),
            "drift_px": (0, 64),
            "flicker": (0, 0.5),
            "illumination": (0, 0.9),
            "debris": (0, 100_000),
            "texture": (0, 64),
            "background": (1, 254),
            "pixel_size_um": (1e-3, 1e3),
            "frame_interval_s": (1e-3, 1e6),
        }
        for field in fields(self):
            low, high = ranges[field.name]
            value = getattr(self, field.name)
            whole = field.type == "int"
            good = isinstance(value, Integral if whole else Real)
            if isinstance(value, bool) or not good or not math.isfinite(value) or not low <= value <= high:
                kind = "an integer" if whole else "a number"
                raise InvalidParameterError(f"{field.name} is {value!r}; expected {kind} from {low:g} to {high:g}")
        room = self.height * self.width / (4 * self.cell_area_px)
        if self.cells > max(1, room):
            raise InvalidParameterError(
                f"{self.cells} cells of {self.cell_area_px:g} px do not fit into {self.height}x{self.width}; "
                f"expected at most {max(1, int(room))}"
            )

    @property
    def speed_px(self) -> float:
        """Mean speed of moving cells, px a frame."""
        return self.speed_um_per_min / 60 * self.frame_interval_s / self.pixel_size_um
