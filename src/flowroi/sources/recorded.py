"""The losses that a movie's files do not show, but tell: an export of an archive of ours is stored without loss."""

from __future__ import annotations

from pathlib import Path

from flowroi.errors import CorruptDataError
from flowroi.losses import Losses


def with_record(path: Path, found: Losses) -> Losses:
    """Return the losses that a file's record tells, with those that its own coding shows.

    Parameters
    ----------
    path : Path
        A file or folder of pixels.
    found : Losses
        What its coding shows.

    Returns
    -------
    Losses
        Of a record that is damaged, one of an unknown method: that there was a loss is certain.
    """
    from flowroi.exports.provenance import read

    try:
        record = read(path)
    except CorruptDataError:
        told = Losses().then("unknown")
    else:
        told = Losses() if record is None else Losses.from_manifest(record)
    return told.with_own(found)
