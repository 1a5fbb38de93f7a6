"""What is measured: archives, other codecs at a rate, and for scale the raw movie and the movie recorded once more."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.baselines import open_baseline
from flowroi.codec import decode, encode_frame
from flowroi.metrics.repeat import repeat_with_noise
from flowroi.params import EncodeParams

Frame = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Kind = Literal["raw", "repeat", "archive", "baseline"]
# What the key of `CellsOnly` begins with, where that of a baseline begins with the codec's.
CAP: Final = "cap"
_TRUE_MARGIN_PX = 2
_CAP_SCALING = 30.0


@dataclass(frozen=True, slots=True)
class Material:
    """What is known of a frame before anything is measured on it.

    `labels` are the true cells; without label images, what the segmenter finds on the frame takes their place.
    `clean` is the frame before noise, where it is known. By the archives' keys: `masks` are their RoI, `streams` what
    they store, checked against the checksum; `decoded` are the frames of those whose streams do not decode alone.
    """

    t: int
    frame: Frame
    labels: npt.NDArray[np.int32] | None
    clean: npt.NDArray[np.float32] | None
    masks: dict[str, Mask] = field(default_factory=dict)
    streams: dict[str, bytes] = field(default_factory=dict)
    decoded: dict[str, View] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """A frame as a subject shows it, what it takes to store, and the RoI that it was coded with."""

    frame: Frame
    size_bytes: int
    mask: Mask | None = None


class Subject(Protocol):
    """Shows frames; small, immutable and fit to be sent to another process.

    Attributes
    ----------
    key : str
        Unique in an evaluation.
    name : str
        For people.
    kind : "raw", "repeat", "archive" or "baseline"
    rate : float or None
        The compression rate that was asked for, where one was; of a whole movie at a quality, the rate that it reached.
    coded : str or None
        How, where that differs: "AV1 from frame to frame, background: fill".
    """

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> Kind: ...  # noqa: D102
    @property
    def rate(self) -> float | None: ...  # noqa: D102
    @property
    def coded(self) -> str | None: ...  # noqa: D102

    def view(self, material: Material) -> View:
        """Show a frame."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The movie itself: the ceiling of everything that is found on it."""

    key: str = "raw"
    name: str = "uncompressed"
    kind: Kind = "raw"
    rate: float | None = None
    coded: str | None = None

    def view(self, material: Material) -> View:
        """Show the frame itself."""
        return View(material.frame, material.frame.nbytes)


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same scene with fresh camera noise: how much would differ anyway, had it been recorded once more."""

    sigma: float
    significant_bits: int
    key: str = "repeat"
    name: str = "recorded again"
    kind: Kind = "repeat"
    rate: float | None = None
    coded: str | None = None

    def view(self, material: Material) -> View:
        """Show the frame with other noise; the same for the same frame."""
        rng = np.random.default_rng([0, material.t])
        again = repeat_with_noise(
            material.frame, self.sigma, rng, clean=material.clean, significant_bits=self.significant_bits
        )
        return View(again, material.frame.nbytes)


@dataclass(frozen=True, slots=True)
class FromArchive:
    """An archive of ours."""

    key: str
    name: str
    kind: Kind = "archive"
    rate: float | None = None
    coded: str | None = None

    def view(self, material: Material) -> View:
        """Decode the frame."""
        if self.key in material.decoded:
            view = material.decoded[self.key]
            return View(view.frame, view.size_bytes, material.masks.get(self.key))
        stream = material.streams[self.key]
        return View(decode(stream), len(stream), material.masks.get(self.key))


@dataclass(frozen=True, slots=True)
class FromBaseline:
    """Another codec at a compression rate; one that needs a RoI is told the true cells, a little grown."""

    baseline: str
    rate: float | None
    kind: Kind = "baseline"
    coded: str | None = None

    @property
    def key(self) -> str:
        """Codec and rate."""
        return f"{self.baseline}:{self.rate:g}"

    @property
    def name(self) -> str:
        """The codec's name."""
        return open_baseline(self.baseline).name

    def view(self, material: Material) -> View:
        """Encode and decode the frame."""
        codec = open_baseline(self.baseline)
        data = codec.encode(material.frame, self.rate or 0, _true_roi(material))
        return View(codec.decode(data), len(data))


@dataclass(frozen=True, slots=True)
class FromMovie:
    """A whole movie as a plain video codec coded it, decoded to a file a frame."""

    baseline: str
    name: str
    crf: float
    raw_bytes: int
    stored_bytes: int
    frames: int
    decoded: Path
    kind: Kind = "baseline"

    @property
    def key(self) -> str:
        """Codec and quality factor: two of them may come to one rate."""
        return f"{self.baseline}:crf{self.crf:g}"

    @property
    def rate(self) -> float | None:
        """What the movie came to."""
        return self.raw_bytes / self.stored_bytes

    @property
    def coded(self) -> str | None:
        """The quality factor."""
        return f"from frame to frame, CRF {self.crf:g}"

    def view(self, material: Material) -> View:
        """Read the frame."""
        frame = np.load(self.decoded / f"{material.t}.npy", allow_pickle=False)
        return View(frame, even_share(self.stored_bytes, self.frames, material.t))


@dataclass(frozen=True, slots=True)
class CellsOnly:
    """Our encoder told the true cells, and hardly anything else: the most that a RoI can gain on this movie."""

    rate: float | None
    name: str = "cells alone (cap)"
    kind: Kind = "baseline"
    coded: str | None = None

    @property
    def key(self) -> str:
        """Like a baseline's."""
        return f"{CAP}:{self.rate:g}"

    def view(self, material: Material) -> View:
        """Encode and decode the frame."""
        params = EncodeParams(rate=self.rate, scaling_factor=_CAP_SCALING, container="j2k")
        data = encode_frame(material.frame, _true_roi(material), params).data
        return View(decode(data), len(data))


def even_share(stored_bytes: int, frames: int, t: int) -> int:
    """Return what frame `t` counts of a movie whose frames depend on each other: the mean, all frames summing exactly.

    Examples
    --------
    >>> [even_share(11, 4, t) for t in range(4)]
    [2, 3, 3, 3]
    """
    return stored_bytes * (t + 1) // frames - stored_bytes * t // frames


def _true_roi(material: Material) -> Mask | None:
    if material.labels is None:
        return None
    side = 2 * _TRUE_MARGIN_PX + 1
    return cv2.dilate((material.labels > 0).view(np.uint8), np.ones((side, side), np.uint8)).view(np.bool_)
