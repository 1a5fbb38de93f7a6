"""The export as OME-TIFF: BigTIFF, deflate, one page a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import numpy.typing as npt
import tifffile

from flowroi.archives.base import Archive
from flowroi.archives.manifest import canonical_json
from flowroi.archives.ome_xml import PROVENANCE_NAMESPACE, provenance_pairs, xml_text
from flowroi.exports.provenance import RECORD_KEY


def write_ome_tiff(
    target: Path, archive: Archive, frames: Iterator[npt.NDArray[Any]], count: int, record: dict[str, Any]
) -> None:
    """Write frames, one at a time, as an OME-TIFF file."""
    manifest = archive.manifest
    metadata: dict[str, Any] = {
        "axes": "TYX",
        # From the content, so that an export made twice is the same file.
        "UUID": str(uuid5(NAMESPACE_OID, record["digest"])),
        "Name": xml_text(manifest["name"]),
        "SignificantBits": manifest["significant_bits"],
        "MapAnnotation": {"Namespace": PROVENANCE_NAMESPACE, "Value": _pairs(record)},
    }
    if manifest["pixel_size_um"] is not None:
        # In µm, the schema's default unit.
        metadata |= {f"PhysicalSize{axis}": manifest["pixel_size_um"] for axis in "XY"}
    if manifest["frame_interval_s"] is not None:
        metadata |= {"TimeIncrement": manifest["frame_interval_s"], "TimeIncrementUnit": "s"}
    with tifffile.TiffWriter(target, bigtiff=True, ome=True) as tiff:
        tiff.write(
            frames,
            shape=(count, *archive.shape[1:]),
            dtype=archive.dtype,
            compression="zlib",
            photometric="minisblack",
            metadata=metadata,
        )


def _pairs(record: dict[str, Any]) -> dict[str, str]:
    """Return the record for people, and whole for programs."""
    first, stop = record["frames"]
    return {
        **provenance_pairs(record),
        "Exported from": f"archive {record['archive_digest']}, frames {first} to {stop - 1}",
        RECORD_KEY: canonical_json(record).decode("ascii"),
    }
