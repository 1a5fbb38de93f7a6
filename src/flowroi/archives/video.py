"""The video archive: an MKV or MP4 file that players show, with the manifest in an element behind the movie."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from threading import RLock
from typing import Any

from flowroi.archives.atomic import discard, publish, refuse_existing, temporary_beside
from flowroi.archives.base import Archive, ArchiveLayout, Frame, Mask
from flowroi.archives.manifest import FrameRecord, canonical_json, parse, seal, sha256
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError, UnsupportedFormatError
from flowroi.extras import need
from flowroi.sequence.encoder import SequenceFormat, add_stream, packets, to_samples

MUXERS = {".mkv": "matroska", ".mp4": "mp4"}
# An EBML Void element, and a box of a type of its own: readers pass over either.
_VOID = b"\xec\x01"
_UUID = b"uuid" + bytes.fromhex("6f7c2f1d8f2a4d0b9b5c666c6f77726f")
# Length of the deflated manifest, 8 bytes, then this: the end of the file.
_MARK = b"flowroi1"
_LARGEST_MANIFEST = 1 << 30


class VideoWriter:
    """Writes a movie; `finish` makes the archive appear, anything else leaves no trace."""

    def __init__(self, target: Path, layout: ArchiveLayout, sequence: SequenceFormat, *, overwrite: bool) -> None:
        refuse_existing(target, overwrite=overwrite)
        if not target.parent.is_dir():
            raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
        self.target = target
        self.layout = layout
        self.sequence = sequence
        self._overwrite = overwrite
        self._temporary = temporary_beside(target)
        self._records: list[FrameRecord] = []
        self._finished = False

    def write(self, frames: Iterable[Frame], crf: float) -> int:
        """Encode the whole movie, in place of an earlier attempt; returns the bytes of its packets."""
        av = need("av", extra="video")
        interval = interval_of(self.layout.frame_interval_s)
        muxer = MUXERS[self.target.suffix.lower()]
        with av.open(str(self._temporary), "w", format=muxer, options={"fflags": "+bitexact"}) as container:
            stream = add_stream(container, self.sequence, crf, interval)
            for packet in packets(stream, self.sequence, frames, interval):
                container.mux(packet)
        # What the file holds, not what the encoder gave: muxers change packets.
        found = []
        with _opened(self._temporary, self.target) as (container, stream):
            for packet in container.demux(stream):
                if packet.size:
                    data = bytes(packet)
                    found.append((packet.pts, bool(packet.is_keyframe), len(data), sha256(data)))
        found.sort(key=lambda row: row[0])
        if len(found) != self.layout.shape[0]:
            raise CorruptDataError(
                f"the encoder wrote {len(found)} packets for {self.layout.shape[0]} frames; nothing was kept",
                path=self.target,
            )
        self._records = [
            FrameRecord(name, size, digest, key=key, pts=pts)
            for name, (pts, key, size, digest) in zip(self.layout.frame_names, found, strict=True)
        ]
        return sum(self.sizes)

    @property
    def sizes(self) -> list[int]:
        """Bytes of every frame's packet, in order of time."""
        return [record.size_bytes for record in self._records]

    def finish(self, content: dict[str, Any]) -> Path:
        """Add the manifest and rename the archive into place."""
        layout = asdict(self.layout)
        layout["masks_kept"] = layout.pop("keep_masks")
        del layout["frame_names"]
        content = {
            **content,
            **layout,
            "shape": list(self.layout.shape),
            "archive": self.target.suffix.lower()[1:],
            "sequence": {
                "codec": self.sequence.codec,
                "preset": self.sequence.preset,
                "gop": self.sequence.gop,
                **self.sequence.describe(),
            },
        }
        text = zlib.compress(canonical_json(seal(content, self._records)), 9)
        tail = text + len(text).to_bytes(8, "big") + _MARK
        with self._temporary.open("ab") as file:
            if self.target.suffix.lower() == ".mkv":
                file.write(_VOID + len(tail).to_bytes(7, "big") + tail)
            else:
                file.write((len(tail) + 24).to_bytes(4, "big") + _UUID + tail)
        publish(self._temporary, self.target, overwrite=self._overwrite)
        self._finished = True
        return self.target

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            discard(self._temporary)


