"""The video archive: MKV or MP4 files that players show, one for the whole movie or a folder of one for each chunk."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

from flowroi.archives.atomic import discard, publish, refuse_existing, temporary_beside
from flowroi.archives.base import Archive, ArchiveLayout, Frame, Mask, layout_facts
from flowroi.archives.manifest import (
    MANIFEST_NAME,
    FrameRecord,
    canonical_json,
    parse,
    read_folder_manifest,
    seal,
    sha256,
)
from flowroi.archives.video_file import (
    MUXERS,
    Packet,
    VideoFile,
    append_manifest,
    digest_of_movie,
    interval_of,
    read_manifest,
    write_video,
)
from flowroi.errors import CorruptDataError, FlowRoIError, InvalidParameterError, MissingInputError, VerificationError
from flowroi.sequence.encoder import SequenceFormat, to_samples

FOLDER = "mkv-folder"
# Frames of a group of pictures that are remembered: readers go on, or a little back.
_REMEMBERED = 8


class VideoWriter:
    """Writes a movie; `finish` makes the archive appear, anything else leaves no trace.

    Parameters
    ----------
    target : Path
        `NAME.mkv`, `NAME.mp4`, or a folder, which gets an MKV file for each chunk.
    layout : ArchiveLayout
    sequence : SequenceFormat
    overwrite : bool
    """

    def __init__(self, target: Path, layout: ArchiveLayout, sequence: SequenceFormat, *, overwrite: bool) -> None:
        refuse_existing(target, overwrite=overwrite)
        if not target.parent.is_dir():
            raise MissingInputError("no such folder; nothing was written: make it first", path=target.parent)
        self.target = target
        self.layout = layout
        self.sequence = sequence
        self.format = format_of_video(target)
        self._muxer = MUXERS.get(target.suffix.lower(), "matroska")
        self._interval_s = interval_of(layout.frame_interval_s)
        self._overwrite = overwrite
        self._temporary = temporary_beside(target)
        self._records: list[FrameRecord] = []
        self._files: list[dict[str, Any]] = []
        self._finished = False

    def write(self, chunks: Iterable[Sequence[Packet]]) -> None:
        """Write the whole movie: its chunks in order, each with its packets in order of decoding, counted from 0."""
        if self.format == FOLDER:
            self._temporary.mkdir()
            for chunk in chunks:
                self._write_file(self._temporary / f"t{len(self._records):06d}.mkv", chunk)
        else:
            self._write_file(self._temporary, _in_a_row(chunks))
        if len(self._records) != self.layout.shape[0]:
            raise VerificationError(
                f"the encoder wrote {len(self._records)} packets for {self.layout.shape[0]} frames; nothing was kept",
                path=self.target,
            )

    def _write_file(self, path: Path, packets: Iterable[Packet]) -> None:
        write_video(path, self._muxer, self.sequence, self._interval_s, packets)
        # What the file holds, not what the encoder gave: muxers change packets.
        first = len(self._records)
        found = sorted((p.pts, p.key, len(p.data), sha256(p.data)) for p in self._reader(path).packets())
        for n, (pts, key, size, digest) in enumerate(found):
            if pts != n or key != (n % self.sequence.gop == 0):
                raise VerificationError(
                    f"frame {first + n} came back as {'a key' if key else 'an inner'} frame at {pts}; nothing was kept",
                    path=self.target,
                )
            self._records.append(FrameRecord(self.layout.frame_names[first + n], size, digest))
        size = path.stat().st_size
        facts = {"size_bytes": size, "sha256": digest_of_movie(path, size)}
        self._files.append(facts if self.format != FOLDER else {"name": path.name, "frames": len(found), **facts})

    def _reader(self, path: Path) -> VideoFile:
        return VideoFile(path, self._muxer, self._interval_s)

    @property
    def sizes(self) -> list[int]:
        """Bytes of every frame's packet, in order of time."""
        return [record.size_bytes for record in self._records]

    def finish(self, content: dict[str, Any]) -> Path:
        """Add the manifest and rename the archive into place."""
        content = {
            **content,
            **layout_facts(self.layout, self.format),
            "sequence": {
                "codec": self.sequence.codec,
                "preset": self.sequence.preset,
                "gop": self.sequence.gop,
                **self.sequence.describe(),
            },
            "files": self._files,
        }
        text = canonical_json(seal(content, self._records))
        if self.format == FOLDER:
            (self._temporary / MANIFEST_NAME).write_bytes(text)
        else:
            append_manifest(self._temporary, self._muxer, text)
        publish(self._temporary, self.target, overwrite=self._overwrite)
        self._finished = True
        return self.target

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            discard(self._temporary)


