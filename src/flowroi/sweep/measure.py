"""One candidate on one window: compressed as `compress` does it, read back, and measured."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from flowroi.archives import Archive, open_archive
from flowroi.compression import compress_as_movie
from flowroi.errors import CorruptDataError, FlowRoIError, QualityTargetError
from flowroi.evaluation.measure import FrameMeasure, Yardstick, measure_frame
from flowroi.evaluation.stored import frame_as_json, frame_of_json
from flowroi.evaluation.subjects import Kind, Material, Raw, Subject, View
from flowroi.png import write_png
from flowroi.segmenters import Segmenter
from flowroi.sources.names import numbered_names
from flowroi.sweep.options import Options, masks_folder, read_masks
from flowroi.sweep.windows import Window

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class WindowMeasure:
    """The measured frames of a window; where it could not be coded as asked, why not."""

    frames: tuple[FrameMeasure, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Opened:
    """An archive that is open, as a subject; one that opened it itself would not close it in time."""

    archive: Archive
    key: str = "candidate"
    name: str = "candidate"
    # Cell by cell, as archives are measured, it is not wanted here.
    kind: Kind = "baseline"
    rate: float | None = None
    coded: str | None = None

    def view(self, material: Material) -> View:
        """Decode the frame."""
        size = self.archive.manifest["frames"][material.t]["size_bytes"]
        return View(self.archive[material.t], size, material.masks.get(self.key))


class KnownRaw:
    """A segmenter that remembers what it found on raw frames, which every candidate is compared with."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._found: dict[bytes, Labels] = {}
        self.name = segmenter.name

    def learn(self, frame: npt.NDArray[Any]) -> None:
        """Look for the cells of a raw frame, if that was not done yet."""
        key = _key(frame)
        if key not in self._found:
            self._found[key] = self._segmenter.segment(frame)

    def segment(self, frame: npt.NDArray[Any]) -> Labels:
        """Return the cells of a frame."""
        found = self._found.get(_key(frame))
        return self._segmenter.segment(frame) if found is None else found

    def describe(self) -> dict[str, Any]:
        """Return what the segmenter says of itself."""
        return self._segmenter.describe()


def measure_window(window: Window, options: Options | None, by: Yardstick, *, segment: bool) -> WindowMeasure:
    """Measure a candidate on a window.

    Parameters
    ----------
    window : Window
    options : mapping or None
        Options of `compress`; None measures the raw frames.
    by : Yardstick
        Its segmenter may be a `KnownRaw`, which then learns the window's raw frames.
    segment : bool
        Whether to look for the cells on the decoded frames, which takes longer than everything else. Without labels
        the segmenter is needed all the same: for the true cells.

    Raises
    ------
    FlowRoIError
        Naming the movie and the frame.
    """
    if isinstance(by.segmenter, KnownRaw):
        for n in window.measured:
            if segment or window.labels[n] is None:
                by.segmenter.learn(window.frames[n])
    if options is None:
        return WindowMeasure(_measured(window, Raw(), None, by, segment=segment))
    with TemporaryDirectory(prefix="flowroi-sweep-") as folder:
        path = Path(folder) / "window.ome.tif"
        used: dict[str, Any] = {"significant_bits": window.significant_bits, **options}
        masks = masks_folder(options, window.position)
        try:
            if masks is not None:
                used["roi_method"] = _staged(window, masks, Path(folder) / "masks")
            compress_as_movie(window.frames, path, workers=1, keep_masks=True, **used)
        except QualityTargetError as error:
            return WindowMeasure((), error.message)
        except FlowRoIError as error:
            frame = error.frame
            if frame is not None and masks is None:
                frame += window.start
            raise type(error)(error.message, path=error.path or window.path, frame=frame) from error
        with open_archive(path) as archive:
            return WindowMeasure(_measured(window, _Opened(archive), archive, by, segment=segment))


def _staged(window: Window, folder: Path, target: Path) -> str:
    """Copy the window's masks to where `compress` looks for them: an array's frames have no names of their own."""
    target.mkdir()
    masks = read_masks(folder, window.frame_names, window.frames.shape[1:], window.start)
    for name, mask in zip(numbered_names(len(masks)), masks, strict=True):
        write_png(target / f"{name}.png", np.where(mask, np.uint8(255), np.uint8(0)))
    return str(target)


def _measured(
    window: Window, subject: Subject, archive: Archive | None, by: Yardstick, *, segment: bool
) -> tuple[FrameMeasure, ...]:
    kept = archive is not None and archive.manifest["masks_kept"]
    found = []
    used = by if segment else replace(by, segmenter=None)
    for n in window.measured:
        masks = {subject.key: archive.roi(n)} if archive is not None and kept else {}
        truth = window.labels[n]
        if truth is None and by.segmenter is not None:
            truth = by.segmenter.segment(window.frames[n])
        material = Material(n, window.frames[n], truth, None, masks)
        found.append(replace(measure_frame(material, (subject,), used)[subject.key], found=None, per_cell=None))
    return tuple(found)


def to_json(measure: WindowMeasure) -> dict[str, Any]:
    """Return a measure as JSON holds it."""
    return {"failure": measure.failure, "frames": [frame_as_json(frame) for frame in measure.frames]}


def from_json(payload: dict[str, Any], frames: Sequence[int]) -> WindowMeasure:
    """Return a measure of these frames as it was.

    Raises
    ------
    CorruptDataError
        If it holds something else.
    """
    try:
        rows = tuple(frame_of_json(row) for row in payload["frames"])
        if payload["failure"] == "" and tuple(row.t for row in rows) != tuple(frames):
            raise ValueError("other frames")
        return WindowMeasure(rows, str(payload["failure"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"not the measure of a window: {error}") from error


def _key(frame: npt.NDArray[Any]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(frame).data).digest()
