"""Where each frame of a TIFF movie is: by OME-XML, by ImageJ's or tifffile's description, or page by page."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.limits import check_frame_count
from flowroi.sources.base import describe, size_changed
from flowroi.sources.ome_xml import OmeImage, parse_ome_xml
from flowroi.sources.tiff_axes import choose_axes
from flowroi.sources.tiff_files import OpenTiff, TiffFiles
from flowroi.sources.tiff_page import tifffile_errors

_NOT_SHORTENED = "the movie was not shortened silently: copy the file again"
_IMAGEJ_MICROMETRES = {"micron": 1.0, "microns": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0} | {
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "inch": 25400.0,
}
_IMAGEJ_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a frame is.

    Parameters
    ----------
    file_name : str or None
        A companion file; None is the file that was given.
    offset : int
        Byte offset of the page's directory, or of the samples where `raw`.
    raw : bool
        The samples follow one another without a directory (ImageJ's files above 4 GB, tifffile's short form).
    """

    file_name: str | None
    offset: int
    raw: bool = False


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """The planes of the movie in order of time, and what the file says about them."""

    planes: tuple[Plane, ...]
    channel_used: bool
    warnings: tuple[str, ...]
    significant_bits: int | None = None
    pixel_size_um: float | None = None
    frame_interval_s: float | None = None


def read_layout(files: TiffFiles, channel: int | None) -> TiffLayout:
    """Find the frames of a TIFF movie.

    Raises
    ------
    CorruptDataError
        If pages are missing.
    MissingInputError
        If a companion file is missing.
    UnsupportedFormatError
        If it is no single movie of planes.
    """
    opened = files.main
    first = opened.first
    with tifffile_errors():
        description = first.description or ""
    if description.rstrip().endswith("OME>"):
        return _ome_layout(files, parse_ome_xml(description, opened.file.path.name), channel)
    imagej = _imagej_metadata(opened)
    declared = _declared_planes(first, description, imagej)
    check_frame_count(declared or 0)
    _require_pages(opened, first, declared)
    return _described_layout(opened, first, imagej, declared, channel)


def _ome_layout(files: TiffFiles, image: OmeImage, channel: int | None) -> TiffLayout:
    axes = choose_axes(
        {"T": image.size_t, "Z": image.size_z, "C": image.size_c},
        channel=channel,
        has_z_step=image.has_z_step,
        channel_names=image.channel_names,
    )
    index = tuple(slice(None) if axis == axes.time_axis else axes.fixed.get(axis, 0) for axis in "TZC")
    pages, sources = image.pages[index].reshape(-1), image.files[index].reshape(-1)
    planes = []
    for t, (page, source) in enumerate(zip(pages.tolist(), sources.tolist(), strict=True)):
        if page < 0:
            raise CorruptDataError(
                f"the OME-XML names no page for time point {t} of {len(pages)}; nothing was filled in", frame=t
            )
        name = image.file_names[source]
        opened = files[name]
        offsets = opened.chain.offsets
        if page >= len(offsets):
            broken = f" ({opened.chain.broken})" if opened.chain.broken else ""
            raise CorruptDataError(
                f"{t} of {len(pages)} frames are there: the OME-XML names page {page}, the file has {len(offsets)} "
                f"pages{broken}; {_NOT_SHORTENED}",
                path=opened.file.path,
                frame=t,
            )
        planes.append(Plane(name, offsets[page]))
    warnings = axes.warnings
    if image.pixel_height_um and image.pixel_size_um and image.pixel_height_um != image.pixel_size_um:
        warnings += (
            f"pixels are not square ({image.pixel_size_um:g} x {image.pixel_height_um:g} µm); the width is kept",
        )
    return TiffLayout(
        planes=tuple(planes),
        channel_used=axes.channel_used,
        warnings=warnings,
        significant_bits=image.significant_bits,
        pixel_size_um=image.pixel_size_um,
        frame_interval_s=image.frame_interval_s,
    )


def _described_layout(
    opened: OpenTiff,
    first: tifffile.TiffPage,
    imagej: dict[str, Any],
    declared: int | None,
    channel: int | None,
) -> TiffLayout:
    """Lay out what is no OME-TIFF: tifffile knows the axes of many kinds."""
    sizes, pages = _series_axes(opened, first)
    axes = choose_axes(sizes, channel=channel, has_z_step="spacing" in imagej)
    count = math.prod(sizes.values())
    offsets = opened.chain.offsets if len(opened.chain.offsets) == count else pages
    if len(offsets) == count:
        planes = [Plane(None, offset) for offset in offsets]
    elif len(opened.chain.offsets) == 1 and first.compression == 1 and first.is_contiguous:
        planes = [Plane(None, first.dataoffsets[0] + i * first.nbytes, raw=True) for i in range(count)]
    else:
        raise CorruptDataError(
            f"{len(opened.chain.offsets)} pages are there; the file describes {declared or count} planes; "
            f"{_NOT_SHORTENED}"
        )
    return TiffLayout(
        planes=tuple(_along_time(planes, sizes, axes.time_axis, axes.fixed)),
        channel_used=axes.channel_used,
        warnings=axes.warnings,
        pixel_size_um=_imagej_pixel_size(first, imagej),
        frame_interval_s=_imagej_interval(imagej),
    )