class VideoArchive(Archive):
    """Reads a frame by decoding its group of pictures up to it; safe to use from several threads."""

    independent_frames = False

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            super().__init__(path, read_folder_manifest(path))
        else:
            text, self._movie_bytes = read_manifest(path)
            super().__init__(path, parse(text, path))
        self.format = self.manifest["archive"]
        known = self.manifest["sequence"]
        _, height, width = self.shape
        bits = self.manifest["significant_bits"]
        self._sequence = SequenceFormat(known["codec"], height, width, bits, known["preset"], known["gop"])
        self._interval_s = interval_of(self.manifest["frame_interval_s"])
        self._starts = self._starts_of_files()
        self._lock = RLock()
        self._group: _Group | None = None

    def _starts_of_files(self) -> list[int]:
        starts, at = [], 0
        for file in self.manifest["files"]:
            starts.append(at)
            at += file.get("frames", len(self))
            if "name" in file and ("/" in file["name"] or "\\" in file["name"]):
                raise CorruptDataError(f"the manifest names {file['name']!r}, outside the folder", path=self.path)
        if at != len(self):
            raise CorruptDataError(f"the files hold {at} frames; the manifest says {len(self)}", path=self.path)
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
                self._check(t, packet.data)
            except FlowRoIError as error:
                sound = False
                yield t, error
        at = group.start
        try:
            for _ in self._pictures(first, group.start) if sound else ():
                at += 1
        except FlowRoIError as error:
            yield min(at, group.stop - 1), error

    def changed_files(self) -> list[str]:
        """Return the files that are not, byte for byte, what was written, whatever their packets say."""
        changed = []
        for n, known in enumerate(self.manifest["files"]):
            path = self._path_of(n)
            if not path.is_file():
                changed.append(path.name)
                continue
            size = path.stat().st_size if "name" in known else self._movie_bytes
            if size != known["size_bytes"] or digest_of_movie(path, size) != known["sha256"]:
                changed.append(path.name)
        if self.path.is_dir():
            known_names = {file["name"] for file in self.manifest["files"]}
            changed += sorted(file.name for file in self.path.glob("*.mkv") if file.name not in known_names)
        return changed

    def _stored_mask(self, t: int) -> Mask:
        raise MissingInputError("a video archive keeps no masks", path=self.path, frame=t)

    def _decoded(self, t: int) -> Frame:
        with self._lock:
            first, place = self._place_of(t)
            key = first + self._key_of(place)
            if self._group is None or self._group.start != key or not self._group.reaches(t - key):
                self._group = _Group(key, self._pictures(first, key))
            try:
                return self._group.frame(t - key).copy()
            except BaseException:
                # A generator that failed has nothing more to give.
                self._group = None
                raise

    def close(self) -> None:
        """Forget what is held; nothing stays open between reads."""
        self._group = None

    def _file_of(self, first: int) -> VideoFile:
        path = self._path_of(self._starts.index(first))
        muxer = "matroska" if self.path.is_dir() else MUXERS[self.path.suffix.lower()]
        return VideoFile(path, muxer, self._interval_s)

    def _path_of(self, number: int) -> Path:
        known = self.manifest["files"][number]
        return self.path / known["name"] if "name" in known else self.path

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
            self._check(first + place, packet.data)
        yield from _decode(self._file_of(first).decoder(), packets.values(), self, start)

    def _check(self, t: int, data: bytes) -> None:
        record = self.manifest["frames"][t]
        if sha256(data) != record["sha256"]:
            raise CorruptDataError(
                f"checksum mismatch: {len(data)} bytes stored, {record['size_bytes']} written", path=self.path, frame=t
            )

    def to_frame(self, picture: Any) -> Frame:
        """Return a decoded picture as a frame of the movie."""
        return to_samples(picture, self._sequence, self.dtype)


class _Group:
    """A group of pictures that is being decoded: the last few frames, and those to come."""

    def __init__(self, start: int, pictures: Iterator[Frame]) -> None:
        self.start = start
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
    from flowroi.extras import need

    av = need("av", extra="video")
    expected, seen = 0, 0
    try:
        for packet in packets:
            expected += 1
            coded = av.Packet(packet.data)
            coded.pts, coded.dts = packet.pts, packet.dts
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


def format_of_video(target: Path) -> str:
    """Return the format that a name tells: "mkv", "mp4", or "mkv-folder" for a name without a suffix.

    Examples
    --------
    >>> format_of_video(Path("a.mkv")), format_of_video(Path("a"))
    ('mkv', 'mkv-folder')
    """
    suffix = target.suffix.lower()
    if suffix in MUXERS:
        return suffix[1:]
    if suffix == "" or target.is_dir():
        return FOLDER
    raise InvalidParameterError(
        f"the output is {target.name!r}; expected NAME.mkv, NAME.mp4, or a folder, with the codecs of videos"
    )


def _in_a_row(chunks: Iterable[Sequence[Packet]]) -> Iterator[Packet]:
    """Yield the packets of one file: each chunk begins where the one before ended."""
    first = 0
    for chunk in chunks:
        for packet in chunk:
            yield Packet(packet.pts + first, packet.dts + first, packet.key, packet.data)
        first += len(chunk)
