"""What is compared: a way of making an archive with FlowRoI, or another codec at a rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from flowroi.params import RoiMethod

# The paper's setting of every figure, but for what the figure varies.
PAPER_RATE = 40.0
PAPER_THRESHOLD = 0.2
LABELS: dict[RoiMethod, str] = {"fused": "FlowRoI, fused", "flow": "FlowRoI, flow"}
REFERENCE_LABEL = "JPEG 2000 (OpenJPEG)"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A way of making an archive, by the paper's names; see `RoiParams` and `EncodeParams`."""

    method: RoiMethod
    rate: float = PAPER_RATE
    scaling_factor: float = 5.0
    roi_threshold: float | Literal["auto"] = PAPER_THRESHOLD
    adjacent_factor: int = 0
    denoise: bool = True

    def options(self) -> dict[str, Any]:
        """Return the options of `compress` that make the archive."""
        options = asdict(self)
        return {"roi_method": options.pop("method"), **options, "keep_masks": True}

    @property
    def name(self) -> str:
        """Everything about it, in a line."""
        return (
            f"{self.method}, {self.rate:g}:1, s {self.scaling_factor:g}, threshold {self.roi_threshold}, "
            f"adjacent {self.adjacent_factor}, denoise {'on' if self.denoise else 'off'}"
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """Another codec at a rate: plain JPEG 2000, or our encoder told the true cells and hardly anything else ("cap")."""

    codec: Literal["openjpeg", "cap"]
    rate: float = PAPER_RATE

    @property
    def key(self) -> str:
        """The key that `run_evaluation` knows it by."""
        return f"{self.codec}:{self.rate:g}"


Subject = Configuration | Reference


def usual(method: RoiMethod, **changes: Any) -> Configuration:
    """Return a method at the paper's setting; `fused` calibrates its threshold itself unless it is given one.

    Examples
    --------
    >>> usual("fused").roi_threshold, usual("flow", rate=80).roi_threshold
    ('auto', 0.2)
    """
    settings: dict[str, Any] = {"roi_threshold": "auto"} if method == "fused" else {}
    return Configuration(method, **{**settings, **changes})
