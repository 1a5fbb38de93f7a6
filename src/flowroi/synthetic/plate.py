"""A plate of synthetic movies, as image files named by their coordinates."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flowroi.errors import InvalidParameterError, OutputExistsError
from flowroi.params import check_integer
from flowroi.synthetic.movie import iter_synthetic

DEFAULT_TEMPLATE = "{row}{column:02}_f{field:02}_t{time:04}_c{channel}.png"


def write_synthetic_plate(
    folder: str | os.PathLike[str],
    *,
    wells: Iterable[str] = ("A1", "A2", "B1", "B2"),
    fields: int = 1,
    channels: int = 1,
    frames: int = 8,
    template: str = DEFAULT_TEMPLATE,
    seed: int = 0,
    **movie: Any,
) -> list[Path]:
    """Write a plate of synthetic movies, one image a frame, into a new or empty folder.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    wells : iterable of str
        Such as A1.
    fields, channels, frames : int >= 1
        Of each well; each field, of each movie.
    template : str
        Of the file names, with `{well}` or `{row}` and `{column:02}`, `{field:02}`, `{channel}` and `{time:04}`; a `/`
        makes folders. Its suffix, `.png` or `.tif`, is the format.
    seed : int
        Every well, field and channel has a movie of its own, which does not depend on the others.
    **movie
        Further fields of `SyntheticParams`.

    Returns
    -------
    list of Path
        The files, in plate order and order of time.

    Raises
    ------
    InvalidParameterError
        For a bad well, template or parameter; a template that gives two images the same name.
    OutputExistsError
        If the folder holds something.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_synthetic_plate(folder, wells=["B3"], frames=2, height=32, width=32, cells=1)
    ...     print([file.name for file in files])
    ['B03_f00_t0000_c0.png', 'B03_f00_t0001_c0.png']
    """
    from flowroi.plates.base import Position
    from flowroi.plates.router import Coordinates, file_name
    from flowroi.png import write_png

    for name, value in (("fields", fields), ("channels", channels), ("frames", frames)):
        check_integer(name, value, low=1)
    if not template.endswith((".png", ".tif")):
        raise InvalidParameterError(f"template is {template!r}; expected one that ends in .png or .tif")
    root = Path(folder)
    positions = sorted(Position(well, field) for well in wells for field in range(fields))
    places = [
        [file_name(template, Coordinates(position, (t,), str(channel), "plate")) for t in range(frames)]
        for position in positions
        for channel in range(channels)
    ]
    names = [name for place in places for name in place]
    if len(set(names)) < len(names):
        raise InvalidParameterError(f"template is {template!r}: two images would have the same name")
    if root.exists() and any(root.iterdir()):
        raise OutputExistsError("the folder is not empty; nothing was written: choose another name", path=root)
    for parent in {(root / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)
    written = []
    for place in places:
        own_seed = zlib.crc32(place[0].encode(), seed)
        for name, made in zip(place, iter_synthetic(seed=own_seed, **movie), strict=False):
            path = root / name
            if path.suffix == ".png":
                write_png(path, made.frame)
            else:
                import tifffile

                tifffile.imwrite(path, made.frame, photometric="minisblack", metadata=None)
            written.append(path)
    return written
