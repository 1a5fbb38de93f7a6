"""Finds the reader for a plate."""

from __future__ import annotations

import os

from flowroi.errors import InvalidParameterError, MissingInputError, UnsupportedFormatError
from flowroi.limits import DEFAULT_MAX_PIXELS
from flowroi.params import check_integer
from flowroi.plates.base import Plate
from flowroi.plates.folder import plate_of_wells, wells_in
from flowroi.plates.listing import files_below
from flowroi.plates.ome_zarr import is_zarr_group, open_plate_group
from flowroi.plates.pattern import plate_of_names
from flowroi.plates.recognise import instrument_of, is_deep, named_pattern
from flowroi.stores import StorePath, as_path


def open_plate(
    path: str | os.PathLike[str] | StorePath,
    *,
    pattern: str | None = None,
    channel: int | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Plate:
    r"""Open a plate: its positions are found and put in order; no movie is read yet.

    Parameters
    ----------
    path : path or URL
        An OME-Zarr plate (0.4 or 0.5), which may be in a store; a folder of wells, or a folder of images whose names
        tell the wells.
    pattern : str, optional
        A regular expression with named groups: `well`, or `row` and `column`; `field`, `channel`, `time`, `plate`.
        With a `/` in it, it is searched in the paths below the folder (`TimePoint_3/B02.tif`), otherwise in the names
        in the folder. Without groups for the well it orders the images within each folder of a well.
    channel : int >= 0, optional
        The channel to take where there are several.
    max_pixels : int >= 1, default 2**28
        Limit of a frame.

    Returns
    -------
    Plate

    Raises
    ------
    InvalidParameterError
        For a parameter out of range, or a pattern that matches nothing.
    MissingInputError
        If there is no such folder, or no well in it.
    UnsupportedFormatError
        If the folder is no plate, two files have the same coordinates, or one is a link out of the plate.
    CorruptDataError
        If an OME-Zarr plate's metadata is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from flowroi.synthetic import write_synthetic_plate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_synthetic_plate(folder, wells=("A1", "A2"), frames=2, height=32, width=32, cells=1)
    ...     plate = open_plate(folder)
    ...     with plate.open(plate.positions[1]) as movie:
    ...         print(*plate.positions, movie.shape)
    A1_f0 A2_f0 (2, 32, 32)
    """
    if channel is not None:
        check_integer("channel", channel, low=0)
    check_integer("max_pixels", max_pixels, low=1)
    folder = as_path(path)
    if isinstance(folder, StorePath):
        if pattern is not None:
            raise InvalidParameterError("pattern is given for a store; of one only OME-Zarr plates are read")
        return open_plate_group(folder, channel=channel, max_pixels=max_pixels)
    if not folder.is_dir():
        raise MissingInputError("there is no such folder; expected a plate", path=folder)
    if is_zarr_group(folder):
        if pattern is not None:
            raise InvalidParameterError("pattern is given for an OME-Zarr plate; its metadata tells the wells")
        return open_plate_group(folder, channel=channel, max_pixels=max_pixels)
    named = named_pattern(pattern)
    if named is not None:
        names = files_below(folder, deep=is_deep(pattern))
        return plate_of_names(folder, names, named, channel=channel, max_pixels=max_pixels)
    wells = wells_in(folder)
    if wells.found:
        return plate_of_wells(folder, wells, pattern=pattern, channel=channel, max_pixels=max_pixels)
    scheme = instrument_of(folder, least=1) if pattern is None else None
    if scheme is not None:
        names = files_below(folder, deep=False)
        return plate_of_names(folder, names, scheme, channel=channel, max_pixels=max_pixels)
    raise UnsupportedFormatError(
        "no plate: neither OME-Zarr, nor a folder of wells (A1, B/3, A1.tif, ...), nor images whose names tell "
        "wells as usual; give --pattern with a group (?P<well>...)",
        path=folder,
    )
