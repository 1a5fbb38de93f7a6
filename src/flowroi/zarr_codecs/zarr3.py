"""`imagecodecs_jpeg2k` for zarr-python 3: one chunk, one grey JPEG 2000 stream."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.core.common import JSON, parse_named_configuration

from flowroi.codec.decoder import DEFAULT_MAX_PIXELS, decode
from flowroi.errors import CorruptDataError
from flowroi.zarr_codecs import CODEC_NAME, check_minimal, others_codec
from flowroi.zarr_codecs.planes import encode_plane


@dataclass(frozen=True)
class FlowRoIJpeg2k(ArrayBytesCodec):
    """Decodes any grey stream within the chunk's size and `DEFAULT_MAX_PIXELS`; encodes losslessly."""

    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Return the codec for an entry of an array's `codecs`; raises UnsupportedFormatError if it has options."""
        _, options = parse_named_configuration(data, CODEC_NAME, require_configuration=False)
        check_minimal(options or {}, package="imagecodecs-zarr")
        return cls()

    def to_dict(self) -> dict[str, JSON]:
        """Return the entry of an array's `codecs`."""
        return {"name": CODEC_NAME}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise NotImplementedError: the size depends on the samples."""
        raise NotImplementedError(f"{CODEC_NAME}: {input_byte_length} bytes take as many as their content needs")

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await asyncio.to_thread(self._encode_sync, chunk_data, chunk_spec)

    def _decode_sync(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        shape, dtype = chunk_spec.shape, chunk_spec.dtype.to_native_dtype()
        frame = decode(chunk_data.to_bytes(), max_pixels=min(math.prod(shape), DEFAULT_MAX_PIXELS))
        if frame.shape != shape[-2:] or frame.size != math.prod(shape) or not np.can_cast(frame.dtype, dtype, "safe"):
            raise CorruptDataError(f"the chunk decodes to {frame.shape} {frame.dtype}; expected {shape} {dtype}")
        return chunk_spec.prototype.nd_buffer.from_numpy_array(frame.astype(dtype, copy=False).reshape(shape))

    def _encode_sync(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        return chunk_spec.prototype.buffer.from_bytes(encode_plane(chunk_data.as_numpy_array()))


# What the entry point names.
Jpeg2k: Any = others_codec("zarr.codecs") or FlowRoIJpeg2k
