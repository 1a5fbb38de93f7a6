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
from flowroi.exports.provenance import NAMESPACE, RECORD_KEY


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
        "MapAnnotation": {"Namespace": NAMESPACE, "Value": _pairs(record)},
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
    ratios = ", ".join("unknown" if ratio is None else f"{ratio:.3g}:1" for ratio in record["lossy_ratio"])
    known = {
        "FlowRoI version": record["flowroi"],
        "Lossy image compression": "yes" if record["lossy"] else "no",
        "Lossy method": ", ".join(record["lossy_method"]),
        "Compression rate": ratios,
        "Exported from": f"archive {record['archive_digest']}, frames {record['frames'][0]} to {record['frames'][1]}",
        RECORD_KEY: canonical_json(record).decode("ascii"),
    }
    return {key: xml_text(text) for key, text in known.items() if text}


def xml_text(text: str) -> str:
    r"""Escape the characters that XML cannot hold.

    Examples
    --------
    >>> xml_text("5 µm\x00")
    '5 µm\\x00'
    """
    return "".join(c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else ascii(c)[1:-1] for c in text)