class VideoArchive(Archive):
    """Reads a frame by decoding its group of pictures, which it then remembers; safe to use from several threads."""

    independent_frames = False

    def __init__(self, path: Path) -> None:
        super().__init__(path, _read_manifest(path))
        self.format = self.manifest["archive"]
        known = self.manifest["sequence"]
        _, height, width = self.shape
        bits = self.manifest["significant_bits"]
        self._sequence = SequenceFormat(known["codec"], height, width, bits, known["preset"], known["gop"])
        self._keys = [t for t, record in enumerate(self.manifest["frames"]) if record["key"]]
        if self._keys[:1] != [0]:
            raise CorruptDataError("the manifest's first frame is no key frame", path=path)
        self._lock = RLock()
        self._group: tuple[int, list[Frame]] | None = None
        self._packets: tuple[int, dict[int, bytes]] | None = None

    def stored(self, t: int) -> bytes:
        """Return the packet of frame `t`, unchecked; it cannot be decoded without its group of pictures."""
        t = self._index(t)
        with self._lock:
            return bytes(self._read(self._key_of(t))[t])

    def _stored_mask(self, t: int) -> Mask:
        raise MissingInputError("a video archive keeps no masks", path=self.path, frame=t)

    def _decoded(self, t: int) -> Frame:
        with self._lock:
            key = self._key_of(t)
            if self._group is None or self._group[0] != key:
                self._group = key, self._decode(key)
            return self._group[1][t - key].copy()

    def close(self) -> None:
        """Forget the group of pictures that is held."""
        self._group = self._packets = None

    def _key_of(self, t: int) -> int:
        return self._keys[bisect_right(self._keys, t) - 1]

    def _end_of(self, key: int) -> int:
        place = bisect_right(self._keys, key)
        return self._keys[place] if place < len(self._keys) else len(self)

    def _read(self, key: int) -> dict[int, bytes]:
        """Return the packets of a group of pictures by their frames, in order of decoding."""
        if self._packets is None or self._packets[0] != key:
            records = self.manifest["frames"]
            frames = {records[t]["pts"]: t for t in range(key, self._end_of(key))}
            found: dict[int, bytes] = {}
            with _opened(self.path) as (container, stream):
                container.seek(records[key]["pts"], stream=stream, backward=True)
                for packet in container.demux(stream):
                    if packet.pts in frames and packet.size:
                        found[frames[packet.pts]] = bytes(packet)
                        if len(found) == len(frames):
                            break
            missing = sorted(set(frames.values()) - set(found))
            if missing:
                raise CorruptDataError("the frame's packet is not there", path=self.path, frame=missing[0])
            self._packets = key, found
        return self._packets[1]

    def _decode(self, key: int) -> list[Frame]:
        av = need("av", extra="video")
        found = self._read(key)
        for t, data in found.items():
            record = self.manifest["frames"][t]
            if sha256(data) != record["sha256"]:
                raise CorruptDataError(
                    f"checksum mismatch: {len(data)} bytes stored, {record['size_bytes']} written",
                    path=self.path,
                    frame=t,
                )
        pictures: list[Any] = []
        with _opened(self.path) as (_, stream):
            context = stream.codec_context
            context.thread_count = 1
            for t, data in found.items():
                packet = av.Packet(data)
                packet.pts = packet.dts = t
                pictures += context.decode(packet)
            pictures += context.decode(None)
        if len(pictures) != len(found):
            raise CorruptDataError(f"{len(found)} packets decode to {len(pictures)} frames", path=self.path, frame=key)
        return [to_samples(picture, self._sequence, self.dtype) for picture in pictures]


def interval_of(seconds: float | None) -> Fraction:
    """Return the time from frame to frame as containers keep it: whole milliseconds; 1 s where it is not known.

    Examples
    --------
    >>> interval_of(None), interval_of(7.5)
    (Fraction(1, 1), Fraction(15, 2))
    """
    return Fraction(1) if seconds is None else Fraction(min(max(round(seconds * 1000), 1), 10**7), 1000)


@contextmanager
def _opened(path: Path, shown: Path | None = None) -> Iterator[tuple[Any, Any]]:
    av = need("av", extra="video")
    suffix = (shown or path).suffix.lower()
    try:
        with path.open("rb") as handle, av.open(handle, format=MUXERS[suffix]) as container:
            if not container.streams.video:
                raise CorruptDataError("there is no video stream", path=path)
            yield container, container.streams.video[0]
    except FlowRoIError:
        raise
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise CorruptDataError(f"cannot be decoded: {error}", path=path) from error


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest at the end of the file."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 16))
        footer = file.read()
        if footer[8:] != _MARK:
            raise UnsupportedFormatError(
                "a video without a FlowRoI manifest at its end, so not an archive of ours, or cut short: read it as a "
                "source",
                path=path,
            )
        length = int.from_bytes(footer[:8], "big")
        if not 0 < length <= min(size - 16, _LARGEST_MANIFEST):
            raise CorruptDataError(f"the manifest is said to have {length} bytes", path=path)
        file.seek(size - 16 - length)
        try:
            text = zlib.decompress(file.read(length))
        except zlib.error as error:
            raise CorruptDataError(f"the manifest cannot be inflated: {error}", path=path) from error
    return parse(text, path)
