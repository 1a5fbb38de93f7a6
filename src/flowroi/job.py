"""The options of a compression, sorted and checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from flowroi.archives import FORMATS
from flowroi.errors import InvalidParameterError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.masks import check_roi_method
from flowroi.params import TARGETS, EncodeParams, RateControl, RoiParams, check_choice, check_integer

Codec = Literal["jpeg2000", "av1", "hevc"]
Background = Literal["fill", "plate", "none"]
DEFAULT_NOISE = 1.0
NO_TARGET = "no target was given: losses in the RoI are kept within the camera's noise (noise 1)"


@dataclass(frozen=True, slots=True)
class Job:
    """How a movie is read, where its RoI comes from, what codes it, and how its archive is written."""

    format: str | None = None
    codec: Codec = "jpeg2000"
    preset: int | None = None
    gop: int | None = None
    background: Background | None = None
    roi_method: str = "fused"
    soft_weights: bool = True
    rate_control: RateControl = "movie"
    workers: int | None = None
    keep_masks: bool = False
    overwrite: bool = False
    dry_run: bool = False
    measure: bool = False
    pattern: str | None = None
    channel: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    plate: bool = False
    wells: tuple[str, ...] = ()
    skip_failed: bool = False
    scratch: str | None = None

    def __post_init__(self) -> None:
        for name in ("soft_weights", "keep_masks", "overwrite", "dry_run", "measure", "plate", "skip_failed"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidParameterError(f"{name} is {getattr(self, name)!r}; expected True or False")
        if self.format is not None and self.format not in FORMATS:
            raise InvalidParameterError(f"format is {self.format!r}; expected one of {', '.join(FORMATS)}")
        if not isinstance(self.roi_method, str):
            raise InvalidParameterError(f"roi_method is {self.roi_method!r}; expected a name or a folder of masks")
        check_roi_method(self.roi_method)
        check_choice("codec", self.codec, get_args(Codec))
        if self.background is not None:
            check_choice("background", self.background, get_args(Background))
        if self.gop is not None:
            check_integer("gop", self.gop, low=1, high=10_000)
        if self.preset is not None:
            check_integer("preset", self.preset, low=0, high=8 if self.codec == "hevc" else 13)
        if self.codec == "jpeg2000":
            given = [name for name in ("preset", "gop", "background") if getattr(self, name) is not None]
            if given:
                raise InvalidParameterError(
                    f"{', '.join(given)}: only av1 and hevc have it; leave it out, or choose one of them as codec"
                )
        check_choice("rate_control", self.rate_control, get_args(RateControl))
        if self.workers is not None:
            check_integer("workers", self.workers, low=1, high=1024)
        if isinstance(self.wells, str) or not all(isinstance(well, str) for well in self.wells):
            raise InvalidParameterError(f"wells is {self.wells!r}; expected several, such as ('A1', 'B/3/0')")
        object.__setattr__(self, "wells", tuple(self.wells))
        if self.channel is not None:
            check_integer("channel", self.channel, low=0)
        check_integer("max_pixels", self.max_pixels, low=1)
        if self.scratch is not None and not os.path.isdir(self.scratch):  # noqa: PTH112 - text
            raise InvalidParameterError(f"scratch is {self.scratch!r}; expected a folder that is there")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `compress` was asked for, and what to tell about it."""

    job: Job
    encode: EncodeParams
    roi: RoiParams
    notes: tuple[str, ...]


def parse_options(options: Mapping[str, Any]) -> Settings:
    """Sort options into `Job`, `EncodeParams` and `RoiParams`, which check them.

    Raises
    ------
    InvalidParameterError
        For an unknown option or a bad value.

    Examples
    --------
    >>> settings = parse_options({"rate": 20, "step": 2})
    >>> settings.encode.rate, settings.roi.step, settings.job.roi_method
    (20, 2, 'fused')
    """
    owners = _owners()
    groups: dict[type, dict[str, Any]] = {Job: {}, EncodeParams: {}, RoiParams: {}}
    for name, value in options.items():
        if name not in owners:
            raise InvalidParameterError(f"{name!r} is not an option; expected one of {', '.join(sorted(owners))}")
        groups[owners[name]][name] = os.fspath(value) if isinstance(value, os.PathLike) else value
    notes = []
    if all(options.get(name) is None for name in TARGETS):
        groups[EncodeParams]["noise"] = DEFAULT_NOISE
        notes.append(NO_TARGET)
    job = Job(**groups[Job])
    return Settings(job, EncodeParams(**groups[EncodeParams]), RoiParams(**groups[RoiParams]), tuple(notes))


def _owners() -> dict[str, type]:
    owners: dict[str, type] = {field.name: kind for kind in (Job, EncodeParams, RoiParams) for field in fields(kind)}
    # The archive's format decides the container.
    del owners["container"]
    return owners
