"""Whether a JPEG 2000 stream from elsewhere lost anything."""

from __future__ import annotations

from flowroi.codec.completeness import is_complete
from flowroi.codec.structure import check_structure
from flowroi.losses import Losses

METHOD = "ISO_15444_1"


def stream_losses(data: bytes, raw_bytes: int) -> Losses:
    """Return what was lost when a stream was made.

    Parameters
    ----------
    data : bytes
        JP2 file or codestream, from any encoder.
    raw_bytes : int
        Bytes of its samples before.

    Raises
    ------
    CorruptDataError, UnsupportedFormatError
        As `check_structure`.
    """
    # Where it cannot be told, a loss is assumed: one that is not recorded is lost for ever.
    if check_structure(data).reversible and is_complete(data):
        return Losses()
    return Losses().then(METHOD, round(raw_bytes / len(data), 3))
