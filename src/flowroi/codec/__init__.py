"""The JPEG 2000 codec: our RoI encoder, and OpenJPEG for decoding."""

from flowroi.codec.decode import decode
from flowroi.codec.encode import EncodedFrame, EncodeStats, encode, encode_frame

__all__ = ["EncodeStats", "EncodedFrame", "decode", "encode", "encode_frame"]
