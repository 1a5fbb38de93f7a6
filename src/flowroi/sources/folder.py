"""A movie kept as one image file a frame, in a folder; and a single image, which is a movie of one frame."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from flowroi.errors import MissingInputError, UnsupportedFormatError
from flowroi.sources.base import Gap, Source, describe, size_changed
from flowroi.sources.files import InputFile, located
from flowroi.sources.image_file import (
    IMAGE_SUFFIXES,
    image_losses,
    read_image,
    read_image_header,
    suffix_of,
)
from flowroi.sources.names import safe_stem, safe_stems, text_name
from flowroi.sources.ordering import order_by_numbers, order_by_pattern
from flowroi.sources.pixels import OTHER_CHANNELS, Frame
from flowroi.sources.recorded import with_record

# Names under which other programs write what is not finished yet.
_UNFINISHED_SUFFIXES = (".part", ".tmp")


# What plates of 16 rows and 24 columns have.
_WELL = re.compile(r"(?:well[ _-]?)?[a-p](?:0?[1-9]|1[0-9]|2[0-4])", re.IGNORECASE)
_NAMED_AS_WELLS = (
    "the images are named as wells, and are taken as one movie in time: if they are a plate, give a pattern with a "
    "group (?P<well>...)"
)


class ImageFilesSource(Source):
    """Frames in image files, one each; every header is read when the source is opened.

    Parameters
    ----------
    path : Path
        The folder, or the image.
    paths : sequence of Path
        The images in order of time.
    channel : int or None
        The sample to take of colour images.
    max_pixels : int
        Limit of a frame.
    warnings : sequence of str
        What was noticed while the images were found.
    gaps : sequence of Gap
        Where images are missing.
    name : str, optional
        Of the movie; by default that of the folder or the image.

    Raises
    ------
    MissingInputError, CorruptDataError, UnsupportedFormatError
        As `open_source`.
    """

    def __init__(
        self,
        path: Path,
        paths: Sequence[Path],
        *,
        channel: int | None,
        max_pixels: int,
        warnings: Sequence[str] = (),
        gaps: Sequence[Gap] = (),
        name: str | None = None,
    ) -> None:
        self._channel = channel
        self._max_pixels = max_pixels
        self._images = [InputFile.find(image, frame=t) for t, image in enumerate(paths)]
        first = read_image_header(self._images[0], max_pixels=max_pixels, frame=0)
        samples = first.samples
        for t, image in enumerate(self._images[1:], 1):
            header = read_image_header(image, max_pixels=max_pixels, frame=t)
            if (header.width, header.height, header.dtype) != (first.width, first.height, first.dtype):
                seen = describe((header.height, header.width), header.dtype)
                expected = describe((first.height, first.width), first.dtype)
                raise UnsupportedFormatError(size_changed(seen, expected), path=image.path, frame=t)
            # Grey images and coloured ones may follow one another.
            samples = max(samples, header.samples)
        super().__init__(
            name=safe_stem(name or (path.resolve().name if path.is_dir() else path.stem)),
            path=path,
            shape=(len(self._images), first.height, first.width),
            dtype=first.dtype,
            frame_names=safe_stems(image.stem for image in paths),
            significant_bits=first.significant_bits,
            warnings=warnings,
            gaps=gaps,
            left_out=OTHER_CHANNELS if channel is not None and samples > 1 else None,
        )
        # Colours that differ, and a channel that is not there, are refused before any work is done.
        raw = self.read(0)
        shown = image_losses(self._images[0], raw.nbytes)
        self.losses = with_record(path, with_record(self._images[0].path, shown))

    @classmethod
    def from_folder(cls, path: Path, *, pattern: str | None, channel: int | None, max_pixels: int) -> Self:
        """Find the images of a folder and put them in order.

        Hidden files, unfinished ones (`.part`, `.tmp`) and files of other kinds are left out; folders within are not
        looked into.

        Raises
        ------
        MissingInputError
            If there is no image, or the folder cannot be read.
        UnsupportedFormatError
            If the names prove no order, images are of several formats, or one is a link that leads out of the
            folder.
        """
        with located(path):
            names = image_names(path)
            if not names:
                raise MissingInputError(
                    f"the folder has no image; expected files ending in {', '.join(IMAGE_SUFFIXES)}"
                )
            if pattern is None:
                check_one_format(names)
                ordering = order_by_numbers(names)
            else:
                ordering, channel_used = order_by_pattern(names, pattern, channel)
                channel = None if channel_used else channel
                check_one_format(ordering.names)
            for t, name in enumerate(ordering.names):
                check_link(path, name, t)
        warnings = ordering.warnings
        if pattern is None and len(names) > 1 and all(_WELL.fullmatch(name.split(".")[0]) for name in names):
            warnings += (_NAMED_AS_WELLS,)
        paths = [path / name for name in ordering.names]
        return cls(path, paths, channel=channel, max_pixels=max_pixels, warnings=warnings, gaps=ordering.gaps)

    def _read(self, t: int) -> Frame:
        return read_image(self._images[t], channel=self._channel, max_pixels=self._max_pixels, frame=t)

    def _file_of(self, t: int) -> Path | None:
        return self._images[t].path

    def _files(self) -> Sequence[InputFile]:
        return self._images


def image_names(folder: Path) -> list[str]:
    """Return the names of a folder's images, sorted as text; hidden and unfinished ones are left out.

    Raises
    ------
    MissingInputError
        If the folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names only, and quickly: a folder may hold 100,000
    except OSError as error:
        raise MissingInputError(f"the folder cannot be read ({error.strerror})") from error
    return sorted(
        name
        for name in names
        if suffix_of(name) in IMAGE_SUFFIXES and is_finished(name) and not (folder / name).is_dir()
    )


