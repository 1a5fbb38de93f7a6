"""Draws the cells: dark, granular bodies with a bright halo, as the ComplexEye's optics show neutrophils."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.synthetic.cells import ANGLES, Culture
from flowroi.synthetic.params import SyntheticParams

Image = npt.NDArray[np.float32]

# Grey levels against the distance from the outline, measured on the real crop (docs/benchmarks.md).
_BODY = -39.0
_HALO = 23.0
_HALO_AT_PX = 1.9
_HALO_WIDTH_PX = 2.0
_EDGE_PX = 0.55
_GRAIN = 19.0
_GRAIN_SIGMA_PX = 0.9
_OPTICS_SIGMA_PX = 0.65
_HALO_SIDE = 0.25


def draw_cells(culture: Culture) -> tuple[Image, npt.NDArray[np.int32]]:
    """Return what the cells add to the background, and their labels; both (Y, X)."""
    params = culture.params
    signal = np.zeros((params.height, params.width), np.float32)
    labels = np.zeros(signal.shape, np.int32)
    nearest = np.full(signal.shape, np.inf, np.float32)
    outlines = culture.outlines()
    for i, (cy, cx) in enumerate(culture.position):
        outline = outlines[i]
        reach = int(np.ceil(outline.max())) + 9
        y0, x0 = max(0, int(cy) - reach), max(0, int(cx) - reach)
        y1, x1 = min(params.height, int(cy) + reach + 1), min(params.width, int(cx) + reach + 1)
        if y1 <= y0 or x1 <= x0:
            continue  # out of view
        dy = (np.arange(y0, y1) - cy).astype(np.float32)[:, None]
        dx = (np.arange(x0, x1) - cx).astype(np.float32)[None]
        rho = np.sqrt(dy * dy + dx * dx)
        theta = np.arctan2(dy, dx)
        edge, slope = _radius_at(outline, theta)
        # Distance across the outline, not along the ray.
        distance = (rho - edge) / np.sqrt(1 + (slope / np.maximum(rho, 2.0)) ** 2)
        grain = _grain(culture.texture[i], cy - y0, cx - x0, rho.shape)
        patch = culture.strength[i] * _profile(distance, theta, grain)
        window = (slice(y0, y1), slice(x0, x1))
        signal[window] += patch.astype(np.float32)
        here = (distance < 0) & (distance < nearest[window])
        labels[window][here] = culture.ids[i]
        nearest[window] = np.where(here, distance, nearest[window])
    blurred = cv2.GaussianBlur(signal, (0, 0), _OPTICS_SIGMA_PX)
    return np.asarray(params.contrast * blurred, np.float32), labels


def _radius_at(outline: npt.NDArray[np.float64], theta: Image) -> tuple[Image, Image]:
    turns = (theta / np.float32(2 * np.pi) % 1) * ANGLES
    first = turns.astype(np.int32) % ANGLES
    fraction = turns - np.floor(turns)
    ring = np.append(outline, outline[0]).astype(np.float32)
    slope = (ring[first + 1] - ring[first]) * np.float32(ANGLES / (2 * np.pi))
    return ring[first] + fraction * (ring[first + 1] - ring[first]), slope


def _profile(distance: Image, theta: Image, grain: Image) -> Image:
    inside = 1 / (1 + np.exp(np.clip(distance / _EDGE_PX, -30, 30)))
    halo = np.exp(-(((distance - _HALO_AT_PX) / _HALO_WIDTH_PX) ** 2)) * (1 - inside)
    lit = 1 + _HALO_SIDE * np.cos(theta + np.float32(0.8))
    return np.asarray(inside * (_BODY + _GRAIN * grain) + _HALO * halo * lit, np.float32)


def _grain(noise: Image, cy: float, cx: float, shape: tuple[int, ...]) -> Image:
    """Sample a cell's own granules around its centre, so that they move with it."""
    smooth = cv2.GaussianBlur(noise, (0, 0), _GRAIN_SIGMA_PX)
    middle = noise.shape[0] / 2
    matrix = np.array([[1, 0, middle - cx], [0, 1, middle - cy]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(smooth, matrix, (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_WRAP)
    # A Gaussian of this width leaves white noise with this standard deviation.
    return np.asarray(patch * np.float32(2 * np.sqrt(np.pi) * _GRAIN_SIGMA_PX), np.float32)


class Scene:
    """What lies still on the stage: uneven light, the background's texture, dirt."""

    def __init__(self, params: SyntheticParams, rng: np.random.Generator) -> None:
        self.params = params
        height, width = params.height, params.width
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.float32(np.sin(angle)) * y + np.float32(np.cos(angle)) * x
        bowl = -(y * y + x * x)
        light = 0.5 * ramp + 0.5 * bowl
        spread = float(np.ptp(light))
        self.light = 1 + params.illumination * (light - light.mean()) / (spread if spread > 0 else 1)
        noise = rng.standard_normal((height, width)).astype(np.float32)
        fine = cv2.GaussianBlur(noise, (0, 0), 1.5)
        coarse = cv2.GaussianBlur(noise, (0, 0), 6.0)
        texture = fine / max(float(fine.std()), 1e-6) + coarse / max(float(coarse.std()), 1e-6)
        self.still = (params.texture / np.sqrt(2)) * texture
        for _ in range(params.debris):
            self._drop_dirt(rng)

    def _drop_dirt(self, rng: np.random.Generator) -> None:
        height, width = self.still.shape
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        radius = rng.uniform(1.0, 3.5)
        dark = self.params.contrast * rng.uniform(10, 30)
        reach = int(4 * radius + 3)
        y0, x0 = max(0, int(cy) - reach), max(0, int(cx) - reach)
        window = self.still[y0 : int(cy) + reach, x0 : int(cx) + reach]
        dy = (np.arange(window.shape[0]) + y0 - cy)[:, None] * rng.uniform(0.6, 1.4)
        dx = (np.arange(window.shape[1]) + x0 - cx)[None] * rng.uniform(0.6, 1.4)
        squared = (dy * dy + dx * dx) / radius**2
        window += (dark * (-1.4 * np.exp(-squared) + 0.35 * np.exp(-squared / 3.5))).astype(np.float32)

    def at(self, offset: npt.NDArray[np.float64]) -> Image:
        """Return the still scene, (Y, X), with the stage moved by `offset` (dy, dx) px."""
        height, width = self.params.height, self.params.width
        # Positive offsets move the picture down and right; what comes in is mirrored, which leaves no seam.
        matrix = np.array([[1, 0, offset[1]], [0, 1, offset[0]]], np.float32)
        moved = cv2.warpAffine(
            self.still, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(moved, np.float32)
