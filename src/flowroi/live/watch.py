"""`flowroi watch`: scans, hands out what has settled, ends, and makes the archives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowroi.errors import InvalidParameterError, MissingInputError
from flowroi.job import Settings
from flowroi.live.options import LiveOptions, split_options
from flowroi.live.report import LiveReport
from flowroi.live.run import Run
from flowroi.live.spool import Spool
from flowroi.output import refuse_overlap
from flowroi.plan import settings_of
from flowroi.resources import opencv_threads
from flowroi.sources.names import text_name
from flowroi.versions import codec_versions

if TYPE_CHECKING:
    from flowroi.live.status.desk import Desk

Tell = Callable[[str, dict[str, Any]], None]


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
    MissingDependencyError
        Without Prometheus' client, where a status is to be served.
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

    desk = None if live.status is None else _desk_of(live)

    def told(kind: str, **facts: Any) -> None:
        if desk is not None:
            desk.hear(kind, facts)
        if tell is not None:
            with lock:
                tell(kind, facts)

    with desk or nullcontext(), Spool(Path(target), plan) as spool, opencv_threads(1):
        events = stop or threading.Event(), abandon or threading.Event()
        run = Run(roots, Path(target), settings, live, spool, told, *events)
        return run.run() if desk is None else desk.beside(run, told)


def _desk_of(live: LiveOptions) -> Desk:
    from flowroi.live.status.desk import Desk

    return Desk(live)


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
