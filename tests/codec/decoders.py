"""Decoders that share no code with each other: OpenJPEG, and FFmpeg's own."""

import av
import imagecodecs
import numpy as np


def openjpeg(data):
    """Decode with OpenJPEG."""
    return np.asarray(imagecodecs.jpeg2k_decode(data))


def ffmpeg(data, shape, bit_depth):
    """Decode with FFmpeg's native decoder, which moves samples up to the top of 8 or 16 bits."""
    context = av.CodecContext.create("jpeg2000", "r")
    (frame,) = context.decode(av.Packet(data)) + context.decode(None)
    dtype, container_bits = (np.uint8, 8) if bit_depth <= 8 else (np.uint16, 16)
    assert frame.format.name == ("gray" if bit_depth <= 8 else "gray16le")
    assert (frame.height, frame.width) == shape
    rows = np.frombuffer(frame.planes[0], dtype).reshape(frame.height, -1)
    return rows[:, : frame.width] >> (container_bits - bit_depth)


def psnr_of(original, decoded, peak, where=None):
    """PSNR in dB over the chosen pixels."""
    error = np.square(original.astype(float) - decoded)
    mse = (error if where is None else error[where]).mean()
    return np.inf if mse == 0 else 10 * np.log10(peak**2 / mse)
