"""The options that a sweep varies: those of `compress` that change what is coded, read from text and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import product
from pathlib import Path
from typing import Any, get_args

from flowroi.errors import InvalidParameterError
from flowroi.job import parse_options
from flowroi.masks import read_mask
from flowroi.params import TARGETS, RoiMethod, RoiParams
from flowroi.roi.frame_roi import Mask

Value = bool | int | float | str
Options = Mapping[str, Value]

_ENCODE = (
    "rate",
    "psnr",
    "noise",
    "lossless",
    "scaling_factor",
    "rate_control",
    "levels",
    "layers",
    "progression",
    "roi_mode",
    "refinement",
    "significant_bits",
)
SWEEPABLE = (*_ENCODE, "roi_method", "soft_weights", *(field.name for field in fields(RoiParams)))
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_FLAG_NAMES = ("denoise", "soft_weights")
_TEXTS = ("lossless", "rate_control", "progression", "roi_mode", "roi_method")
_REALS = ("rate", "psnr", "noise", "scaling_factor", "roi_threshold", "alpha", "max_drift_px")
# What a method does not look at.
_UNUSED = {
    "fused": ("denoise", "alpha", "opening_px", "closing_px", "seed_area_px"),
    "flow": ("soft_weights", "look_ahead"),
}
_MOST_CANDIDATES = 10_000


def parse_setting(text: str) -> tuple[str, tuple[Value, ...]]:
    """Read `NAME=V1,V2,...`.

    Raises
    ------
    InvalidParameterError
        If it is not of that form, or the name is not one of `SWEEPABLE`. Values are left for `check` to refuse.

    Examples
    --------
    >>> parse_setting("roi-threshold=auto,0.1")
    ('roi_threshold', ('auto', 0.1))
    >>> parse_setting("denoise=on,off")
    ('denoise', (True, False))
    """
    name, equals, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals:
        raise InvalidParameterError(f"{text!r} is no setting; expected NAME=VALUE, as in rate=40")
    check_names([name])
    parts = [part.strip() for part in values.split(",")]
    if "" in parts:
        raise InvalidParameterError(f"{text!r} lacks a value; expected {name}=V1,V2,...")
    return name, tuple(dict.fromkeys(_value(name, part) for part in parts))


def check_names(names: Iterable[str]) -> None:
    """Raise InvalidParameterError for an option that is not one of `SWEEPABLE`, `codec` among them.

    Sampled frames tell nothing of the size of movies that are coded from frame to frame.
    """
    for name in names:
        if name not in SWEEPABLE:
            raise InvalidParameterError(f"{name!r} cannot be swept; expected one of {', '.join(sorted(SWEEPABLE))}")


def _value(name: str, text: str) -> Value:
    if name in _TEXTS:
        return text
    if name in _FLAG_NAMES:
        return _FLAGS.get(text.lower(), text)
    try:
        return float(text) if name in _REALS else int(text)
    except ValueError:
        return text


def parse_grid(texts: Sequence[str], fixed: Mapping[str, Value]) -> dict[str, tuple[Value, ...]]:
    """Read the axes of a grid.

    Raises
    ------
    InvalidParameterError
        If a name comes twice, or is held constant as well.
    """
    axes: dict[str, tuple[Value, ...]] = {}
    for text in texts:
        name, values = parse_setting(text)
        if name in axes or name in fixed:
            raise InvalidParameterError(f"{name} is given twice; expected it once, in the grid or held constant")
        axes[name] = values
    return axes


def parse_fixed(texts: Sequence[str]) -> dict[str, Value]:
    """Read the options that are held constant.

    Examples
    --------
    >>> parse_fixed(["margin=2", "roi-method=flow"])
    {'margin': 2, 'roi_method': 'flow'}
    """
    fixed: dict[str, Value] = {}
    for text in texts:
        name, values = parse_setting(text)
        if name in fixed or len(values) > 1:
            raise InvalidParameterError(f"{name} is held constant and has several values; expected one, or a grid")
        fixed[name] = values[0]
    return fixed


def grid(axes: Mapping[str, Sequence[Value]], fixed: Options) -> list[dict[str, Value]]:
    """Return every combination, the last axis turning fastest; all are checked.

    Raises
    ------
    InvalidParameterError
        If one is not valid, or there are too many to measure.

    Examples
    --------
    >>> grid({"rate": (20.0, 40.0)}, {"margin": 2})
    [{'margin': 2, 'rate': 20.0}, {'margin': 2, 'rate': 40.0}]
    """
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > _MOST_CANDIDATES:
        raise InvalidParameterError(
            f"the grid has {count} candidates; expected at most {_MOST_CANDIDATES}: thin it out"
        )
    found = [{**fixed, **dict(zip(axes, values, strict=True))} for values in product(*axes.values())]
    for options in found:
        parse_options(options)
    return found


def identity(options: Options) -> str:
    """Return a text that is the same for options that code the same: as given, by default, or of no effect.

    Examples
    --------
    >>> identity({"rate": 40}) == identity({"rate": 40.0, "margin": 0, "denoise": False})
    True
    """
    settings = parse_options(options)
    roi = {"roi_method": settings.job.roi_method, "soft_weights": settings.job.soft_weights, **asdict(settings.roi)}
    method = settings.job.roi_method
    if method not in get_args(RoiMethod):
        roi = {"roi_method": method}
    for name in _UNUSED.get(method, ()):
        roi.pop(name)
    both = {**asdict(settings.encode), **roi, "rate_control": settings.job.rate_control}
    return json.dumps({name: _plain(value) for name, value in both.items()}, sort_keys=True)


def changed(options: Options) -> int:
    """Return how many options, but for those that set size and quality, are off their defaults and have an effect.

    Examples
    --------
    >>> changed({"rate": 80, "margin": 2, "look_ahead": 8, "denoise": False})
    1
    """
    own = json.loads(identity(options))
    usual = json.loads(identity({name: options[name] for name in TARGETS if name in options}))
    return sum(own[name] != usual.get(name) for name in own)


def masks_folder(options: Options, position: str = "") -> Path | None:
    """Return the folder that the masks are read from, of a plate the position's own; None where they are made."""
    method = str(options.get("roi_method", "fused"))
    return None if method in (*get_args(RoiMethod), "none") else Path(method) / position


def read_masks(folder: Path, names: Sequence[str], shape: tuple[int, ...], start: int) -> list[Mask]:
    """Read the masks of consecutive frames; see `read_mask`."""
    return [read_mask(folder, name, shape, start + n) for n, name in enumerate(names)]


def options_text(options: Options) -> str:
    """Write options for people, in one order.

    Examples
    --------
    >>> options_text({"margin": 2, "rate": 40.0})
    'rate 40, margin 2'
    """
    return ", ".join(f"{name} {value_text(options[name])}" for name in SWEEPABLE if name in options)


def value_text(value: Any) -> str:
    """Write a value as the command line takes it, for people.

    Examples
    --------
    >>> [value_text(value) for value in (True, 40.0, 0.125, "auto")]
    ['on', '40', '0.125', 'auto']
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
