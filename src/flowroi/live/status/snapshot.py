"""How a run stands at a moment: made a few times a second at most, never changed, shared by all who ask."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowroi.live.place import Place
from flowroi.live.report import Lags
from flowroi.live.status.tally import MINUTE_S, WINDOW_S, Counts, Latest, Tally
from flowroi.plates.base import row_number
from flowroi.report.wording import legible

if TYPE_CHECKING:
    from flowroi.live.run import Run
    from flowroi.live.status.gain import Gains, GainsSoFar

# So far behind, as a share of what is told as late, a run counts as behind: gains are not measured then.
BEHIND = 0.5


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """How a position stands.

    Attributes
    ----------
    number : int
        By which its picture is asked for; the same as long as the process lives.
    name : str
        `A1_f0`, or "movie".
    row, column, field : int or None
        From 1, 1 and 0; None of the one movie.
    frames, missing, waiting : int
        On the disk; known to be missing between them; files in the folder that are still to be coded.
    behind_s : float
        For how long the next file has been in turn; 0 where none is.
    frames_per_s : float
        Over the last minute.
    raw_bytes, coded_bytes : int
        Of the frames on the disk.
    warnings : int
        What was told of it.
    latest : Latest or None
        Its latest frame in this run.
    gain : float or None
        See `GainsSoFar`.
    """

    number: int
    name: str
    row: int | None
    column: int | None
    field: int | None
    frames: int
    missing: int
    waiting: int
    behind_s: float
    frames_per_s: float
    raw_bytes: int
    coded_bytes: int
    warnings: int
    latest: Latest | None
    gain: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands.

    Attributes
    ----------
    state : str
        "starting", "watching", "behind", "degraded", "source-lost", "stalled", "finishing", "finished" or
        "stopped".
    words : str
        More of it: why it is stalled, what ended it.
    version, target : str
    incoming : tuple of str
    at, started_at, last_file_at : float
        Now, when the process began, and when a file last came: seconds since 1970.
    frames, missing, waiting, raw_bytes, coded_bytes, behind_s, frames_per_s
        Of all positions; see `PlaceStatus`. The longest `behind_s`.
    max_lag_s : float
        From when on a frame counts as late.
    lag_s : dict or None
        Median, 99th percentile and longest over the last `window_s` seconds.
    degraded, stalled, source_lost : bool
    free_bytes : int or None
        At the output; None where the disk does not tell.
    progress : (int, int) or None
        Frames that are in archives, and in all, while those are made.
    gain : GainsSoFar
    counts : Counts
    places : tuple of PlaceStatus
        In the order of their numbers.
    """

    state: str
    words: str
    version: str
    target: str
    incoming: tuple[str, ...]
    at: float
    started_at: float
    last_file_at: float
    frames: int
    missing: int
    waiting: int
    raw_bytes: int
    coded_bytes: int
    behind_s: float
    frames_per_s: float
    max_lag_s: float
    lag_s: dict[str, float] | None
    window_s: float
    degraded: bool
    stalled: bool
    source_lost: bool
    free_bytes: int | None
    progress: tuple[int, int] | None
    gain: GainsSoFar
    counts: Counts
    places: tuple[PlaceStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it ready for JSON, as the page reads it."""
        known = _shallow(self)
        counts: Counts = known.pop("counts")
        return {
            **known,
            "gain": _shallow(self.gain, without=("by_position",)),
            "faults": dict(counts.faults),
            "warnings": [_shallow(warned) for warned in counts.warnings],
            "places": [{**_shallow(p), "latest": p.latest and _shallow(p.latest)} for p in self.places],
        }


def snapshot_of(run: Run, tally: Tally, gains: Gains, *, end: tuple[str, str] | None = None) -> Status:
    """Return how a run stands now.

    Parameters
    ----------
    run : Run
    tally : Tally
        That heard its events.
    gains : Gains
        What it gains, as far as it was measured.
    end : (str, str), optional
        The state in which it has ended, and in words.
    """
    counts, gain = tally.counts(), gains.so_far()
    now, wall = time.monotonic(), time.time()
    minute = [entry for entry in counts.recent if entry[0] >= now - MINUTE_S]
    span = min(MINUTE_S, max(1.0, now - run.started))
    rates = {name: count / span for name, count in Counter(name for _, name, _ in minute).items()}
    crew = run.crew
    with crew.lock:
        places = tuple(
            _place_status(number, place, crew.behind_of(place, now), counts.latest, rates, gain.by_position)
            for number, place in enumerate(crew.places.values())
        )
        stalled, degraded = crew.stalled, crew.degraded
    behind = max((place.behind_s for place in places), default=0.0)
    limit = run.options.max_lag_s
    state, words = end or _state(run, tally, stalled, degraded=degraded, behind=behind > BEHIND * limit)
    return Status(
        state=state,
        words=legible(words),
        version=run.version,
        target=legible(str(run.target)),
        incoming=tuple(legible(str(root)) for root in run.roots),
        at=wall,
        started_at=wall - (now - run.started),
        last_file_at=wall - (now - run.intake.news_at),
        frames=sum(place.frames for place in places),
        missing=sum(place.missing for place in places),
        waiting=sum(place.waiting for place in places),
        raw_bytes=sum(place.raw_bytes for place in places),
        coded_bytes=sum(place.coded_bytes for place in places),
        behind_s=round(behind, 3),
        frames_per_s=round(len(minute) / span, 3),
        max_lag_s=limit,
        lag_s=_lags(counts),
        window_s=WINDOW_S,
        degraded=degraded,
        stalled=stalled is not None,
        source_lost=tally.source_lost,
        free_bytes=_free_bytes(run.target.parent),
        progress=run.progress,
        gain=gain,
        counts=counts,
        places=places,
    )


def _place_status(
    number: int,
    place: Place,
    behind_s: float,
    latest: Mapping[str, Latest],
    rates: Mapping[str, float],
    gains: Mapping[str, float],
) -> PlaceStatus:
    """Return how a position stands; call it with the lock of the crew."""
    at = place.position
    return PlaceStatus(
        number=number,
        name=place.name,
        row=None if at is None else row_number(at.row),
        column=None if at is None else int(at.column),
        field=None if at is None else at.field,
        frames=place.durable,
        missing=place.missing,
        waiting=len(place.order) + len(place.held),
        behind_s=round(behind_s, 3),
        frames_per_s=round(rates.get(place.name, 0.0), 3),
        raw_bytes=place.raw_bytes,
        coded_bytes=place.coded_bytes,
        warnings=len(place.told),
        latest=latest.get(place.name),
        gain=gains.get(place.name),
    )


def _state(run: Run, tally: Tally, stalled: str | None, *, degraded: bool, behind: bool) -> tuple[str, str]:
    if run.progress is not None:
        return "finishing", run.reason
    if not run.watching:
        return "starting", "reading what an earlier run has coded"
    if stalled is not None:
        return "stalled", stalled
    if tally.source_lost:
        return "source-lost", "an incoming folder cannot be read; it is waited for, and nothing is given up meanwhile"
    if degraded:
        return "degraded", "masks are found for some frames only until it has caught up"
    if behind:
        return "behind", "files wait longer than they should; nothing is dropped"
    return "watching", run.reason


def _lags(counts: Counts) -> dict[str, float] | None:
    lags = Lags()
    for _, _, lag in counts.recent:
        lags.add(lag)
    return lags.summary()


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _shallow(value: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the fields of a dataclass as they are: `asdict` copies all below, which takes long for a large plate."""
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name not in without}
