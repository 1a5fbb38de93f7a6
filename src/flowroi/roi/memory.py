"""What the fused method has learnt of a movie, told by the numbers of frames: with those frames it goes on.

All its planes come from frames that the movie still has. So a few numbers say what it knows, and a restart costs some
thirty frames, however long the movie has grown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# A frame, and where the stage was (dy, dx), px.
Seen = tuple[int, float, float]


@dataclass(frozen=True, slots=True)
class RoiMemory:
    """The state of a `FusedExtraction` between two frames.

    Attributes
    ----------
    frames : int
        Frames that it has seen.
    first_level : float
        Brightness of the first one.
    recent : tuple of (float, float, float)
        Noise, strength and level of the last frames.
    key : (int, float, float)
        The tracker's key frame.
    last : (float, float)
        Where the stage was at the last frame.
    step : int
        The distance of the frames that the background model keeps.
    samples : tuple of (int, float, float)
        Those that it keeps.
    new : int
        How many of them are newer than the background that is in use.
    combined : tuple of (int, float, float)
        Those that it was told from; empty where there is none.
    position : (float, float)
        Where the stage was then.
    """

    frames: int
    first_level: float
    recent: tuple[tuple[float, float, float], ...]
    key: Seen
    last: tuple[float, float]
    step: int
    samples: tuple[Seen, ...]
    new: int
    combined: tuple[Seen, ...]
    position: tuple[float, float]

    @property
    def wanted(self) -> list[int]:
        """The frames that are needed to go on, in order."""
        told = (self.key, *self.samples, *self.combined)
        return sorted({self.frames - 1, *(t for t, _, _ in told)})

    def to_json(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RoiMemory:
        """Return what `to_json` wrote."""
        return cls(**{name: _tuples(value) for name, value in data.items()})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
