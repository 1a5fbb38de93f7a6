"""Cells without a network: background, threshold, watershed. It needs no weights, so anybody can repeat its figures."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, MissingDependencyError
from flowroi.segmenters.base import Frame, Labels, check_diameter, check_frame, consecutive, library_versions

Polarity = Literal["auto", "dark", "bright"]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.uint8]

# All lengths are in cell diameters where they say so.
# A background tile: even where cells crowd, most of its pixels are free of them.
_TILE_DIAMETERS = 4.0
_SMALLEST_TILE_PX = 16.0
# Tiles along the frame's shorter side, and blur, while the diameter is not known.
_FIRST_TILES = 6
_FIRST_BLUR_PX = 1.0
# Takes the noise, and leaves the outline where it is.
_BLUR_DIAMETERS = 1 / 16
_SMALLEST_BLUR_PX = 0.5
# Noise alone exceeds so many of its deviations in one pixel of three million.
_NOISE_DEVIATIONS = 5.0
# Grey levels: rounding, and what a codec leaves of noise, differ by less.
_LEAST_CONTRAST = 4.0
# Where the outline runs, as a share of the cells' contrast; below a half, for faint cells beside strong ones.
_OUTLINE = 0.4
# Closing and opening: gaps and specks narrower than this are not the cell's shape.
_DETAIL_DIAMETERS = 1 / 6
# Shares of the area of a cell of the diameter: a smaller gap is part of a cell, a smaller piece is debris.
_LARGEST_GAP = 0.5
_SMALLEST_PIECE = 0.2
# Two bodies are two cells where the neck between them is narrower than this share of the narrower body.
_NECK = 0.75
_ESTIMATE_RANGE_PX = (6.0, 256.0)


@dataclass(frozen=True, slots=True)
class ClassicalSegmenter:
    """Background estimation, threshold and watershed.

    The background is the median of tiles, smoothed and interpolated. What differs from it by more than noise, and by
    a share of the contrast of the frame's cells, is foreground. Gaps and specks are removed, and what has a neck is
    split by a watershed of the distance transform.

    Parameters
    ----------
    diameter_px : float in [2, 512], optional
        Typical diameter of a cell, px, from which every length derives. By default it is estimated from each frame.
    polarity : "auto", "dark" or "bright", default "auto"
        Whether the cells are darker or brighter than the background; with "auto", what stands out more: a dark cell
        with a bright halo is dark.

    Raises
    ------
    InvalidParameterError
        If a value is outside its range.

    Examples
    --------
    >>> from flowroi import synthetic_movie
    >>> movie = synthetic_movie(frames=1, height=96, width=128, cells=6, seed=1)
    >>> labels = ClassicalSegmenter().segment(movie.frames[0])
    >>> labels.shape, int(labels.max())
    ((96, 128), 6)
    """

    diameter_px: float | None = None
    polarity: Polarity = "auto"

    name: ClassVar[str] = "classical"

    def __post_init__(self) -> None:
        check_diameter(self.diameter_px)
        if self.polarity not in get_args(Polarity):
            raise InvalidParameterError(
                f"polarity is {self.polarity!r}; expected one of {', '.join(get_args(Polarity))}"
            )

    def segment(self, frame: Frame) -> Labels:
        """Return the cells of a frame; see `Segmenter.segment`."""
        check_frame(frame)
        _require_skimage()
        pixels = frame.astype(np.float32)
        diameter_px = self.diameter_px or _estimate_diameter(pixels, self.polarity)
        if diameter_px is None:
            return np.zeros(frame.shape, np.int32)
        tile_px = max(_TILE_DIAMETERS * diameter_px, _SMALLEST_TILE_PX)
        blur_px = max(_BLUR_DIAMETERS * diameter_px, _SMALLEST_BLUR_PX)
        mask = _foreground(pixels, tile_px, blur_px, self.polarity)
        return _split(_tidy(mask, diameter_px), diameter_px, blur_px)

    def describe(self) -> dict[str, Any]:
        """Return what a report says of it; see `Segmenter.describe`."""
        libraries = ("flowroi", "numpy", "opencv-python-headless", "scikit-image", "scipy")
        return {
            "name": self.name,
            "versions": library_versions(libraries),
            "parameters": asdict(self),
            "weights": None,
            "device": "cpu",
        }


def _background(pixels: Plane, tile_px: float) -> Plane:
    """Return the medians of tiles, without the odd one out of nine, interpolated."""
    down, across = (max(round(side / tile_px), 1) for side in pixels.shape)
    mesh = np.array(
        [
            [np.median(tile) for tile in np.array_split(strip, across, axis=1)]
            for strip in np.array_split(pixels, down, axis=0)
        ],
        np.float32,
    )
    mesh = np.asarray(cv2.medianBlur(mesh, 3), np.float32)
    return np.asarray(cv2.resize(mesh, pixels.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _foreground(pixels: Plane, tile_px: float, blur_px: float, polarity: Polarity) -> Mask:
    """Return 1 where the blurred frame stands out from the background on the cells' side."""
    darkness = _background(pixels, tile_px) - cv2.GaussianBlur(pixels, (0, 0), blur_px)
    darkness -= np.median(darkness)
    noise = 1.4826 * float(np.median(np.abs(darkness)))
    # Compression takes the noise away, so that most of the time this only decides whether there are any cells.
    least = max(_NOISE_DEVIATIONS * noise, _LEAST_CONTRAST)
    dark, bright = darkness[darkness > least], -darkness[darkness < -least]
    if polarity == "auto":
        polarity = "bright" if _energy(bright) > _energy(dark) else "dark"
    contrasts, signal = (dark, darkness) if polarity == "dark" else (bright, -darkness)
    if contrasts.size == 0:
        return np.zeros(pixels.shape, np.uint8)
    # The mean contrast of a unit of contrast: the many weak pixels that ringing or dirt add hardly move it.
    contrast = _energy(contrasts) / float(contrasts.sum(dtype=np.float64))
    return (signal > max(least, _OUTLINE * contrast)).astype(np.uint8)


