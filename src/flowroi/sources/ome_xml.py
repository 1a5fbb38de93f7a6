"""OME-XML: which page of which file holds which plane, and what a pixel and a frame measure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.limits import MAX_FRAMES, MAX_METADATA_BYTES

# Channels and depth come on top of the frames of a movie.
_MAX_PLANES = 4 * MAX_FRAMES

_MICROMETRES = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "Å": 1e-4,
    "in": 25400.0,
}
_SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class OmeImage:
    """One image (field) of an OME-TIFF.

    Parameters
    ----------
    size_t, size_z, size_c : int
        Time points, planes, and channels that are in pages of their own.
    pages : ndarray, shape (T, Z, C), int64
        Index of the page in its file; -1 where no page is named.
    files : ndarray, shape (T, Z, C), int64
        Index into `file_names`.
    file_names : tuple of (str or None)
        Files; None is the file that the XML is in.
    channel_names : tuple of str
        As far as given.
    significant_bits : int or None
    pixel_size_um, pixel_height_um, frame_interval_s : float or None
    has_z_step : bool
        A distance between planes is given.
    """

    size_t: int
    size_z: int
    size_c: int
    pages: npt.NDArray[np.int64]
    files: npt.NDArray[np.int64]
    file_names: tuple[str | None, ...]
    channel_names: tuple[str, ...]
    significant_bits: int | None
    pixel_size_um: float | None
    pixel_height_um: float | None
    frame_interval_s: float | None
    has_z_step: bool


def parse_ome_xml(text: str, own_name: str) -> OmeImage:
    """Read the OME-XML of a TIFF file of one image.

    Parameters
    ----------
    text : str
        The XML.
    own_name : str
        Name of the file that it stands in.

    Raises
    ------
    CorruptDataError
        If it is not well-formed, or lacks what OME demands.
    UnsupportedFormatError
        If it declares entities, several images, or more planes than a movie has.

    References
    ----------
    OME-TIFF specification, schema 2016-06.
    """
    if len(text) > MAX_METADATA_BYTES:
        raise UnsupportedFormatError(
            f"OME-XML of {len(text)} characters, above the limit of {MAX_METADATA_BYTES}; it was not parsed"
        )
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnsupportedFormatError("the OME-XML declares entities, which OME does not use; it was not parsed")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - entities are refused above
    except (ElementTree.ParseError, ValueError) as error:
        raise CorruptDataError(f"the OME-XML is damaged ({error}): copy the file again") from error
    namespace = root.tag[: root.tag.index("}") + 1] if root.tag.startswith("{") else ""
    if root.find(f"{namespace}BinaryOnly") is not None:
        raise UnsupportedFormatError(
            "the OME-XML of this file is in another file (BinaryOnly); give the file that describes the whole image"
        )
    images = root.findall(f"{namespace}Image")
    if len(images) != 1:
        raise UnsupportedFormatError(
            f"the OME-TIFF holds {len(images)} images (fields or series); expected one movie: save each in a file of "
            "its own"
        )
    pixels = images[0].find(f"{namespace}Pixels")
    if pixels is None:
        raise CorruptDataError("the OME-XML has no Pixels element: save the file again")
    return _read_pixels(pixels, namespace, root.get("UUID"), own_name)


def _read_pixels(pixels: ElementTree.Element, namespace: str, own_uuid: str | None, own_name: str) -> OmeImage:
    channels = pixels.findall(f"{namespace}Channel")
    samples = max((_integer(channel, "SamplesPerPixel", 1) for channel in channels), default=1)
    sizes = {axis: _integer(pixels, f"Size{axis}") for axis in "TZC"}
    if sizes["C"] % samples:
        raise CorruptDataError(f"the OME-XML declares {sizes['C']} channels in pixels of {samples} samples")
    sizes["C"] //= samples
    total = sizes["T"] * sizes["Z"] * sizes["C"]
    if total > _MAX_PLANES:
        raise UnsupportedFormatError(
            f"the OME-XML declares {total} planes; above the limit of {_MAX_PLANES}; nothing was read: split it"
        )
    order = pixels.get("DimensionOrder", "")
    if sorted(order) != sorted("XYZCT") or not order.startswith("XY"):
        raise CorruptDataError(f"the OME-XML's DimensionOrder is {order!r}; expected XYZCT in some order")

    pages = np.full((sizes["T"], sizes["Z"], sizes["C"]), -1, np.int64)
    files = np.zeros_like(pages)
    names: dict[str | None, int] = {None: 0}
    blocks = pixels.findall(f"{namespace}TiffData")
    if not blocks:
        blocks = [ElementTree.Element("TiffData")]
    for block in blocks:
        name = _file_name(block.find(f"{namespace}UUID"), own_uuid, own_name)
        _place(block, total, sizes, order, pages, files, names.setdefault(name, len(names)))
    return OmeImage(
        size_t=sizes["T"],
        size_z=sizes["Z"],
        size_c=sizes["C"],
        pages=pages,
        files=files,
        file_names=tuple(names),
        channel_names=tuple(channel.get("Name", "") for channel in channels),
        significant_bits=_integer(pixels, "SignificantBits", 0) or None,
        pixel_size_um=_measure(pixels, "PhysicalSizeX", _MICROMETRES, "µm"),
        pixel_height_um=_measure(pixels, "PhysicalSizeY", _MICROMETRES, "µm"),
        frame_interval_s=_frame_interval(pixels, namespace),
        has_z_step=pixels.get("PhysicalSizeZ") is not None,
    )


def _place(
    block: ElementTree.Element,
    total: int,
    sizes: dict[str, int],
    order: str,
    pages: npt.NDArray[np.int64],
    files: npt.NDArray[np.int64],
    file_index: int,
) -> None:
    """Enter the planes of one TiffData element: they follow one another in DimensionOrder."""
    axes = order[2:]
    first = {axis: _integer(block, f"First{axis}", 0, low=0) for axis in axes}
    page = _integer(block, "IFD", 0, low=0)
    count = _integer(block, "PlaneCount", 1 if block.get("IFD") is not None else total)
    if any(first[axis] >= sizes[axis] for axis in axes):
        raise CorruptDataError(f"the OME-XML places a plane at {first}, outside its sizes {sizes}")
    shape = tuple(sizes[axis] for axis in axes)
    start = int(np.ravel_multi_index(tuple(first[axis] for axis in axes), shape, order="F"))
    count = min(count, total - start)
    where = dict(zip(axes, np.unravel_index(np.arange(start, start + count), shape, order="F"), strict=True))
    index = (where["T"], where["Z"], where["C"])
    pages[index] = np.arange(page, page + count)
    files[index] = file_index


def _file_name(uuid: ElementTree.Element | None, own_uuid: str | None, own_name: str) -> str | None:
    """Name the file of a TiffData element; None is the file itself, also after it was renamed."""
    if uuid is None:
        return None
    name = uuid.get("FileName")
    same = own_uuid is not None and (uuid.text or "").strip() == own_uuid.strip()
    return None if same or name is None or name == own_name else name


def _frame_interval(pixels: ElementTree.Element, namespace: str) -> float | None:
    """TimeIncrement, or else the usual distance of the planes' DeltaT."""
    increment = _measure(pixels, "TimeIncrement", _SECONDS, "s")
    if increment is not None:
        return increment
    times: dict[int, float] = {}
    for plane in pixels.findall(f"{namespace}Plane"):
        time = _measure(plane, "DeltaT", _SECONDS, "s")
        if time is not None:
            times.setdefault(_integer(plane, "TheT", 0, low=0), time)
    steps = [times[b] - times[a] for a, b in pairwise(sorted(times)) if b == a + 1]
    return median(steps) if steps else None


def _measure(element: ElementTree.Element, name: str, units: dict[str, float], default: str) -> float | None:
    """Read a value with its unit; None where it is absent or in a unit without a known length."""
    text = element.get(name)
    factor = units.get(element.get(f"{name}Unit", default))
    if text is None or factor is None:
        return None
    try:
        return float(text) * factor
    except ValueError as error:
        raise CorruptDataError(f"the OME-XML's {name} is {text!r}; expected a number") from error


def _integer(element: ElementTree.Element, name: str, default: int | None = None, *, low: int = 1) -> int:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError as error:
        raise CorruptDataError(f"the OME-XML's {name} is {text!r}; expected a whole number") from error
    if not low <= value < 2**31:
        raise CorruptDataError(f"the OME-XML's {name} is {value}; expected {low} or more")
    return value
