"""`imagecodecs_jpeg2k` for numcodecs, which Zarr v2 uses: one chunk, one grey JPEG 2000 stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ensure_contiguous_ndarray, ndarray_copy

from flowroi.codec.decoder import decode
from flowroi.zarr_codecs import CODEC_NAME, check_minimal, others_codec
from flowroi.zarr_codecs.planes import encode_plane


class FlowRoIJpeg2k(Codec):  # type: ignore[misc]
    """Decodes any grey stream of at most `DEFAULT_MAX_PIXELS`; encodes losslessly."""

    codec_id = CODEC_NAME

    def encode(self, buf: Any) -> bytes:
        """Return the lossless stream of a chunk of one plane."""
        return encode_plane(np.asarray(buf))

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Return the chunk's plane, (Y, X); see `flowroi.codec.decode` for what it raises."""
        frame = decode(ensure_bytes(buf))
        return frame if out is None else ndarray_copy(frame, ensure_contiguous_ndarray(out))

    def get_config(self) -> dict[str, Any]:
        """Return the codec's entry in an array's metadata."""
        return {"id": CODEC_NAME}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the codec for such an entry; raises UnsupportedFormatError if it has options."""
        check_minimal({k: v for k, v in config.items() if k != "id"}, package="imagecodecs-numcodecs")
        return cls()


# What the entry point names.
Jpeg2k: Any = others_codec("numcodecs.codecs") or FlowRoIJpeg2k
