"""Whether a manifest says what manifests say: who reads an archive relies on every key, whoever wrote it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from flowroi.errors import CorruptDataError

# The format of a folder of MKV files.
VIDEO_FOLDER = "mkv-folder"
_Check = Callable[[Any], bool]
_LARGEST = 2**53
_MOST_PX = 2**40
_MOST_GOP = 10_000
_MOST_NAME_BYTES = 250
_PRESETS = {"av1": 13, "hevc": 8}
_VIDEOS = ("mkv", "mp4", VIDEO_FOLDER)
_FORMATS = ("ome-tiff", "ome-zarr", "ome-zarr-0.4", "jp2", *_VIDEOS)
# Of folders, whose files are listed by their names within.
_FOLDERS = ("ome-zarr", "ome-zarr-0.4", "jp2")
_SHA256 = re.compile("[0-9a-f]{64}")


def check_contents(manifest: Mapping[str, Any], path: Any) -> None:
    """Raise CorruptDataError if a manifest lacks something, or holds what no archive of ours can.

    Parameters
    ----------
    manifest : dict
        Whole, with a digest that fits: anybody can make one.
    path : path
        For the message.

    Examples
    --------
    >>> check_contents({"archive": "ome-tiff", "flowroi": 1, "format_version": 2}, "a.ome.tif")
    Traceback (most recent call last):
    flowroi.errors.CorruptDataError: a.ome.tif: the manifest's 'flowroi' is 1, which no archive of ours says
    """
    _check(manifest, _COMMON, "", path)
    _check(manifest["source"], _SOURCE, "source.", path)
    for n, file in enumerate(manifest["source"]["files"]):
        _check(file, {"name": _is_text, **_STORED}, f"source.files[{n}].", path)
    frames = manifest["frames"]
    if len(frames) != manifest["shape"][0]:
        raise CorruptDataError(f"the manifest lists {len(frames)} frames of {manifest['shape'][0]}", path=path)
    known = {"name": _is_file_name, **_STORED, **({"mask_sha256": _is_digest} if manifest["masks_kept"] else {})}
    if manifest["format_version"] > 1:
        known["pixels_sha256"] = _is_digest
        _check(manifest, {"roi_share": _is_share}, "", path)
    for t, frame in enumerate(frames):
        _check(frame, known, f"frames[{t}].", path)
    _refuse_twice([frame["name"] for frame in frames], "frames", path)
    losses = len(manifest["lossy_ratio"])
    if len(manifest["lossy_method"]) != losses or manifest["lossy"] != bool(losses):
        _refuse("lossy_method", manifest["lossy_method"], path)
    for n, gap in enumerate(manifest["gaps"]):
        _check(gap, {"before": _integer(1, len(frames) - 1), "missing": _is_count}, f"gaps[{n}].", path)
    if manifest["archive"] in _VIDEOS:
        _check_video(manifest, path)
        return
    if manifest["archive"] not in _FOLDERS:
        _check_whole_file(manifest, path)
        return
    for n, file in enumerate(manifest["files"]):
        _check(file, {"name": _is_path_within, **_STORED}, f"files[{n}].", path)
    _refuse_twice([file["name"] for file in manifest["files"]], "files", path)


def _check_whole_file(manifest: Mapping[str, Any], path: Any) -> None:
    files = manifest["files"]
    if len(files) != (1 if manifest["format_version"] > 1 or manifest["archive"] in _VIDEOS else 0):
        raise CorruptDataError(f"the manifest lists {len(files)} files; expected 1", path=path)
    for file in files:
        _check(file, _STORED, "files[0].", path)


def _check_video(manifest: Mapping[str, Any], path: Any) -> None:
    _check(manifest, {"sequence": _is_mapping, "background": _is_mapping}, "", path)
    _check(manifest["sequence"], _SEQUENCE, "sequence.", path)
    if manifest["sequence"]["preset"] > _PRESETS[manifest["sequence"]["codec"]]:
        _refuse("sequence.preset", manifest["sequence"]["preset"], path)
    files = manifest["files"]
    if manifest["archive"] != VIDEO_FOLDER:
        _check_whole_file(manifest, path)
        return
    for n, file in enumerate(files):
        _check(file, {"name": _is_video_name, "frames": _is_count, **_STORED}, f"files[{n}].", path)
    _refuse_twice([file["name"] for file in files], "files", path)
    held = sum(file["frames"] for file in files)
    if held != len(manifest["frames"]):
        raise CorruptDataError(f"the files hold {held} frames; the manifest lists {len(manifest['frames'])}", path=path)


def _check(values: Any, known: Mapping[str, _Check], where: str, path: Any) -> None:
    if not isinstance(values, dict):
        _refuse(where.rstrip("."), values, path)
    for key, fits in known.items():
        if key not in values:
            raise CorruptDataError(f"the manifest has no {where + key!r}, which every archive of ours has", path=path)
        if not fits(values[key]):
            _refuse(where + key, values[key], path)


def _refuse(key: str, value: Any, path: Any) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    raise CorruptDataError(f"the manifest's {key!r} is {shown}, which no archive of ours says", path=path)


def _refuse_twice(names: list[str], kind: str, path: Any) -> None:
    if len(set(names)) != len(names):
        raise CorruptDataError(f"the manifest names {kind} twice", path=path)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_file_name(value: Any) -> bool:
    """Whether a name stays in its folder: no separator, nothing that a system has a meaning for."""
    if not _is_text(value) or not 0 < len(value.encode()) <= _MOST_NAME_BYTES:
        return False
    return value not in (".", "..") and not any(char in value for char in "/\\\0")


def _is_path_within(value: Any) -> bool:
    """Whether a name with `/` between its parts stays in its folder."""
    return _is_text(value) and all(map(_is_file_name, value.split("/")))


def _is_video_name(value: Any) -> bool:
    return _is_file_name(value) and value.endswith(".mkv")


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST


def _is_size(value: Any) -> bool:
    return value == 0 or _is_count(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < _LARGEST and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 1


def _is_number_or_null(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 3 and all(map(_is_count, value)) and value[1] * value[2] <= _MOST_PX
    )


def _list_of(fits: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _one_of(*values: str) -> _Check:
    return lambda value: isinstance(value, str) and value in values


def _integer(low: int, high: int) -> _Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_STORED: dict[str, _Check] = {"size_bytes": _is_size, "sha256": _is_digest}
_COMMON: dict[str, _Check] = {
    "archive": _one_of(*_FORMATS),
    "flowroi": _is_text,
    "codecs": _is_mapping,
    "name": _is_text,
    "shape": _is_shape,
    "dtype": _one_of("uint8", "uint16"),
    "significant_bits": _integer(1, 16),
    "pixel_size_um": _is_number_or_null,
    "frame_interval_s": _is_number_or_null,
    "masks_kept": _is_flag,
    "lossy": _is_flag,
    "lossy_method": _list_of(_is_text),
    "lossy_ratio": _list_of(_is_number_or_null),
    "roi": lambda value: isinstance(value, dict) and _is_text(value.get("method")),
    "masks_sha256": lambda value: value is None or _is_digest(value),
    "encode": _is_mapping,
    "source": _is_mapping,
    "settings": lambda value: value is None or isinstance(value, dict),
    "warnings": _list_of(_is_text),
    "gaps": _is_list,
    "files": _is_list,
    "frames": _is_list,
}
_SOURCE: dict[str, _Check] = {"name": _is_text, "files": _is_list}
_SEQUENCE: dict[str, _Check] = {
    "codec": _one_of(*_PRESETS),
    "preset": _integer(0, max(_PRESETS.values())),
    "gop": _integer(1, _MOST_GOP),
}
