"""What a sweep found, as the command line to run and as a file of settings."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowroi.errors import InvalidParameterError
from flowroi.sweep.options import SWEEPABLE, Options, Value, value_text

_SHORTS = {"\\": "\\\\", '"': '\\"'}


def settings_of(options: Options, reading: Mapping[str, str | int | None]) -> dict[str, Value]:
    """Return what `compress` is to be told: the options in one order, and how to read the input where that was said."""
    told: dict[str, Value] = {name: options[name] for name in SWEEPABLE if name in options}
    return {**told, **{name: value for name, value in reading.items() if value is not None}}


def command_line(source: Path, target: str, settings: Mapping[str, Value]) -> list[str]:
    """Return the arguments that compress a movie with settings.

    Examples
    --------
    >>> shell_text(command_line(Path("my movie.tif"), "movie.ome.tif", {"rate": 40.0, "soft_weights": False}))
    "flowroi compress --output movie.ome.tif --rate 40 --hard-weights -- 'my movie.tif'"
    """
    words = ["flowroi", "compress", "--output", target]
    for name, value in settings.items():
        flag = name.replace("_", "-")
        if name == "soft_weights":
            words.append("--soft-weights" if value else "--hard-weights")
        elif isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}={text}"] if (text := _exact(value)).startswith("-") else [f"--{flag}", text]
    # Behind the dashes everything is a name, even one that begins with a dash.
    return [*words, "--", str(source)]


def shell_text(words: Sequence[str]) -> str:
    """Return a command line as a shell takes it."""
    return shlex.join(words)


def settings_toml(settings: Mapping[str, Value], comments: Sequence[str]) -> str:
    """Return settings as a file for `flowroi compress --config`.

    Raises
    ------
    InvalidParameterError
        If a name cannot be written in such a file.

    Examples
    --------
    >>> print(settings_toml({"rate": 40.0, "denoise": False, "roi_threshold": "auto"}, ["found by a sweep"]), end="")
    # found by a sweep
    rate = 40.0
    denoise = false
    roi-threshold = "auto"
    """
    lines = [f"# {_legible(comment)}" for comment in comments]
    for name, value in settings.items():
        lines.append(f"{name.replace('_', '-')} = {_toml(name, value)}")
    return "\n".join(lines) + "\n"


def check_writable(options: Options) -> None:
    """Raise InvalidParameterError if an option cannot be written to a file of settings."""
    for name, value in options.items():
        _toml(name, value)


def _toml(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise InvalidParameterError(
            f"{name} is {value!r}, which no file of settings can hold; expected a name in UTF-8: rename it"
        ) from error
    escaped = (_SHORTS.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in str(value))
    return f'"{"".join(escaped)}"'


def _exact(value: Value) -> str:
    """Return a value with all its digits."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value_text(value)


def _legible(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text).encode("utf-8", "replace").decode()
