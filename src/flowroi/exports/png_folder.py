"""The export as a folder of PNG files, one a frame, with the record of losses beside and inside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from flowroi.archives.base import Archive
from flowroi.archives.manifest import canonical_json
from flowroi.archives.ome_xml import PROVENANCE_NAMESPACE
from flowroi.exports.png_text import with_text
from flowroi.exports.provenance import RECORD_NAME, short_record
from flowroi.png import encode_png


def write_png_folder(
    target: Path, archive: Archive, frames: Iterator[npt.NDArray[Any]], chosen: range, record: dict[str, Any]
) -> None:
    """Write frames, one at a time, as `<frame>.png`."""
    note = canonical_json(short_record(record)).decode("ascii")
    for t, frame in zip(chosen, frames, strict=True):
        name = archive.manifest["frames"][t]["name"]
        (target / f"{name}.png").write_bytes(with_text(encode_png(frame), PROVENANCE_NAMESPACE, note))
    (target / RECORD_NAME).write_bytes(canonical_json(record))
