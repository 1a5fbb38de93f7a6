"""Puts a synthetic movie together, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError
from flowroi.params import check_integer
from flowroi.synthetic.cells import Culture
from flowroi.synthetic.params import SyntheticParams
from flowroi.synthetic.render import Scene, draw_cells

TRACK_DTYPE = np.dtype([("id", np.int32), ("frame", np.int32), ("y", np.float32), ("x", np.float32)])


@dataclass(frozen=True, slots=True)
class SyntheticFrame:
    """One frame: as recorded, without noise, and its truth.

    `positions` (N, 2), (y, x) px, are of the cells `ids` (N,): those with at least a pixel in view.
    """

    frame: npt.NDArray[np.uint8]
    clean: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    ids: npt.NDArray[np.int32]
    positions: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SyntheticMovie:
    """A synthetic movie with exact truth.

    Attributes
    ----------
    frames : ndarray, shape (T, Y, X), uint8
    clean : ndarray, shape (T, Y, X), float32
        The same before noise and rounding, within 0 to 255 as a sensor would record it.
    labels : ndarray, shape (T, Y, X), int32
        Cell ids, the same for a cell in every frame; 0 is background.
    tracks : structured ndarray
        Fields id, frame, y, x (px); one row a frame and cell in view. A cell that is cut by the border may have its
        centre outside.
    params : SyntheticParams
    """

    frames: npt.NDArray[np.uint8]
    clean: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    tracks: npt.NDArray[Any]
    params: SyntheticParams

    @property
    def pixel_size_um(self) -> float:
        """Side of a pixel, µm."""
        return self.params.pixel_size_um

    @property
    def frame_interval_s(self) -> float:
        """Time between frames, s."""
        return self.params.frame_interval_s


def synthetic_movie(*, frames: int = 24, **params: Any) -> SyntheticMovie:
    """Make a ComplexEye-like movie of crawling cells.

    Parameters
    ----------
    frames : int >= 1, default 24
    **params
        Fields of `SyntheticParams`: height, width, cells, seed, noise, contrast, still_fraction, drift_px, flicker,
        illumination, debris, ...

    Returns
    -------
    SyntheticMovie

    Raises
    ------
    InvalidParameterError
        For an unknown parameter, or one outside its range.

    Examples
    --------
    >>> movie = synthetic_movie(frames=2, height=64, width=80, cells=2, seed=1)
    >>> movie.frames.shape, sorted(set(movie.labels.ravel().tolist()))
    ((2, 64, 80), [0, 1, 2])
    """
    check_integer("frames", frames, low=1)
    checked = _checked(params)
    shape = (frames, checked.height, checked.width)
    movie = np.empty(shape, np.uint8)
    clean = np.empty(shape, np.float32)
    labels = np.empty(shape, np.int32)
    tracks = []
    for t, made in zip(range(frames), iter_synthetic(**params), strict=False):
        movie[t], clean[t], labels[t] = made.frame, made.clean, made.labels
        rows = np.empty(len(made.ids), TRACK_DTYPE)
        rows["id"], rows["frame"] = made.ids, t
        rows["y"], rows["x"] = made.positions.T
        tracks.append(rows)
    return SyntheticMovie(movie, clean, labels, np.concatenate(tracks), checked)


def iter_synthetic(**params: Any) -> Iterator[SyntheticFrame]:
    """Return an iterator over a synthetic movie's frames, without end; see `synthetic_movie`.

    Raises
    ------
    InvalidParameterError
        At once, for an unknown parameter, or one outside its range.

    Examples
    --------
    >>> next(iter_synthetic(height=64, width=80, cells=2)).labels.max()
    np.int32(2)
    """
    return _stream(_checked(params))


def _stream(checked: SyntheticParams) -> Iterator[SyntheticFrame]:
    # One stream of random numbers for each thing, so that changing one leaves the others as they were.
    cell_rng, scene_rng, noise_rng, stage_rng = (np.random.default_rng([checked.seed, stream]) for stream in range(4))
    culture = Culture(checked, cell_rng)
    scene = Scene(checked, scene_rng)
    angle = stage_rng.uniform(0, 2 * np.pi)
    drift = checked.drift_px * np.array([np.sin(angle), np.cos(angle)])
    offset = np.zeros(2)
    while True:
        signal, labels = draw_cells(culture)
        brightness = 1 + checked.flicker * stage_rng.standard_normal()
        clean = ((checked.background + scene.at(offset) + signal) * scene.light * brightness).astype(np.float32)
        noisy = clean + np.float32(checked.noise) * noise_rng.standard_normal(clean.shape, np.float32)
        frame = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        in_view = np.isin(culture.ids, labels)
        ids = culture.ids[in_view].astype(np.int32)
        yield SyntheticFrame(frame, np.clip(clean, 0, 255), labels, ids, culture.position[in_view])
        culture.step(drift)
        offset += drift


def _checked(params: dict[str, Any]) -> SyntheticParams:
    known = [field.name for field in fields(SyntheticParams)]
    for name in params:
        if name not in known:
            raise InvalidParameterError(
                f"{name!r} is not a parameter of a synthetic movie; expected one of {', '.join(known)}"
            )
    return SyntheticParams(**params)