def is_finished(name: str) -> bool:
    """Whether a name is one that programs give to what is complete: neither hidden, nor `.part` or `.tmp`.

    Examples
    --------
    >>> is_finished("t0.png"), is_finished("t0.tmp.png"), is_finished(".t0.png")
    (True, False, False)
    """
    return not name.startswith(".") and not any(mark in _UNFINISHED_SUFFIXES for mark in _marks(name))


def _marks(name: str) -> list[str]:
    """Return the suffixes before the last one too: `img.tmp.png` is unfinished like `img.png.tmp`."""
    return [f".{part.lower()}" for part in name.split(".")[1:]]


def check_one_format(names: Sequence[str]) -> None:
    """Raise UnsupportedFormatError for images of several formats: they are hardly one movie."""
    suffixes = {".tif" if suffix == ".tiff" else suffix for suffix in (suffix_of(name) for name in names)}
    if len(suffixes) > 1:
        raise UnsupportedFormatError(
            f"the folder has images of {len(suffixes)} formats ({', '.join(sorted(suffixes))}); frames of one movie "
            "have one: take the others out, or give a pattern that ends in the one wanted"
        )


def check_link(folder: Path, name: str, t: int | None = None) -> None:
    """Refuse a link that leads out of the folder; it may lead to a file that is none of the movie's.

    Raises
    ------
    UnsupportedFormatError
        If `name`, relative to `folder`, is a symbolic link that leads out of it, nowhere, or to itself.
    """
    path = folder / name
    if not path.is_symlink():
        return
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise UnsupportedFormatError(
            "is a symbolic link that leads nowhere or to itself; it was not followed: put the file there",
            path=path,
            frame=t,
        ) from error
    if not target.is_relative_to(folder.resolve()):
        raise UnsupportedFormatError(
            f"is a symbolic link out of the folder, to {text_name(str(target))}; it was not followed: copy the file "
            "into the folder, or give its own folder as the input",
            path=path,
            frame=t,
        )
