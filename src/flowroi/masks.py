"""Where a frame's RoI comes from: extraction, a folder of masks, or nowhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, cast, get_args

import cv2
import numpy as np
import numpy.typing as npt

from flowroi.errors import CorruptDataError, InvalidParameterError, MissingInputError
from flowroi.params import RoiMethod, RoiParams
from flowroi.roi import FrameRoi, RoiDiagnostics, iter_roi
from flowroi.sources.base import Source
from flowroi.sources.files import InputFile, located
from flowroi.sources.raster import check_png_chunks, png_size

Frame = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
# Frames after its own from which the fused method has most of what it will ever know.
_ENOUGH_AHEAD = 2
# What the chunks of a PNG beside its pixels may take.
_MAX_EXTRA_BYTES = 1 << 24


def check_roi_method(method: str) -> None:
    """Raise InvalidParameterError unless `method` is known, or a folder of masks."""
    if method in (*get_args(RoiMethod), "none") or Path(method).is_dir():
        return
    known = ", ".join((*get_args(RoiMethod), "none"))
    raise InvalidParameterError(f"roi_method is {method!r}; expected one of {known}, or a folder of masks")


def mask_folder(method: str) -> Path | None:
    """Return the folder that masks come from; None where they are found, or there are none."""
    return None if method in (*get_args(RoiMethod), "none") else Path(method)


def frames_with_masks(
    source: Source, frames: range, method: str, params: RoiParams, executor: Executor | None, look_ahead: int
) -> Iterator[tuple[Frame, FrameRoi | None]]:
    """Yield the frames with their RoI, in order; None where there is no RoI (`method="none"`)."""
    wanted = iter(source) if len(frames) == len(source) else (source.read(t) for t in frames)
    if method in get_args(RoiMethod):
        known = cast("RoiMethod", method)
        yield from iter_roi(wanted, params, method=known, executor=executor, look_ahead=look_ahead)
    elif method == "none":
        for frame in wanted:
            yield frame, None
    else:
        for t, frame in zip(frames, wanted, strict=True):
            mask = read_mask(Path(method), source.frame_names[t], frame.shape, t)
            pieces = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)[0] - 1
            yield frame, FrameRoi(mask, None, RoiDiagnostics(float(mask.mean()), pieces))


def frames_for_one(method: str, params: RoiParams) -> int:
    """Return how many frames in a row give the first of them about the RoI that the whole movie gives it."""
    if method == "flow":
        return (1 if params.step == "auto" else params.step) + params.adjacent_factor + 1
    if method == "fused":
        return min(params.look_ahead, _ENOUGH_AHEAD) + params.adjacent_factor + 1
    return 1


def read_mask(folder: Path, name: str, shape: tuple[int, ...], t: int) -> Mask:
    """Read `<name>_roi.png` or `<name>.png`; any non-zero pixel is RoI.

    Raises
    ------
    MissingInputError, CorruptDataError, InvalidParameterError
        If the mask is missing, unreadable, or of another size than the frame.
    """
    file = InputFile.find(_mask_file(folder, name, t), frame=t)
    if file.size_bytes > 8 * math.prod(shape) + _MAX_EXTRA_BYTES:
        raise CorruptDataError(
            f"the mask is a file of {file.size_bytes} bytes; expected a PNG of {shape[0]}x{shape[1]} pixels; not read",
            path=file.path,
            frame=t,
        )
    with file.open(frame=t) as handle:
        data = handle.read()
    with located(file.path, t):
        declared = png_size(data)
        if declared != shape:
            raise InvalidParameterError(
                f"the mask is {declared[0]}x{declared[1]} (rows x columns); expected {shape[0]}x{shape[1]}, as the "
                "frame; nothing was cropped or scaled: make the mask again from this frame"
            )
        check_png_chunks(data)
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if mask is None or mask.shape != shape:
            seen = "cannot be decoded" if mask is None else f"decodes to shape {mask.shape}"
            raise CorruptDataError(f"the mask {seen}; expected grey, {shape[0]}x{shape[1]}: make it again")
    return np.asarray(mask, np.bool_)


def digest_of_masks(folder: Path, names: Iterable[str]) -> str:
    """Return the SHA-256 of the mask files of some frames; raises MissingInputError where one is missing."""
    digest = hashlib.sha256()
    for t, name in enumerate(names):
        digest.update(hashlib.sha256(_mask_file(folder, name, t).read_bytes()).digest())
    return digest.hexdigest()


def _mask_file(folder: Path, name: str, t: int) -> Path:
    for candidate in (folder / f"{name}_roi.png", folder / f"{name}.png"):
        if candidate.is_file():
            return candidate
    raise MissingInputError(
        f"no mask for this frame: expected {name}_roi.png or {name}.png; nothing was written", path=folder, frame=t
    )