def _energy(values: Plane) -> float:
    return float(np.square(values).sum(dtype=np.float64))


def _estimate_diameter(pixels: Plane, polarity: Polarity) -> float | None:
    """Return the diameter of the piece in which the middle pixel of the foreground lies; None where there is none."""
    tile_px = max(min(pixels.shape) / _FIRST_TILES, _SMALLEST_TILE_PX)
    mask = _foreground(pixels, tile_px, _FIRST_BLUR_PX, polarity)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return None
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])
    typical = areas[np.searchsorted(np.cumsum(areas), areas.sum() / 2)]
    low, high = _ESTIMATE_RANGE_PX
    return min(max(2 * math.sqrt(typical / math.pi), low), high)


def _cell_area(diameter_px: float) -> float:
    return math.pi / 4 * diameter_px**2


def _tidy(mask: Mask, diameter_px: float) -> Mask:
    """Return the mask without gaps and specks; beyond the border, cells go on as they are there."""
    side = max(round(_DETAIL_DIAMETERS * diameter_px), 1) | 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    padded = cv2.copyMakeBorder(mask, side, side, side, side, cv2.BORDER_REPLICATE)
    padded = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk)
    padded = cv2.morphologyEx(padded, cv2.MORPH_OPEN, disk)
    solid = np.array(padded[side:-side, side:-side], np.uint8)
    _, gaps, stats, _ = cv2.connectedComponentsWithStats(1 - solid, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < _LARGEST_GAP * _cell_area(diameter_px)
    small[0] = False
    # A frame that is hardly larger than a gap is no gap.
    if solid.any():
        solid[small[gaps]] = 1
    return solid


def _split(mask: Mask, diameter_px: float, blur_px: float) -> Labels:
    """Return the pieces of the mask as cells, cut at their necks."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    distance = cv2.GaussianBlur(cv2.distanceTransform(mask, cv2.DIST_L2, 5), (0, 0), blur_px) * mask
    # Most pieces have one peak: only the others need the slower look.
    peaks = ((distance == cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (mask > 0)).astype(np.uint8)
    found, which = cv2.connectedComponents(peaks)
    piece_of = np.zeros(found, np.intp)
    piece_of[which.ravel()] = labels.ravel()
    for piece in np.flatnonzero(np.bincount(piece_of[1:], minlength=count) > 1):
        x, y, width, height = stats[piece, :4]
        box = labels[y : y + height, x : x + width]
        inside = box == piece
        bodies = _bodies(np.where(inside, distance[y : y + height, x : x + width], 0), inside)
        further = bodies > 1
        box[further] = bodies[further] + (count - 2)
        count += max(int(bodies.max()) - 1, 0)
    areas = np.bincount(np.asarray(labels, np.int32).ravel())
    labels[(areas < _SMALLEST_PIECE * _cell_area(diameter_px))[labels]] = 0
    return consecutive(labels)


def _bodies(distance: Plane, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return the watershed of a piece, from the peaks between which the distance falls below `_NECK` of the lower."""
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed

    # In logarithms a share is a height, so these are the h-maxima.
    height = np.log(np.maximum(distance, 0.5), dtype=np.float64)
    lowered = height + math.log(_NECK)
    peaks = reconstruction(lowered, height) <= lowered + 1e-9
    _, seeds = cv2.connectedComponents((peaks & inside).astype(np.uint8))
    return np.asarray(watershed(-distance, seeds, mask=inside), np.int32)


def _require_skimage() -> None:
    try:
        import skimage  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "the classical segmenter needs scikit-image: pip install 'flowroi[evaluation]'"
        ) from error
