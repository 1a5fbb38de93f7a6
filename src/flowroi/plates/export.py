"""A compressed plate's decoded frames in formats that need no JPEG 2000: an export for each position, or one plate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flowroi.archives.atomic import appearing
from flowroi.archives.base import Archive
from flowroi.archives.plate import PlateArchive
from flowroi.errors import InvalidParameterError
from flowroi.exports import ExportFormat, export, export_format
from flowroi.output import check_target
from flowroi.plates.base import Position
from flowroi.plates.batch import Batch, into_folder
from flowroi.plates.router import archive_name, zarr_path
from flowroi.plates.selection import chosen_positions

_SUFFIXES: dict[ExportFormat, str] = {
    "tiff": ".ome.tif",
    "png": "",
    "ome-zarr": ".ome.zarr",
    "ome-zarr-0.4": ".ome.zarr",
    "h4tracks": ".ome.zarr",
}


def export_plate(
    plate: PlateArchive,
    target: Path,
    *,
    frames_of: Callable[[Archive], range] = lambda archive: range(len(archive)),
    format: str | None = None,  # noqa: A002
    wells: tuple[str, ...] = (),
    labels: Path | None = None,
    labels_are_tracks: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Batch[list[str]]:
    """Write the frames of every position without further loss.

    Parameters
    ----------
    plate : PlateArchive
    target : Path
        A folder for `A1_f0.ome.tif` and so on; or `NAME.ome.zarr`, which becomes an OME-Zarr plate.
    frames_of : callable
        Which frames of a position's archive.
    format : str, optional
        As of `export`; by default TIFF in a folder.
    wells : tuple of str
        Only these; all by default.
    labels : path, optional
        As of `export`; each position's in the folder `A1_f0` within.
    labels_are_tracks, overwrite, progress
        As of `export`.

    Returns
    -------
    Batch of list of str
        The warnings of each position. Of an OME-Zarr plate none fails: it appears whole or not at all.

    Raises
    ------
    FlowRoIError
        As `export`, for what concerns all positions.
    """
    one_plate = target.suffix.lower() == ".zarr"
    kind = export_format(target if one_plate else Path("a.tif"), format or (None if one_plate else "tiff"))
    chosen = chosen_positions(plate.positions, wells)

    def write(position: Position, path: Path) -> list[str]:
        with plate.open(position) as archive:
            return export(
                archive,
                path,
                frames=frames_of(archive),
                format=kind,
                labels=None if labels is None else labels / str(position),
                labels_are_tracks=labels_are_tracks,
                overwrite=overwrite,
                progress=progress,
            )

    if not one_plate:
        return into_folder(
            chosen,
            target,
            inputs=[plate.path],
            name_of=lambda position: archive_name(position, _SUFFIXES[kind]),
            overwrite=overwrite,
            work=write,
        )
    if kind not in ("ome-zarr", "ome-zarr-0.4"):
        raise InvalidParameterError(f"a plate cannot be written as {kind} to {target.name!r}; expected a folder")
    from flowroi.archives.ome_zarr_plate import write_plate_groups

    check_target(target, inputs=[plate.path], overwrite=overwrite)
    with appearing(target, folder=True, overwrite=overwrite) as root:
        write_plate_groups(root, plate.name, chosen, version="0.4" if kind == "ome-zarr-0.4" else "0.5")
        done = tuple((position, write(position, root / zarr_path(position))) for position in chosen)
    return Batch(done, ())
