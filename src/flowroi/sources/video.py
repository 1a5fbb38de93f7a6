"""A movie in a video file, through PyAV (FFmpeg): grey, or the luma plane of a coloured one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flowroi.errors import UnsupportedFormatError
from flowroi.losses import Losses
from flowroi.sources.base import Source
from flowroi.sources.files import InputFile, located
from flowroi.sources.names import numbered_names, safe_stem
from flowroi.sources.pixels import OTHER_CHANNELS, Frame, check_channel, grey_frame
from flowroi.sources.video_index import PacketIndex, import_av
from flowroi.sources.video_pool import DecoderPool

# Layouts whose luma is not a plane of its own, and the planar layout with the same samples.
_PLANAR_TWIN = {
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "p010le": "yuv420p10le",
    "gray10be": "gray10le",
    "gray12be": "gray12le",
    "gray14be": "gray14le",
    "gray16be": "gray16le",
}
_COLOURS = "its colours"
_CHROMA_DROPPED = "the video has colours: its luma plane is read, the colours are not kept"
# By the terms of DICOM, where it has one; else FFmpeg's name.
_METHODS = {
    "mjpeg": "ISO_10918_1",
    "mpeg2video": "ISO_13818_2",
    "h264": "ISO_14496_10",
    "hevc": "HEVC",
    "av1": "AV1",
    "jpeg2000": "ISO_15444_1",
}
_LOSSLESS_CODECS = ("rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "zlib", "v210", "lagarith", "magicyuv")


class VideoSource(Source):
    """Frames of an AVI, MP4 or MKV file, in order of presentation.

    Reading in order decodes each frame once, also from several threads that each read a part of the movie. Another
    frame is decoded from the key frame before it; where that is not certain to give the same frame, from the first.
    The frame rate of a video is how fast it is shown, so `frame_interval_s` is None.

    Parameters
    ----------
    path : Path
        The file; its first video stream is taken.
    channel : int or None
        The sample to take of an RGB video.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    MissingDependencyError
        Without PyAV.
    MissingInputError, CorruptDataError, UnsupportedFormatError
        As `open_source`.
    """

    def __init__(self, path: Path, *, channel: int | None, max_pixels: int) -> None:
        import_av()
        self._channel = channel
        self._file = InputFile.find(path)
        with located(path):
            index = PacketIndex.survey(self._file, max_pixels)
            self._pool = DecoderPool(self._file, index, max_pixels)
            try:
                first = self._pool.read(0)
                frame, warnings = _to_grey(first, channel)
            finally:
                self._pool.rewind()
        super().__init__(
            name=safe_stem(path.stem),
            path=path,
            shape=(index.frames, frame.shape[0], frame.shape[1]),
            dtype=frame.dtype,
            frame_names=numbered_names(index.frames),
            significant_bits=None if (bits := _bits(first)) == 16 else bits,
            # Some of them can be lossless, which a file does not say.
            losses=Losses().then(None if index.codec in _LOSSLESS_CODECS else _METHODS.get(index.codec, index.codec)),
            warnings=warnings,
            left_out=self._beside(channel, index.others),
        )
        if warnings:
            self.left_out = _COLOURS

    def _read(self, t: int) -> Frame:
        frame, warnings = _to_grey(self._pool.read(t), self._channel, told=self.left_out == _COLOURS)
        if warnings and self.left_out != _COLOURS:
            # The first frame may be grey, or black, and later ones are not.
            self.left_out = _COLOURS
            self._warnings += warnings
        return frame

    @staticmethod
    def _beside(channel: int | None, others: int) -> str | None:
        """Say what the file holds beside the stream, or the samples, that are read."""
        if channel is not None:
            return OTHER_CHANNELS
        return f"{others} more streams, of pictures or of sound" if others else None

    def _files(self) -> Sequence[InputFile]:
        return [self._file]

    def _release(self) -> None:
        self._pool.close()


def _bits(frame: Any) -> int:
    return int(frame.format.components[0].bits)


def _to_grey(frame: Any, channel: int | None, *, told: bool = False) -> tuple[Frame, tuple[str, ...]]:
    """Return the grey or luma plane of a decoded frame, and what was left out, unless that was told."""
    layout = frame.format
    if layout.name == "pal8" or (layout.is_rgb and _bits(frame) == 8):
        return grey_frame(frame.to_ndarray(format="rgb24"), channel), ()
    name = _PLANAR_TWIN.get(layout.name, layout.name)
    if name != layout.name:
        frame = frame.reformat(format=name)
        layout = frame.format
    bits = _bits(frame)
    known = name.startswith(("gray", "yuv", "nv")) and not name.endswith("be") and not name.startswith("gray8a")
    if not known or layout.components[0].plane != 0 or bits > 16 or "f32" in name:
        raise UnsupportedFormatError(
            f"pixel format {layout.name} is not read; expected grey, YUV or 8-bit RGB: convert the video, e.g. to "
            "gray with a lossless codec"
        )
    check_channel(channel or 0, 1)
    dtype = np.dtype(np.uint8 if bits == 8 else "<u2")
    plane = frame.planes[0]
    rows = np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)
    luma = np.array(rows[: frame.height, : frame.width], dtype=dtype.newbyteorder("="))
    return luma, (() if told or name.startswith("gray") or _is_neutral(frame) else (_CHROMA_DROPPED,))


def _is_neutral(frame: Any) -> bool:
    """Whether every chroma sample is the middle value, but for rounding."""
    middle = 1 << (_bits(frame) - 1)
    dtype = np.dtype(np.uint8 if _bits(frame) == 8 else "<u2")
    for plane in frame.planes[1:3]:
        chroma = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        used = chroma[:, : plane.width * (2 if frame.format.name.startswith("nv") else 1)]
        if max(int(used.max()) - middle, middle - int(used.min())) > max(1, middle // 64):
            return False
    return True
