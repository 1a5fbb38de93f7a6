"""The losses that a movie's files do not show, but tell: an export of an archive of ours is stored without loss."""

from __future__ import annotations

from flowroi.errors import CorruptDataError
from flowroi.losses import Losses
from flowroi.stores import AnyPath


def with_record(path: AnyPath, found: Losses) -> Losses:
    """Return the losses that a file's record tells, with those that its own coding shows.

    Parameters
    ----------
    path : Path or StorePath
        A file or folder of pixels.
    found : Losses
        What its coding shows.

    Returns
    -------
    Losses
        Of a record that is damaged, where nothing else tells of a loss, one of an unknown method: there was one.
    """
    from flowroi.exports.provenance import read

    try:
        record = read(path)
    except CorruptDataError:
        return found or Losses().then("unknown")
    told = Losses() if record is None else Losses.from_manifest(record)
    return told.with_own(found)
