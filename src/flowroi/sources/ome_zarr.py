"""A movie in an OME-Zarr image group, version 0.4 or 0.5, read through zarr-python."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from flowroi.codec.lossiness import stream_losses
from flowroi.errors import CorruptDataError, FlowRoIError
from flowroi.extras import need
from flowroi.limits import check_frame_count
from flowroi.losses import Losses
from flowroi.sources.base import Source
from flowroi.sources.files import AnyFile, located
from flowroi.sources.names import numbered_names, safe_stem, text_name
from flowroi.sources.pixels import OTHER_CHANNELS, Frame, check_channel, check_pixel_type, check_size
from flowroi.sources.recorded import with_record
from flowroi.sources.tiff_axes import choose_axes
from flowroi.sources.zarr_array import ZarrArray, read_array
from flowroi.sources.zarr_chunks import ZarrChunks
from flowroi.sources.zarr_image import read_image
from flowroi.sources.zarr_node import read_node
from flowroi.stores import AnyPath, StorePath
from flowroi.stores.path import name_below

if TYPE_CHECKING:
    from flowroi.stores.fetched import Fetched

# Frames that share chunks are decoded together, as far as they take no more than this.
_MAX_BLOCK_BYTES = 1 << 28


class OmeZarrSource(Source):
    """Frames of an OME-Zarr image, at full resolution.

    The metadata is checked, and every chunk that the movie needs is found, when the source is opened: zarr-python reads
    a chunk that is missing as zeros, and decodes what the metadata asks for.

    Parameters
    ----------
    path : Path or StorePath
        The folder of the image group; nothing outside it is read. Of a store, objects are copied to the local disk when
        they are needed, and kept there until the source is closed.
    channel : int or None
        The channel to take, of several.
    max_pixels : int
        Limit of a frame.

    Raises
    ------
    MissingDependencyError
        Without zarr-python.
    MissingInputError, CorruptDataError, UnsupportedFormatError
        As `open_source`.
    """

    def __init__(self, path: AnyPath, *, channel: int | None, max_pixels: int) -> None:
        self._lock = Lock()
        self._block: tuple[int, Frame] | None = None
        self._fetched: Fetched | None = None
        if isinstance(path, StorePath):
            from flowroi.stores.fetched import Fetched

            self._fetched = Fetched(path)
            path = self._fetched.place
        try:
            self._find(path, channel, max_pixels)
        except BaseException:
            self._release()
            raise

    def _find(self, path: AnyPath, channel: int | None, max_pixels: int) -> None:
        """Find the array that is the movie, and every chunk of it."""
        with located(path):
            group = read_node(path)
            image = read_image(group)
            node = read_node(path, image.key)
            with located(node.path):
                self._array = array = read_array(node, max_pixels)
            if len(array.shape) != len(image.axes):
                raise CorruptDataError(f"axes {image.axes} for an array of shape {array.shape}: damaged metadata")
            sizes = dict(zip(image.axes, array.shape, strict=True))
            axes = choose_axes(
                {axis.upper(): size for axis, size in sizes.items() if axis not in "yx"},
                channel=channel,
                has_z_step=True,
                channel_names=image.channel_names,
            )
            if channel and not axes.channel_used:
                check_channel(channel, 1)
            height, width = array.shape[-2:]
            frames = sizes.get("t", 1)
            check_size(width, height, max_pixels)
            check_frame_count(frames)
            self._fixed = {axis.lower(): index for axis, index in axes.fixed.items()}
            self._axes = image.axes
            self._chunks = ZarrChunks(array)
            self._metadata = (*group.files, *node.files)
            for t in range(frames):
                self._chunks.find(self._region(t, t + 1), t)
            if self._fetched is not None:
                self._fetched.check_room(sum(file.size_bytes for file in self._files()))
            self._zarr = _open(array, need("zarr", extra="zarr"))
            dtype = array.dtype
            if dtype.kind != "u" or dtype.itemsize > 2:
                check_pixel_type(dtype, self._first_values())
        warned = axes.warnings
        if image.pixel_height_um and image.pixel_size_um and image.pixel_height_um != image.pixel_size_um:
            warned += (
                f"pixels are not square ({image.pixel_size_um:g} x {image.pixel_height_um:g} µm); the width is kept",
            )
        super().__init__(
            name=safe_stem(_stem(path)),
            path=path,
            shape=(frames, height, width),
            dtype=check_pixel_type(dtype),
            frame_names=numbered_names(frames),
            pixel_size_um=image.pixel_size_um,
            frame_interval_s=image.frame_interval_s,
            losses=with_record(path, self._losses()),
            warnings=warned,
            left_out=OTHER_CHANNELS if axes.channel_used else None,
        )

    def _losses(self) -> Losses:
        """Return what the first frame's chunk lost, and what a filter that changes samples did."""
        lost = Losses().then(self._array.lossy_filter)
        if self._array.compressor != "imagecodecs_jpeg2k":
            return lost
        coded = stream_losses(self._chunks.stored(self._region(0, 1), 0), self._array.chunk_bytes)
        return Losses(lost.methods + coded.methods, lost.ratios + coded.ratios)

    def _region(self, start: int, stop: int) -> tuple[slice, ...]:
        """Return the part of the array that holds some frames."""
        parts = []
        for axis, size in zip(self._axes, self._array.shape, strict=True):
            if axis == "t":
                parts.append(slice(start, stop))
            elif axis in "yx":
                parts.append(slice(0, size))
            else:
                parts.append(slice(self._fixed.get(axis, 0), self._fixed.get(axis, 0) + 1))
        return tuple(parts)

    def _read(self, t: int) -> Frame:
        with self._lock:
            start, block = self._block or (0, np.empty((0, 0, 0), self.dtype))
            if not start <= t < start + len(block):
                start, stop = self._frames_beside(t)
                self._chunks.check(self._region(start, stop), t)
                block = self._decode(start, stop)
                self._block = (start, block)
            return np.array(block[t - start], dtype=self.dtype)

    def _frames_beside(self, t: int) -> tuple[int, int]:
        """Return the frames that lie in the same chunks as frame `t`, if they are not too many."""
        if "t" not in self._axes:
            return 0, 1
        at = self._axes.index("t")
        depth, frames = self._array.chunk_shape[at], self._array.shape[at]
        frame_bytes = self._array.shape[-1] * self._array.shape[-2] * self._array.dtype.itemsize
        if depth * frame_bytes > _MAX_BLOCK_BYTES:
            return t, t + 1
        start = t // depth * depth
        return start, min(start + depth, frames)

    def _decode(self, start: int, stop: int) -> Frame:
        with zarr_errors():
            values = np.asarray(self._zarr[self._region(start, stop)])
        return values.reshape(stop - start, *self._array.shape[-2:])

    def _first_values(self) -> Frame | None:
        """Decode the first frame of any type, to advise how to convert it; None where it is damaged."""
        try:
            self._chunks.check(self._region(0, 1), 0)
            first: Frame = self._decode(0, 1)[0]
        except FlowRoIError:
            return None
        return first

    def _files(self) -> Sequence[AnyFile]:
        return [*self._metadata, *self._chunks.files]

    def provenance(self) -> list[dict[str, Any]]:
        """As `Source.provenance`, the files by their path below the group: their names alone repeat."""
        root = self.path
        assert root is not None
        return [
            {**record, "name": text_name(name_below(file.path, root))}
            for record, file in zip(super().provenance(), self._files(), strict=True)
        ]

    def _release(self) -> None:
        with self._lock:
            self._block = None
        if self._fetched is not None:
            self._fetched.close()


@contextmanager
def zarr_errors() -> Iterator[None]:
    """Turn what zarr-python and its codecs raise on damaged data into CorruptDataError, whatever it is."""
    try:
        yield
    except FlowRoIError:
        raise
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptDataError(f"damaged Zarr ({text:.200}); nothing was filled up: copy the folder again") from error


def _open(array: ZarrArray, zarr: Any) -> Any:
    """Open the array with zarr-python, of whose warnings none is for the user."""
    with zarr_errors(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = array.node.path
        store = zarr.storage.LocalStore(path if isinstance(path, Path) else path.local(), read_only=True)
        opened = zarr.open_array(store, mode="r", zarr_format=array.node.version)
    if opened.shape != array.shape or opened.chunks != array.chunk_shape:
        raise CorruptDataError(f"zarr-python reads shape {opened.shape} in chunks {opened.chunks}: damaged metadata")
    return opened


def _stem(path: AnyPath) -> str:
    name = path.resolve().name
    return name.removesuffix(".zarr").removesuffix(".ome") or name
