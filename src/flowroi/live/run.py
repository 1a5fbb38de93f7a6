"""One run, from the first scan to the archives: when it ends, and what is seen to before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowroi.job import Settings
from flowroi.live.crew import Crew
from flowroi.live.finish import Progress, finish
from flowroi.live.intake import Intake
from flowroi.live.options import LiveOptions
from flowroi.live.place import MOVIE
from flowroi.live.report import LiveReport
from flowroi.live.scan import Scan
from flowroi.live.spool import Spool
from flowroi.plates.report import PlateReport
from flowroi.resources import available_cores
from flowroi.sources.names import text_name
from flowroi.versions import codec_versions

# Scans may take this share of a thread.
_SCANNING = 0.1
_LONGEST_PAUSE_S = 10.0
# The state is told so often.
_REPORT_S = 10.0
_TICK_S = 0.25
# Once the end has come, files that have not settled are waited for so long, and a little more.
_LAST_FILES_S = 10.0


class Run:
    """One run, from the first scan to the archives.

    Attributes
    ----------
    crew, intake
        See there.
    reason : str
        Why it ends; empty before.
    watching : bool
        Whether what an earlier run coded has been read.
    progress : (int, int) or None
        Frames that are in archives, and in all, while those are made.
    """

    def __init__(
        self,
        roots: list[Path],
        target: Path,
        settings: Settings,
        options: LiveOptions,
        spool: Spool,
        tell: Callable[..., None],
        stop: threading.Event,
        abandon: threading.Event,
    ) -> None:
        self.roots, self.target, self.settings, self.options = roots, target, settings, options
        self.spool, self.tell, self.stop, self.abandon = spool, tell, stop, abandon
        self.version = codec_versions()["flowroi"]
        self.started = time.monotonic()
        self.reported_at = self.started
        self.reported_frames = -1
        self.reason = ""
        self.watching = False
        self.progress: tuple[int, int] | None = None
        self.workers = settings.job.workers or available_cores()
        self.crew = Crew(self.workers, options, tell, abandon)
        self.intake = Intake(roots, target, settings, options, spool, self.crew, tell)

    def run(self) -> LiveReport:
        """Take what comes, until the end, and make the archives."""
        crew, abandon = self.crew, self.abandon
        try:
            self.intake.restore()
            resumed = sum(place.durable for place in crew.places.values())
            self.tell(
                "started",
                incoming=[str(root) for root in self.roots],
                target=str(self.target),
                workers=self.workers,
                positions=len(crew.places),
                frames=resumed,
            )
            self.watching = True
            if self.spool.ended and any(place.journal.cut for place in crew.places.values()):
                self.spool.reopen()
            if self.spool.ended:
                self.reason = "an earlier run came to the end"
            else:
                with crew:
                    self._take_all()
                if crew.error is not None:
                    raise crew.error
                # What the last look at the folders told, before the end is written down.
                self.intake.log.commit()
        finally:
            for place in crew.places.values():
                place.journal.close()
            self.intake.log.close()
        if abandon.is_set():
            return self._report(None, "stopped at once")
        return self._finish()

    def _take_all(self) -> None:
        """Scan and hand out, until the end has come and everything is coded."""
        ending_since: float | None = None
        next_scan = 0.0
        scan = Scan()
        while not self.abandon.is_set() and self.crew.error is None:
            now = time.monotonic()
            # What comes long after the end was asked for is not waited for.
            last = ending_since is not None and now - ending_since > 3 * self.options.settle_s + _LAST_FILES_S
            if now >= next_scan or (self.stop.is_set() and not last):
                was_lost = scan.lost is not None
                over = last and not was_lost
                scan = self.intake.look() if over else self.intake.scan(thorough=ending_since is not None)
                if was_lost and scan.lost is None and ending_since is not None:
                    # What went away with it must settle anew.
                    ending_since, last = time.monotonic(), False
                took = time.monotonic() - now
                next_scan = time.monotonic() + min(max(self.options.interval_s, took / _SCANNING), _LONGEST_PAUSE_S)
                if ending_since is None and self._has_ended(scan, now):
                    # Once more, and thoroughly.
                    ending_since, next_scan = now, 0.0
                    continue
            if ending_since is not None and self._is_done(scan, last=last):
                if scan.lost is not None:
                    return
                scan = self.intake.look()
                if scan.lost is None or self.stop.is_set():
                    self._note_unsettled()
                    return
                # What could not be read went away with its folder.
            self._watch_lag(time.monotonic())
            self.abandon.wait(min(_TICK_S, self.options.interval_s))

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
            if idle is not None and now - self.intake.news_at >= idle and self.crew.is_idle(now):
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
        if scan.lost is not None and not self.stop.is_set():
            # It is waited for; what it has is taken in order once it is back.
            with self.crew.lock:
                self.crew.ending = False
            return False
        if scan.lost is not None:
            # It cannot be read, and the end was asked for: what is coded is what there is.
            with self.crew.lock:
                self.crew.paused = True
                done = not any(place.busy for place in places)
                left = {place.name: len(place.order) + len(place.held) for place in places}
            if done:
                self.intake.note("unsettled", f"what came since it was lost was not taken: {scan.lost}")
            for name, count in left.items() if done else ():
                if count:
                    self.intake.note("unsettled", f"{count} files of {name} were not taken: {scan.lost}")
            return done
        if scan.moving and not last:
            return False
        with self.crew.lock:
            self.crew.ending = True
            self.crew.lock.notify_all()
            return self.crew.is_idle(time.monotonic()) and (last or not self.crew.released)

    def _note_unsettled(self) -> None:
        with self.crew.lock:
            released = list(self.crew.released)
        for key in sorted({*self.intake.scanner.moving(), *released}):
            self.intake.note("unsettled", f"{text_name(key[1])} was still being written at the end; it was not taken")

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
        self.progress = 0, sum(place.durable for place in self.crew.places.values())
        self.tell("finishing", reason=self.reason, positions=len(names))
        fixed = (self.intake.naming.fixed or [""])[0] if self.intake.naming is not None else ""
        try:
            report = finish(
                self.spool,
                sorted(names),
                self.target,
                settings=self.settings,
                roots=self.roots,
                plate_name=fixed.removeprefix("plate ") or None,
                progress=self._progress(),
            )
        except KeyboardInterrupt:
            if not self.abandon.is_set():
                raise
            return self._report(None, "stopped at once")
        whole = not isinstance(report, PlateReport) or report.finished
        if whole:
            self.spool.remove()
        done = report.done if isinstance(report, PlateReport) else ((MOVIE, report),)
        for position, archive in done:
            self.tell("position-finished", position=str(position), target=archive.target, frames=archive.frames)
        return self._report(report if whole else None, self.reason, failed=_failed(report))

    def _progress(self) -> Progress:
        def check(done: int, total: int) -> None:
            self.progress = done, total
            if self.abandon.is_set():
                raise KeyboardInterrupt

        return check

    def _report(self, finished: Any, reason: str, failed: tuple[tuple[str, str], ...] = ()) -> LiveReport:
        places = sorted(self.crew.places.values(), key=lambda place: (place.position is not None, place.name))
        told = [(kind, place.name, text) for place in places for kind, text in place.told]
        return LiveReport(
            target=str(self.target),
            finished=finished is not None,
            reason=reason,
            frames=sum(place.durable for place in places),
            positions=tuple((place.name, place.durable) for place in places),
            told=(*((kind, "", text) for kind, text in self.intake.all_told), *told),
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
