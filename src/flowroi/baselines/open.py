"""From a baseline's key to the baseline."""

from __future__ import annotations

from flowroi.baselines.avif import Avif
from flowroi.baselines.base import Baseline
from flowroi.baselines.htj2k import Htj2k
from flowroi.baselines.jpegxl import JpegXl
from flowroi.baselines.openjpeg import OpenJpeg
from flowroi.baselines.smooth import Smooth
from flowroi.errors import InvalidParameterError

_CLASSES: dict[str, type[OpenJpeg | Htj2k | JpegXl | Avif | Smooth]] = {
    "openjpeg": OpenJpeg,
    "htj2k": Htj2k,
    "jpegxl": JpegXl,
    "avif": Avif,
    "smooth": Smooth,
}

BASELINES = tuple(_CLASSES)


def open_baseline(key: str) -> Baseline:
    """Return a baseline with its usual settings.

    Parameters
    ----------
    key : str
        One of `BASELINES`.

    Raises
    ------
    InvalidParameterError
        For another key.
    MissingDependencyError
        If the codec is not part of the installed imagecodecs.

    Examples
    --------
    >>> open_baseline("openjpeg").name
    'JPEG 2000 (OpenJPEG)'
    """
    if key not in _CLASSES:
        raise InvalidParameterError(f"baseline is {key!r}; expected one of {', '.join(BASELINES)}")
    return _CLASSES[key]()
