"""A chunk of a movie, coded by itself, decoded at once, and measured: the unit of parallel and of resumed work."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from flowroi.archives.manifest import canonical_json, mask_digest, pixels_digest, sha256
from flowroi.archives.video_file import Packet
from flowroi.errors import CorruptDataError, FlowRoIError, UnsupportedFormatError, VerificationError
from flowroi.extras import need
from flowroi.metrics.image import PooledError
from flowroi.roi.frame_roi import Mask, RoiDiagnostics
from flowroi.sequence.encoder import SequenceFormat, open_decoder, open_encoder, picture_of, to_samples
from flowroi.sequence.treated import Frame, TreatedFrame
from flowroi.sources.checks import FrameFacts

_DIGEST_BYTES = 64


@dataclass(frozen=True, slots=True)
class CodedFrame:
    """What is known of a coded frame: its RoI, the errors in it and the digest after decoding, how the frame looked."""

    roi: RoiDiagnostics
    error: PooledError
    facts: FrameFacts
    pixels_sha256: str
    mask_sha256: str


@dataclass(frozen=True, slots=True)
class ChunkFacts:
    """What is known of a coded chunk: its quality factor, the bytes of its packets, and its frames."""

    crf: float
    size_bytes: int
    frames: tuple[CodedFrame, ...]

    @property
    def error(self) -> PooledError:
        """Errors in the RoI, of all frames."""
        return sum((frame.error for frame in self.frames), PooledError())


@dataclass(frozen=True, slots=True)
class CodedChunk:
    """A chunk: what is known of it, and its packets in order of decoding, counted from its first frame.

    `crc32` are the packets' checksums, taken when they were decoded: they may wait for long before they are kept.
    """

    facts: ChunkFacts
    packets: tuple[Packet, ...]
    crc32: tuple[int, ...]

    @property
    def pixels_sha256(self) -> tuple[str, ...]:
        """The digests of the decoded frames, in order of time."""
        return tuple(frame.pixels_sha256 for frame in self.facts.frames)

    def check_unchanged(self) -> None:
        """Raise VerificationError if a packet is not the one that was decoded, or read."""
        for packet, crc32 in zip(self.packets, self.crc32, strict=True):
            if zlib.crc32(packet.data) != crc32:
                raise VerificationError(
                    f"packet {packet.pts} of a chunk changed after it was decoded: a fault of the memory; it was not "
                    "kept: start again"
                )

    def to_bytes(self) -> bytes:
        """Return the chunk as bytes that tell whether they are whole; raises as `check_unchanged`."""
        self.check_unchanged()
        head = canonical_json(
            {
                "crf": self.facts.crf,
                "packets": [[p.pts, p.key, len(p.data)] for p in self.packets],
                "frames": [asdict(frame) for frame in self.facts.frames],
            }
        )
        body = len(head).to_bytes(8, "big") + head + b"".join(packet.data for packet in self.packets)
        return sha256(body).encode() + body

    @classmethod
    def from_bytes(cls, data: bytes) -> CodedChunk:
        """Read what `to_bytes` wrote; raises CorruptDataError if it is not whole."""
        body = data[_DIGEST_BYTES:]
        if sha256(body).encode() != data[:_DIGEST_BYTES]:
            raise CorruptDataError("a chunk kept from an earlier run is damaged")
        at = 8 + int.from_bytes(body[:8], "big")
        head = json.loads(body[8:at])
        packets = []
        for pts, key, size in head["packets"]:
            packets.append(Packet(pts, key, body[at : at + size]))
            at += size
        frames = (
            CodedFrame(
                _roi(frame["roi"]),
                PooledError(**frame["error"]),
                FrameFacts(**frame["facts"]),
                frame["pixels_sha256"],
                frame["mask_sha256"],
            )
            for frame in head["frames"]
        )
        return _whole(head["crf"], packets, [zlib.crc32(packet.data) for packet in packets], frames)


def code_chunk(
    frames: Iterable[TreatedFrame], layout: SequenceFormat, crf: float, interval_s: Fraction, dtype: np.dtype[Any]
) -> CodedChunk:
    """Encode frames in a row, decode them again, and measure what was lost in the RoI.

    Raises
    ------
    VerificationError
        If not every frame comes back.
    UnsupportedFormatError
        If the codec cannot take the frames.
    """
    av = need("av", extra="video")
    try:
        return _Coding(layout, crf, interval_s, dtype).run(frames)
    except (av.error.FFmpegError, EOFError) as error:
        raise UnsupportedFormatError(f"{layout.codec} cannot code these frames: {error}") from error


class _Coding:
    """A chunk on its way through encoder and decoder."""

    def __init__(self, layout: SequenceFormat, crf: float, interval_s: Fraction, dtype: np.dtype[Any]) -> None:
        self.layout, self.crf, self.interval_s, self.dtype = layout, crf, interval_s, dtype
        self.encoder = open_encoder(layout, crf, interval_s)
        self.decoder: Any = None
        self.packets: list[Packet] = []
        self.crc32: list[int] = []
        # As recorded, where it counts, and what is known of the RoI.
        self.waiting: deque[tuple[Frame, Mask, RoiDiagnostics]] = deque()
        self.done: list[CodedFrame] = []

    def run(self, frames: Iterable[TreatedFrame]) -> CodedChunk:
        for n, frame in enumerate(frames):
            try:
                picture = picture_of(frame.treated, self.layout, n, self.interval_s)
            except FlowRoIError as error:
                raise type(error)(error.message, frame=frame.t) from error
            self.waiting.append((frame.raw, frame.inside, frame.roi))
            self._take(self.encoder.encode(picture))
        self._take(self.encoder.encode(None))
        if self.decoder is not None:
            self._measure(self.decoder.decode(None))
        if self.waiting or len(self.packets) != len(self.done):
            raise VerificationError(
                f"{len(self.packets)} packets decode to {len(self.done)} frames and {len(self.waiting)} did not come "
                "back; nothing was kept"
            )
        return _whole(self.crf, self.packets, self.crc32, self.done)

    def _take(self, coded: list[Any]) -> None:
        av = need("av", extra="video")
        for packet in coded:
            if self.decoder is None:
                self.decoder = open_decoder(self.layout, self.encoder)
            pts = round(packet.pts * packet.time_base / self.interval_s)
            data = bytes(packet)
            self.crc32.append(zlib.crc32(data))
            self.packets.append(Packet(pts, bool(packet.is_keyframe), data))
            self._measure(self.decoder.decode(av.Packet(data)))

    def _measure(self, pictures: list[Any]) -> None:
        for picture in pictures:
            raw, inside, roi = self.waiting.popleft()
            decoded = to_samples(picture, self.layout, self.dtype)
            error = PooledError.between(raw, decoded, inside)
            facts = FrameFacts.of(raw, self.layout.significant_bits)
            self.done.append(CodedFrame(roi, error, facts, pixels_digest(decoded), mask_digest(inside)))


def _whole(crf: float, packets: Sequence[Packet], crc32: Sequence[int], frames: Iterable[CodedFrame]) -> CodedChunk:
    size = sum(len(packet.data) for packet in packets)
    return CodedChunk(ChunkFacts(crf, size, tuple(frames)), tuple(packets), tuple(crc32))


def _roi(facts: dict[str, Any]) -> RoiDiagnostics:
    drift = facts.pop("drift_px")
    return RoiDiagnostics(**facts, drift_px=None if drift is None else (drift[0], drift[1]))
