"""Whether an encoded frame is good: decoded by another hand than the one that wrote it, before it counts as done."""

from __future__ import annotations

import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.codec.decoder import decode
from flowroi.codec.encoder import EncodedFrame
from flowroi.errors import FlowRoIError, VerificationError
from flowroi.params import EncodeParams

Frame = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
# OpenJPEG computes in floats, and in another order than we: its errors differ from the encoder's own by so much.
_SHARE, _SQUARES = 0.02, 0.02
# Where the encoder did not reconstruct the frame: what it means to do in a RoI errs by less than a flat grey does.
# The squares are those of eight bits.
_FLAT_TIMES, _FLAT_SQUARES = 2.0, 64.0
# dB, for the same reason.
_DECIBELS = 0.05


def prove(
    frame: Frame, encoded: EncodedFrame, params: EncodeParams, mask: Mask | None, limit_mse: float | None
) -> Frame:
    """Decode an encoded frame with OpenJPEG and compare it with the frame.

    Parameters
    ----------
    frame : ndarray, shape (Y, X)
        As it was recorded.
    encoded : EncodedFrame
        What `encode_frame` returned for it.
    params : EncodeParams
        What it was encoded with.
    mask : ndarray, shape (Y, X), bool, optional
        Its RoI; the whole frame without one.
    limit_mse : float, optional
        The squared error, in grey levels, that the target allows in the RoI; None where it allows any.

    Returns
    -------
    ndarray, shape (Y, X)
        What the stream decodes to.

    Raises
    ------
    VerificationError
        If the stream is not the one that the encoder finished, does not decode, or decodes to something else than was
        meant.
    """
    check_unchanged(encoded)
    try:
        decoded = decode(encoded.data)
    except FlowRoIError as error:
        raise _unproven(f"it does not decode ({error.message})") from error
    if decoded.shape != frame.shape or decoded.dtype != frame.dtype:
        raise _unproven(f"it decodes to {decoded.shape} {decoded.dtype} instead of {frame.shape} {frame.dtype}")
    _check_errors(frame, decoded, encoded, params, mask, limit_mse)
    return decoded


def check_unchanged(encoded: EncodedFrame) -> None:
    """Raise VerificationError if a stream is not the one that the encoder finished: it may have waited for long."""
    if zlib.crc32(encoded.data) != encoded.stats.crc32 or len(encoded.data) != encoded.stats.size_bytes:
        raise _unproven("its checksum is not the one that the encoder took: a fault of the memory")


def _check_errors(
    frame: Frame,
    decoded: Frame,
    encoded: EncodedFrame,
    params: EncodeParams,
    mask: Mask | None,
    limit_mse: float | None,
) -> None:
    exact = params.lossless or ("roi" if encoded.stats.step == 0 and params.noise is not None else None)
    if exact == "all" or (exact == "roi" and mask is None):
        if not np.array_equal(frame, decoded):
            raise _unproven("it is to be exact, and is not")
        return
    inside = None if mask is None or not mask.any() else np.ascontiguousarray(mask).view(np.uint8)
    reached = _mse(frame, decoded, inside)
    if exact == "roi" and inside is not None and reached != 0:
        raise _unproven("its RoI is to be exact, and is not")
    if exact is None and limit_mse is not None and reached > limit_mse * 10 ** (_DECIBELS / 10) + _SQUARES:
        raise _unproven(f"the squared error in its RoI is {reached:.3g}; at most {limit_mse:.3g} was asked for")
    stats = encoded.stats
    if stats.mse is not None:
        error = _mse(frame, decoded, None)
        if abs(error - stats.mse) > _SHARE * stats.mse + _SQUARES:
            raise _unproven(f"its squared error is {error:.4g}; the encoder reconstructed it to {stats.mse:.4g}")
        return
    flat = _FLAT_SQUARES * 4.0 ** ((params.significant_bits or 8) - 8)
    _, deviation = cv2.meanStdDev(frame, mask=inside)
    if reached > _FLAT_TIMES * deviation.item() ** 2 + flat:
        raise _unproven(f"the squared error in its RoI is {reached:.4g}, more than that of a flat grey")


def _mse(frame: Frame, decoded: Frame, inside: npt.NDArray[np.uint8] | None) -> float:
    """Return the mean squared error, of all pixels or of those where `inside` is not 0; 0 only where all are equal."""
    count = frame.size if inside is None else cv2.countNonZero(inside)
    return float(cv2.norm(frame, decoded, cv2.NORM_L2SQR, inside)) / count


def _unproven(reason: str) -> VerificationError:
    return VerificationError(
        f"the encoded frame is not good: {reason}; nothing was kept: start again, and report it if it comes back"
    )
