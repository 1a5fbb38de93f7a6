"""The newest frame of a position, read from its journal beside those who write it."""

from __future__ import annotations

import threading
from pathlib import Path

from flowroi.codec import decode
from flowroi.live.journal import Record, newest_record
from flowroi.live.records import coded_of
from flowroi.roi.frame_roi import Mask
from flowroi.sources.pixels import Frame


class Newest:
    """Finds the newest frames; remembers how far each journal was read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Path, int] = {}

    def record(self, path: Path) -> Record | None:
        """Return the newest frame of a journal; None where there is none, or no journal any more."""
        with self._lock:
            since = self._seen.get(path, 0)
        try:
            found = newest_record(path, since)
        except FileNotFoundError:
            return None
        if found is None:
            return None
        with self._lock:
            self._seen[path] = found[0]
        return found[1]


def decoded(record: Record) -> tuple[Frame, Mask | None]:
    """Return the pixels of a record, as an archive will give them, and its mask, if it has one.

    Raises
    ------
    CorruptDataError
        If they are not what was written.
    """
    header, payload = record
    frame = decode(payload[: header["data_bytes"]])
    coded = coded_of(record, (frame.shape[0], frame.shape[1]))
    return frame, None if coded.roi is None else coded.roi.mask
