"""Cells that crawl: persistent random walks with outlines that change as they go."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flowroi.synthetic.params import SyntheticParams

Floats = npt.NDArray[np.float64]

ANGLES = 128
# Relative standard deviations of the outline's harmonics 2, 3, ...
_HARMONIC_SIZES = np.array([0.08, 0.09, 0.07, 0.05, 0.04, 0.035, 0.03, 0.025])
# Correlation of shape, speed and texture from one 8 s frame to the next.
_SHAPE_MEMORY = 0.75
_SPEED_MEMORY = 0.8
_TEXTURE_MEMORY = 0.85
_TURN_RAD = 0.5
# Paces are log-normal with mean one.
_LOG_PACE = 0.4
_MEAN_LOG_PACE = -(_LOG_PACE**2) / 2
# Directions that a blocked cell tries.
_TURNS = 6
_TEXTURE_SIDE = 64


class Culture:
    """The cells of a movie at one moment; `step` moves them on by one frame."""

    def __init__(self, params: SyntheticParams, rng: np.random.Generator) -> None:
        n = params.cells
        self.params = params
        self.rng = rng
        self.radius = np.sqrt(params.cell_area_px / np.pi)
        self.distance = 2.9 * self.radius
        self.area = params.cell_area_px * np.clip(rng.lognormal(0, 0.18, n), 0.6, 1.35)
        self.strength = np.clip(rng.normal(1, 0.1, n), 0.75, 1.25)
        self.still = np.arange(n) < round(params.still_fraction * n)
        self.heading = rng.uniform(-np.pi, np.pi, n)
        self.pace = rng.lognormal(_MEAN_LOG_PACE, _LOG_PACE, n)
        self.aspect = np.clip(rng.normal(1.2, 0.12, n), 1.0, 1.6)
        self.pseudopod = np.abs(rng.normal(0.1, 0.1, n))
        self.harmonics = self._new_harmonics()
        self.texture = rng.standard_normal((n, _TEXTURE_SIDE, _TEXTURE_SIDE)).astype(np.float32)
        self.position = self._scatter()
        self.ids = np.arange(1, n + 1)
        self.seen = n
        # Under a moving stage the culture is a torus, this far wider than the view on every side that no cell is seen
        # where it goes from one side to the other.
        self.beyond = 2.5 * self.radius
        self.span = np.array([params.height, params.width]) + 2 * self.beyond
        # Frames are longer or shorter than the 8 s at which the memories were set.
        self._pace_of_time = params.frame_interval_s / 8.0

    def outlines(self) -> Floats:
        """Return the radius of every cell in ANGLES directions, (N, ANGLES), px."""
        theta = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
        around = theta[None] - self.heading[:, None]
        long, short = np.sqrt(self.aspect)[:, None], 1 / np.sqrt(self.aspect)[:, None]
        ellipse = 1 / np.sqrt((np.cos(around) / long) ** 2 + (np.sin(around) / short) ** 2)
        orders = np.arange(2, 2 + len(_HARMONIC_SIZES))
        waves = np.exp(1j * orders[:, None] * theta[None])
        wobble = np.real(self.harmonics @ waves)
        ahead = np.angle(np.exp(1j * around))
        bump = self.pseudopod[:, None] * np.exp(-((ahead / 0.5) ** 2))
        shape = ellipse * np.clip(1 + wobble + bump, 0.45, 1.8)
        area = 0.5 * (shape**2).sum(axis=1) * (2 * np.pi / ANGLES)
        scaled: Floats = shape * np.sqrt(self.area / area)[:, None]
        return scaled

    def step(self, drift: Floats) -> None:
        """Move on by one frame; `drift` (dy, dx) is the stage's."""
        n, rng, time = self.params.cells, self.rng, self._pace_of_time
        self.heading += rng.normal(0, _TURN_RAD * np.sqrt(time), n)
        keep = _SPEED_MEMORY**time
        excess = keep * (np.log(self.pace) - _MEAN_LOG_PACE) + np.sqrt(1 - keep**2) * rng.normal(0, _LOG_PACE, n)
        self.pace = np.exp(_MEAN_LOG_PACE + excess)
        length = np.where(self.still, 0.0, self.params.speed_px * self.pace)
        self._advance(length, drift)
        keep = _SHAPE_MEMORY**time
        calm = np.where(self.still, 0.35, 1.0)[:, None]
        self.harmonics += calm * ((keep - 1) * self.harmonics + np.sqrt(1 - keep**2) * self._new_harmonics())
        self.aspect = np.clip(self.aspect + rng.normal(0, 0.06, n), 1.0, 1.6)
        self.pseudopod = np.abs(keep * self.pseudopod + np.sqrt(1 - keep**2) * rng.normal(0.1, 0.1, n))
        keep = _TEXTURE_MEMORY**time
        fresh = rng.standard_normal(self.texture.shape, np.float32)
        self.texture = np.float32(keep) * self.texture + np.float32(np.sqrt(1 - keep**2)) * fresh

    def _advance(self, lengths: Floats, drift: Floats) -> None:
        drifting = bool(np.any(drift))
        limits = np.array([self.params.height, self.params.width]) - 1.0
        margin = np.minimum(1.6 * self.radius, limits / 2)
        for i in range(self.params.cells):
            length = lengths[i]
            for _ in range(_TURNS):
                wanted = self.position[i] + length * np.array([np.sin(self.heading[i]), np.cos(self.heading[i])])
                away = self.position - wanted
                if drifting:
                    away -= self.span * np.rint(away / self.span)
                apart = np.hypot(*away.T)
                apart[i] = np.inf
                inside = drifting or np.all((wanted >= margin) & (wanted <= limits - margin))
                if inside and apart.min() >= self.distance:
                    self.position[i] = wanted
                    break
                # Blocked by a neighbour or the border: turn away.
                self.heading[i] += self.rng.uniform(0.3 * np.pi, 1.7 * np.pi)
        if drifting:
            self._carry(drift)

    def _carry(self, drift: Floats) -> None:
        """Move all with the stage; what comes in on the other side is a new cell."""
        moved = self.position + drift
        self.position = (moved + self.beyond) % self.span - self.beyond
        for i in np.flatnonzero(np.any(np.abs(self.position - moved) > self.span / 2, axis=1)):
            self.seen += 1
            self.ids[i] = self.seen

    def _new_harmonics(self) -> npt.NDArray[np.complex128]:
        shape = (self.params.cells, len(_HARMONIC_SIZES))
        drawn = self.rng.normal(size=shape) + 1j * self.rng.normal(size=shape)
        sized: npt.NDArray[np.complex128] = drawn * _HARMONIC_SIZES / np.sqrt(2)
        return sized

    def _scatter(self) -> Floats:
        """Place the cells at random, as far apart as there is room for."""
        n = self.params.cells
        limits = np.array([self.params.height, self.params.width]) - 1.0
        margin = np.minimum(1.6 * self.radius, limits / 2)
        placed = np.empty((0, 2))
        distance = self.distance
        while len(placed) < n:
            for _ in range(200):
                trial = self.rng.uniform(margin, limits - margin)
                if len(placed) == 0 or np.hypot(*(placed - trial).T).min() >= distance:
                    placed = np.vstack([placed, trial])
                    break
            else:
                distance *= 0.97
        self.distance = min(self.distance, distance)
        return placed
