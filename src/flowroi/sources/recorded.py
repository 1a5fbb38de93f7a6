"""The losses that a movie's files do not show, but tell: an export of an archive of ours is stored without loss."""

from __future__ import annotations

from pathlib import Path

from flowroi.errors import CorruptDataError
from flowroi.losses import Losses


def with_record(path: Path, found: Losses) -> Losses:
    """Return the losses that the record of a file tells, and those that its coding shows.

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
        return found or Losses().then("unknown")
    return found if record is None else Losses.from_manifest(record).with_own(found)