def _series_axes(opened: OpenTiff, first: tifffile.TiffPage) -> tuple[dict[str, int], tuple[int, ...]]:
    """Lengths of the axes before Y and X, and the pages' offsets, as tifffile understands the file."""
    # A handle of its own: listing the series changes how tifffile reads pages afterwards.
    opened.handle.seek(0)
    with tifffile_errors(), tifffile.TiffFile(opened.handle, _multifile=False) as tiff:
        all_series = tiff.series
        if len(all_series) == 1:
            series = all_series[0]
            if not series.axes.endswith(("YX", "YXS")) or series.shape[-first.ndim :] != first.shape:
                # Rows of several frames in one page, as tifffile writes frames of one column.
                raise UnsupportedFormatError(
                    f"the file describes axes {series.axes} of {series.shape}, and its pages are {first.shape}; "
                    "expected whole frames in the pages: save it with axes TYX"
                )
            sizes: dict[str, int] = {}
            for axis, size in zip(series.axes, series.shape, strict=True):
                if axis in sizes and size > 1 and axis not in "YXS":
                    raise UnsupportedFormatError(
                        f"the axes are {series.axes} of {series.shape}; expected time, then Y and X: save it with "
                        "axes TYX"
                    )
                if axis not in "YXS":
                    sizes[axis] = sizes.get(axis, 1) * size
            offsets = tuple(page.offset for page in series.pages if page is not None)
            return sizes, offsets
    # Pages written one by one: each is a series to tifffile. They are a movie if they are alike.
    reference = first
    for t, offset in enumerate(opened.chain.offsets):
        page = opened.page(offset)
        if page.shape != reference.shape or page.dtype != reference.dtype:
            seen, expected = (describe(p.shape[:2], np.dtype(p.dtype)) for p in (page, reference))
            raise UnsupportedFormatError(size_changed(seen, expected), frame=t)
    return {"I": len(opened.chain.offsets)}, opened.chain.offsets


def _along_time(planes: list[Plane], sizes: dict[str, int], time_axis: str, fixed: dict[str, int]) -> list[Plane]:
    """Pick the planes along the time axis; the last axis varies fastest in the file."""
    start, stride, step = 0, 1, 0
    for axis, size in reversed(sizes.items()):
        if axis == time_axis:
            step = stride
        else:
            start += fixed.get(axis, 0) * stride
        stride *= size
    return [planes[start + t * step] for t in range(sizes.get(time_axis, 1))]


def _declared_planes(first: tifffile.TiffPage, description: str, imagej: dict[str, Any]) -> int | None:
    """Return the number of planes that the first page's description promises, where it does."""
    if imagej:
        sizes = [imagej.get(key, 1) for key in ("frames", "slices", "channels")]
        if all(isinstance(size, int) and size > 0 for size in sizes):
            declared = int(math.prod(sizes))
            # RGB samples are counted as channels by some writers.
            return declared // first.samplesperpixel if sizes[2] == first.samplesperpixel else declared
    if description.startswith("{") and '"shape"' in description:
        try:
            shape = json.loads(description)["shape"]
            return int(math.prod(shape)) // math.prod(first.shape)
        except (ValueError, TypeError, KeyError, RecursionError, ZeroDivisionError):
            return None
    return None


def _require_pages(opened: OpenTiff, first: tifffile.TiffPage, declared: int | None) -> None:
    """Raise CorruptDataError if the chain of pages is cut, or shorter than the description says."""
    there = len(opened.chain.offsets)
    promised = declared or 0
    room = there
    if there == 1 and promised > 1 and first.compression == 1 and first.dataoffsets:
        # Samples in one piece, directories (if any) behind them.
        room = min((opened.file.size_bytes - first.dataoffsets[0]) // max(first.nbytes, 1), promised)
        there = promised if room == promised and opened.chain.broken is None else room
    if opened.chain.broken is None and there >= promised:
        return
    total = str(promised) if promised > room or promised > 1 else f"more than {room}"
    reason = opened.chain.broken or f"the file ends at byte {opened.file.size_bytes}"
    raise CorruptDataError(f"{room} of {total} frames are there ({reason}); {_NOT_SHORTENED}")


def _imagej_metadata(opened: OpenTiff) -> dict[str, Any]:
    with tifffile_errors():
        return dict(opened.tiff.imagej_metadata or {})


def _imagej_pixel_size(first: tifffile.TiffPage, imagej: dict[str, Any]) -> float | None:
    factor = _IMAGEJ_MICROMETRES.get(str(imagej.get("unit", "")).lower())
    tag = first.tags.get("XResolution")
    if factor is None or tag is None or not isinstance(tag.value, tuple) or not tag.value[0]:
        return None
    return float(tag.value[1] / tag.value[0] * factor)


def _imagej_interval(imagej: dict[str, Any]) -> float | None:
    interval = imagej.get("finterval")
    factor = _IMAGEJ_SECONDS.get(str(imagej.get("tunit", "s")).lower())
    return float(interval) * factor if isinstance(interval, int | float) and factor else None
