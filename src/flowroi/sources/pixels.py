"""Pixel types, sizes and colours: what FlowRoI takes, and what to convert where it does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.errors import InvalidParameterError, UnsupportedFormatError

Frame = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Declared size of an image, samples a pixel, and pixel type of its grey frame."""

    width: int
    height: int
    samples: int
    dtype: np.dtype[Any]
    significant_bits: int | None = None


# Of files of which one channel is read.
OTHER_CHANNELS = "other channels"


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnsupportedFormatError if a header declares an empty frame or one above `max_pixels`.

    Examples
    --------
    >>> check_size(65536, 65536, 2**30)
    Traceback (most recent call last):
    ...
    flowroi.errors.UnsupportedFormatError: 65536x65536 pixels declared, above the limit of 1073741824 a frame; \
not decoded: raise max_pixels if the size is right
    """
    if width < 1 or height < 1:
        raise UnsupportedFormatError(f"{width}x{height} pixels declared; expected at least 1x1; not decoded")
    if width * height > max_pixels:
        raise UnsupportedFormatError(
            f"{width}x{height} pixels declared, above the limit of {max_pixels} a frame; not decoded: "
            "raise max_pixels if the size is right"
        )


def check_pixel_type(dtype: np.dtype[Any], sample: Frame | None = None) -> np.dtype[Any]:
    """Return uint8 or uint16 in native byte order, or say which conversion to ask for.

    Parameters
    ----------
    dtype : dtype
        What the input holds.
    sample : ndarray, optional
        The first frame: its values decide which conversion is advised.

    Raises
    ------
    UnsupportedFormatError
        For every other type. Nothing is converted silently: only the user knows what the numbers mean.
    """
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return dtype.newbyteorder("=")
    raise UnsupportedFormatError(
        f"unsupported pixel type {dtype}; expected uint8 or uint16; nothing was converted. {_conversion(dtype, sample)}"
    )


def _conversion(dtype: np.dtype[Any], sample: Frame | None) -> str:
    """Advice for one unsupported type, after the values of the first frame where they are known."""
    if dtype.kind == "b":
        return "A mask is no image: if it is meant, convert it with frames.astype(np.uint8) * 255"
    if dtype.kind == "c":
        return "Choose a real part first, e.g. np.abs(frames), then scale it to uint16"
    if dtype.kind not in "iuf":
        return "Save the frames as uint8 or uint16"
    if sample is None or sample.size == 0:
        return (
            "Convert it on purpose: frames.astype(np.uint8) or .astype(np.uint16) where the values are whole "
            "numbers in range, else scale first"
        )
    if not np.isfinite(sample).all():
        return "The first frame holds NaN or infinite values: decide what they mean, then scale to uint16"
    low, high = sample.min().item(), sample.max().item()
    span = f"from {low:g} to {high:g}"
    if (sample == np.floor(sample)).all() and low >= 0 and high <= 65535:
        target = "np.uint8" if high <= 255 else "np.uint16"
        return (
            f"The first frame holds whole numbers {span}: if all frames do, frames.astype({target}) loses "
            "nothing; save that"
        )
    return (
        f"The first frame's values go {span}: choose low and high for the whole movie, then save "
        "np.round((frames - low) * (65535 / (high - low))).astype(np.uint16)"
    )


def grey_frame(samples: Frame, channel: int | None) -> Frame:
    """Return one grey plane of a frame of one or more samples a pixel.

    Parameters
    ----------
    samples : ndarray, shape (Y, X) or (Y, X, S), S from 1 to 4
        S = 2 and 4 are grey and RGB with opacity last.
    channel : int or None
        The sample to take; None takes the only one, or one of several that are equal everywhere.

    Raises
    ------
    InvalidParameterError
        If there is no such channel.
    UnsupportedFormatError
        If the channels differ and none was chosen.
    """
    if samples.ndim == 2:
        samples = samples[..., np.newaxis]
    count = samples.shape[2]
    if channel is not None:
        check_channel(channel, count)
        return samples[..., channel]
    colours = count
    if count in (2, 4):
        opacity = samples[..., -1]
        if opacity.min() != np.iinfo(samples.dtype).max:
            raise UnsupportedFormatError(
                f"the image is partly transparent ({count} channels, opacity last); expected grey: choose a channel"
            )
        colours = count - 1
    first = samples[..., 0]
    for other in range(1, colours):
        if not np.array_equal(first, samples[..., other]):
            raise UnsupportedFormatError(
                f"a colour image of {colours} channels that differ; expected grey: choose a channel "
                f"(0 to {colours - 1})"
            )
    return first


def check_channel(channel: int, count: int) -> None:
    """Raise InvalidParameterError unless the input has this channel."""
    if channel >= count:
        last = "only channel 0" if count == 1 else f"channels 0 to {count - 1}"
        raise InvalidParameterError(f"channel is {channel}; the input has {last}")


def bits_of(frames: Iterable[Frame]) -> int:
    """Bits that the largest sample of some frames needs, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> bits_of([np.array([[0, 4095]], np.uint16)])
    12
    """
    return max(1, max(int(frame.max()).bit_length() for frame in frames))
