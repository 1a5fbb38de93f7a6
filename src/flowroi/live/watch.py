"""`flowroi watch`: scans, hands out what has settled, ends, and makes the archives."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from flowroi.archives import container_of, format_of
from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.job import Settings
from flowroi.live.crew import Crew
from flowroi.live.finish import Progress, finish, position_of
from flowroi.live.journal import Journal
from flowroi.live.naming import Naming, naming_of
from flowroi.live.options import LiveOptions, split_options
from flowroi.live.place import MOVIE, Place, open_place
from flowroi.live.records import note_record
from flowroi.live.report import LiveReport
from flowroi.live.scan import Found, Key, Scan, Scanner
from flowroi.live.spool import Spool
from flowroi.output import refuse_overlap
from flowroi.params import Container
from flowroi.plan import settings_of
from flowroi.plates.base import Position
from flowroi.plates.report import PlateReport
from flowroi.plates.storage import plate_format_of
from flowroi.resources import available_cores, opencv_threads
from flowroi.sources.names import text_name
from flowroi.versions import codec_versions

Tell = Callable[[str, dict[str, Any]], None]
# Scans may take this share of a thread.
_SCANNING = 0.1
_LONGEST_PAUSE_S = 10.0
# The state is told so often.
_REPORT_S = 10.0
_TICK_S = 0.25
# Once the end has come, files that have not settled are waited for so long, and a little more.
_LAST_FILES_S = 10.0
# Files that are no frames are told one by one up to so many.
_MOST_IGNORED = 20


def watch(
    incoming: str | PathLike[str] | Sequence[str | PathLike[str]],
    target: str | PathLike[str],
    *,
    tell: Tell | None = None,
    stop: threading.Event | None = None,
    abandon: threading.Event | None = None,
    **options: Any,
) -> LiveReport:
    r"""Compress what an instrument writes into folders, while it writes; at the end there are archives.

    Every file that has settled is read, coded with a RoI that needs no later frame, proven, and appended to a journal
    that is flushed to the disk. Whatever stops it, the same call goes on from there. Raw files are never touched.

    Parameters
    ----------
    incoming : path or sequence of path
        Folders into which single images of one movie, or of one plate, are written.
    target : path
        As of `compress`.
    tell : callable, optional
        Called with the kind of every event and its facts, from several threads, one at a time.
    stop : Event, optional
        Set it to end: what has come is coded, and the archives are made.
    abandon : Event, optional
        Set it to stop at once: the journals stay, for the same call to go on from.
    **options
        Fields of `LiveOptions`, and those of `compress` that need no later frame: a quality (`noise`, 1 by default,
        `psnr`, `lossless`) or a `rate` with `rate_control="frame"`; `roi_method` "fused" or "none".

    Returns
    -------
    LiveReport
        With every file that is not in the archives, and why.

    Raises
    ------
    InvalidParameterError
        For bad options, or a target that overlaps an incoming folder.
    MissingInputError
        If an incoming folder is not there.
    OutputExistsError
        If the target exists, another process watches for it, or other settings began it.
    UnsupportedFormatError
        If the first names do not prove what they mean.
    CorruptDataError, OSError
        If the archives cannot be made; the journals are kept.

    Examples
    --------
    >>> import tempfile
    >>> from flowroi.synthetic import write_synthetic_plate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_synthetic_plate(f"{folder}/in", wells=["A1"], frames=2, height=32, width=32, cells=1)
    ...     report = watch(f"{folder}/in", f"{folder}/out", lossless="all", settle_s=0.1, interval_s=0.1, frames=2)
    ...     report.finished, report.frames, sorted(path.name for path in Path(folder, "out").iterdir())
    (True, 2, ['A1_f0.ome.tif', 'COMPLETE', 'plate.json'])
    """
    settings, live = split_options(options)
    roots = [Path(incoming)] if isinstance(incoming, str | PathLike) else [Path(path) for path in incoming]
    for root in roots:
        if not root.is_dir():
            raise MissingInputError("there is no such folder; expected one that files come into", path=root)
    if not roots:
        raise InvalidParameterError("no incoming folder was given")
    if len({root.resolve() for root in roots}) < len(roots):
        raise InvalidParameterError("an incoming folder was given twice")
    refuse_overlap(Path(target), roots)
    plan = _plan_of(settings, live, roots)
    lock = threading.Lock()

    def told(kind: str, **facts: Any) -> None:
        if tell is not None:
            with lock:
                tell(kind, facts)

    with Spool(Path(target), plan) as spool, opencv_threads(1):
        run = _Run(roots, Path(target), settings, live, spool, told, stop or threading.Event())
        return run.run(abandon or threading.Event())


def _plan_of(settings: Settings, live: LiveOptions, roots: list[Path]) -> dict[str, Any]:
    """Return what must be the same in every run that goes on with a journal."""
    versions = codec_versions()
    return {
        "settings": settings_of(settings, ()),
        "time_step": live.time_step,
        "incoming": [text_name(root.resolve().name) for root in roots],
        "flowroi": versions.pop("flowroi"),
        "codecs": versions,
    }


class _Run:
    """One run, from the first scan to the archives."""

    def __init__(
        self,
        roots: list[Path],
        target: Path,
        settings: Settings,
        options: LiveOptions,
        spool: Spool,
        tell: Callable[..., None],
        stop: threading.Event,
    ) -> None:
        self.roots, self.target, self.settings, self.options = roots, target, settings, options
        self.spool, self.tell, self.stop = spool, tell, stop
        self.scanner = Scanner(roots, settle_s=options.settle_s, end_marker=options.end_marker)
        self.naming: Naming | None = None
        self.container: Container = "j2k"
        self.started = time.monotonic()
        self.news_at = self.started
        self.reported_at = self.started
        self.reported_frames = -1
        self.lost: str | None = None
        self.reason = ""
        self.told: list[tuple[str, str]] = []
        self.told_once: set[tuple[str, str]] = set()
        self.ignored = 0
        self.log: Journal | None = None

    def run(self, abandon: threading.Event) -> LiveReport:
        workers = self.settings.job.workers or available_cores()
        crew = Crew(workers, self.options, self.tell, abandon)
        self.crew, self.abandon = crew, abandon
        try:
            self._restore()
            resumed = sum(place.durable for place in crew.places.values())
            self.tell(
                "started",
                incoming=[str(root) for root in self.roots],
                target=str(self.target),
                workers=workers,
                positions=len(crew.places),
                frames=resumed,
            )
            if self.spool.ended and any(place.journal.cut for place in crew.places.values()):
                self.spool.reopen()
            if self.spool.ended:
                self.reason = "an earlier run came to the end"
            else:
                with crew:
                    self._take_all()
                if crew.error is not None:
                    raise crew.error
        finally:
            for place in crew.places.values():
                place.journal.close()
            if self.log is not None:
                self.log.close()
        if abandon.is_set():
            return self._report(None, "stopped at once")
        return self._finish()

    def _restore(self) -> None:
        """Go on where the journals end."""
        self.log = self.spool.run_journal()
        for header, _ in self.log:
            self.told.append((header["what"], header["text"]))
        self.told_once = set(self.told)
        if self.spool.naming is not None:
            self._use(Naming(**self.spool.naming))
        for name in self.spool.names():
            self._open_place(name, None if name == MOVIE else position_of(name))

    def _use(self, naming: Naming) -> None:
        self.naming = naming
        if naming.is_plate:
            plate_format = plate_format_of(self.target, self.settings.job.format, self.settings.job.codec)
            self.container = "jp2" if plate_format == "jp2" else "j2k"
        else:
            self.container = container_of(format_of(self.target, self.settings.job.format))

    def _open_place(self, name: str, position: Position | None) -> Place:
        place, known = open_place(
            self.spool.file_of(name),
            name,
            position,
            settings=self.settings,
            options=self.options,
            container=self.container,
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

    def _take_all(self) -> None:
        """Scan and hand out, until the end has come and everything is coded."""
        ending_since: float | None = None
        next_scan = 0.0
        scan = Scan()
        while not self.abandon.is_set() and self.crew.error is None:
            now = time.monotonic()
            # What comes long after the end was asked for is not waited for.
            last = ending_since is not None and now - ending_since > 3 * self.options.settle_s + _LAST_FILES_S
            if not last and (now >= next_scan or self.stop.is_set()):
                scan = self._scan(thorough=ending_since is not None)
                took = time.monotonic() - now
                next_scan = time.monotonic() + min(max(self.options.interval_s, took / _SCANNING), _LONGEST_PAUSE_S)
                if ending_since is None and self._has_ended(scan, now):
                    # Once more, and thoroughly.
                    ending_since, next_scan = now, 0.0
                    continue
            if ending_since is not None and self._is_done(scan, last=last):
                return
            self._watch_lag(time.monotonic())
            self.abandon.wait(min(_TICK_S, self.options.interval_s))

    def _scan(self, *, thorough: bool) -> Scan:
        with self.crew.lock:
            released, self.crew.released = self.crew.released, []
        for key in released:
            self.scanner.release(key)
        scan = self.scanner.scan(thorough=thorough)
        if scan.lost is not None:
            self._source_lost(scan.lost)
            return scan
        if self.lost is not None:
            self.lost = None
            self.news_at = time.monotonic()
            self.tell("source-back", message="the incoming folder can be read again; going on")
        for key, why in scan.odd:
            self._note_run("ignored", f"{text_name(key[1])} {why}")
        for key in scan.rewritten:
            self._rewritten(key)
        if scan.settled or scan.moving:
            self.news_at = time.monotonic()
        self._offer_all(scan)
        try:
            if self.log is not None:
                self.log.commit()
        except OSError as error:
            self.crew.report_stall(error)
        with self.crew.lock:
            self.crew.paused = False
            self.crew.lock.notify_all()
        return scan

    def _source_lost(self, why: str) -> None:
        with self.crew.lock:
            self.crew.paused = True
        if self.lost is None:
            self.lost = why
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
            self._note_run("refused", f"{name} is not in the archives: {error.message}")
            return
        if spot is None:
            self._note_run("ignored", f"{name} is not named like a frame")
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

    def _note_run(self, kind: str, text: str) -> None:
        """Tell of a file that belongs to no position; once, also over several runs."""
        if (kind, text) in self.told_once:
            return
        if kind == "ignored":
            self.ignored += 1
            if self.ignored > _MOST_IGNORED:
                return
        self.told_once.add((kind, text))
        self.told.append((kind, text))
        self.tell(kind, position="", message=text)
        if self.log is not None and kind != "ignored":
            self.log.append(note_record(kind, text))

    def _has_ended(self, scan: Scan, now: float) -> bool:
        """Whether no more files are to come."""
        if self.stop.is_set():
            self.reason = "it was told to end"
            return True
        if scan.lost is not None:
            return False
        if scan.ended:
            self.reason = f"{self.options.end_marker} is there"
            return True
        idle = self.options.idle_s
        with self.crew.lock:
            if idle is not None and now - self.news_at >= idle and self.crew.is_idle(now):
                self.reason = f"nothing has come for {idle:g} s"
                return True
            # Those that wait for each other at the beginning count: no more may be to come.
            there = [place.durable + place.missing + len(place.held) for place in self.crew.places.values()]
            wanted = self.options.frames
            if wanted is not None and there and min(there) >= wanted:
                self.reason = f"every position has {wanted} frames"
                return True
        return False

    def _is_done(self, scan: Scan, *, last: bool) -> bool:
        """Whether what had come when the end came is coded; `last` where nothing more is looked for."""
        places = self.crew.places.values()
        if scan.lost is not None:
            # It cannot be read, and the end was asked for: what is coded is what there is.
            with self.crew.lock:
                self.crew.paused = True
                done = not any(place.busy for place in places)
                left = {place.name: len(place.order) + len(place.held) for place in places}
            for name, count in left.items() if done else ():
                if count:
                    self._note_run("unsettled", f"{count} files of {name} were not taken: {scan.lost}")
            return done
        if scan.moving and not last:
            return False
        with self.crew.lock:
            self.crew.ending = True
            self.crew.lock.notify_all()
            released = list(self.crew.released)
            if not self.crew.is_idle(time.monotonic()) or (released and not last):
                return False
        for key in sorted({*self.scanner.moving(), *released}):
            self._note_run("unsettled", f"{text_name(key[1])} was still being written at the end; it was not taken")
        return True

    def _watch_lag(self, now: float) -> None:
        with self.crew.lock:
            behind = self.crew.behind_s(now)
            waiting = sum(len(place.order) + len(place.held) for place in self.crew.places.values())
            frames, degraded = self.crew.frames, self.crew.degraded
            most = self.options.max_lag_s
            self.crew.degraded = self.options.masks_every > 1 and behind > (most / 2 if degraded else most)
            changed = self.crew.degraded != degraded
        due = now - self.reported_at >= _REPORT_S and (frames != self.reported_frames or behind > most)
        if changed or due:
            self.reported_at, self.reported_frames = now, frames
            facts = {"frames": frames, "waiting": waiting, "behind_s": round(behind, 3), "late": behind > most}
            self.tell("lag", **facts, lag_s=round(self.crew.last_lag_s, 3), degraded=self.crew.degraded)

    def _finish(self) -> LiveReport:
        names = [place.name for place in self.crew.places.values() if place.durable]
        if not names:
            return self._report(None, f"{self.reason}: no frame was taken")
        if not self.spool.ended:
            self.spool.end()
        self.tell("finishing", reason=self.reason, positions=len(names))
        fixed = (self.naming.fixed or [""])[0] if self.naming is not None else ""
        report = finish(
            self.spool,
            sorted(names),
            self.target,
            settings=self.settings,
            roots=self.roots,
            plate_name=fixed.removeprefix("plate ") or None,
            progress=self._progress(),
        )
        whole = not isinstance(report, PlateReport) or report.finished
        if whole:
            self.spool.remove()
        done = report.done if isinstance(report, PlateReport) else ((MOVIE, report),)
        for position, archive in done:
            self.tell("position-finished", position=str(position), target=archive.target, frames=archive.frames)
        return self._report(report if whole else None, self.reason, failed=_failed(report))

    def _progress(self) -> Progress:
        def check(_done: int, _total: int) -> None:
            if self.abandon.is_set():
                raise KeyboardInterrupt

        return check

    def _report(self, finished: Any, reason: str, failed: tuple[tuple[str, str], ...] = ()) -> LiveReport:
        places = sorted(self.crew.places.values(), key=lambda place: (place.position is not None, place.name))
        told = [(kind, place.name, text) for place in places for kind, text in place.told]
        if self.ignored > _MOST_IGNORED:
            told.append(("ignored", "", f"{self.ignored - _MOST_IGNORED} more files are no frames"))
        return LiveReport(
            target=str(self.target),
            finished=finished is not None,
            reason=reason,
            frames=sum(place.durable for place in places),
            positions=tuple((place.name, place.durable) for place in places),
            told=(*((kind, "", text) for kind, text in self.told), *told),
            failed=failed,
            kept_in=None if finished is not None else str(self.spool.path),
            lag_s=self.crew.lags.summary(),
            seconds=time.monotonic() - self.started,
            file_bytes=None if finished is None else finished.file_bytes,
        )


def _failed(report: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(report, PlateReport):
        return ()
    return tuple((str(position), str(error)) for position, error in report.failed)
