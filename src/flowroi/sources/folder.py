"""A folder of image files, one a frame; or one image file, a movie of one frame."""

from __future__ import annotations

from pathlib import Path

from flowroi.errors import UnsupportedFormatError
from flowroi.sources.base import Frame, Source
from flowroi.sources.image_file import read_image
from flowroi.sources.ordering import list_frames


class FolderSource(Source):
    """Image files in numeric order; every one must have the size and pixel type of the first."""

    def __init__(self, path: Path, *, pattern: str | None, channel: int | None, max_pixels: int) -> None:
        self.path = path
        self._channel = channel
        self._max_pixels = max_pixels
        if path.is_dir():
            self.name = path.resolve().name
            ordered = list_frames(path, pattern)
            self._files, self.warnings = ordered.files, ordered.warnings
        else:
            self.name = path.stem
            self._files = (path,)
        first = read_image(self._files[0], channel=channel, max_pixels=max_pixels)
        self.shape = (len(self._files), first.shape[0], first.shape[1])
        self.dtype = first.dtype
        self.frame_names = tuple(file.stem for file in self._files)

    def read(self, t: int) -> Frame:
        """Return frame `t`; raises UnsupportedFormatError if its size or type differs from the first frame's."""
        file = self._files[t]
        frame = read_image(file, channel=self._channel, max_pixels=self._max_pixels)
        if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
            height, width = self.shape[1:]
            raise UnsupportedFormatError(
                f"{frame.shape[0]}x{frame.shape[1]} {frame.dtype}; expected {height}x{width} {self.dtype} like the "
                "first frame: a movie has one size and pixel type",
                path=file,
                frame=t,
            )
        return frame

    def files(self) -> list[Path]:
        """Return the image files."""
        return list(self._files)
