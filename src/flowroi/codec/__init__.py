"""The JPEG 2000 codec: our RoI encoder, and OpenJPEG for decoding."""

from flowroi.codec.decoder import decode
from flowroi.codec.encoder import EncodedFrame, EncodeStats, encode, encode_frame

__all__ = ["EncodeStats", "EncodedFrame", "decode", "encode", "encode_frame"]
