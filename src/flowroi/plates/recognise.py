"""Whether a path is a plate: yes only where that is sure."""

from __future__ import annotations

import os
from pathlib import Path

from flowroi.errors import FlowRoIError
from flowroi.plates.folder import holds_images, images_beside, wells_in
from flowroi.plates.listing import entries_of
from flowroi.plates.ome_zarr import is_plate_group, is_zarr_group
from flowroi.plates.pattern import known_scheme, positions_in
from flowroi.plates.router import NamePattern
from flowroi.sources.folder import image_names
from flowroi.stores import StorePath, as_path


def is_plate(path: str | os.PathLike[str] | StorePath, pattern: str | None = None, *, asked: bool = False) -> bool:
    r"""Whether a path is a plate rather than a movie.

    It is one if it is an OME-Zarr plate; a folder of wells (folders, or movies, named as wells, and no other images
    beside them); a folder of images whose names follow an instrument's scheme and tell several positions; or a folder
    for which `pattern` tells wells, however many there are. A plain folder of images is a movie. Images with wells of
    images beside them may be either; that counts as a plate, and `open_plate` refuses it.

    Parameters
    ----------
    path : path or URL
    pattern : str, optional
        See `open_plate`.
    asked : bool, default False
        Whether a plate is asked for, say by a well of it: then a single position is enough for an instrument's scheme.

    Examples
    --------
    >>> is_plate("a movie.tif")
    False
    """
    folder = as_path(path)
    if isinstance(folder, StorePath):
        return is_plate_group(folder)
    try:
        if not folder.is_dir():
            return False
        if is_plate_group(folder):
            return True
        if is_zarr_group(folder) or "manifest.json" in entries_of(folder)[1]:
            # An image group, or an archive of a movie.
            return False
        if named_pattern(pattern) is not None:
            return True
        least = 1 if asked else 2
        return _holds_wells(folder, pattern) or (pattern is None and instrument_of(folder, least=least) is not None)
    except (FlowRoIError, OSError, ValueError):
        # What is wrong with it is told when it is opened.
        return False


def named_pattern(pattern: str | None) -> NamePattern | None:
    """Return a pattern that tells wells; None for another one, which orders the images of one movie."""
    if pattern is None:
        return None
    try:
        return NamePattern(pattern)
    except FlowRoIError:
        return None


def is_deep(pattern: str | None) -> bool:
    """Whether a pattern is meant for paths below the folder, not for the names in it."""
    return pattern is not None and "/" in pattern


def instrument_of(folder: Path, *, least: int) -> NamePattern | None:
    """Return the scheme of an instrument that the images of a folder follow and that tells so many positions."""
    names = image_names(folder)
    scheme = known_scheme(names)
    return scheme if scheme is not None and len(positions_in(names, scheme)) >= least else None


def _holds_wells(folder: Path, pattern: str | None) -> bool:
    wells = wells_in(folder)
    if pattern is not None and not any((folder / where).is_dir() for where, _ in wells.found):
        # It orders images, and would have no meaning for files that are a movie each.
        return False
    if not wells.found or not images_beside(folder, wells):
        return bool(wells.found)
    # A movie with folders in it; or, if these hold images, perhaps a plate with an overview: it is not for us to drop
    # either, and opening it as a plate says so. A pattern that orders images tells that it is a movie.
    return pattern is None and any(holds_images(folder / where) for where, _ in wells.found)
