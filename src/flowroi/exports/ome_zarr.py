"""The export as OME-Zarr 0.5 (Zarr v3) or 0.4 (Zarr v2): zstd with a checksum, one chunk a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flowroi.archives.base import Archive
from flowroi.archives.ome_zarr_metadata import Axes, OmeZarrVersion, image_content, ome_attributes
from flowroi.exports.provenance import ATTRIBUTE
from flowroi.extras import need


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
    # Not "w", which would remove the folder and its lock.
    group = need("zarr", extra="zarr").open_group(target, mode="w-", zarr_format=zarr_format(version))
    image = create_frames(group, "0", count, archive.shape[1:], archive.dtype, axes=axes)
    for t, frame in enumerate(frames):
        image[t] = frame if axes == "tyx" else frame[None, None]
    group.attrs.update(ome_attributes(image_content(archive.manifest, version, axes), version))
    group.attrs[ATTRIBUTE] = record
    return group


def zarr_format(version: OmeZarrVersion) -> Literal[2, 3]:
    """Return the version of Zarr that a version of OME-Zarr is made of."""
    return 3 if version == "0.5" else 2


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
