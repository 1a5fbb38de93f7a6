"""An archive of ours as a movie to read: the frames as they were coded, not as its container shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flowroi.archives import Archive
from flowroi.errors import UnsupportedFormatError
from flowroi.losses import Losses
from flowroi.sources.base import Source
from flowroi.sources.files import InputFile
from flowroi.sources.names import safe_stem, safe_stems
from flowroi.sources.pixels import Frame


class ArchiveSource(Source):
    """Frames of a video archive.

    Parameters
    ----------
    archive : Archive
        Closed with the source.
    files : sequence of Path
        What it is made of.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    UnsupportedFormatError
        If its frames are larger than the limit.
    """

    def __init__(self, archive: Archive, files: Sequence[Path], *, max_pixels: int) -> None:
        manifest = archive.manifest
        _, height, width = archive.shape
        if height * width > max_pixels:
            raise UnsupportedFormatError(
                f"frames of {height}x{width} pixels; the limit is {max_pixels}: raise max_pixels", path=archive.path
            )
        self._archive = archive
        self._found = [InputFile.find(file) for file in files]
        super().__init__(
            name=safe_stem(manifest["name"]),
            path=archive.path,
            shape=archive.shape,
            dtype=archive.dtype,
            frame_names=safe_stems(record["name"] for record in manifest["frames"]),
            significant_bits=manifest["significant_bits"],
            pixel_size_um=manifest["pixel_size_um"],
            frame_interval_s=manifest["frame_interval_s"],
            losses=Losses.from_manifest(manifest),
            warnings=manifest["warnings"],
        )

    def _read(self, t: int) -> Frame:
        return self._archive[t]

    def _files(self) -> Sequence[InputFile]:
        return self._found

    def _release(self) -> None:
        self._archive.close()
