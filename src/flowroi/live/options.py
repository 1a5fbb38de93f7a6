"""How an incoming folder is watched: what is waited for, for how long, and when it ends."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import Any

from flowroi.errors import InvalidParameterError
from flowroi.job import Settings, parse_options
from flowroi.live.status.address import Address, check_names
from flowroi.params import check_integer

_DEGRADE = re.compile(r"masks:([0-9]+)")


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How an incoming folder is watched.

    Parameters
    ----------
    settle_s : float > 0, default 2
        A file counts when its size and its time of change have stood still for so long.
    interval_s : float > 0, default 1
        From one scan of the folder to the next; longer where a scan takes long.
    patience_s : float > 0, optional
        How long a missing frame is waited for once the frame behind it is there; by default five intervals between the
        frames of its position, and at least 10 s.
    time_step : int >= 1, default 1
        By how much the time in the names grows from frame to frame.
    end_marker : str, optional
        Name of a file; when it is in an incoming folder, no more files are to come.
    idle_s : float > 0, optional
        The end, when nothing has come for so long.
    frames : int >= 1, optional
        The end, when every position has so many frames; those that are missing between others count.
    max_lag_s : float > 0, default 30
        A frame that is in turn and not coded after so long is told.
    degrade : str, optional
        What is done then: `masks:K` finds a mask for every K-th frame only, and takes it for those between.
    status : str or int, optional
        Where a page and Prometheus' metrics are served while it runs: a port of this machine alone (0: any that is
        free), or `HOST:PORT`.
    status_host : sequence of str, default ()
        More names under which they may be asked for, with or without a port.
    status_token_file : path, optional
        Keeps the token that they are asked for with; made if it is not there. By default the token is a new one.

    Raises
    ------
    InvalidParameterError
        If a value is outside its range.

    Examples
    --------
    >>> LiveOptions(degrade="masks:2").masks_every
    2
    """

    settle_s: float = 2.0
    interval_s: float = 1.0
    patience_s: float | None = None
    time_step: int = 1
    end_marker: str | None = None
    idle_s: float | None = None
    frames: int | None = None
    max_lag_s: float = 30.0
    degrade: str | None = None
    status: str | int | None = None
    status_host: Sequence[str] = ()
    status_token_file: str | PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("settle_s", "interval_s", "patience_s", "idle_s", "max_lag_s"):
            value = getattr(self, name)
            if value is None and name in ("patience_s", "idle_s"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InvalidParameterError(f"{name} is {value!r}; expected a number of seconds above 0")
        check_integer("time_step", self.time_step, low=1)
        if self.frames is not None:
            check_integer("frames", self.frames, low=1)
        marker = self.end_marker
        if marker is not None and (not isinstance(marker, str) or not marker or "/" in marker):
            raise InvalidParameterError(f"end_marker is {marker!r}; expected the name of a file in the incoming folder")
        if self.degrade is not None and (not isinstance(self.degrade, str) or self.masks_every < 2):
            raise InvalidParameterError(f"degrade is {self.degrade!r}; expected masks:2 or more")
        if self.status is not None:
            Address.parse(self.status)
        elif self.status_host or self.status_token_file is not None:
            raise InvalidParameterError("no status is served; expected status, a port or HOST:PORT, beside its options")
        check_names(self.status_host)

    @property
    def masks_every(self) -> int:
        """Frames from one mask to the next where the machine cannot keep up; 1 where nothing is to be done then."""
        if self.degrade is None:
            return 1
        match = _DEGRADE.fullmatch(self.degrade)
        return int(match[1]) if match else 0


def split_options(options: Mapping[str, Any]) -> tuple[Settings, LiveOptions]:
    """Sort options into those of a compression, made fit for frames that are coded as they come, and `LiveOptions`.

    Raises
    ------
    InvalidParameterError
        For an unknown option, a bad value, or one that a movie must be known for as a whole.

    Examples
    --------
    >>> settings, live = split_options({"psnr": 40, "idle_s": 60})
    >>> settings.roi.look_ahead, live.idle_s
    (0, 60)
    """
    names = {field.name for field in fields(LiveOptions)}
    live = LiveOptions(**{name: value for name, value in options.items() if name in names})
    settings = parse_options({name: value for name, value in options.items() if name not in names})
    job, roi = settings.job, settings.roi
    if job.roi_method not in ("fused", "none"):
        raise InvalidParameterError(
            f"roi_method is {job.roi_method!r}; expected fused or none, which need no later frame"
        )
    if job.codec != "jpeg2000":
        raise InvalidParameterError(f"codec is {job.codec!r}; expected jpeg2000, which codes a frame by itself")
    if settings.encode.rate is not None and job.rate_control != "frame" and settings.encode.lossless is None:
        raise InvalidParameterError(
            "the rate of a whole movie is not known before its end; expected rate_control frame, or a quality: noise, "
            "psnr or lossless"
        )
    for name, value, wanted in (
        ("adjacent_factor", roi.adjacent_factor, 0),
        ("plate", job.plate, False),
        ("wells", job.wells, ()),
        ("skip_failed", job.skip_failed, False),
        ("dry_run", job.dry_run, False),
        ("overwrite", job.overwrite, False),
    ):
        if value != wanted:
            raise InvalidParameterError(f"{name} is {value!r}; it has no meaning while a movie is recorded")
    return replace(settings, roi=replace(roi, look_ahead=0)), live
