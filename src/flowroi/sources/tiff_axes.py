"""Which axis of a TIFF is time, and which planes make the movie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowroi.errors import UnsupportedFormatError
from flowroi.sources.pixels import check_channel

READ_AS_TIME = "the {count} pages have no named axes: they are read as time, frame by frame"
Z_READ_AS_TIME = (
    "the file calls its {count} planes Z, without a distance between them or any time axis: they are read as time; "
    "if it is a Z stack, it is no movie"
)


@dataclass(frozen=True, slots=True)
class MovieAxes:
    """How to walk over the planes of a file.

    Parameters
    ----------
    time_axis : str
        Name of the axis that is walked along; "" where there is one plane only.
    fixed : dict of str to int
        Index along every other axis.
    channel_used : bool
        Whether `channel` chose among planes (and not among samples of a pixel).
    warnings : tuple of str
    """

    time_axis: str
    fixed: dict[str, int]
    channel_used: bool
    warnings: tuple[str, ...]


def choose_axes(
    sizes: dict[str, int],
    *,
    channel: int | None,
    has_z_step: bool,
    channel_names: Sequence[str] = (),
) -> MovieAxes:
    """Decide which axis is time; Y, X and samples are not among `sizes`.

    Parameters
    ----------
    sizes : dict of str to int
        Axes by tifffile's letters (T, Z, C; Q and I are unnamed) and their lengths.
    channel : int or None
        Chosen channel.
    has_z_step : bool
        The file gives a distance between planes: its Z really is depth.
    channel_names : sequence of str
        For the message.

    Raises
    ------
    UnsupportedFormatError
        If there are several planes a time point, several channels and none chosen, or axes that are not understood.
    InvalidParameterError
        If there is no such channel.

    Examples
    --------
    >>> choose_axes({"T": 60, "C": 2}, channel=1, has_z_step=False).fixed
    {'C': 1}
    >>> choose_axes({"Q": 60}, channel=None, has_z_step=False).warnings
    ('the 60 pages have no named axes: they are read as time, frame by frame',)
    """
    long = {axis: size for axis, size in sizes.items() if size > 1}
    fixed = dict.fromkeys(sizes, 0)
    warnings = []
    channels = long.pop("C", 1)
    if channels > 1:
        fixed["C"] = _choose_channel(channels, channel, channel_names, single_time=not long)
        warnings.append(f"channel {fixed['C']} of {channels} is read, the others are not")
    unnamed = [axis for axis in long if axis in "QI"]
    if "Z" in long and ("T" in long or unnamed or has_z_step):
        others = long.get("T", 1)
        raise UnsupportedFormatError(
            f"a Z stack of {long['Z']} planes"
            + (f" at each of {others} time points" if others > 1 else "")
            + "; expected one plane a time point: save one plane or a projection; if Z is meant as time, save it "
            "with axes TYX"
        )
    if len(long) > 1 or any(axis not in "TZQI" for axis in long):
        listed = ", ".join(f"{axis} of {size}" for axis, size in long.items())
        raise UnsupportedFormatError(
            f"the axes before Y and X are {listed}; expected time only: save one position with axes TYX"
        )
    time_axis = next(iter(long), "")
    if time_axis == "Z":
        warnings.append(Z_READ_AS_TIME.format(count=long["Z"]))
    elif unnamed:
        warnings.append(READ_AS_TIME.format(count=long[time_axis]))
    fixed.pop(time_axis, None)
    return MovieAxes(time_axis, fixed, channels > 1, tuple(warnings))


def _choose_channel(channels: int, channel: int | None, names: Sequence[str], *, single_time: bool) -> int:
    if channel is not None:
        check_channel(channel, channels)
        return channel
    known = ", ".join(name for name in names[:5] if name)
    hint = "; if the channels are meant as time points, save it with axes TYX" if single_time else ""
    raise UnsupportedFormatError(
        f"{channels} channels{f' ({known})' if known else ''}; expected one: choose a channel (0 to {channels - 1})"
        f"{hint}"
    )
