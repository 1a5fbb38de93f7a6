"""A movie in a TIFF or OME-TIFF file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import tifffile

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.losses import Losses
from flowroi.sources.base import Source, describe, size_changed
from flowroi.sources.files import InputFile, located
from flowroi.sources.names import numbered_names, safe_stem
from flowroi.sources.pixels import OTHER_CHANNELS, Frame, ImageHeader, check_pixel_type, check_size, grey_frame
from flowroi.sources.recorded import with_record
from flowroi.sources.tiff_files import OpenTiff, TiffFiles
from flowroi.sources.tiff_layout import Plane, read_layout
from flowroi.sources.tiff_page import check_page, first_values, losses_of_page, read_page, tifffile_errors

_WHITE_IS_ZERO = "the file says that 0 is white: samples are kept as they are stored"
_COLOUR_MAP = "the file has a colour map: samples are kept as they are stored, without it"


class TiffSource(Source):
    """Frames of a TIFF or OME-TIFF file, read one by one.

    Every page's directory is checked when the source is opened: a file that is cut short, or whose pages change
    in size, is refused before any work is done.

    Parameters
    ----------
    path : Path
        The file; companions that its OME-XML names must be beside it.
    channel : int or None
        The channel to take, of several.
    max_pixels : int
        Limit of a frame.

    Attributes
    ----------
    is_own_archive : bool
        It is an archive of ours of the first version, whose manifest stands in the description.

    Raises
    ------
    MissingInputError, CorruptDataError, UnsupportedFormatError
        As `open_source`.
    """

    def __init__(self, path: Path, *, channel: int | None, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._lock = Lock()
        self._tiffs = TiffFiles(path)
        try:
            with located(path):
                first = self._tiffs.main.first
                check_size(first.imagewidth, first.imagelength, max_pixels)
                layout = read_layout(self._tiffs, channel)
                self._planes = layout.planes
                self._sample = None if layout.channel_used else channel
                self._header = self._check_planes()
                warnings = (*layout.warnings, *self._page_warnings())
            self.is_own_archive = "flowroi-archive" in (first.description or "")
            super().__init__(
                name=safe_stem(path.name.split(".")[0] or path.stem),
                path=path,
                shape=(len(self._planes), self._header.height, self._header.width),
                dtype=self._header.dtype,
                frame_names=numbered_names(len(self._planes)),
                significant_bits=layout.significant_bits or self._header.significant_bits,
                pixel_size_um=layout.pixel_size_um,
                frame_interval_s=layout.frame_interval_s,
                losses=with_record(path, self._losses_of_first()),
                warnings=warnings,
                left_out=OTHER_CHANNELS if layout.channel_used or self._chooses_sample() else self._left_out(),
            )
            if self._header.samples > 1:
                # Colours that differ are refused before any work is done.
                self.read(0)
        except BaseException:
            self._tiffs.close()
            raise

    def _left_out(self) -> str | None:
        """Say whether a file has pages that are no frames, such as a second image, or images within its pages."""
        # A page may be named for two frames, and another for none.
        read = {(plane.file_name, plane.offset) for plane in self._planes if not plane.raw}
        whole = {plane.file_name for plane in self._planes if plane.raw}
        pages = sum(count for name, count in self._pages.items() if name not in whole)
        if pages > len(read):
            return f"{pages - len(read)} pages that are no frames"
        return "images within the pages (SubIFDs)" if self._has_sub_images else None

    def _chooses_sample(self) -> bool:
        return self._sample is not None and self._header.samples > 1

    def _check_planes(self) -> ImageHeader:
        """Check the directory of every page against the first; return what a frame is."""
        first: ImageHeader | None = None
        # Pages of each file that holds frames.
        self._pages: dict[str | None, int] = {None: len(self._tiffs.main.chain.offsets)}
        self._has_sub_images = False
        for t, plane in enumerate(self._planes):
            opened = self._tiffs[plane.file_name]
            self._pages.setdefault(plane.file_name, len(opened.chain.offsets))
            try:
                with tifffile_errors():
                    page = _page(opened, plane)
                    header = check_page(page, opened.file.size_bytes, self._max_pixels)
                    self._has_sub_images |= bool(page.subifds)
                    if plane.raw:
                        _check_raw(opened, plane, page)
            except CorruptDataError as error:
                raise CorruptDataError(
                    f"the first {t} of {len(self._planes)} frames are whole, then: {error.message}. The movie was not "
                    "shortened silently",
                    path=opened.file.path,
                    frame=t,
                ) from error
            if first is None:
                if header.dtype.kind != "u" or header.dtype.itemsize > 2:
                    check_pixel_type(header.dtype, first_values(page, opened.file.size_bytes, self._max_pixels))
                first = header
            elif header != first:
                raise UnsupportedFormatError(size_changed(_text(header), _text(first)), frame=t)
        assert first is not None
        return first

    def _page_warnings(self) -> list[str]:
        """Tell what the first page says about its samples and FlowRoI does not act on."""
        opened = self._tiffs[self._planes[0].file_name]
        with tifffile_errors():
            page = _page(opened, self._planes[0])
            told = [(page.photometric == 0, _WHITE_IS_ZERO), (page.photometric == 3, _COLOUR_MAP)]
        return [text for holds, text in told if holds]

    def _losses_of_first(self) -> Losses:
        """Return what the first page's JPEG 2000 stream lost; other compressions that are read are lossless."""
        opened = self._tiffs[self._planes[0].file_name]
        with located(opened.file.path, 0), tifffile_errors():
            return losses_of_page(_page(opened, self._planes[0]))

    def _read(self, t: int) -> Frame:
        plane = self._planes[t]
        with self._lock:
            opened = self._tiffs[plane.file_name]
            if plane.raw:
                samples = _read_raw(opened, plane, self._header)
            else:
                with tifffile_errors():
                    page = _page(opened, plane)
                samples = read_page(page, opened.file.size_bytes, self._max_pixels)
        return grey_frame(samples, self._sample)

    def _file_of(self, t: int) -> Path | None:
        name = self._planes[t].file_name
        return self._tiffs.main.file.path if name is None else self._tiffs.find(name).path

    def _files(self) -> Sequence[InputFile]:
        return self._tiffs.used

    def _release(self) -> None:
        with self._lock:
            self._tiffs.close()


def _page(opened: OpenTiff, plane: Plane) -> tifffile.TiffPage:
    # Planes without a directory share the first one.
    return opened.first if plane.raw else opened.page(plane.offset)


def _check_raw(opened: OpenTiff, plane: Plane, page: tifffile.TiffPage) -> None:
    end = plane.offset + page.nbytes
    if end > opened.file.size_bytes:
        raise CorruptDataError(
            f"the frame ends at byte {end}, the file at byte {opened.file.size_bytes}: copy the file again"
        )


def _read_raw(opened: OpenTiff, plane: Plane, header: ImageHeader) -> Frame:
    shape = (header.height, header.width) + ((header.samples,) if header.samples > 1 else ())
    stored = header.dtype.newbyteorder(opened.tiff.byteorder)
    size = int(np.prod(shape)) * stored.itemsize
    opened.handle.seek(plane.offset)
    data = opened.handle.read(size)
    if len(data) < size:
        raise CorruptDataError(f"{len(data)} of {size} bytes could be read; nothing was filled up")
    return np.frombuffer(data, stored).reshape(shape).astype(header.dtype, copy=False)


def _text(header: ImageHeader) -> str:
    colours = "" if header.samples == 1 else f", {header.samples} samples a pixel"
    return describe((header.height, header.width), header.dtype) + colours
