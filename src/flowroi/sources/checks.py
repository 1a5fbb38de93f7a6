"""What a user should be told about the frames of a movie, noticed while they pass by."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_SATURATED_SHARE = 0.25
_MAX_LISTED_RANGES = 8


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What a frame looks like by itself: its CRC-32, its largest sample, and whether it is odd in some way."""

    checksum: int
    highest: int
    constant: bool
    saturated: bool
    zero_tail: bool

    @classmethod
    def of(cls, frame: npt.NDArray[Any], significant_bits: int) -> FrameFacts:
        """Look at a frame whose samples are said to use so many bits."""
        low, high = int(frame.min()), int(frame.max())
        # A checksum, not the frame itself: its consumer may write into it.
        checksum = zlib.crc32(frame.data)
        if low == high:
            return cls(checksum, high, frame.size > 1, saturated=False, zero_tail=False)
        peak = 2**significant_bits - 1
        saturated = high >= peak and np.count_nonzero(frame >= peak) > _SATURATED_SHARE * frame.size
        return cls(checksum, high, constant=False, saturated=bool(saturated), zero_tail=_has_zero_tail(frame))


class FrameChecks:
    """Notices constant, saturated, repeated and zero-tailed frames, and samples above the significant bits.

    None of these is an error: the frames are as they were recorded, and FlowRoI takes them.

    Parameters
    ----------
    significant_bits : int
        Bits that the samples are said to use.
    """

    def __init__(self, significant_bits: int) -> None:
        self._significant_bits = significant_bits
        self._constant: list[int] = []
        self._saturated: list[int] = []
        self._repeated: list[int] = []
        self._zero_tail: list[int] = []
        self._seen = 0
        self._previous_sum: int | None = None
        self._highest = 0

    def observe(self, t: int, frame: npt.NDArray[Any]) -> None:
        """Look at the next frame, in order."""
        self.note(t, FrameFacts.of(frame, self._significant_bits))

    def note(self, t: int, facts: FrameFacts) -> None:
        """Take in what the next frame looks like, in order."""
        self._highest = max(self._highest, facts.highest)
        self._seen += 1
        if facts.checksum == self._previous_sum:
            self._repeated.append(t)
        self._previous_sum = facts.checksum
        if facts.constant:
            self._constant.append(t)
        if facts.saturated:
            self._saturated.append(t)
        if facts.zero_tail:
            self._zero_tail.append(t)

    def messages(self) -> tuple[str, ...]:
        """Sentences about what was noticed until now."""
        found = []
        if self._constant:
            found.append(f"{_frames(self._constant)} one value in every pixel (black or constant)")
        if self._saturated:
            share = round(100 * _SATURATED_SHARE)
            found.append(f"{_frames(self._saturated)} more than {share} % of the pixels saturated")
        if self._repeated:
            found.append(f"{_frames(self._repeated)} the same pixels as the frame before: camera stall?")
        # Where every frame has it, the camera's field is masked; where only some have it, a transfer broke off.
        if 0 < len(self._zero_tail) < self._seen:
            found.append(f"{_frames(self._zero_tail)} only zeros in the last rows: cut transfer?")
        needed = self._highest.bit_length()
        if needed > self._significant_bits:
            found.append(
                f"the largest sample is {self._highest}, which needs {needed} bits; PSNR counts on "
                f"{self._significant_bits} significant bits, as the file says or the sampled frames suggest"
            )
        return tuple(found)


def _has_zero_tail(frame: npt.NDArray[Any]) -> bool:
    """Whether a frame without other zeros ends in rows of zeros; a dark background has zeros everywhere."""
    if frame[-1].any():
        return False
    filled = np.flatnonzero(frame.any(axis=1))
    above = frame[: int(filled[-1])]
    return frame.shape[0] - len(above) > 2 and above.size > 0 and bool(above.all())


def ranges(numbers: Iterable[int]) -> str:
    """Write sorted numbers as ranges, shortened where there are many.

    Examples
    --------
    >>> ranges([3, 7, 8, 9])
    '3, 7-9'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:_MAX_LISTED_RANGES]]
    more = f" and {len(runs) - _MAX_LISTED_RANGES} more" if len(runs) > _MAX_LISTED_RANGES else ""
    return ", ".join(shown) + more


def _frames(indices: list[int]) -> str:
    return f"frame {indices[0]} has" if len(indices) == 1 else f"frames {ranges(indices)} have"
