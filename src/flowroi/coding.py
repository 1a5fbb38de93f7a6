"""One frame, encoded and proven: what a movie that lies there and one that is being recorded have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from flowroi.archives.manifest import pixels_digest
from flowroi.codec import EncodedFrame, encode_frame
from flowroi.codec.encoder import ROUNDING_NOISE
from flowroi.codec.proof import prove
from flowroi.errors import FlowRoIError
from flowroi.params import EncodeParams
from flowroi.roi import FrameRoi
from flowroi.sources import Source
from flowroi.stores import AnyPath

# Frames whose errors the encoder reconstructs itself, for the proof; of the others the proof asks for less.
_MEASURED_EVERY = 32


@dataclass(frozen=True, slots=True)
class Item:
    """Frame `t` and its RoI."""

    t: int
    frame: npt.NDArray[Any]
    roi: FrameRoi | None


@dataclass(frozen=True, slots=True)
class Coded:
    """Frame `t`, encoded and proven, with its RoI; `limited` where a movie's rate left it less."""

    t: int
    encoded: EncodedFrame
    roi: FrameRoi | None
    limited: bool
    pixels_sha256: str

    @property
    def size_bytes(self) -> int:
        """Bytes of the stream."""
        return len(self.encoded.data)

    @property
    def step(self) -> float:
        """The quantiser's step, grey levels; 0 where everything, or the RoI, is exact."""
        return self.encoded.stats.step


@dataclass(frozen=True, slots=True)
class Coding:
    """How the frames of a movie are coded.

    Parameters
    ----------
    params : EncodeParams
    soft_weights : bool
        Whether the quality falls off with the weights of a RoI that has some.
    measure : bool
        Whether the errors of every frame are reconstructed, not those of some alone.
    noise_sigma : float or None
        The camera's noise, grey levels; needed where the target is a noise.
    """

    params: EncodeParams
    soft_weights: bool
    measure: bool
    noise_sigma: float | None

    def coded(
        self, item: Item, *, step: float | None = None, budget_bytes: int | None = None, path: AnyPath | None = None
    ) -> Coded:
        """Encode a frame and prove it; `step` and `budget_bytes` are those of `encode_frame`.

        Raises
        ------
        QualityTargetError
            If it cannot be coded in so few bytes, or not as well as asked.
        VerificationError
            If what was encoded is not good.
        """
        mask = None if item.roi is None else item.roi.mask
        try:
            encoded = encode_frame(
                item.frame,
                mask,
                self.params,
                weights=item.roi.weights if item.roi is not None and self.soft_weights else None,
                measure=self.measure or item.t % _MEASURED_EVERY == 0,
                noise_sigma=self.noise_sigma,
                step=step,
                budget_bytes=budget_bytes,
            )
            digest = pixels_digest(prove(item.frame, encoded, self.params, mask, self._limit_mse()))
        except FlowRoIError as error:
            raise type(error)(error.message, path=path, frame=item.t) from error
        return Coded(item.t, encoded, item.roi, budget_bytes is not None, digest)

    @property
    def searches(self) -> bool:
        """Whether the step of a frame is searched for, from that of an earlier frame on."""
        return self.params.psnr is not None or self.params.noise is not None

    @property
    def peak(self) -> int:
        """The largest sample that the significant bits allow."""
        return int(2 ** (self.params.significant_bits or 8)) - 1

    def _limit_mse(self) -> float | None:
        """Return the squared error that the target allows in a frame's RoI."""
        if self.params.psnr is not None:
            return float(self.peak**2 / 10 ** (self.params.psnr / 10))
        if self.params.noise is not None:
            return (self.params.noise * max(self.noise_sigma or 0, ROUNDING_NOISE)) ** 2
        return None


class CodedSource(Source):
    """A movie whose frames were coded and proven before, while it was recorded.

    Attributes
    ----------
    noise_sigma : float or None
        The camera's noise that they were coded with, grey levels.
    """

    noise_sigma: float | None = None

    @abstractmethod
    def coded(self) -> Iterator[Coded]:
        """Yield every frame as it was coded, in order; what there is to tell of them is in `warnings` afterwards."""
