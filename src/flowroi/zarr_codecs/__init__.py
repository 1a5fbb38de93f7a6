"""The JPEG 2000 codec of our OME-Zarr archives, for zarr and numcodecs: they find it by the package's entry points.

`imagecodecs_jpeg2k` is the name under which imagecodecs-zarr and imagecodecs-numcodecs offer OpenJPEG. Where these are
installed their class is handed out, so that there is one codec of the name; where they are not (imagecodecs-zarr needs
Python 3.12) it is our small one, which decodes under limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from flowroi.errors import UnsupportedFormatError

CODEC_NAME = "imagecodecs_jpeg2k"


def others_codec(group: str) -> Any:
    """Return the class that another installed package registers as `imagecodecs_jpeg2k`, or None.

    Parameters
    ----------
    group : str
        Of entry points: "zarr.codecs" or "numcodecs.codecs".

    Examples
    --------
    >>> others_codec("no.such.group") is None
    True
    """
    for entry in entry_points(group=group, name=CODEC_NAME):
        if not entry.value.startswith("flowroi."):
            return entry.load()
    return None


def check_minimal(options: Mapping[str, Any], *, package: str) -> None:
    """Raise UnsupportedFormatError for options that our codec does not have.

    Parameters
    ----------
    options : mapping
        The configuration as the array's metadata gives it; null asks for nothing.
    package : str
        That has a codec with options.

    Examples
    --------
    >>> check_minimal({"level": None, "mct": True}, package="imagecodecs-zarr")
    >>> check_minimal({"skipres": 1}, package="imagecodecs-zarr")
    Traceback (most recent call last):
    flowroi.errors.UnsupportedFormatError: imagecodecs_jpeg2k with skipres; expected none: install imagecodecs-zarr
    """
    # A colour transform, which the other codec notes even where it is not used.
    asked = sorted(key for key, value in options.items() if value is not None and not (key == "mct" and value is True))
    if asked:
        raise UnsupportedFormatError(f"{CODEC_NAME} with {', '.join(asked)}; expected none: install {package}")
