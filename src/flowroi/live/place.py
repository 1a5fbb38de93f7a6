"""One position while it is recorded: its files in order, its coder, its journal, and what was told of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from flowroi.job import Settings
from flowroi.live.coder import Coder
from flowroi.live.journal import Journal
from flowroi.live.options import LiveOptions
from flowroi.live.order import Candidate, Order
from flowroi.live.records import FRAME, found_of, note_record
from flowroi.live.scan import Found
from flowroi.params import Container
from flowroi.plates.base import Position
from flowroi.sources.ordering import Time

MOVIE = "movie"


@dataclass(slots=True)
class Place:
    """One position; `busy` while a worker is at it.

    Attributes
    ----------
    name : str
        `A1_f0`, or "movie".
    position : Position or None
    journal, coder, order
        See there.
    held : deque of Candidate
        Files in turn that are not coded yet: at the beginning, several are wanted at once.
    notes : list of (str, str, Found or None)
        What is to be written down of it.
    told : list of (str, str)
        What was told of it until now, kind and words.
    durable : int
        Frames that are on the disk.
    coded_bytes : int
        Of those frames' codestreams.
    missing : int
        Frames that are known to be missing between them.
    """

    name: str
    position: Position | None
    journal: Journal
    coder: Coder
    order: Order
    held: deque[Candidate] = field(default_factory=deque)
    notes: list[tuple[str, str, Found | None]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    durable: int = 0
    coded_bytes: int = 0
    missing: int = 0
    last_time: Time | None = None
    busy: bool = False

    @property
    def raw_bytes(self) -> int:
        """Bytes of the pixels of the frames that are on the disk."""
        return self.durable * self.coder.frame_bytes

    def ready_since(self, now: float, *, ending: bool) -> float | None:
        """Return since when there is something to do; None where there is nothing."""
        if self.notes:
            return now
        if self.held and (ending or self.coder.opening is not None):
            return self.held[0].turn_at
        return self.order.next_at(now, ending=ending)

    def note(self, kind: str, text: str, found: Found | None = None) -> None:
        """Have something written down, with the next frames."""
        self.notes.append((kind, text, found))
        self.told.append((kind, text))

    def write_notes(self) -> None:
        """Append to the journal what is to be written down."""
        notes, self.notes = self.notes, []
        for kind, text, found in notes:
            self.journal.append(note_record(kind, text, found))


def open_place(
    path: Path,
    name: str,
    position: Position | None,
    *,
    settings: Settings,
    options: LiveOptions,
    container: Container,
    roots: list[Path],
) -> tuple[Place, list[tuple[Found, bool]]]:
    """Begin a position, or go on with it where its journal ends.

    Returns
    -------
    Place
    list of (Found, bool)
        The files that its journal tells of, and whether their frames are in it: they are not to be taken again.
    """
    journal = Journal(path)
    coder = Coder(journal, settings, container, roots)
    known: list[tuple[Found, bool]] = []
    times: list[Time] = []
    coded_bytes = 0
    told: list[tuple[str, str]] = [] if journal.cut is None else [("cut", journal.cut)]
    for header, _ in journal:
        if header["kind"] == FRAME:
            coder.resume(header)
            times.append(tuple(header["time"]))
            coded_bytes += header["data_bytes"]
        else:
            told.append((header["what"], header["text"]))
        if header["file"] is not None:
            known.append((found_of(header["file"], roots), header["kind"] == FRAME))
    order = Order(step=options.time_step, patience_s=options.patience_s, hold_s=options.settle_s, taken=times)
    place = Place(name, position, journal, coder, order, told=told, durable=coder.count, coded_bytes=coded_bytes)
    for time in times:
        count_gap(place, time, options.time_step)
    return place, known


def count_gap(place: Place, time: Time, step: int) -> int:
    """Take note of the time of the next frame; return how many are missing before it."""
    last, place.last_time = place.last_time, time
    if last is None or len(time) != 1 or len(last) != 1:
        return 0
    missing = max(0, (time[0] - last[0]) // step - 1)
    place.missing += missing
    return missing
