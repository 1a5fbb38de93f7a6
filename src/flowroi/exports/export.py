"""Writes an archive's decoded frames in a format that needs no JPEG 2000."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy.typing as npt

from flowroi.archives.atomic import appearing
from flowroi.archives.base import Archive
from flowroi.errors import InvalidParameterError, OutputExistsError
from flowroi.evaluation.labels import LabelSource, open_labels
from flowroi.exports import provenance
from flowroi.output import check_target

ExportFormat = Literal["tiff", "png", "ome-zarr", "ome-zarr-0.4", "h4tracks"]
EXPORT_FORMATS: tuple[str, ...] = get_args(ExportFormat)
Progress = Callable[[int, int], None]
_PNG_NAMES = ("*.png", provenance.RECORD_NAME)
_ZARR_NAMES = ("zarr.json", ".zgroup", ".zattrs", "0", "labels", "raw_data", "segmentation_data", "tracking_data")


def export_format(target: Path, asked: str | None = None) -> ExportFormat:
    """Return the format asked for, or the one that the target's name tells.

    Raises
    ------
    InvalidParameterError
        For a format that is none, or a name that tells none or that the format cannot have.

    Examples
    --------
    >>> export_format(Path("a.ome.tif")), export_format(Path("a.ome.zarr")), export_format(Path("a"))
    ('tiff', 'ome-zarr', 'png')
    """
    suffix = target.suffix.lower()
    if asked is None:
        if suffix in (".tif", ".tiff"):
            return "tiff"
        if suffix == ".zarr":
            return "ome-zarr"
        if suffix in ("", ".png") or target.is_dir():
            return "png"
        raise InvalidParameterError(
            f"the format cannot be told from the name {target.name!r}; expected NAME.ome.tif, NAME.ome.zarr, a folder, "
            f"or a format: {', '.join(EXPORT_FORMATS)}"
        )
    for known in get_args(ExportFormat):
        if asked == known:
            if known == "h4tracks" and suffix != ".zarr":
                raise InvalidParameterError(
                    f"the output is {target.name!r}; MMV_H4Tracks loads only NAME.zarr and NAME.ome.zarr"
                )
            chosen: ExportFormat = known
            return chosen
    raise InvalidParameterError(f"format is {asked!r}; expected one of {', '.join(EXPORT_FORMATS)}")


def export(
    archive: Archive,
    target: Path,
    *,
    frames: range | None = None,
    format: ExportFormat | None = None,  # noqa: A002
    labels: str | PathLike[str] | npt.NDArray[Any] | None = None,
    labels_are_tracks: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Write decoded frames without further loss, one at a time, with the record of earlier losses.

    Parameters
    ----------
    archive : Archive
    target : Path
        NAME.ome.tif, NAME.ome.zarr, or a folder for PNG files.
    frames : range, optional
        Which frames; all by default.
    format : {"tiff", "png", "ome-zarr", "ome-zarr-0.4", "h4tracks"}, optional
        By default told by the target's name. "h4tracks" is what MMV_H4Tracks loads: NAME.ome.zarr or NAME.zarr.
    labels : path or ndarray, optional
        For "h4tracks": label images of the archive's frames, as `flowroi.evaluation.labels.open_labels` takes them.
    labels_are_tracks : bool, default False
        Whether a cell has the same number in all label images.
    overwrite : bool, default False
        Replace an earlier export.
    progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    list of str
        What a person should know about the export.

    Raises
    ------
    OutputExistsError
        If the target exists and `overwrite` is False, or is a folder that holds anything but an export.
    InvalidParameterError
        If the frames are not in the archive, the target overlaps it, or an option does not fit the format.
    CorruptDataError
        If a frame is not what was written; nothing is left behind then.
    MissingDependencyError
        For OME-Zarr without zarr.
    """
    chosen = range(len(archive)) if frames is None else frames
    if not chosen or chosen.step != 1 or chosen[0] < 0 or chosen[-1] >= len(archive):
        raise InvalidParameterError(
            f"frames {chosen.start}:{chosen.stop} asked for; expected a range within 0:{len(archive)}"
        )
    kind = export_format(target, format)
    if kind != "h4tracks" and labels is not None:
        raise InvalidParameterError(f"labels are given for the format {kind}; only h4tracks has room for them")
    if labels_are_tracks and labels is None:
        raise InvalidParameterError("labels_are_tracks is given without labels")
    _check_target(target, kind, archive, overwrite=overwrite)
    with ExitStack() as stack:
        cells = None if labels is None else stack.enter_context(_labels_of(archive, labels))
        temporary = stack.enter_context(appearing(target, folder=kind != "tiff", overwrite=overwrite))
        return _write(temporary, target, kind, archive, chosen, progress, cells, labels_are_tracks)


def _write(
    temporary: Path,
    target: Path,
    kind: ExportFormat,
    archive: Archive,
    chosen: range,
    progress: Progress | None,
    labels: LabelSource | None,
    labels_are_tracks: bool,
) -> list[str]:
    record = provenance.record_of(archive.manifest, chosen)
    frames = _decoded(archive, chosen, progress)
    if kind == "tiff":
        from flowroi.exports.ome_tiff import write_ome_tiff

        write_ome_tiff(temporary, archive, frames, len(chosen), record)
    elif kind == "png":
        from flowroi.exports.png_folder import write_png_folder

        write_png_folder(temporary, archive, frames, chosen, record)
    elif kind == "h4tracks":
        from flowroi.exports.h4tracks import write_h4tracks

        as_ome_zarr = target.name.lower().endswith(".ome.zarr")
        return write_h4tracks(
            temporary,
            archive,
            frames,
            chosen,
            record,
            labels,
            as_ome_zarr=as_ome_zarr,
            labels_are_tracks=labels_are_tracks,
        )
    else:
        from flowroi.exports.ome_zarr import write_ome_zarr

        version: Literal["0.5", "0.4"] = "0.5" if kind == "ome-zarr" else "0.4"
        write_ome_zarr(temporary, archive, frames, len(chosen), record, version=version)
    return []


def _decoded(archive: Archive, chosen: range, progress: Progress | None) -> Iterator[npt.NDArray[Any]]:
    for done, t in enumerate(chosen, start=1):
        frame = archive[t]
        # Not after it was taken: whoever has the last frame asks for no other.
        if progress is not None:
            progress(done, len(chosen))
        yield frame


def _check_target(target: Path, kind: ExportFormat, archive: Archive, *, overwrite: bool) -> None:
    names = _PNG_NAMES if kind == "png" else () if kind == "tiff" else _ZARR_NAMES
    check_target(target, inputs=[archive.path], overwrite=overwrite, replaceable=names)
    if names is _ZARR_NAMES and target.is_dir() and any(target.iterdir()) and provenance.read(target) is None:
        raise OutputExistsError(
            "this Zarr is no export of ours; not replaced, nothing was written: choose another name, or remove it "
            "yourself",
            path=target,
        )


def _labels_of(archive: Archive, labels: str | PathLike[str] | npt.NDArray[Any]) -> LabelSource:
    from flowroi.sources.archive import ArchiveSource

    # Not closed: that would close the archive.
    return open_labels(labels, ArchiveSource(archive, [], max_pixels=archive.shape[1] * archive.shape[2]))
