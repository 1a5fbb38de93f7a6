"""Reads video archives: MKV or MP4 files that players show, one for the whole movie or a folder of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any

from flowroi.archives.base import Archive, Frame, Mask
from flowroi.archives.contents import VIDEO_FOLDER
from flowroi.archives.folder_files import faults_of_files
from flowroi.archives.manifest import COMPLETE_NAME, MANIFEST_NAME, digest_of_file, parse, read_folder_manifest
from flowroi.archives.trailer import read_manifest
from flowroi.archives.video_file import MUXERS, Packet, VideoFile, interval_of
from flowroi.errors import CorruptDataError, FlowRoIError, MissingInputError
from flowroi.extras import need
from flowroi.sequence.encoder import SequenceFormat, to_samples

# Frames of a group of pictures that are remembered: readers go on, or a little back.
_REMEMBERED = 8
# Groups of pictures under way, for as many readers.
_MOST_GROUPS = 4


class VideoArchive(Archive):
    """Reads a frame by decoding its group of pictures up to it; safe to use from several threads."""

    independent_frames = False

    def __init__(self, path: Path, expected: str | None = None) -> None:
        self._place = path
        expected = expected or (VIDEO_FOLDER if path.is_dir() else path.suffix.lower()[1:])
        self._muxer = MUXERS.get(f".{expected}", "matroska")
        if expected == VIDEO_FOLDER:
            super().__init__(path, read_folder_manifest(path))
        else:
            text, self._movie_bytes = read_manifest(path, self._muxer)
            super().__init__(path, parse(text, path))
        self.format = self.manifest["archive"]
        if self.format != expected:
            raise CorruptDataError(f"the manifest is that of a {self.format!r}, not of {expected!r}", path=path)
        known = self.manifest["sequence"]
        _, height, width = self.shape
        bits = self.manifest["significant_bits"]
        self._sequence = SequenceFormat(known["codec"], height, width, bits, known["preset"], known["gop"])
        self._interval_s = interval_of(self.manifest["frame_interval_s"])
        self._starts = self._starts_of_files()
        self._lock = RLock()
        self._groups: OrderedDict[int, _Group] = OrderedDict()

    def _starts_of_files(self) -> list[int]:
        starts, at = [], 0
        for file in self.manifest["files"]:
            starts.append(at)
            at += file["frames"] if self.format == VIDEO_FOLDER else len(self)
        return starts

    def stored(self, t: int) -> bytes:
        """Return the packet of frame `t`, unchecked; it cannot be decoded without its group of pictures."""
        t = self._index(t)
        first, place = self._place_of(t)
        packets = self._packets(first, range(place, place + 1))
        return packets[place].data

    def groups(self) -> Iterator[range]:
        """Yield the groups of pictures."""
        for first, end in zip(self._starts, [*self._starts[1:], len(self)], strict=True):
            for key in range(first, end, self._sequence.gop):
                yield range(key, min(key + self._sequence.gop, end))

    def damaged(self, group: range) -> Iterator[tuple[int, FlowRoIError]]:
        """Check every packet of a group of pictures; where all are right, decode them, too."""
        first, key = self._place_of(group.start)
        try:
            found = self._found(first, range(key, key + len(group)))
        except FlowRoIError as error:
            yield from ((t, error) for t in group)
            return
        sound = True
        for t in group:
            try:
                packet = found.get(t - first)
                if packet is None:
                    raise CorruptDataError("the frame's packet is not there", path=self.path, frame=t)
                self._checked(t, packet.data)
            except FlowRoIError as error:
                sound = False
                yield t, error
        at = group.start
        try:
            for _ in self._pictures(first, group.start) if sound else ():
                at += 1
        except FlowRoIError as error:
            yield min(at, group.stop - 1), error

    def stored_faults(self, group: range) -> Iterator[tuple[int, FlowRoIError]]:
        """Yield what `damaged` yields: packets that came through a muxer are proven by what they decode to."""
        return self.damaged(group)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield files that are not, byte for byte, what was written, whatever their packets say, or of nobody."""
        files = self.manifest["files"]
        if self.format == VIDEO_FOLDER:
            known: dict[str, tuple[int, str] | None] = {f["name"]: (f["size_bytes"], f["sha256"]) for f in files}
            known[MANIFEST_NAME] = None
            if self.manifest["format_version"] > 1:
                known[COMPLETE_NAME] = None
            yield from faults_of_files(self.path, known)
        elif (self._movie_bytes, digest_of_file(self._place, self._movie_bytes)) != (
            files[0]["size_bytes"],
            files[0]["sha256"],
        ):
            yield self.path.name, "is not, byte for byte, what was written"

    def _stored_mask(self, t: int) -> Mask:
        raise MissingInputError("a video archive keeps no masks", path=self.path, frame=t)

    def _decoded(self, t: int) -> Frame:
        first, place = self._place_of(t)
        key = first + self._key_of(place)
        with self._lock:
            group = self._groups.pop(key, None)
            if group is None or not group.reaches(t - key):
                group = _Group(self._pictures(first, key))
            # Whoever decodes has the group to himself; the others may go on with theirs.
        try:
            frame = group.frame(t - key).copy()
        except StopIteration as error:
            raise CorruptDataError("the frame did not come out of its group", path=self.path, frame=t) from error
        with self._lock:
            self._groups[key] = group
            while len(self._groups) > _MOST_GROUPS:
                self._groups.popitem(last=False)
        return frame

    def close(self) -> None:
        """Forget what is held; nothing stays open between reads."""
        self._groups.clear()

    def _file_of(self, first: int) -> VideoFile:
        path = self._path_of(self._starts.index(first))
        return VideoFile(path, self._muxer, self._interval_s)

    def _path_of(self, number: int) -> Path:
        known = self.manifest["files"][number]
        return self._place / known["name"] if self.format == VIDEO_FOLDER else self._place

    def _place_of(self, t: int) -> tuple[int, int]:
        """Return the first frame of the file that holds a frame, and the frame's place in it."""
        first = self._starts[bisect_right(self._starts, t) - 1]
        return first, t - first

    def _key_of(self, place: int) -> int:
        return place - place % self._sequence.gop

    def _found(self, first: int, wanted: range) -> dict[int, Packet]:
        """Return the packets that are there by their places in the file, in order of decoding."""
        found: dict[int, Packet] = {}
        for packet in self._file_of(first).packets(self._key_of(wanted.start)):
            if packet.pts in wanted:
                found[packet.pts] = packet
                if len(found) == len(wanted):
                    break
        return found

    def _packets(self, first: int, wanted: range) -> dict[int, Packet]:
        found = self._found(first, wanted)
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise CorruptDataError("the frame's packet is not there", path=self.path, frame=first + missing[0])
        return found

    def _pictures(self, first: int, start: int) -> Iterator[Frame]:
        """Decode a group of pictures, one frame at a time; every packet is checked before it is decoded."""
        key = start - first
        ends = [*self._starts[1:], len(self)]
        end = min(key + self._sequence.gop, ends[self._starts.index(first)] - first)
        packets = self._packets(first, range(key, end))
        for place, packet in packets.items():
            self._checked(first + place, packet.data)
        decoded = _decode(self._file_of(first).decoder(), packets.values(), self, start)
        for t, frame in enumerate(decoded, start=start):
            self._check_frame(t, frame)
            yield frame

    def to_frame(self, picture: Any) -> Frame:
        """Return a decoded picture as a frame of the movie; raises CorruptDataError for one of another kind."""
        height, width = self._sequence.coded_size
        seen = f"{picture.height}x{picture.width} {picture.format.name}"
        expected = f"{height}x{width} {self._sequence.pixel_format}"
        if seen != expected:
            raise CorruptDataError(f"decodes to {seen}; the manifest says {expected}", path=self.path)
        return to_samples(picture, self._sequence, self.dtype)


