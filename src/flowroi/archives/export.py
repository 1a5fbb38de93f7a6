"""An archive's frames for tools that read no JPEG 2000: deflated OME-TIFF, or PNG files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import tifffile

from flowroi.archives.atomic import appearing
from flowroi.archives.base import Archive, Frame
from flowroi.errors import InvalidParameterError
from flowroi.output import check_target
from flowroi.png import write_png

ExportFormat = Literal["tiff", "png"]


def export(
    archive: Archive,
    target: Path,
    *,
    frames: range | None = None,
    format: ExportFormat | None = None,  # noqa: A002
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write decoded frames without further loss.

    Parameters
    ----------
    archive : Archive
    target : Path
        A `.tif` file or a folder for PNG files.
    frames : range, optional
        Which frames; all by default.
    format : "tiff" or "png", optional
        By default told by the target's name.
    overwrite : bool, default False
    progress : callable, optional
        Called with (frames done, frames in all).

    Returns
    -------
    Path
        The target.

    Raises
    ------
    OutputExistsError
        If the target exists and `overwrite` is False, or is a folder that holds anything but PNG files.
    InvalidParameterError
        If the frames are not in the archive, or the target overlaps it.
    CorruptDataError
        If a frame is not what was written; nothing is left behind then.
    """
    chosen = range(len(archive)) if frames is None else frames
    if not chosen or chosen[0] < 0 or chosen[-1] >= len(archive):
        raise InvalidParameterError(
            f"frames {chosen.start}:{chosen.stop} asked for; expected a range within 0:{len(archive)}"
        )
    check_target(target, inputs=[archive.path], overwrite=overwrite, replaceable=("*.png",))
    kind = format or ("tiff" if target.suffix.lower() in (".tif", ".tiff") else "png")
    with appearing(target, folder=kind == "png", overwrite=overwrite) as unfinished:
        (_write_tiff if kind == "tiff" else _write_png)(archive, unfinished, chosen, progress)
    return target


def _write_tiff(archive: Archive, target: Path, frames: range, progress: Callable[[int, int], None] | None) -> None:
    metadata = {"axes": "TYX", "SignificantBits": archive.manifest["significant_bits"]}
    if archive.manifest["pixel_size_um"] is not None:
        metadata |= {f"PhysicalSize{axis}": archive.manifest["pixel_size_um"] for axis in "XY"}
        metadata |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    if archive.manifest["frame_interval_s"] is not None:
        metadata |= {"TimeIncrement": archive.manifest["frame_interval_s"], "TimeIncrementUnit": "s"}

    def decoded() -> Iterator[Frame]:
        for done, t in enumerate(frames, start=1):
            yield archive[t]
            if progress is not None:
                progress(done, len(frames))

    with tifffile.TiffWriter(target, bigtiff=True, ome=True) as tiff:
        tiff.write(
            decoded(),
            shape=(len(frames), *archive.shape[1:]),
            dtype=archive.dtype,
            compression="zlib",
            photometric="minisblack",
            metadata=metadata,
        )


def _write_png(archive: Archive, target: Path, frames: range, progress: Callable[[int, int], None] | None) -> None:
    for done, t in enumerate(frames, start=1):
        name = archive.manifest["frames"][t]["name"]
        write_png(target / f"{name}.png", archive[t])
        if progress is not None:
            progress(done, len(frames))
