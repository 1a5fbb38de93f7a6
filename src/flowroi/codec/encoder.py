"""One frame to JPEG 2000 Part 1 with a region of interest, through the C++ core."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi import _core
from flowroi.errors import InvalidParameterError, QualityTargetError
from flowroi.params import Container, EncodeParams, Lossless

# Standard deviation of what rounding to whole grey levels does.
ROUNDING_NOISE = 12**-0.5
# A noise target beyond the range of grey levels asks for this.
_LEAST_PSNR = 1.0
_PROGRESSIONS = {name: getattr(_core.Progression, name) for name in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")}


@dataclass(frozen=True, slots=True)
class EncodeStats:
    """What the encoder did with one frame.

    Errors are mean squared errors in grey levels²; the exact ones are None unless they were asked for.
    The predictions come from the coefficients: exact where nothing was truncated in the background, within
    about 10 % otherwise, and lower than the truth where refinement changed background coefficients.
    """

    size_bytes: int
    crc32: int
    header_bytes: int
    code_blocks: int
    passes_coded: int
    passes_kept: int
    tier1_runs: int
    step: float
    predicted_mse: float
    predicted_weighted_mse: float
    mse: float | None = None
    roi_mse: float | None = None
    background_mse: float | None = None


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """An encoded frame: the bytes to store and what is known about them."""

    data: bytes
    stats: EncodeStats


def encode(
    frame: npt.NDArray[Any],
    roi: npt.NDArray[Any] | None = None,
    *,
    rate: float | None = None,
    psnr: float | None = None,
    noise: float | None = None,
    lossless: Lossless | None = None,
    scaling_factor: float = 5.0,
    container: Container = "jp2",
    **params: Any,
) -> bytes:
    """Encode one frame to JPEG 2000 Part 1, spending the bits on the region of interest.

    Parameters
    ----------
    frame : ndarray, shape (Y, X), uint8 or uint16
        Grey levels; 1 to 32768 pixels on a side.
    roi : ndarray, shape (Y, X), bool or float, optional
        Mask (True = RoI) or weights (1 = RoI, 0 = background, in between by degrees; weights above 1 are taken
        relative to the largest). Without it the whole frame is equally important.
    rate, psnr, noise, lossless
        The target, exactly one: see `EncodeParams`. One frame alone cannot tell its noise from fine texture.
    scaling_factor : float >= 1, default 5
        An error in the RoI weighs its square times the same error in the background.
    container : "jp2" or "j2k", default "jp2"
        JP2 file, or raw codestream.
    **params
        Any other field of `EncodeParams`.

    Returns
    -------
    bytes
        The JP2 file or codestream; the same bytes for the same input on every machine.

    Raises
    ------
    InvalidParameterError
        For a frame, RoI or parameter of the wrong kind, shape or range.
    QualityTargetError
        If the frame cannot be coded in so few bytes, or not as well as asked.

    References
    ----------
    ISO/IEC 15444-1. FlowRoI, "Implementation details".

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    >>> data = encode(frame, lossless="all")
    >>> from flowroi.codec import decode
    >>> bool((decode(data) == frame).all())
    True
    """
    try:
        checked = EncodeParams(
            rate=rate,
            psnr=psnr,
            noise=noise,
            lossless=lossless,
            scaling_factor=scaling_factor,
            container=container,
            **params,
        )
    except TypeError as error:
        raise InvalidParameterError(f"{error}; expected fields of EncodeParams") from error
    sigma = None
    if noise is not None:
        from flowroi.roi.noise import noise_within

        sigma = noise_within(check_frame(frame))
    return encode_frame(frame, roi, checked, noise_sigma=sigma).data


def encode_frame(
    frame: npt.NDArray[Any],
    roi: npt.NDArray[Any] | None,
    params: EncodeParams,
    *,
    weights: npt.NDArray[np.float32] | None = None,
    measure: bool = False,
    noise_sigma: float | None = None,
    step: float | None = None,
    budget_bytes: int | None = None,
) -> EncodedFrame:
    """Encode one frame, with statistics; see `encode`.

    Parameters
    ----------
    frame, roi
        As in `encode`.
    params : EncodeParams
        The target and the coding parameters.
    weights : ndarray, shape (Y, X) or (ceil(Y / 2), ceil(X / 2)), float32, optional
        Beside a mask: how much each pixel matters, 0 to 1; interpolated where it is of half the size. The mask then
        says only which pixels a PSNR, max-shift or a lossless RoI is about.
    measure : bool, default False
        Also reconstruct the frame and report the exact errors; takes about as long again.
    noise_sigma : float, optional
        The camera's noise, grey levels; needed where `params` has `noise`.
    step : float, optional
        Quantiser step in grey levels, instead of the rate of `params`: frames that share one share their quality. Where
        the target is a quality, the search for it begins there.
    budget_bytes : int, optional
        Instead of the rate of `params`.

    Notes
    -----
    `stats.step` is 0 where everything, or the RoI, is exact.
    """
    rms = None
    if params.noise is not None:
        if noise_sigma is None:
            raise InvalidParameterError("a noise target needs the noise: noise_sigma is not given")
        rms = params.noise * max(noise_sigma, ROUNDING_NOISE)
        if rms < ROUNDING_NOISE:
            # Decoders round: to err less, most pixels must be exact, and then all are cheaper.
            return encode_frame(frame, roi, _exact(params), weights=weights, measure=measure)
    checked = check_frame(frame)
    native = native_params(params, checked)
    native.measure = measure
    if step is not None:
        native.budget_bytes, native.step = None, step
    elif budget_bytes is not None:
        native.budget_bytes = budget_bytes
    if rms is not None:
        native.psnr = max(20 * math.log10((2**native.significant_bits - 1) / rms), _LEAST_PSNR)
    mask, importance = _roi_arrays(roi, checked.shape)
    if weights is not None:
        if not isinstance(weights, np.ndarray) or not np.issubdtype(weights.dtype, np.floating):
            seen = f"of type {weights.dtype}" if isinstance(weights, np.ndarray) else f"a {type(weights).__name__}"
            raise InvalidParameterError(f"the weights are {seen}; expected an array of float")
        half = tuple(-(-n // 2) for n in checked.shape)
        importance = _roi_arrays(weights, half if weights.shape == half else checked.shape)[1]
    try:
        data, stats = _core.encode(checked, mask, importance, native)
    except ArithmeticError as error:
        if params.noise is not None:
            return encode_frame(frame, roi, _exact(params), weights=weights, measure=measure)
        raise QualityTargetError(str(error)) from error
    except ValueError as error:
        raise InvalidParameterError(str(error)) from error
    stats["size_bytes"] = stats.pop("bytes")
    for name in ("mse", "roi_mse", "background_mse"):
        stats[name] = None if stats[name] < 0 else stats[name]
    return EncodedFrame(data, EncodeStats(**stats))


def _exact(params: EncodeParams) -> EncodeParams:
    return replace(params, noise=None, lossless="roi")


def check_frame(frame: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return `frame` C-contiguous, or raise InvalidParameterError if it cannot be encoded."""
    if not isinstance(frame, np.ndarray):
        raise InvalidParameterError(f"the frame is a {type(frame).__name__}; expected a NumPy array (Y, X)")
    if frame.ndim != 2 or frame.size == 0:
        raise InvalidParameterError(f"the frame has shape {frame.shape}; expected (Y, X), both at least 1")
    if frame.dtype not in (np.uint8, np.uint16):
        raise InvalidParameterError(
            f"the frame's pixel type is {frame.dtype}; expected uint8 or uint16: convert it, scaling on purpose"
        )
    if max(frame.shape) > _core.MAX_SIDE:
        raise InvalidParameterError(
            f"the frame is {frame.shape[0]}x{frame.shape[1]}; expected at most {_core.MAX_SIDE} on a side: cut it"
        )
    return np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("="))


