"""The export as OME-Zarr 0.5 (Zarr v3) or 0.4 (Zarr v2): zstd with a checksum, one chunk a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flowroi.archives.base import Archive
from flowroi.exports.provenance import ATTRIBUTE
from flowroi.extras import need

OmeZarrVersion = Literal["0.5", "0.4"]
Axes = Literal["tczyx", "tyx"]
_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def write_ome_zarr(
    target: Path,
    archive: Archive,
    frames: Iterator[npt.NDArray[Any]],
    count: int,
    record: dict[str, Any],
    *,
    version: OmeZarrVersion,
    axes: Axes = "tczyx",
) -> Any:
    """Write frames, one at a time, as the image `0` of a group; returns the group, for what else goes into it."""
    group = need("zarr", extra="zarr").open_group(target, mode="w", zarr_format=zarr_format(version))
    image = create_frames(group, "0", count, archive.shape[1:], archive.dtype, axes=axes)
    for t, frame in enumerate(frames):
        image[t] = frame if axes == "tyx" else frame[None, None]
    peak = 2 ** archive.manifest["significant_bits"] - 1
    channel = {
        "label": "0",
        "color": "FFFFFF",
        "active": True,
        "window": {"min": 0, "max": peak, "start": 0, "end": peak},
    }
    metadata = {
        "multiscales": [multiscale(archive.manifest, version, axes)],
        "omero": {"channels": [channel], **({} if version == "0.5" else {"version": version})},
    }
    put_metadata(group, metadata, version)
    group.attrs[ATTRIBUTE] = record
    return group


def zarr_format(version: OmeZarrVersion) -> Literal[2, 3]:
    """Return the version of Zarr that a version of OME-Zarr is made of."""
    return 3 if version == "0.5" else 2


def put_metadata(group: Any, metadata: dict[str, Any], version: OmeZarrVersion) -> None:
    """Write OME metadata where a version of OME-Zarr has it."""
    group.attrs.update({"ome": {"version": version, **metadata}} if version == "0.5" else metadata)


def multiscale(manifest: dict[str, Any], version: OmeZarrVersion, axes: Axes) -> dict[str, Any]:
    """Return the axes, units and scales of an image of one resolution, `0`.

    Examples
    --------
    >>> made = multiscale({"name": "m", "pixel_size_um": 0.5, "frame_interval_s": None}, "0.5", "tyx")
    >>> made["axes"][2], made["datasets"][0]["coordinateTransformations"][0]["scale"]
    ({'name': 'x', 'type': 'space', 'unit': 'micrometer'}, [1.0, 0.5, 0.5])
    """
    size, interval = manifest["pixel_size_um"], manifest["frame_interval_s"]
    known = {"t": (interval, "second"), "y": (size, "micrometer"), "x": (size, "micrometer")}
    described: list[dict[str, str]] = []
    scale: list[float] = []
    for axis in axes:
        value, unit = known.get(axis, (None, ""))
        described.append({"name": axis, "type": _TYPES[axis], **({} if value is None else {"unit": unit})})
        scale.append(1.0 if value is None else float(value))
    return {
        "name": manifest["name"],
        "axes": described,
        "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        **({} if version == "0.5" else {"version": version}),
    }


def create_frames(
    group: Any, name: str, count: int, size: tuple[int, ...], dtype: npt.DTypeLike, *, axes: Axes = "tyx"
) -> Any:
    """Create an array of one chunk a frame, each with a checksum; a frame of zeros is written like any other.

    A chunk that is missing reads as zeros, without an error: so a missing one is never meant.
    """
    layout: dict[str, Any]
    plane = (*(1 for _ in axes[1:-2]), *size)
    if group.metadata.zarr_format == 3:
        codecs = need("zarr.codecs", extra="zarr")
        layout = {
            "compressors": (codecs.ZstdCodec(checksum=True), codecs.Crc32cCodec()),
            "dimension_names": tuple(axes),
        }
    else:
        layout = {
            "compressors": need("numcodecs", extra="zarr").Zstd(level=3, checksum=True),
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    return group.create_array(
        name,
        shape=(count, *plane),
        chunks=(1, *plane),
        dtype=np.dtype(dtype),
        fill_value=0,
        config={"write_empty_chunks": True},
        **layout,
    )
