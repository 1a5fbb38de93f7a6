"""What comes in: each file that has settled finds its place in the order of a position, or it is told why not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from flowroi.archives import container_of, format_of
from flowroi.archives.create import ArchiveFormat
from flowroi.errors import UnsupportedFormatError
from flowroi.job import Settings
from flowroi.live.crew import Crew
from flowroi.live.finish import position_of
from flowroi.live.journal import Journal
from flowroi.live.naming import Naming, naming_of
from flowroi.live.options import LiveOptions
from flowroi.live.place import MOVIE, Place, open_place
from flowroi.live.records import note_record
from flowroi.live.scan import Found, Key, Scan, Scanner
from flowroi.live.spool import Spool
from flowroi.params import Container
from flowroi.plates.base import Position
from flowroi.plates.storage import plate_format_of
from flowroi.sources.names import text_name

# Files that are no frames are told one by one up to so many.
_MOST_IGNORED = 20


class Intake:
    """Scans the incoming folders and hands files to the positions, whose workers are the crew.

    Attributes
    ----------
    scanner : Scanner
    naming : Naming or None
        How names are read, once that is known.
    told : list of (str, str)
        What was told of no position: kind, and in words.
    ignored : int
        Files that are no frames.
    news_at : float
        When something last came, seconds of the monotonic clock.
    log : Journal
        Of what is told of no position.
    """

    def __init__(
        self,
        roots: list[Path],
        target: Path,
        settings: Settings,
        options: LiveOptions,
        spool: Spool,
        crew: Crew,
        tell: Callable[..., None],
    ) -> None:
        self.roots, self.target, self.settings, self.options = roots, target, settings, options
        self.spool, self.crew, self.tell = spool, crew, tell
        self.scanner = Scanner(roots, settle_s=options.settle_s, end_marker=options.end_marker)
        self.naming: Naming | None = None
        self.told: list[tuple[str, str]] = []
        self.ignored = 0
        self.news_at = time.monotonic()
        self.log: Journal = spool.run_journal()
        self._told_once: set[tuple[str, str]] = set()
        self._container: Container = "j2k"
        self._lost: str | None = None

    @property
    def all_told(self) -> list[tuple[str, str]]:
        """What was told of no position, those that were only counted included."""
        more = self.ignored - _MOST_IGNORED
        return [*self.told, ("ignored", f"{more} more files are no frames")] if more > 0 else self.told

    def restore(self) -> None:
        """Go on where the journals end."""
        for header, _ in self.log:
            self.told.append((header["what"], header["text"]))
        self._told_once.update(self.told)
        if self.spool.naming is not None:
            self._use(Naming(**self.spool.naming))
        for name in self.spool.names():
            self._open_place(name, None if name == MOVIE else position_of(name))

    def scan(self, *, thorough: bool) -> Scan:
        """Look at the folders, and hand out what has settled."""
        with self.crew.lock:
            released, self.crew.released = self.crew.released, []
        for key in released:
            self.scanner.release(key)
        scan = self.scanner.scan(thorough=thorough)
        if scan.lost is not None:
            self._source_lost(scan.lost)
            return scan
        if self._lost is not None:
            self._lost = None
            self.news_at = time.monotonic()
            with self.crew.lock:
                for place in self.crew.places.values():
                    place.order.wait_from(self.news_at)
            self.tell("source-back", message="the incoming folder can be read again; going on")
        for key, why in scan.odd:
            self.note("ignored", f"{text_name(key[1])} {why}")
        for key in scan.rewritten:
            self._rewritten(key)
        if scan.settled or scan.moving:
            self.news_at = time.monotonic()
        self._offer_all(scan)
        if self.log.pending:
            try:
                self.log.commit()
            except OSError as error:
                self.crew.report_stall(error)
            else:
                self.crew.report_written()
        with self.crew.lock:
            self.crew.paused = False
            self.crew.lock.notify_all()
        return scan

    def look(self) -> Scan:
        """Look only whether the folders are still there; nothing more is taken from them."""
        lost = self.scanner.away()
        if lost is not None:
            self._source_lost(lost)
        return Scan(lost=lost)

    def _source_lost(self, why: str) -> None:
        with self.crew.lock:
            self.crew.paused = True
        if self._lost is None:
            self._lost = why
            self.tell("source-lost", message=f"{why}; nothing is given up meanwhile: waiting for it to come back")

    def _offer_all(self, scan: Scan) -> None:
        if self.naming is None and scan.settled:
            naming = naming_of(self.settings.job.pattern, [found.key[1] for found, _ in scan.settled])
            self._use(naming)
        # Of several channels among the first files, none is chosen by chance.
        first = self.spool.naming is None
        for found, other in scan.settled:
            self._offer(found, other, strict=first)

    def _offer(self, found: Found, other: Key | None, *, strict: bool) -> None:
        """Put a file that has settled into the order of its position, or say why not."""
        assert self.naming is not None
        name = text_name(found.key[1])
        try:
            spot = self.naming.read(found.key[1])
        except UnsupportedFormatError as error:
            if strict:
                raise
            self.note("refused", f"{name} is not in the archives: {error.message}")
            return
        if spot is None:
            self.note("ignored", f"{name} is not named like a frame")
            return
        key = MOVIE if spot.position is None else str(spot.position)
        try:
            if self.spool.naming is None:
                # Before there is a journal, what its name means is on the disk.
                self.spool.settle_naming(self.naming.to_json())
            place = self.crew.places.get(key) or self._open_place(key, spot.position)
        except OSError as error:
            self.scanner.release(found.key)
            self.crew.report_stall(error)
            return
        now = time.monotonic()
        with self.crew.lock:
            if other is not None and not self._renamed_in_time(other):
                text = f"{name} is the very file that was taken as {text_name(other[1])}; it was not taken again"
                self._fault(place, "renamed", text, found)
                return
            verdict = place.order.offer(spot.time, found, now)
            if verdict == "late":
                text = f"{name} came after its place had been passed over; it is not in the archive, and was left there"
                self._fault(place, "late", text, found)
            elif verdict == "duplicate":
                number = "-".join(map(str, spot.time))
                self._fault(place, "duplicate", f"{name} is a second file of time {number}; it was not taken", found)

    def _renamed_in_time(self, other: Key) -> bool:
        """Whether a file that has a new name was not taken under its old one, which is gone; it is forgotten then."""
        place = self._waits_at(other)
        if place is None or os.path.lexists(self.roots[other[0]] / other[1]):
            return False
        place.order.withdraw(other)
        self.scanner.release(other)
        return True

    def _waits_at(self, key: Key) -> Place | None:
        """Return the position at which a file waits that is not in anyone's hands yet."""
        return next((place for place in self.crew.places.values() if place.order.waits(key)), None)

    def _fault(self, place: Place, kind: str, text: str, found: Found | None) -> None:
        if found is not None:
            self.crew.closed.add(found.key)
        place.note(kind, text, found)
        self.tell(kind, position=place.name, message=text)

    def _rewritten(self, key: Key) -> None:
        """Look at a file anew that is not what it was when it was handed out; of one that was taken, tell it."""
        with self.crew.lock:
            waits = self._waits_at(key)
            if waits is not None:
                waits.order.withdraw(key)
            if waits is not None or key in self.crew.closed:
                self.crew.closed.discard(key)
                self.scanner.release(key)
                return
            if key not in self.crew.taken:
                # A worker has it in hand, and will see it.
                return
            assert self.naming is not None
            spot = self.naming.read(key[1])
            name = MOVIE if spot is None or spot.position is None else str(spot.position)
            place = self.crew.places.get(name)
            if place is not None:
                text = f"{text_name(key[1])} was written again after it was taken; the archive has it as it was before"
                self._fault(place, "rewritten", text, None)

    def note(self, kind: str, text: str) -> None:
        """Tell of a file that belongs to no position; once, also over several runs."""
        if (kind, text) in self._told_once:
            return
        if kind == "ignored":
            self.ignored += 1
            if self.ignored > _MOST_IGNORED:
                return
        self._told_once.add((kind, text))
        self.told.append((kind, text))
        self.tell(kind, position="", message=text)
        if kind != "ignored":
            self.log.append(note_record(kind, text))

    def _use(self, naming: Naming) -> None:
        self.naming = naming
        if naming.is_plate:
            plate_format = plate_format_of(self.target, self.settings.job.format, self.settings.job.codec)
            # Videos, the one format of plates that movies lack, are refused before.
            self._container = container_of(cast("ArchiveFormat", plate_format))
        else:
            self._container = container_of(format_of(self.target, self.settings.job.format))

    def _open_place(self, name: str, position: Position | None) -> Place:
        place, known = open_place(
            self.spool.file_of(name),
            name,
            position,
            settings=self.settings,
            options=self.options,
            container=self._container,
            roots=self.roots,
        )
        for found, taken in known:
            self.scanner.restore(found)
            (self.crew.taken if taken else self.crew.closed).add(found.key)
        if place.journal.cut is not None:
            self.tell("cut", position=name, message=place.journal.cut)
        with self.crew.lock:
            self.crew.places[name] = place
        return place
