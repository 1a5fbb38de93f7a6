"""OME-Zarr metadata of one image: which array is the movie, what its axes are, what a pixel and a frame measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from flowroi.errors import CorruptDataError, UnsupportedFormatError
from flowroi.sources.zarr_node import Node

_MICROMETRES = {
    "angstrom": 1e-4,
    "picometer": 1e-6,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
    "inch": 25400.0,
}
_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}
_VERSIONS = ("0.4", "0.5")


@dataclass(frozen=True, slots=True)
class ZarrImage:
    """One image of an OME-Zarr group.

    Parameters
    ----------
    key : str
        Of the array of full resolution, below the group.
    axes : str
        One letter of "tczyx" for each axis of the array, in order; y and x are the last two.
    pixel_size_um, pixel_height_um, frame_interval_s : float or None
    channel_names : tuple of str
    """

    key: str
    axes: str
    pixel_size_um: float | None
    pixel_height_um: float | None
    frame_interval_s: float | None
    channel_names: tuple[str, ...]


def read_image(node: Node) -> ZarrImage:
    """Read the multiscales metadata of a group, version 0.4 or 0.5.

    Raises
    ------
    UnsupportedFormatError
        If the group is none of an image (a plate, a well, labels, several images), or of another version.
    CorruptDataError
        If the metadata is not what the specification says.

    References
    ----------
    Next-generation file formats (NGFF), 0.4 and 0.5.
    """
    ome = node.attributes.get("ome", {}) if node.version == 3 else node.attributes
    if not isinstance(ome, dict):
        raise CorruptDataError("its OME metadata is no JSON object", path=node.path)
    if node.is_array or not isinstance(ome.get("multiscales"), list) or not ome["multiscales"]:
        raise UnsupportedFormatError(_what_it_is(node, ome), path=node.path)
    if len(ome["multiscales"]) > 1:
        raise UnsupportedFormatError(
            f"the group holds {len(ome['multiscales'])} images; expected one: save each as a group of its own",
            path=node.path,
        )
    image = ome["multiscales"][0]
    version = ome.get("version") if node.version == 3 else image.get("version", "0.4")
    if version not in _VERSIONS:
        raise UnsupportedFormatError(
            f"OME-Zarr of version {version!r}; expected {' or '.join(_VERSIONS)}; not read: convert it", path=node.path
        )
    try:
        return _read(image, _channel_names(ome))
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, UnsupportedFormatError | CorruptDataError):
            raise
        raise CorruptDataError(
            f"the multiscales metadata lacks what OME-Zarr demands ({type(error).__name__}: {error}): save it again",
            path=node.path,
        ) from error


def _read(image: dict[str, Any], channel_names: tuple[str, ...]) -> ZarrImage:
    axes = image["axes"]
    letters = "".join(str(axis["name"]) for axis in axes)
    if len(letters) != len(axes) or len(set(letters)) != len(letters) or set(letters) - set("tczyx"):
        raise UnsupportedFormatError(
            f"the axes are {', '.join(str(axis['name']) for axis in axes)}; expected some of t, c, z, y, x"
        )
    if letters[-2:] != "yx":
        raise UnsupportedFormatError(f"the axes are {', '.join(letters)}; expected y and x last: save it as tczyx")
    units = {axis["name"]: axis.get("unit") for axis in axes}
    dataset = image["datasets"][0]
    scale = [1.0] * len(letters)
    for transformations in (dataset["coordinateTransformations"], image.get("coordinateTransformations") or []):
        for transformation in transformations:
            if transformation["type"] == "scale" and "scale" in transformation:
                if len(transformation["scale"]) != len(scale):
                    raise CorruptDataError(f"a scale of {len(transformation['scale'])} numbers for {len(scale)} axes")
                scale = [a * float(b) for a, b in zip(scale, transformation["scale"], strict=True)]

    def measure(axis: str, factors: dict[str, float]) -> float | None:
        factor = factors.get(str(units.get(axis)))
        value = scale[letters.index(axis)] * factor if factor and axis in letters else 0.0
        return value if math.isfinite(value) and value > 0 else None

    if not isinstance(dataset["path"], str):
        raise CorruptDataError(f"the path of the array is {dataset['path']!r}; expected text")
    return ZarrImage(
        dataset["path"],
        letters,
        measure("x", _MICROMETRES),
        measure("y", _MICROMETRES),
        measure("t", _SECONDS),
        channel_names,
    )


def _channel_names(ome: dict[str, Any]) -> tuple[str, ...]:
    omero = ome.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(channels, list):
        return ()
    return tuple(str(channel.get("label", "")) for channel in channels if isinstance(channel, dict))


def _what_it_is(node: Node, ome: dict[str, Any]) -> str:
    """Say what a group without an image is, and what to give instead."""
    name = node.path.name
    if "plate" in ome:
        return (
            "is a plate of many movies; expected one movie; nothing was read: give the plate to a verb that takes "
            f"plates, or the group of one field, such as {name}/A/1/0"
        )
    if "well" in ome:
        return f"is a well with its fields; expected one movie; nothing was read: give a field, such as {name}/0"
    if "bioformats2raw.layout" in ome or "series" in ome:
        return f"is a collection of images; expected one movie; nothing was read: give one of them, such as {name}/0"
    if "labels" in ome:
        return "is a list of label images; expected a movie; nothing was read: give the image group above it"
    what = "a Zarr array" if node.is_array else "a Zarr group"
    return (
        f"is {what} without OME metadata of an image; expected an OME-Zarr image group of version 0.4 or 0.5; nothing "
        "was read: give the group that lists it under multiscales, or save it as .npy or OME-TIFF"
    )
