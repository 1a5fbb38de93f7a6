"""The parameters of RoI extraction and of encoding, checked once, here."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from flowroi.errors import InvalidParameterError

RoiMethod = Literal["fused", "flow"]
Container = Literal["jp2", "j2k"]
Lossless = Literal["all", "roi"]
RateControl = Literal["movie", "frame"]
Progression = Literal["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"]

# What a compression may aim at, by the names of EncodeParams.
TARGETS = ("rate", "psnr", "noise", "lossless")


@dataclass(frozen=True, slots=True)
class RoiParams:
    """Parameters of RoI extraction, by the paper's names where the paper has one.

    Parameters
    ----------
    denoise : bool, default True
        Median filter, then bilateral filter, before motion is estimated (the paper's "Denoise").
    roi_threshold : float in (0, 1) or "auto", default "auto"
        Share of the pixels, most salient first, kept as RoI (the paper's "RoI threshold"). With `"auto"`, `fused`
        calibrates itself on the movie, and `flow` keeps 0.2.
    adjacent_factor : int >= 0, default 0
        Each mask is united with the masks of this many frames on either side ("Adjacent factor").
    step : int >= 1 or "auto", default "auto"
        Distance in frames between the two frames of a pair of `flow`, which slow cells want longer (`"auto"`: 1), and
        between the frames from which `fused` learns the background (`"auto"`: grows with the movie, from 1 to 32).
    alpha : float in [0, 1], default 0.7
        Weight of the flow magnitude against its gradient in the motion saliency.
    opening_px, closing_px : int >= 0, default 3 and 5
        Side of the square structuring elements of `flow`; 0 or 1 leaves the step out.
    min_area_px : int >= 0 or "auto", default "auto"
        Connected components smaller than this are removed from the finished mask: 200 in `flow`, 32 in `fused`.
    seed_area_px : int >= 0, default 40
        Connected components smaller than this are removed before closing, in `flow`.
    look_ahead : int >= 0, default 8
        Frames after its own that `fused` may see before it decides on a frame; 0 where none can be waited for.
    margin : int >= 0, default 0
        The finished mask is dilated by this many pixels.
    max_drift_px : float >= 0, default 16
        A stage shift larger than this between the frames of a pair is not believed.

    Raises
    ------
    InvalidParameterError
        If a value is outside its range.

    References
    ----------
    FlowRoI, table 1.

    Examples
    --------
    >>> RoiParams(roi_threshold=0.1).adjacent_factor
    0
    """

    denoise: bool = True
    roi_threshold: float | Literal["auto"] = "auto"
    adjacent_factor: int = 0
    step: int | Literal["auto"] = "auto"
    alpha: float = 0.7
    opening_px: int = 3
    closing_px: int = 5
    min_area_px: int | Literal["auto"] = "auto"
    seed_area_px: int = 40
    margin: int = 0
    max_drift_px: float = 16.0
    look_ahead: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.denoise, bool):
            raise InvalidParameterError(f"denoise is {self.denoise!r}; expected True or False")
        if self.roi_threshold != "auto":
            _check_number("roi_threshold", self.roi_threshold, low=0, high=1, open_ends=True)
        for name, low in (
            ("adjacent_factor", 0),
            ("step", 1),
            ("opening_px", 0),
            ("closing_px", 0),
            ("min_area_px", 0),
            ("seed_area_px", 0),
            ("margin", 0),
            ("look_ahead", 0),
        ):
            value = getattr(self, name)
            if value != "auto" or name not in ("step", "min_area_px"):
                check_integer(name, value, low=low)
        _check_number("alpha", self.alpha, low=0, high=1)
        _check_number("max_drift_px", self.max_drift_px, low=0, high=math.inf)

    def with_overrides(self, **overrides: Any) -> Self:
        """Return a copy with some values changed; an unknown name raises InvalidParameterError."""
        known = {field.name for field in fields(self)}
        for name in overrides:
            if name not in known:
                raise InvalidParameterError(
                    f"{name!r} is not a RoI parameter; expected one of {', '.join(sorted(known))}"
                )
        return replace(self, **overrides)


@dataclass(frozen=True, slots=True)
class EncodeParams:
    """How frames are encoded to JPEG 2000; exactly one of `rate`, `psnr`, `noise` and `lossless` is given.

    Parameters
    ----------
    rate : float > 1, optional
        Compression rate: bytes of the raw samples / bytes of the encoded frame, at least (the paper's "Compression
        rate"). With `lossless="roi"` it limits the whole frame.
    psnr : float, optional
        PSNR in dB that the RoI reaches at least (the whole frame where there is no RoI).
    noise : float in [0.01, 100], optional
        K: the RMS error in the RoI stays at or below K times the camera's noise, measured on the pixels themselves and
        never taken for less than that of rounding, 1/sqrt(12) grey levels. Where that leaves less than rounding does,
        or lossy coding cannot do it, the RoI is kept exactly.
    lossless : "all" or "roi", optional
        Every pixel exact, or every RoI pixel exact.
    scaling_factor : float >= 1, default 5
        s: an error in the RoI weighs s² times the same error in the background (the paper's "Scaling factor").
    container : "jp2" or "j2k", default "jp2"
        JP2 file, or raw codestream.
    levels : int, 0 to 32, default 5
        Decomposition levels; fewer are used on frames too small for them.
    code_block_size : (int, int), default (64, 64)
        Width and height, powers of two from 4 to 1024, at most 4096 samples.
    layers : int, 1 to 256, default 1
        Quality layers; each earlier one holds half the bytes of the next.
    progression : "LRCP", "RLCP", "RPCL", "PCRL" or "CPRL", default "LRCP"
        Order of packets.
    tlm, plt : bool, optional
        Write tile-part and packet lengths, for readers that seek; by default from 64 KiB on.
    roi_mode : "scaling" or "maxshift", default "scaling"
        Per-coefficient weights, or the RGN marker's max-shift, which some readers do not decode.
    refinement : int, 0 to 64, optional
        Iterations of the don't-care refinement of background coefficients; by default chosen from `scaling_factor`.
    significant_bits : int, 1 to 16, optional
        Bits that the samples really use; sets PSNR's peak. By default 8 for uint8, and for uint16 what the frame's
        largest sample needs.
    comment : str, optional
        Text of the COM marker (Latin-1); by default the version and the main parameters. `""` writes none.

    Raises
    ------
    InvalidParameterError
        If a value is outside its range, or not exactly one target is given.

    References
    ----------
    FlowRoI, table 1. ISO/IEC 15444-1, Annexes A and B.

    Examples
    --------
    >>> EncodeParams(rate=40).scaling_factor
    5.0
    """

    rate: float | None = None
    psnr: float | None = None
    noise: float | None = None
    lossless: Lossless | None = None
    scaling_factor: float = 5.0
    container: Container = "jp2"
    levels: int = 5
    code_block_size: tuple[int, int] = (64, 64)
    layers: int = 1
    progression: Progression = "LRCP"
    tlm: bool | None = None
    plt: bool | None = None
    roi_mode: Literal["scaling", "maxshift"] = "scaling"
    refinement: int | None = None
    significant_bits: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        self._check_target()
        _check_number("scaling_factor", self.scaling_factor, low=1, high=1e4)
        check_choice("container", self.container, get_args(Container))
        check_choice("progression", self.progression, get_args(Progression))
        check_choice("roi_mode", self.roi_mode, ("scaling", "maxshift"))
        check_integer("levels", self.levels, low=0, high=32)
        check_integer("layers", self.layers, low=1, high=256)
        if self.refinement is not None:
            check_integer("refinement", self.refinement, low=0, high=64)
        if self.significant_bits is not None:
            check_integer("significant_bits", self.significant_bits, low=1, high=16)
        size = self.code_block_size
        if (
            not isinstance(size, tuple | list)
            or len(size) != 2
            or any(n not in (4, 8, 16, 32, 64, 128, 256, 512, 1024) for n in size)
            or size[0] * size[1] > 4096
        ):
            raise InvalidParameterError(
                f"code_block_size is {size!r}; expected two powers of two from 4 to 1024 with a product <= 4096"
            )
        if self.comment is not None:
            try:
                self.comment.encode("latin-1")
            except UnicodeEncodeError as error:
                raise InvalidParameterError(f"comment is {self.comment!r}; expected Latin-1 text") from error

    def _check_target(self) -> None:
        if self.rate is not None:
            _check_number("rate", self.rate, low=1, high=math.inf, open_ends=True)
        if self.psnr is not None:
            _check_number("psnr", self.psnr, low=0, high=200, open_ends=True)
        if self.noise is not None:
            _check_number("noise", self.noise, low=0.01, high=100)
        if self.lossless is not None:
            check_choice("lossless", self.lossless, get_args(Lossless))
        given = {name: getattr(self, name) for name in TARGETS}
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) != 1 and given != {"rate": self.rate, "lossless": "roi"}:
            seen = " and ".join(f"{name}={value!r}" for name, value in given.items()) or "none of them"
            raise InvalidParameterError(f"expected exactly one of {', '.join(TARGETS)}; {seen} given")


def check_integer(name: str, value: Any, *, low: int, high: int | None = None) -> None:
    """Raise InvalidParameterError unless `value` is an integer within [low, high]."""
    limits = f"an integer >= {low}" if high is None else f"an integer from {low} to {high}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidParameterError(f"{name} is {value!r}; expected {limits}")
    if value < low or (high is not None and value > high):
        raise InvalidParameterError(f"{name} is {value!r}; expected {limits}")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise InvalidParameterError unless `value` is one of `choices`."""
    if value not in choices:
        raise InvalidParameterError(f"{name} is {value!r}; expected one of {', '.join(choices)}")


def _check_number(name: str, value: Any, *, low: float, high: float, open_ends: bool = False) -> None:
    brackets = "()" if open_ends else "[]"
    limits = f"a number in {brackets[0]}{low:g}, {high:g}{brackets[1]}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidParameterError(f"{name} is {value!r}; expected {limits}")
    if not (low < value < high if open_ends else low <= value <= high):
        raise InvalidParameterError(f"{name} is {value!r}; expected {limits}")