def significant_bits_of(frame: npt.NDArray[Any]) -> int:
    """Bits that a frame's samples use: 8 for uint8, else as many as the largest sample needs (at least 1)."""
    return 8 if frame.dtype == np.uint8 else max(1, int(frame.max()).bit_length())


def native_params(params: EncodeParams, frame: npt.NDArray[Any]) -> _core.Params:
    """Translate `EncodeParams` for the core; the byte budget of a rate depends on the frame."""
    native = _core.Params()
    native.bit_depth = 8 * frame.itemsize
    native.significant_bits = min(params.significant_bits or significant_bits_of(frame), native.bit_depth)
    native.levels = params.levels
    native.code_block_width_exp, native.code_block_height_exp = (n.bit_length() - 1 for n in params.code_block_size)
    native.layers = params.layers
    native.progression = _PROGRESSIONS[params.progression]
    native.container = getattr(_core.Container, params.container)
    native.tlm = params.tlm
    native.plt = params.plt
    native.roi_mode = getattr(_core.RoiMode, params.roi_mode)
    native.scaling_factor = params.scaling_factor
    native.refinement = params.refinement
    native.budget_bytes = None if params.rate is None else math.floor(frame.nbytes / params.rate)
    native.psnr = params.psnr
    native.lossless = getattr(_core.Lossless, params.lossless or "none")
    native.comment = _default_comment(params) if params.comment is None else params.comment
    return native


@cache
def _product() -> str:
    return f"flowroi {version('flowroi')}"


def _default_comment(params: EncodeParams) -> str:
    # Short: on a small frame at a high rate every byte of it is missing elsewhere.
    return f"{_product()} s={params.scaling_factor:g}"


def _roi_arrays(
    roi: npt.NDArray[Any] | None, shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.uint8] | None, npt.NDArray[np.float32] | None]:
    if roi is None:
        return None, None
    if not isinstance(roi, np.ndarray) or roi.shape != shape:
        seen = f"shape {roi.shape}" if isinstance(roi, np.ndarray) else f"a {type(roi).__name__}"
        raise InvalidParameterError(f"the RoI is {seen}; expected an array of the frame's shape {shape}")
    if roi.dtype == np.bool_:
        return np.ascontiguousarray(roi).view(np.uint8), None
    if np.issubdtype(roi.dtype, np.floating):
        return None, np.ascontiguousarray(roi, dtype=np.float32)
    raise InvalidParameterError(f"the RoI's type is {roi.dtype}; expected bool (a mask) or float (weights)")