class _Group:
    """A group of pictures that is being decoded: the last few frames, and those to come."""

    def __init__(self, pictures: Iterator[Frame]) -> None:
        self._pictures = pictures
        self._next = 0
        self._recent: OrderedDict[int, Frame] = OrderedDict()

    def reaches(self, place: int) -> bool:
        """Whether a frame can be had without starting again."""
        return place >= self._next or place in self._recent

    def frame(self, place: int) -> Frame:
        while self._next <= place:
            self._recent[self._next] = next(self._pictures)
            self._next += 1
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return self._recent[place]


def _decode(decoder: Any, packets: Iterable[Packet], archive: VideoArchive, start: int) -> Iterator[Frame]:
    av = need("av", extra="video")
    expected, seen = 0, 0
    try:
        for packet in packets:
            expected += 1
            coded = av.Packet(packet.data)
            coded.pts = packet.pts
            for picture in decoder.decode(coded):
                seen += 1
                yield archive.to_frame(picture)
        for picture in decoder.decode(None):
            seen += 1
            yield archive.to_frame(picture)
    except (av.error.FFmpegError, EOFError) as error:
        raise CorruptDataError(f"cannot be decoded: {error}", path=archive.path, frame=start + seen) from error
    if seen != expected:
        raise CorruptDataError(f"{expected} packets decode to {seen} frames", path=archive.path, frame=start)
