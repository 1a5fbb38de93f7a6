"""TIFF and OME-TIFF movies, one page a frame."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError
from flowroi.sources.base import Frame, Source, check_frame_pixels, check_pixel_type
from flowroi.sources.image_file import TIFF_ERRORS, as_grey

# tifffile logs what it mends; we raise instead.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_SECONDS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}
_MICROMETRES = {"µm": 1.0, "um": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3}


class TiffSource(Source):
    """A multi-page TIFF: the page order is the order of time; one channel of several is chosen."""

    def __init__(self, path: Path, *, channel: int | None, max_pixels: int) -> None:
        self.path = path
        self.name = path.name.removesuffix(".tif").removesuffix(".tiff").removesuffix(".ome")
        self._channel = channel
        self._lock = Lock()
        self._tiff = _open(path)
        try:
            self._pages = self._choose_pages(max_pixels)
            self._read_metadata()
        except BaseException:
            self._tiff.close()
            raise
        digits = max(3, len(str(len(self) - 1)))
        self.frame_names = tuple(f"t{t:0{digits}d}" for t in range(len(self)))

    def _choose_pages(self, max_pixels: int) -> list[int]:
        tiff, path = self._tiff, self.path
        _refuse_foreign_companions(tiff, path)
        first = tiff.pages.first
        check_frame_pixels(first.imagelength, first.imagewidth, max_pixels, path)
        _check_sample_kind(first, path)
        self.dtype = check_pixel_type(np.dtype(first.dtype), path)
        series = tiff.series[0]
        axes = dict(zip(series.axes, series.shape, strict=True))
        if axes.get("Z", 1) > 1:
            if axes.get("T", 1) > 1:
                raise UnsupportedFormatError(
                    f"{axes['T']} times of {axes['Z']} planes in Z; expected single planes (T, Y, X)", path=path
                )
            self.warnings = (*self.warnings, f"the file calls its {axes['Z']} pages Z; they are read as T")
        channels = axes.get("C", 1)
        total = len(tiff.pages)
        promised = _pages_promised(tiff, axes)
        if total < promised:
            raise CorruptDataError(
                f"{total} of {promised} pages; not shortened silently: the file is cut short or was never finished",
                path=path,
            )
        self._samples_are_channels = first.samplesperpixel > 1
        if channels > 1 and not self._samples_are_channels:
            if self._channel is None:
                raise UnsupportedFormatError(f"{channels} channels; expected one: choose a channel", path=path)
            if not 0 <= self._channel < channels:
                raise UnsupportedFormatError(f"channel {self._channel} asked for; there are {channels}", path=path)
            pages = _channel_pages(series.axes, series.shape, self._channel)
        else:
            pages = list(range(total))
        unnamed = set(series.axes) - set("TZCYXS")
        if unnamed and len(pages) > 1:
            self.warnings = (*self.warnings, f"the axes are {series.axes}, not named as time; the pages are read as T")
        self.shape = (len(pages), first.imagelength, first.imagewidth)
        return pages

    def _read_metadata(self) -> None:
        tiff = self._tiff
        if tiff.is_ome and tiff.ome_metadata:
            _apply_ome(self, tiff.ome_metadata)
        elif tiff.is_imagej and tiff.imagej_metadata:
            interval = tiff.imagej_metadata.get("finterval")
            self.frame_interval_s = float(interval) if interval else None
            unit = str(tiff.imagej_metadata.get("unit", "")).replace("\\u00B5", "µ")
            resolution = tiff.pages.first.tags.get("XResolution")
            if resolution is not None and resolution.value[0] and unit in _MICROMETRES:
                self.pixel_size_um = resolution.value[1] / resolution.value[0] * _MICROMETRES[unit]

    def read(self, t: int) -> Frame:
        """Return frame `t`; raises CorruptDataError if its strips are cut short or damaged."""
        with self._lock:
            try:
                page = self._tiff.pages[self._pages[t]]
                _check_strips(page, self.path, t)
                image = page.asarray()
            except FlowRoIError:
                raise
            except TIFF_ERRORS as error:
                raise CorruptDataError(f"the page cannot be read: {error}", path=self.path, frame=t) from error
        if image.shape[:2] != self.shape[1:] or image.dtype.newbyteorder("=") != self.dtype:
            raise UnsupportedFormatError(
                f"the page is {image.shape} {image.dtype}; expected {self.shape[1:]} {self.dtype} like the first",
                path=self.path,
                frame=t,
            )
        return as_grey(image, self._channel if self._samples_are_channels else None, self.path)

    def files(self) -> list[Path]:
        """Return the TIFF file."""
        assert self.path is not None
        return [self.path]

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()


def read_single_page(path: Path, max_pixels: int) -> Frame:
    """Read a TIFF file that holds one image."""
    with _open(path) as tiff:
        if len(tiff.pages) != 1:
            raise UnsupportedFormatError(
                f"{len(tiff.pages)} pages in one file of a folder of frames; expected one", path=path
            )
        page = tiff.pages.first
        check_frame_pixels(page.imagelength, page.imagewidth, max_pixels, path)
        _check_sample_kind(page, path)
        _check_strips(page, path, None)
        try:
            return np.asarray(page.asarray())
        except TIFF_ERRORS as error:
            raise CorruptDataError(f"the page cannot be read: {error}", path=path) from error


def _open(path: Path) -> Any:
    if path.stat().st_size == 0:
        raise CorruptDataError("the file is empty", path=path)
    try:
        tiff = tifffile.TiffFile(path)
    except TIFF_ERRORS as error:
        raise CorruptDataError(f"not a readable TIFF file: {error}", path=path) from error
    try:
        if len(tiff.pages) == 0:
            raise CorruptDataError("the TIFF file holds no page", path=path)
    except TIFF_ERRORS as error:
        tiff.close()
        if isinstance(error, FlowRoIError):
            raise
        raise CorruptDataError(f"the TIFF file's pages cannot be listed: {error}", path=path) from error
    return tiff


def _check_sample_kind(page: Any, path: Path | None) -> None:
    if page.dtype is None:
        raise UnsupportedFormatError(
            f"{page.bitspersample}-bit samples of format {page.sampleformat}; expected uint8 or uint16", path=path
        )
    check_pixel_type(np.dtype(page.dtype), path)


def _check_strips(page: Any, path: Path | None, t: int | None) -> None:
    size = page.parent.filehandle.size
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if offset + count > size:
            raise CorruptDataError(
                f"the pixel data ends {offset + count - size} bytes behind the end of the file: it is cut short",
                path=path,
                frame=t,
            )
    if sum(page.databytecounts) == 0:
        raise CorruptDataError("the page has no pixel data", path=path, frame=t)


def _pages_promised(tiff: Any, axes: dict[str, int]) -> int:
    """Pages that the metadata speaks of, where it does."""
    if tiff.is_ome:
        pixels = _pixels_of(tiff.ome_metadata)
        if pixels is not None:
            promised = 1
            for axis in "TZC":
                promised *= int(pixels.get(f"Size{axis}", "1"))
            return promised if tiff.pages.first.samplesperpixel == 1 else int(pixels.get("SizeT", "1"))
    if tiff.is_imagej and tiff.imagej_metadata:
        return int(tiff.imagej_metadata.get("images", 1))
    if tiff.is_shaped and tiff.shaped_metadata:
        planes = 1
        for axis, size in axes.items():
            planes *= size if axis not in "YXS" else 1
        return planes
    return 0


def _channel_pages(axes: str, shape: tuple[int, ...], channel: int) -> list[int]:
    planes = [(axis, n) for axis, n in zip(axes, shape, strict=True) if axis not in "YXS"]
    index = np.arange(int(np.prod([n for _, n in planes]))).reshape([n for _, n in planes])
    return [int(i) for i in np.take(index, channel, axis=[axis for axis, _ in planes].index("C")).ravel()]


def _pixels_of(xml: str | None) -> Any:
    # Entities can blow up a parser, and OME-XML needs none.
    if not xml or "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return None
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314
    except ElementTree.ParseError:
        return None
    return root.find(".//{*}Image/{*}Pixels")


def _apply_ome(source: Source, xml: str) -> None:
    pixels = _pixels_of(xml)
    if pixels is None:
        return
    size, unit = pixels.get("PhysicalSizeX"), pixels.get("PhysicalSizeXUnit", "µm")
    if size and unit in _MICROMETRES:
        source.pixel_size_um = float(size) * _MICROMETRES[unit]
    interval, unit = pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")
    if interval and unit in _SECONDS:
        source.frame_interval_s = float(interval) * _SECONDS[unit]
    bits = pixels.get("SignificantBits")
    if bits and source.dtype == np.uint16:
        source._declared_bits = min(16, max(1, int(bits)))


def _refuse_foreign_companions(tiff: Any, path: Path | None) -> None:
    """OME-XML may name other files as parts of the movie: that is not followed, whatever they are."""
    if not tiff.is_ome or not tiff.ome_metadata or path is None:
        return
    xml = tiff.ome_metadata
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise UnsupportedFormatError("the OME-XML declares entities; refused: remove the declaration", path=path)
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314
    except ElementTree.ParseError as error:
        raise CorruptDataError(f"the OME-XML cannot be parsed: {error}", path=path) from error
    for uuid in root.iterfind(".//{*}TiffData/{*}UUID"):
        name = uuid.get("FileName")
        if name and name != path.name:
            raise UnsupportedFormatError(
                f"the OME-XML says that planes are in another file, {name!r}; not followed: merge the files first",
                path=path,
            )
